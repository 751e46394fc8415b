"""Reading in order from a place of one's own: no gap, no double, and an honest word on having caught up."""

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator

import pytest
from nats.aio.client import Client

from schemas import subjects
from schemas.identifiers import new_id
from services.runtime import names
from services.runtime.connect import _Client
from services.runtime.follower import Follower
from services.runtime.ledger import Ledger, Recorded
from services.runtime.reader import Message, Reader
from tests.hub import Hub
from tests.ledgers import MODE, empty_archive, open_ledger, opening

STREAM = names.ledger(MODE)
NAME = names.reader_names(names.INCIDENTS_LEDGER)[1]


@contextlib.asynccontextmanager
async def reading(hub: Hub, filters: list[str], start: int = 1) -> AsyncIterator[Reader]:
    """A reader on a connection of its own."""
    nc = await hub.connect(names.INCIDENTS_LEDGER)
    reader = Reader(nc, STREAM, NAME, filters, start)
    try:
        yield reader
    finally:
        await reader.close()
        await nc.close()


async def until_caught_up(reader: Reader, most: int = 500) -> list[Message]:
    """Everything that there is to read."""
    found: list[Message] = []
    async with asyncio.timeout(30):
        async for batch in reader.batches(most):
            found += batch
            if not batch or batch[-1].pending == 0:
                return found
    return found


async def write(ledger: Ledger, count: int, incident: str | None = None) -> list[int]:
    """Sequences of facts newly written."""
    drafts = [opening(incident, guard=None, content=None) for _ in range(count)]
    return [one.sequence for one in await asyncio.gather(*(ledger.append(draft) for draft in drafts))]


async def test_every_fact_is_read_once_and_in_order(fresh_broker: Hub) -> None:
    async with empty_archive(fresh_broker), open_ledger(fresh_broker) as ledger:
        written = sorted(await write(ledger, 1_500))
        async with reading(fresh_broker, [subjects.ledger(MODE)]) as reader:
            found = await until_caught_up(reader, most=200)
    assert [message.sequence for message in found] == written
    assert found[-1].pending == 0


async def test_a_reader_of_nothing_says_so_at_once(broker: Hub) -> None:
    async with reading(broker, [subjects.facts_of(MODE, new_id())]) as reader:
        async with asyncio.timeout(5):
            assert await until_caught_up(reader) == []


async def test_a_reader_begins_at_its_place(broker: Hub) -> None:
    id = new_id()
    async with empty_archive(broker), open_ledger(broker) as ledger:
        written = sorted(await write(ledger, 20, id))
        async with reading(broker, [subjects.facts_of(MODE, id)], start=written[12]) as reader:
            found = await until_caught_up(reader)
    assert [message.sequence for message in found] == written[12:]


async def test_several_filters_are_read_as_one(broker: Hub) -> None:
    ids = [new_id(), new_id()]
    async with empty_archive(broker), open_ledger(broker) as ledger:
        written = await write(ledger, 3, ids[0])
        await write(ledger, 3)
        written += await write(ledger, 3, ids[1])
        async with reading(broker, [subjects.facts_of(MODE, id) for id in ids]) as reader:
            found = await until_caught_up(reader)
    assert [message.sequence for message in found] == sorted(written)


async def test_what_is_written_later_arrives_by_itself(broker: Hub) -> None:
    id = new_id()
    filters = [subjects.facts_of(MODE, id)]
    async with empty_archive(broker), open_ledger(broker) as ledger, reading(broker, filters) as reader:
        assert await until_caught_up(reader) == []
        written = await write(ledger, 1, id)
        async with asyncio.timeout(5):
            found = await until_caught_up(reader)
    assert [message.sequence for message in found] == written


async def test_a_reader_does_not_call_itself_done_while_the_broker_is_slow(fresh_broker: Hub) -> None:
    pid = fresh_broker.broker.pid
    assert pid is not None
    async with empty_archive(fresh_broker), open_ledger(fresh_broker) as ledger:
        written = sorted(await write(ledger, 4_000))
        found: list[Message] = []
        async with reading(fresh_broker, [subjects.ledger(MODE)]) as reader:
            async for batch in reader.batches(100):
                if not found:
                    os.kill(pid, signal.SIGSTOP)
                    waking = asyncio.create_task(_wake(pid, after_s=1.0))
                assert batch
                found += batch
                if batch[-1].pending == 0:
                    break
            await waking
    assert [message.sequence for message in found] == written


