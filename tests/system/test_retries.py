"""Whatever is sent again, for whatever reason, becomes one fact and one page."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.errors import TimeoutError as NatsTimeout

from schemas import subjects
from schemas.catalogue import read_fact
from schemas.identifiers import new_id
from services.runtime import names
from services.runtime.connect import connect
from services.runtime.direct import Direct
from tests.system.scene import Scene, example, form_of, scene
from tests.system_hub import eventually

pytestmark = pytest.mark.system
WATCH, TIMES = "4601.vaktsentral", 8
LONG_AGO = timedelta(hours=2)
"""Before the hour for which the broker itself knows an id again."""

FORGETS_S = 0.1
Answer = dict[str, Any]


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory, hub_snapshot: Path) -> Iterator[Scene]:
    """The example centre."""
    with scene(tmp_path_factory.mktemp("retries") / "home", example(), snapshot=hub_snapshot) as found:
        yield found


@asynccontextmanager
async def desk(hub: Scene, user: str = WATCH) -> AsyncIterator[Client]:
    """A connection of the watch, or of another user."""
    nc = await connect(hub.hub.settings, user)
    try:
        yield nc
    finally:
        await nc.close()


def command(hub: Scene, verb: str, body: dict[str, Any], id: str | None = None) -> bytes:
    """A command with an id of its own, whose item the neighbour may see."""
    org, watch = subjects.split_key(WATCH)
    now = datetime.now(UTC).isoformat()
    actor = {"person": hub.id("leif"), "organisation": org, "watch": watch, "via": "test"}
    data = {
        "actor": actor | {"authentication": "credential"},
        "occurred_at": now,
        "body": {"level": "named", "named": ["4627"], "priority": "high"} | body,
        "content": {"headline": "Vannlekkasje"},
    }
    known = {"source": "/test", "type": f"samvirke.incidents.{verb}.v1", "time": now, "data": data}
    return orjson.dumps({"id": id or new_id(), **known})


def opening(hub: Scene, id: str | None = None, notify: tuple[str, ...] = ("4627.vakt",)) -> bytes:
    """The report of a new incident, of which the neighbour is told."""
    return command(hub, "open", {"incident": new_id(), "type": "water.leak", "notify": notify}, id)


def again(raw: bytes) -> bytes:
    """The same command, marked as sent again."""
    said = orjson.loads(raw)
    said["data"]["resend"] = True
    return orjson.dumps(said)


async def send(hub: Scene, nc: Client, raw: bytes, timeout_s: float = 5.0) -> Answer:
    """The door's answer. Raises TimeoutError."""
    verb = orjson.loads(raw)["type"].split(".")[2]
    subject = subjects.command(hub.mode, *subjects.split_key(WATCH), "incidents", verb)
    answer: Answer = orjson.loads((await nc.request(subject, raw, timeout=timeout_s)).data)
    return answer


async def kinds_of(hub: Scene, incident: str) -> Counter[str]:
    """How many facts of each kind the ledger has about an incident."""
    async with desk(hub, names.INCIDENTS_ARCHIVE) as nc:
        direct = Direct(nc)
        await direct.open()
        found = await direct.history(names.ledger(hub.mode), subjects.facts_of(hub.mode, incident))
    return Counter(read_fact(one.data)[0].type.split(".")[2] for one in found)


async def pages(hub: Scene, ref: str) -> int:
    """How many messages the gateway took about an incident."""
    return len(hub.phones.about(ref))


async def check_once(hub: Scene, nc: Client, answer: Answer, kind: str = "opened") -> None:
    """One fact, one chain, one page; that a later report is told of ends the waiting for a second one."""
    later = await send(hub, nc, opening(hub))
    assert await eventually(lambda: pages(hub, later["ref"]))
    found = await kinds_of(hub, answer["subject"])
    assert (found[kind], found["started"], await pages(hub, answer["ref"])) == (1, 1, 1)


async def test_a_report_whose_answer_was_lost_is_one_fact_and_one_page(hub: Scene) -> None:
    async with desk(hub) as nc:
        raw = opening(hub)
        with pytest.raises(NatsTimeout):
            await send(hub, nc, raw, timeout_s=0.0001)
        first, second = await send(hub, nc, raw), await send(hub, nc, again(raw))
        assert (first["status"], second) == ("accepted", first)
        await check_once(hub, nc, first)


