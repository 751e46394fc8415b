"""A door stays shut until the ledger still holds the newest fact that was ever seen in it."""

import asyncio
import contextlib
import json
import os
import signal
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from nats.aio.msg import Msg

from schemas import subjects
from schemas.canonical import digest
from services.runtime import names
from services.runtime.epochs import BEHIND, UNREACHABLE, Gate
from tests.hub import Hub
from tests.ledgers import MODE, empty_archive, logging_to, open_ledger, opening


@contextlib.asynccontextmanager
async def gate_of(hub: Hub, file: Path) -> AsyncIterator[Gate]:
    """A gate that looks after itself."""
    nc = await hub.connect(names.INCIDENTS_LEDGER)
    gate = Gate(nc, MODE, file)
    await gate.open()
    keeping = asyncio.create_task(gate.keep())
    try:
        yield gate
    finally:
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)
        await nc.close()


@contextlib.asynccontextmanager
async def archive_at(hub: Hub, epoch: int, sequence: int, said: str) -> AsyncIterator[None]:
    """Answers with a mark for the archive."""
    nc = await hub.connect(names.INCIDENTS_ARCHIVE)

    async def answer(message: Msg) -> None:
        await message.respond(json.dumps({"epoch": epoch, "sequence": sequence, "digest": said}).encode())

    await nc.subscribe(subjects.mark("*"), cb=answer)
    await nc.flush()
    try:
        yield
    finally:
        await nc.close()


async def until(is_so: Callable[[], bool], seconds: float = 10.0) -> None:
    """Wait for something; raises TimeoutError."""
    async with asyncio.timeout(seconds):
        while not is_so():  # noqa: ASYNC110 - what is waited for is another's state
            await asyncio.sleep(0.02)


def mark_file(tmp_path: Path, epoch: int, sequence: int, said: str) -> Path:
    """A door's own mark, kept from before."""
    file = tmp_path / "mark.json"
    file.write_text(json.dumps({"epoch": epoch, "sequence": sequence, "digest": said}))
    return file


async def stored_fact(hub: Hub) -> tuple[int, str]:
    """Sequence and digest of a fact that the ledger has."""
    async with empty_archive(hub), open_ledger(hub) as ledger:
        recorded = await ledger.append(opening(content=None))
        return recorded.sequence, digest(recorded.fact.encode())


async def test_a_gate_that_knows_nothing_stays_shut_until_the_archive_speaks(
    broker: Hub, tmp_path: Path
) -> None:
    async with gate_of(broker, tmp_path / "none.json") as gate:
        await asyncio.sleep(0.3)
        assert gate.reason == UNREACHABLE
        async with empty_archive(broker):
            await until(lambda: gate.reason is None)


async def test_a_gate_opens_on_its_own_mark_while_the_archive_is_down(broker: Hub, tmp_path: Path) -> None:
    sequence, said = await stored_fact(broker)
    async with gate_of(broker, mark_file(tmp_path, 1, sequence, said)) as gate:
        assert gate.reason is None


async def test_a_gate_shuts_when_the_fact_of_its_mark_is_gone(broker: Hub, tmp_path: Path) -> None:
    sequence, said = await stored_fact(broker)
    async with gate_of(broker, mark_file(tmp_path, 1, sequence + 1_000, said)) as gate:
        assert gate.reason == BEHIND


async def test_a_gate_shuts_when_another_fact_stands_in_its_marks_place(broker: Hub, tmp_path: Path) -> None:
    sequence, _ = await stored_fact(broker)
    async with gate_of(broker, mark_file(tmp_path, 1, sequence, "0" * 64)) as gate:
        assert gate.reason == BEHIND


async def test_a_gate_shuts_when_the_archive_has_read_what_the_ledger_has_not(
    broker: Hub, tmp_path: Path
) -> None:
    sequence, said = await stored_fact(broker)
    file = mark_file(tmp_path, 1, sequence, said)
    async with archive_at(broker, 1, sequence + 1_000, said), gate_of(broker, file) as gate:
        await until(lambda: gate.reason == BEHIND)


