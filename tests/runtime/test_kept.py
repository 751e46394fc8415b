"""What a room knew is kept, so that a start after years reads only what has come since; a doubt means all."""

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path

import orjson
import pytest

from schemas import subjects
from schemas.canonical import digest
from schemas.identifiers import new_id
from services.runtime import kept as kept_module
from services.runtime import names
from services.runtime.follower import Follower
from services.runtime.kept import Kept
from services.runtime.ledger import Ledger, Recorded
from tests.hub import Hub
from tests.ledgers import MODE, empty_archive, open_ledger, opening
from tests.system_hub import eventually

NAME = names.reader_names(names.INCIDENTS_LEDGER)[1]
FEW, MANY = new_id(), new_id()


@dataclass
class Fold:
    """The facts about two ids in the order in which they were taken; those about MANY are kept."""

    few: list[int] = field(default_factory=list)
    many: list[int] = field(default_factory=list)
    order: list[int] = field(default_factory=list)
    """What was really read, in this order."""
    is_whole: bool = True

    def apply(self, recorded: Recorded) -> None:
        self.order.append(recorded.sequence)
        (self.few if recorded.fact.subject == FEW else self.many).append(recorded.sequence)

    def dump(self) -> bytes | None:
        return orjson.dumps(self.many) if self.is_whole else None

    def load(self, raw: bytes) -> None:
        self.many = orjson.loads(raw)


@contextlib.asynccontextmanager
async def following(hub: Hub, fold: Fold | None = None) -> AsyncIterator[Fold]:
    """A fold that has caught up; at the end it is stopped, as a room is."""
    fold = fold or Fold()
    nc = await hub.connect(names.INCIDENTS_LEDGER)
    kept = Kept(nc, MODE, file_of(hub), (fold.dump, fold.load))
    filters, growing = [subjects.facts_of(MODE, FEW)], [subjects.facts_of(MODE, MANY)]
    follower = Follower(nc, MODE, NAME, filters, fold.apply, growing, kept)
    running = asyncio.create_task(follower.run())
    try:
        await follower.caught_up(10)
        yield fold
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await follower.close()
        await nc.close()


def file_of(hub: Hub) -> Path:
    return hub.settings.home / "marks" / "test.kept"


@pytest.fixture
async def ledger(fresh_broker: Hub) -> AsyncIterator[Ledger]:
    async with empty_archive(fresh_broker), open_ledger(fresh_broker) as opened:
        yield opened


async def write(ledger: Ledger, *about: str) -> list[int]:
    """Sequences of new facts about these ids, one after another."""
    return [(await ledger.append(opening(id, guard=None, content=None))).sequence for id in about]


async def until(holds: Callable[[], bool]) -> None:
    async def asked() -> bool:
        return holds()

    assert await eventually(asked)


async def test_a_start_reads_only_what_has_come_since_the_last_stop(
    fresh_broker: Hub, ledger: Ledger
) -> None:
    few, many = await write(ledger, FEW), await write(ledger, *[MANY] * 5)
    async with following(fresh_broker):
        pass
    since = await write(ledger, MANY, MANY)
    async with following(fresh_broker) as fold:
        assert fold.order == [*few, *since]
        assert (fold.few, fold.many) == (few, [*many, *since])


async def test_what_came_since_is_taken_in_the_ledgers_order_and_once(
    fresh_broker: Hub, ledger: Ledger
) -> None:
    before = await write(ledger, FEW, MANY, FEW)
    async with following(fresh_broker):
        pass
    since = await write(ledger, MANY, FEW, MANY, FEW)
    async with following(fresh_broker) as fold:
        assert fold.order == [before[0], before[2], *since]


async def test_what_is_written_while_it_follows_is_kept_too(fresh_broker: Hub, ledger: Ledger) -> None:
    async with following(fresh_broker) as fold:
        written = await write(ledger, MANY, FEW)
        await until(lambda: fold.order == written)
    async with following(fresh_broker) as again:
        assert (again.many, again.few, again.order) == ([written[0]], [written[1]], [written[1]])


async def test_a_room_that_is_killed_reads_no_more_than_what_came_since_it_last_kept(
    fresh_broker: Hub, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept_module, "EVERY", 3)
    written = await write(ledger, *[MANY] * 3)
    killed = Fold()
    async with following(fresh_broker, killed):
        await until(file_of(fresh_broker).exists)
        since = await write(ledger, MANY)
        await until(lambda: killed.many[-1:] == since)
        killed.is_whole = False  # it will not get to write anything when it ends
    async with following(fresh_broker) as fold:
        assert fold.order == since
        assert fold.many == [*written, *since]


