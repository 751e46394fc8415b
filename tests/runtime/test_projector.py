"""A projector and a ledger that has a hole: it stops before the hole, and says so until it is mended."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from nats.aio.client import Client
from nats.js.api import StreamConfig

from schemas import subjects
from schemas.canonical import digest
from services.runtime import accounts, credentials, names
from services.runtime.broker import Broker
from services.runtime.connect import connect
from services.runtime.epochs import EPOCH_KEY, Mark
from services.runtime.projector import DAMAGED, Projector
from services.runtime.reader import Message
from services.runtime.settings import Settings


@dataclass
class _List:
    """Rows in memory: enough of a store for a projector."""

    rows: list[Message] = field(default_factory=list)
    fault: Exception | None = None

    def cursor(self, mode: str) -> Mark:
        last = self.rows[-1] if self.rows else None
        return Mark(1, last.sequence, digest(last.data)) if last else Mark(1, 0, "")

    def apply(self, mode: str, epoch: int, batch: list[Message]) -> None:
        if self.fault is not None:
            raise self.fault
        self.rows += batch


@pytest.fixture
async def nc(tmp_path: Path) -> AsyncIterator[Client]:
    """A broker with a ledger from which messages can be deleted, as damage would."""
    settings = Settings(home=tmp_path)
    keys = credentials.public_keys(settings.credentials, ["tester"])
    broker = Broker(settings.nats_home, accounts.render_for_one("tester", keys["tester"]))
    try:
        await broker.start()
        client = await connect(settings, "tester")
        await client.jetstream().add_stream(_ledger())
        yield client
        await client.close()
    finally:
        await broker.stop()


def _ledger() -> StreamConfig:
    name, filters = names.ledger("actual"), [subjects.ledger("actual")]
    return StreamConfig(name=name, subjects=filters, metadata={EPOCH_KEY: "1"}, allow_direct=True)


@pytest.mark.parametrize("hole", [1, 3])
async def test_a_hole_in_the_ledger_stops_the_reader_before_it(nc: Client, hole: int) -> None:
    js, store = nc.jetstream(), _List()
    subject = subjects.fact("actual", "4601", "vakt", "incidents", "i", "opened")
    for number in range(5):
        await js.publish(subject, b"%d" % number)
    await js.delete_msg(names.ledger("actual"), hole)
    projector = Projector(nc, "actual", "tester", store)
    running = asyncio.create_task(projector.run())
    async with asyncio.timeout(10):
        while projector.reason != DAMAGED:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    await asyncio.sleep(1.2)  # it tries again twice meanwhile
    assert projector.reason == DAMAGED
    taken = [row.sequence for row in store.rows]
    assert taken == list(range(1, len(taken) + 1)), "in order, each once"
    assert len(taken) < hole, "nothing at the hole or behind it"
    assert not await projector.has_all()
    async with asyncio.timeout(2):
        assert not await projector.catch_up(60), "nobody waits for one that does not read"
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_reading_begins_after_the_cursor_and_goes_on(nc: Client) -> None:
    js, store = nc.jetstream(), _List()
    subject = subjects.fact("actual", "4601", "vakt", "incidents", "i", "opened")
    for number in range(5):
        await js.publish(subject, b"%d" % number)
    store.rows = [Message(2, subject, b"1", 0)]
    projector = Projector(nc, "actual", "tester", store)
    running = asyncio.create_task(projector.run())
    async with asyncio.timeout(5):
        await projector.caught_up.wait()
        await js.publish(subject, b"5")
        async with projector.moved:
            await projector.moved.wait_for(lambda: projector.sequence == 6)
    assert [row.sequence for row in store.rows] == [2, 3, 4, 5, 6]
    assert projector.reason is None
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_who_waits_for_what_the_ledger_holds_has_it_then(nc: Client) -> None:
    js, store = nc.jetstream(), _List()
    subject = subjects.fact("actual", "4601", "vakt", "incidents", "i", "opened")
    projector = Projector(nc, "actual", "tester", store, pace_s=30)
    running = asyncio.create_task(projector.run())
    async with asyncio.timeout(5):
        await projector.caught_up.wait()
    for number in range(1, 6):
        await js.publish(subject, b"%d" % number)
        assert await projector.catch_up(5)
        assert (len(store.rows), await projector.has_all()) == (number, True)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await js.publish(subject, b"6")
    assert not await projector.catch_up(0.1), "nobody reads any more"
    projector.sequence -= 10**6
    async with asyncio.timeout(2):
        assert not await projector.catch_up(60), "so far behind that nobody waits"


async def test_who_waits_is_told_at_once_that_the_reading_has_ended(nc: Client) -> None:
    js, store = nc.jetstream(), _List()
    subject = subjects.fact("actual", "4601", "vakt", "incidents", "i", "opened")
    projector = Projector(nc, "actual", "tester", store)
    running = asyncio.create_task(projector.run())
    async with asyncio.timeout(5):
        await projector.caught_up.wait()
        store.fault = OSError("the disk is full")
        await js.publish(subject, b"1")
        assert not await projector.catch_up(60)
        assert projector.reason == "FAULT"
        assert not await projector.catch_up(60), "nor while it fails again and again"
        store.fault = None
        await projector.moves_on(0)
        assert await projector.catch_up(60)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_who_waits_before_the_reading_begins_is_told_what_is_there_already(nc: Client) -> None:
    js, store = nc.jetstream(), _List()
    subject = subjects.fact("actual", "4601", "vakt", "incidents", "i", "opened")
    ack = await js.publish(subject, b"1")
    store.rows.append(Message(ack.seq, subject, b"1", 0))
    projector = Projector(nc, "actual", "tester", store)
    waiting = asyncio.create_task(projector.moves_on(0))
    await asyncio.sleep(0)
    running = asyncio.create_task(projector.run())
    async with asyncio.timeout(5):
        await waiting
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_without_a_ledger_nobody_waits(nc: Client) -> None:
    projector = Projector(nc, "actual", "tester", _List())
    await nc.jetstream().delete_stream(names.ledger("actual"))
    async with asyncio.timeout(5):
        assert not await projector.catch_up(60)
    await nc.close()
    async with asyncio.timeout(5):
        assert not await projector.catch_up(60)
