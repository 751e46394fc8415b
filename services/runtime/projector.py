"""Reading a whole ledger into tables, exactly once, in order, under kill -9 (D5)."""

import asyncio
import contextlib
import time
from collections.abc import Iterator
from typing import Protocol

import orjson
from nats.aio.client import Client
from nats.errors import Error as NatsError

from schemas import subjects
from schemas.canonical import digest
from services.runtime import logs, names
from services.runtime.direct import Direct
from services.runtime.epochs import BEHIND, EPOCH_KEY, Mark
from services.runtime.reader import Message, Reader

DAMAGED = "LEDGER_DAMAGED"
_RETRY_S = 0.5
_ASK_S = 1.0
_PER_S = 5_000
"""Facts that are taken in within a second: whoever is further behind is not waited for."""
_LEAST_S = 0.01
"""Pause between two batches however many wait: those who ask must not keep the writer from resting."""


class ProjectionStore(Protocol):
    """Where a projector keeps its rows; both calls run in a thread."""

    def cursor(self, mode: str) -> Mark:
        """The last fact taken in; sequence 0 before the first."""
        ...

    def apply(self, mode: str, epoch: int, batch: list[Message]) -> bool | None:
        """Take in a batch and move the cursor, in one transaction; True if somebody waits for such facts."""
        ...


class Projector:
    """One mode's ledger into one store. ``reason`` says why it does not read; None when it does.

    What comes after a pause is taken in at once; under load a batch begins at most every ``pace_s`` seconds
    (``calm_s`` while nobody waits), so that many facts share a transaction. Who calls ``catch_up`` waits for
    no pace.
    """

    def __init__(
        self,
        nc: Client,
        mode: str,
        name: str,
        store: ProjectionStore,
        pace_s: float = 0.0,
        calm_s: float | None = None,
    ) -> None:
        self._nc = nc
        self._direct = Direct(nc)
        self._mode = mode
        self._name = name
        self._store = store
        self._pace_s = pace_s
        self._calm_s = pace_s if calm_s is None else calm_s
        self.sequence = 0
        self.epoch = 0
        self.reason: str | None = "STARTING"
        self.moved = asyncio.Condition()
        self.caught_up = asyncio.Event()
        self._askers = 0
        self._asked = asyncio.Event()

    async def run(self) -> None:
        """Read for ever; a fault is logged, and reading begins again at the cursor."""
        await self._direct.open()
        while True:
            try:
                await self._read()
            except asyncio.CancelledError:
                raise
            except Exception as fault:
                self.reason = self.reason or "FAULT"
                await self._tell()
                logs.get(mode=self._mode, service=self._name).error("projector.fault", exc_info=fault)
            await asyncio.sleep(_RETRY_S)

    async def has_all(self) -> bool:
        """True if everything is taken in that the ledger has at this moment. Raises what asking it raises."""
        return self.reason is None and self.sequence >= await self._ledger_end()

    async def catch_up(self, patience_s: float) -> bool:
        """Wait until everything is taken in that the ledger had when this was called; False if it is not.

        Nobody waits while a store is built anew, which takes longer than any patience, nor for a ledger
        that does not answer.
        """
        try:
            end = await self._ledger_end()
        except (NatsError, OSError, TimeoutError, ValueError, KeyError):
            return False
        if self.sequence < end <= self.sequence + patience_s * _PER_S:
            with self._asking(), contextlib.suppress(TimeoutError):
                async with asyncio.timeout(patience_s), self.moved:
                    await self.moved.wait_for(lambda: self.sequence >= end or self.reason is not None)
        return self.sequence >= end

    async def moves_on(self, sequence: int) -> None:
        """Wait until more is taken in than the fact with that sequence."""
        async with self.moved:
            await self.moved.wait_for(lambda: self.sequence > sequence)

    @contextlib.contextmanager
    def _asking(self) -> Iterator[None]:
        """No batch is put off while somebody waits for it."""
        self._askers += 1
        self._asked.set()
        try:
            yield
        finally:
            self._askers -= 1
            if not self._askers:
                self._asked.clear()

    async def _ledger_end(self) -> int:
        """The place of the newest fact in the ledger.

        Raises nats.errors.Error, OSError or TimeoutError without an answer, KeyError when it is an error.
        """
        if not self._nc.is_connected:
            raise TimeoutError
        about = f"$JS.API.STREAM.INFO.{names.ledger(self._mode)}"
        reply = await self._nc.request(about, b"", timeout=_ASK_S)
        return int(orjson.loads(reply.data)["state"]["last_seq"])

    async def _read(self) -> None:
        mark = await asyncio.to_thread(self._store.cursor, self._mode)
        if not await self._ledger_holds(mark):
            return
        await self._advance(mark.sequence)
        stream, filters = names.ledger(self._mode), [subjects.ledger(self._mode)]
        reader = Reader(self._nc, stream, self._name, filters, mark.sequence + 1)
        reconnects = self._nc.stats["reconnects"]
        try:
            async for batch in reader.batches(1000):
                if self._nc.stats["reconnects"] != reconnects:
                    return
                if batch and not _follows(self.sequence, batch):
                    await self._stop_reading(DAMAGED)
                    return
                began, waited_for = time.monotonic(), False
                if batch:
                    waited_for = bool(
                        await asyncio.to_thread(self._store.apply, self._mode, self.epoch, batch)
                    )
                    await self._advance(batch[-1].sequence)
                self.reason = None
                is_behind = bool(batch and batch[-1].pending)
                if not is_behind:
                    self.caught_up.set()
                await self._pause(began + (self._pace_s if waited_for or is_behind else self._calm_s))
        finally:
            await reader.close()

    async def _pause(self, until: float) -> None:
        """Let facts gather until that moment of the monotonic clock, or shortly if somebody waits."""
        await asyncio.sleep(min(_LEAST_S, until - time.monotonic()))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, until - time.monotonic())):
                await self._asked.wait()

    async def _advance(self, sequence: int) -> None:
        self.sequence = sequence
        await self._tell()

    async def _tell(self) -> None:
        """Wake whoever waits for more, or for the end of the reading."""
        async with self.moved:
            self.moved.notify_all()

    async def _ledger_holds(self, mark: Mark) -> bool:
        """True if the ledger still has the fact at the cursor; otherwise nothing more may be read (D18)."""
        info = await self._nc.jetstream().stream_info(names.ledger(self._mode))
        self.epoch = int((info.config.metadata or {})[EPOCH_KEY])
        if mark.sequence == 0:
            return True
        stored = await self._direct.at(names.ledger(self._mode), mark.sequence)
        if mark.epoch > self.epoch or stored is None or digest(stored.data) != mark.digest:
            await self._stop_reading(BEHIND)
            return False
        return True

    async def _stop_reading(self, reason: str) -> None:
        if self.reason != reason:
            logs.get(mode=self._mode, service=self._name, code=reason).error("projector.stopped")
        self.reason = reason
        await self._tell()


def _follows(sequence: int, batch: list[Message]) -> bool:
    """True if nothing is missing between the cursor and the batch, nor within the batch."""
    return batch[0].sequence == sequence + 1 and batch[-1].sequence == sequence + len(batch)