async def _wake(pid: int, after_s: float) -> None:
    await asyncio.sleep(after_s)
    os.kill(pid, signal.SIGCONT)


async def test_reading_goes_on_where_it_was_when_the_broker_is_killed(fresh_broker: Hub) -> None:
    broker = fresh_broker.broker
    async with empty_archive(fresh_broker), open_ledger(fresh_broker) as ledger:
        written = await write(ledger, 100)
        async with reading(fresh_broker, [subjects.ledger(MODE)]) as reader:
            found = await until_caught_up(reader)
            assert broker.pid is not None
            os.kill(broker.pid, signal.SIGKILL)
            await broker.stop()
            await broker.start()
            written += await write(ledger, 100)
            async with asyncio.timeout(20):
                async for batch in reader.batches():
                    found += batch
                    if len(found) >= 200:
                        break
    assert [message.sequence for message in found] == sorted(written)


async def test_a_follower_is_ready_when_it_has_applied_all(fresh_broker: Hub) -> None:
    async with empty_archive(fresh_broker), open_ledger(fresh_broker) as ledger:
        await write(ledger, 700)
        applied: list[Recorded] = []
        nc = await fresh_broker.connect(names.INCIDENTS_LEDGER)
        follower = Follower(nc, MODE, NAME, [subjects.ledger(MODE)], applied.append)
        running = asyncio.create_task(follower.run())
        async with asyncio.timeout(10):
            await follower.ready.wait()
        assert len(applied) == 700
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await nc.close()


async def test_a_follower_passes_over_what_it_cannot_read(fresh_broker: Hub) -> None:
    id = new_id()
    async with empty_archive(fresh_broker), open_ledger(fresh_broker) as ledger:
        nc = await fresh_broker.connect(names.INCIDENTS_LEDGER)
        await nc.request(
            subjects.fact(MODE, "4601", "vaktsentral", "incidents", id, "opened"), b"{", timeout=5
        )
        await write(ledger, 1, id)
        applied: list[Recorded] = []
        follower = Follower(nc, MODE, NAME, [subjects.facts_of(MODE, id)], applied.append)
        running = asyncio.create_task(follower.run())
        async with asyncio.timeout(10):
            await follower.ready.wait()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await nc.close()
    assert (len(applied), follower.unread) == (1, 1)


async def test_a_follower_goes_on_after_a_fact_on_which_its_fold_stumbles(fresh_broker: Hub) -> None:
    applied: list[Recorded] = []

    def stumble_once(recorded: Recorded) -> None:
        if not follower.unread:
            raise KeyError(recorded.sequence)
        applied.append(recorded)

    async with empty_archive(fresh_broker), open_ledger(fresh_broker) as ledger:
        await write(ledger, 2)
        nc = await fresh_broker.connect(names.INCIDENTS_LEDGER)
        follower = Follower(nc, MODE, NAME, [subjects.ledger(MODE)], stumble_once)
        running = asyncio.create_task(follower.run())
        async with asyncio.timeout(10):
            await follower.ready.wait()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await nc.close()
    assert (len(applied), follower.unread) == (1, 1)


@pytest.mark.parametrize(
    "lines",
    [
        b"Nats-Stream: LEDGER_ACTUAL\r\nNats-Sequence: 12\r\nNats-Subject: a.b: c\r\n\r\n",
        b"Nats-Msg-Id:without-a-blank\r\nOther:\ttab\r\n\r\n",
        "Name: blåbær\r\n\r\n".encode(),
        b"Name: \xff\r\nno header\r\n\r\n",
        b"",
    ],
)
def test_headers_are_read_as_the_client_library_reads_them(lines: bytes) -> None:
    assert _Client._parse_header_lines(lines) == Client._parse_header_lines(lines)