def _torn(raw: bytes) -> bytes:
    return raw[:-3]


def _emptied(raw: bytes) -> bytes:
    return b"\0" * len(raw)


def _cut_in_the_head(raw: bytes) -> bytes:
    return raw[:20]


def _of_other_code(raw: bytes) -> bytes:
    return _with_head(raw, code=digest(b"x"))


def _of_a_fact_that_is_gone(raw: bytes) -> bytes:
    mark = orjson.loads(raw.partition(b"\n")[0])["mark"]
    return _with_head(raw, mark={**mark, "sequence": mark["sequence"] + 1000})


def _of_another_fact(raw: bytes) -> bytes:
    mark = orjson.loads(raw.partition(b"\n")[0])["mark"]
    return _with_head(raw, mark={**mark, "sequence": mark["sequence"] - 1})


def _of_an_earlier_ledger(raw: bytes) -> bytes:
    mark = orjson.loads(raw.partition(b"\n")[0])["mark"]
    return _with_head(raw, mark={**mark, "epoch": mark["epoch"] - 1})


def _that_the_fold_cannot_take(raw: bytes) -> bytes:
    return _with_head(b"\n{", digest=digest(b"{"), of=raw)


def _with_head(raw: bytes, of: bytes | None = None, **changed: object) -> bytes:
    head = orjson.loads((of or raw).partition(b"\n")[0])
    return orjson.dumps({**head, **changed}) + b"\n" + raw.partition(b"\n")[2]


@pytest.mark.parametrize(
    "spoil",
    [
        _torn,
        _emptied,
        _cut_in_the_head,
        _of_other_code,
        _of_a_fact_that_is_gone,
        _of_another_fact,
        _of_an_earlier_ledger,
        _that_the_fold_cannot_take,
    ],
)
async def test_all_is_read_again_when_what_was_kept_is_in_doubt(
    fresh_broker: Hub, ledger: Ledger, spoil: Callable[[bytes], bytes]
) -> None:
    written = await write(ledger, FEW, *[MANY] * 4)
    async with following(fresh_broker):
        pass
    file = file_of(fresh_broker)
    file.write_bytes(spoil(file.read_bytes()))
    async with following(fresh_broker) as fold:
        assert fold.order == written
        assert fold.many == written[1:]


async def test_nothing_is_kept_of_a_fold_that_lacks_something(fresh_broker: Hub, ledger: Ledger) -> None:
    await write(ledger, MANY)
    async with following(fresh_broker, Fold(is_whole=False)):
        pass
    assert not file_of(fresh_broker).exists()


async def test_a_room_serves_on_when_nothing_can_be_kept(
    fresh_broker: Hub, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept_module, "EVERY", 1)
    file_of(fresh_broker).mkdir(parents=True)
    async with following(fresh_broker) as fold:
        written = await write(ledger, MANY)
        await until(lambda: fold.many == written)
        written += await write(ledger, MANY)
        await until(lambda: fold.many == written)
    async with following(fresh_broker) as again:
        assert again.many == fold.many


async def test_a_long_history_is_waited_for_as_long_as_it_comes_in(fresh_broker: Hub, ledger: Ledger) -> None:
    async def slow(follower: Follower) -> float:
        began = time.monotonic()
        await follower.caught_up(0.2)
        return time.monotonic() - began

    await asyncio.gather(*(write(ledger, *[MANY] * 20) for _ in range(100)))
    nc = await fresh_broker.connect(names.INCIDENTS_LEDGER)
    filters = [subjects.facts_of(MODE, MANY)]
    follower = Follower(nc, MODE, NAME, filters, lambda _: time.sleep(0.0005))
    running = asyncio.create_task(follower.run())
    assert await slow(follower) > 0.5
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await nc.close()


async def test_a_broker_that_sends_nothing_is_not_waited_for_without_end(
    fresh_broker: Hub, ledger: Ledger
) -> None:
    await write(ledger, MANY)
    nc = await fresh_broker.connect(names.INCIDENTS_LEDGER)
    follower = Follower(nc, MODE, NAME, [subjects.facts_of(MODE, MANY)], lambda _: None)
    assert fresh_broker.broker.pid is not None
    os.kill(fresh_broker.broker.pid, signal.SIGSTOP)
    running = asyncio.create_task(follower.run())
    try:
        with pytest.raises(TimeoutError):
            await follower.caught_up(0.3)
    finally:
        os.kill(fresh_broker.broker.pid, signal.SIGCONT)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await nc.close()
