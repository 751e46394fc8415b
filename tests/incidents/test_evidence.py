"""What a watch can prove of its own log, asked at a running archive."""

import asyncio
import base64
from collections.abc import AsyncIterator
from dataclasses import replace

import orjson
import pytest

from schemas import subjects
from schemas.identifiers import new_id
from services.incidents.blinding import Opening, opens
from services.incidents.checkpoint import is_signed, read_key, read_note
from services.incidents.tree import is_consistent, is_included, leaf_hash
from services.runtime import names
from tests.hub import Hub
from tests.incidents.make import OWNER, opened
from tests.incidents.room import Office, centre, office


@pytest.fixture
async def here(fresh_broker: Hub) -> AsyncIterator[Office]:
    hub = replace(fresh_broker, settings=fresh_broker.settings.model_copy(update={"checkpoint_s": 1}))
    async with office(hub) as found:
        await found.write(*centre())
        yield found


async def _two_alike(here: Office, watch: str) -> None:
    """Wait until two rounds were made in which the watch's log had not grown."""
    async with asyncio.timeout(30):
        sizes: list[int] = []
        while len(sizes) < 2 or sizes[0] != sizes[1]:
            found = await here.ask(watch, "checkpoints", limit=2)
            sizes = [one["size"] for one in found["checkpoints"]]
            await asyncio.sleep(0.1)


async def test_a_watch_proves_its_own_facts_and_nobody_elses(here: Office) -> None:
    made = [opened() for _ in range(5)]
    await here.write(*made)
    told = await here.ask(OWNER, "inclusion", fact=made[2].id)
    signed, proof = read_note(told["checkpoint"]), [base64.b64decode(one) for one in told["proof"]]
    key = read_key((await here.ask(OWNER, "checkpoints"))["key"])
    assert is_signed(signed, key)
    tree = signed.checkpoint
    assert is_included(leaf_hash(made[2].raw), told["leaf"], tree.size, proof, tree.root)
    unknown = await here.ask("4624.main", "inclusion", fact=new_id())
    assert await here.ask("4624.main", "inclusion", fact=made[2].id) == unknown
    assert unknown["code"] == "UNKNOWN_ENTRY"


async def test_a_log_that_only_grew_can_be_shown_to_have_only_grown(here: Office) -> None:
    await here.write(*(opened() for _ in range(3)))
    found = await here.ask(OWNER, "consistency", former=2)
    then, now = base64.b64decode(found["former"]["root"]), base64.b64decode(found["root"])
    proof = [base64.b64decode(one) for one in found["proof"]]
    assert is_consistent(2, found["size"], proof, then, now)
    assert read_note(found["checkpoint"]).checkpoint.root == now
    refused = await here.ask(OWNER, "consistency", former=1000)
    assert (refused["status"], refused["code"]) == ("refused", "NO_CHECKPOINT")


async def test_checkpoints_come_also_when_nothing_happens_and_for_readers_of_the_watch_only(
    here: Office,
) -> None:
    await _two_alike(here, "4624.main")
    refused = await here.ask("4624.main", "checkpoints", person="p9")
    assert refused["status"] == "refused"


async def test_a_head_that_a_neighbour_keeps_is_opened_by_the_watch(here: Office) -> None:
    await here.write(opened())
    nc = await here.client(names.FEEDS)
    heard = await nc.subscribe(subjects.heads("actual"))
    told = orjson.loads((await heard.next_msg(timeout=15)).data)
    assert set(told) == {"at", "heads"}
    found = await here.ask(OWNER, "opening", at=told["at"])
    path = tuple(base64.b64decode(one) for one in found["path"])
    shown = Opening(found["checkpoint"], base64.b64decode(found["salt"]), found["leaf"], found["size"], path)
    assert opens(shown, bytes.fromhex(told["heads"]["4601"]))
    assert (await here.ask(OWNER, "opening", at=1))["code"] == "NO_CHECKPOINT"
