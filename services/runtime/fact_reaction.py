"""Reacting to the facts of a mode, at least once, from a place of one's own in the ledger (D6).

The place is a low mark: every fact up to it is done with. After a start the facts behind the mark come again,
as second attempts. What fails is tried again after a growing delay and holds up nobody; what can never be
handled is parked by reference.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from nats.aio.client import Client

from schemas.canonical import digest
from services.runtime import logs, names
from services.runtime.connect import connect
from services.runtime.database import CursorMoved
from services.runtime.direct import Direct
from services.runtime.epochs import BEHIND, EPOCH_KEY, Mark
from services.runtime.lasting import end_all, lasting
from services.runtime.reaction import STARTING, Delivered, delay_s, note_failure, park, reason_to_park
from services.runtime.reader import Message, Reader
from services.runtime.settings import Settings

IN_HAND = 64
SAVE_S = 0.5
_RETRY_S = 0.5
_PATIENCE_S = 5.0
_NOTHING = Mark(0, 0, "")


class PlaceStore(Protocol):
    """Where the low mark is kept."""

    async def load(self, mode: str) -> Mark:
        """The low mark; sequence 0 before the first."""
        ...

    async def save(self, mode: str, former: Mark, mark: Mark) -> None:
        """Move the low mark from ``former``. Raises CursorMoved if another reader has moved it."""
        ...


@dataclass(frozen=True, slots=True)
class Source:
    """Facts of one mode: under which subjects, which of them are wanted, and what is done with each."""

    mode: str
    subjects: Sequence[str]
    wants: Callable[[bytes], bool]
    handle: Callable[[Delivered], Awaitable[None]]


class _Seen(NamedTuple):
    """A fact that was read, with its bytes, since the ledger may have another there later.

    Without them it is where the reading began.
    """

    sequence: int
    data: bytes


class FactReaction:
    """One mode's ledger, read in order. ``reason`` says why it does not react; None when it does."""

    def __init__(
        self, settings: Settings, user: str, service: str, source: Source, place: PlaceStore
    ) -> None:
        self._settings = settings
        self._user = user
        self._service = service
        self._source = source
        self._place = place
        self._nc: Client | None = None
        self._work: list[asyncio.Task[None]] = []
        self._begin(_NOTHING, 0, 0, _Seen(0, b""))
        self.reason: str | None = STARTING
        self.pending = 0

    async def start(self) -> None:
        """React from now on."""
        self._nc = await connect(self._settings, self._user)
        self._direct = Direct(self._nc)
        name = f"{self._service}.{self._source.mode}.facts"
        self._work = [lasting(self._run(self._nc), name), lasting(self._keep(), f"{name}.place")]

    async def stop(self) -> None:
        """Finish what is being handled, and close; what was not finished comes again after the next start."""
        await end_all(self._work)
        if self._open:
            await asyncio.wait(self._open.values(), timeout=_PATIENCE_S)
        with contextlib.suppress(Exception):  # the place stays where it was: more comes again
            await self._save()
        await self._drop()
        if self._nc is not None:
            await self._nc.close()

    def _begin(self, mark: Mark, epoch: int, again_to: int, seen: _Seen) -> None:
        self._is_fenced = False
        self._room = asyncio.Semaphore(IN_HAND)
        self._saved = mark
        self._epoch = epoch
        self._again_to = again_to
        self._seen = seen
        self._before: dict[int, _Seen] = {}  # of each fact in hand, the one that was delivered before it
        self._open: dict[int, asyncio.Task[None]] = {}

    async def _drop(self) -> None:
        await end_all(self._open.values())

    async def _run(self, nc: Client) -> None:
        """For ever; a fault is logged, and reading begins again at the low mark."""
        await self._direct.open()
        while True:
            try:
                await self._read(nc)
            except Exception as fault:
                self.reason = "FAULT"
                self._line().error("reaction.fault", exc_info=fault)
            await asyncio.sleep(_RETRY_S)

    async def _read(self, nc: Client) -> None:
        mode = self._source.mode
        await self._drop()
        mark = await self._place.load(mode)
        info = await nc.jetstream().stream_info(names.ledger(mode))
        epoch = int((info.config.metadata or {})[EPOCH_KEY])
        start = await self._agreed(mark, epoch)
        if start is None:
            self._stop_reading(BEHIND)
            return
        self._begin(mark, epoch, info.state.last_seq, start)
        reader = Reader(nc, names.ledger(mode), self._user, self._source.subjects, start.sequence + 1)
        reconnects = nc.stats["reconnects"]
        try:
            async for batch in reader.batches():
                if nc.stats["reconnects"] != reconnects:
                    reconnects = nc.stats["reconnects"]
                    if not await self._holds(self._newest()):
                        return
                self.reason = None
                for message in batch:
                    await self._take(nc, message)
                self.pending = batch[-1].pending if batch else 0
                if self._is_fenced:
                    return
        finally:
            await reader.close()

    async def _agreed(self, mark: Mark, epoch: int) -> _Seen | None:
        """After which fact to read: the low mark, if the ledger still has that and the last one read.

        In a later epoch that lacks the low mark, from the first fact on, each as a second attempt. None:
        facts are missing, and nothing may be read until they are repaired.
        """
        newest = self._newest()
        lost = [one for one in (mark, newest) if not await self._holds(one)]
        if any(epoch <= one.epoch for one in lost):
            return None
        return _Seen(0, b"") if mark in lost else _Seen(mark.sequence, b"")

    async def _holds(self, mark: Mark) -> bool:
        if mark.sequence == 0:
            return True
        stored = await self._direct.at(names.ledger(self._source.mode), mark.sequence)
        return stored is not None and digest(stored.data) == mark.digest

    def _newest(self) -> Mark:
        """The last fact that was read since the reading began; the low mark before the first."""
        if self._seen.data:
            return self._mark(self._seen)
        return self._saved if self._seen.sequence else _NOTHING

    async def _take(self, nc: Client, message: Message) -> None:
        before, self._seen = self._seen, _Seen(message.sequence, message.data)
        if not self._source.wants(message.data):
            return
        self._before[message.sequence] = before
        await self._room.acquire()
        attempt = 2 if message.sequence <= self._again_to else 1
        self._open[message.sequence] = asyncio.get_running_loop().create_task(
            self._react(nc, message, attempt)
        )

    async def _react(self, nc: Client, message: Message, attempt: int) -> None:
        """Handle one fact until it is done or parked; between two attempts its room is another's."""
        stream, tried = names.ledger(self._source.mode), 0
        while True:
            delivered = Delivered(stream, message.sequence, message.subject, message.data, attempt + tried)
            tried += 1
            try:
                if await self._attempt(nc, delivered, tried):
                    break
            finally:
                self._room.release()
            await asyncio.sleep(delay_s(tried))
            await self._room.acquire()
        del self._open[message.sequence], self._before[message.sequence]

    async def _attempt(self, nc: Client, delivered: Delivered, tried: int) -> bool:
        try:
            await self._source.handle(delivered)
        except Exception as fault:
            note_failure(delivered, fault)
            code = reason_to_park(fault, tried)
            return code is not None and await park(nc, self._service, delivered, code, self._epoch)
        return True

    async def _keep(self) -> None:
        """Move the low mark after what is done with, twice a second."""
        while True:
            await asyncio.sleep(SAVE_S)
            try:
                await self._save()
            except CursorMoved:
                self._is_fenced = True
            except Exception as fault:
                self._line().error("reaction.place", exc_info=fault)

    async def _save(self) -> None:
        low = self._before[next(iter(self._before))] if self._before else self._seen
        mark = self._mark(low)
        if not low.data or mark == self._saved:
            return
        await self._place.save(self._source.mode, self._saved, mark)
        self._saved = mark

    def _mark(self, seen: _Seen) -> Mark:
        return Mark(self._epoch, seen.sequence, digest(seen.data))

    def _stop_reading(self, reason: str) -> None:
        if self.reason != reason:
            self._line().error("reaction.stopped", code=reason)
        self.reason = reason

    def _line(self) -> Any:
        return logs.get(mode=self._source.mode, service=self._service)