async def test_a_gate_never_opens_while_the_archive_says_that_facts_are_missing(
    broker: Hub, tmp_path: Path
) -> None:
    sequence, said = await stored_fact(broker)
    file = mark_file(tmp_path, 1, sequence, said)
    with logging_to(tmp_path / "log"):
        async with archive_at(broker, 1, sequence + 1_000, said), gate_of(broker, file) as gate:
            assert gate.reason == BEHIND
    assert b"gate.open" not in (tmp_path / "log").read_bytes()


async def test_a_gate_remembers_what_the_archive_missed_when_the_archive_falls_silent(
    broker: Hub, tmp_path: Path
) -> None:
    sequence, said = await stored_fact(broker)
    async with gate_of(broker, mark_file(tmp_path, 1, sequence, said)) as gate:
        async with archive_at(broker, 1, sequence + 1_000, said):
            await until(lambda: gate.reason == BEHIND)
        gate.reason = UNREACHABLE
        await gate.check()
        assert gate.reason == BEHIND


async def test_a_fact_under_a_lower_number_than_the_mark_does_not_make_a_cut_ledger_whole(
    broker: Hub, tmp_path: Path
) -> None:
    async with empty_archive(broker), open_ledger(broker) as ledger:
        stored = [await ledger.append(opening(content=None)) for _ in range(2)]
    first, second = (one.sequence for one in stored)
    nc = await broker.connect(names.INCIDENTS_LEDGER)
    gate = Gate(nc, MODE, mark_file(tmp_path, 1, second, digest(stored[1].fact.encode())))
    await gate.open()
    gate.observe(first, stored[0].fact.encode())
    mark = gate.mark()
    assert mark is not None
    assert mark.sequence == second
    await nc.close()


async def test_a_gate_is_shut_from_the_moment_of_a_reconnect_until_it_has_looked(
    broker: Hub, tmp_path: Path
) -> None:
    sequence, said = await stored_fact(broker)
    nc = await broker.connect(names.INCIDENTS_LEDGER)
    gate = Gate(nc, MODE, mark_file(tmp_path, 1, sequence, said))
    await gate.open()
    assert gate.reason is None
    nc.stats["reconnects"] += 1
    assert gate.reason == UNREACHABLE
    await gate.check()
    assert gate.reason is None
    await nc.close()


async def test_a_mark_that_cannot_be_written_does_not_end_the_watch_over_the_ledger(
    broker: Hub, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    nc = await broker.connect(names.INCIDENTS_LEDGER)
    async with empty_archive(broker):
        gate = Gate(nc, MODE, tmp_path / "file" / "mark.json")
        await gate.open()
        gate.observe(1_000_000, b"fact")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1.5):
                await gate.keep()
    await nc.close()


async def test_a_gate_with_a_damaged_mark_file_asks_the_archive(broker: Hub, tmp_path: Path) -> None:
    file = tmp_path / "mark.json"
    file.write_bytes(b'{"epoch": 1, "seq')
    async with empty_archive(broker), gate_of(broker, file) as gate:
        assert gate.reason is None


async def test_the_newest_fact_is_remembered_with_its_own_digest(broker: Hub, tmp_path: Path) -> None:
    file = tmp_path / "mark.json"
    async with empty_archive(broker), gate_of(broker, file) as gate:
        for sequence in range(1, 20_000):
            gate.observe(sequence, str(sequence).encode())
            if sequence % 500 == 0:
                await asyncio.sleep(0.06)
                saved = json.loads(file.read_text()) if file.exists() else None
                assert saved is None or saved["digest"] == digest(str(saved["sequence"]).encode())
        await until(lambda: json.loads(file.read_text())["sequence"] == 19_999)


async def test_a_gate_is_shut_while_the_broker_is_away_and_opens_by_itself(
    fresh_broker: Hub, tmp_path: Path
) -> None:
    broker = fresh_broker.broker
    async with empty_archive(fresh_broker), gate_of(fresh_broker, tmp_path / "mark.json") as gate:
        assert gate.reason is None
        assert broker.pid is not None
        os.kill(broker.pid, signal.SIGKILL)
        await until(lambda: gate.reason == UNREACHABLE)
        await broker.stop()
        await broker.start()
        await until(lambda: gate.reason is None)