async def test_the_same_report_from_two_desks_many_times_at_once_is_one_fact_and_one_page(
    hub: Scene,
) -> None:
    async with desk(hub) as one, desk(hub) as other:
        raw = opening(hub)
        answers = await asyncio.gather(*(send(hub, nc, raw) for _ in range(TIMES) for nc in (one, other)))
        assert len({json.dumps(answer, sort_keys=True) for answer in answers}) == 1
        assert answers[0]["status"] == "accepted"
        await check_once(hub, one, answers[0])


async def test_the_same_entry_at_once_and_once_more_is_one_fact_and_one_page(hub: Scene) -> None:
    async with desk(hub) as nc:
        opened = await send(hub, nc, opening(hub, notify=()))
        raw = command(hub, "entry", {"ref": opened["ref"], "notify": ["4627.vakt"]})
        answers = await asyncio.gather(*(send(hub, nc, raw) for _ in range(TIMES)))
        answers.append(await send(hub, nc, again(raw)))
        assert len({json.dumps(answer, sort_keys=True) for answer in answers}) == 1
        await check_once(hub, nc, answers[0], "entry_added")


async def test_an_id_that_stands_for_other_words_is_refused_and_changes_nothing(hub: Scene) -> None:
    async with desk(hub) as nc:
        raw = opening(hub)
        answer = await send(hub, nc, raw)
        other = raw.replace(b"Vannlekkasje", b"Brann i kjeller")
        assert [(await send(hub, nc, one))["code"] for one in (other, again(other))] == ["ID_TAKEN"] * 2
        await check_once(hub, nc, answer)


async def test_pressing_the_button_many_times_at_once_is_one_answer(hub: Scene) -> None:
    async with desk(hub) as nc:
        answer = await send(hub, nc, opening(hub))
    assert await eventually(lambda: pages(hub, answer["ref"]))
    link = hub.phones.about(answer["ref"])[0].link
    async with httpx.AsyncClient(trust_env=False) as phone:
        form = form_of((await phone.get(link)).text) | {"act": "ack"}
        presses = await asyncio.gather(*(phone.post(link, data=form) for _ in range(TIMES)))
        assert {press.status_code for press in presses} == {303}
        assert "Du har kvittert" in (await phone.get(link)).text
    assert (await kinds_of(hub, answer["subject"]))["acknowledged"] == 1


async def test_a_report_sent_again_after_the_broker_was_killed_is_one_fact_and_one_page(hub: Scene) -> None:
    async with desk(hub) as nc:
        raw = opening(hub)
        first = await send(hub, nc, raw)
        assert await eventually(lambda: pages(hub, first["ref"]))
    hub.hub.find("nats-server").kill()
    async with desk(hub) as nc:
        answer = await eventually(lambda: answered(hub, nc, again(raw)))
        assert answer == first
        await check_once(hub, nc, first)


async def answered(hub: Scene, nc: Client, raw: bytes) -> Answer | None:
    """The answer to a command that was accepted, or None while the hub comes back."""
    try:
        answer = await send(hub, nc, raw, timeout_s=1.0)
    except (NatsError, OSError):
        return None
    return answer if answer["status"] == "accepted" else None


async def test_what_is_sent_again_when_the_broker_knows_no_id_any_more_is_one_fact_and_one_page(
    hub: Scene,
) -> None:
    old = new_id(datetime.now(UTC) - LONG_AGO)
    async with desk(hub) as nc, forgetful_broker(hub):
        raw, marked = opening(hub, old), opening(hub)
        answers = [await send(hub, nc, raw), await send(hub, nc, marked)]
        opened = await send(hub, nc, opening(hub, notify=()))
        entry = command(hub, "entry", {"ref": opened["ref"], "notify": ["4627.vakt"]})
        answers.append(await send(hub, nc, entry))
        await asyncio.sleep(3 * FORGETS_S)
        repeated = [await send(hub, nc, one) for one in (raw, again(marked), again(entry))]
        assert repeated == answers
        for answer, kind in zip(answers, ("opened", "opened", "entry_added"), strict=True):
            await check_once(hub, nc, answer, kind)


@asynccontextmanager
async def forgetful_broker(hub: Scene) -> AsyncIterator[None]:
    """The broker knows ids again for FORGETS_S seconds only; as before afterwards."""
    streams = (names.ledger(hub.mode), names.content(hub.mode))
    async with desk(hub, names.PROVISIONER) as nc:
        js = nc.jetstream()
        known = [(await js.stream_info(stream)).config for stream in streams]
        for config in known:
            await js.update_stream(replace(config, duplicate_window=FORGETS_S))
        try:
            yield
        finally:
            for config in known:
                await js.update_stream(config)
