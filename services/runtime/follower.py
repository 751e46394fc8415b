"""A fold in memory that follows part of a ledger from its first fact on."""

import asyncio
from collections.abc import Callable, Sequence

from nats.aio.client import Client

from schemas import subjects
from schemas.catalogue import read_fact
from services.runtime import logs, names
from services.runtime.kept import Kept
from services.runtime.ledger import Recorded
from services.runtime.reader import Message, Reader

Trades = Sequence[str | tuple[str, str]]
"""Trades whose facts are followed; a pair is one fact of a trade only."""


class Follower:
    """Applies each fact of some trades of a mode, in order; ``ready`` is set once it has caught up.

    ``unread`` counts the facts that could not be read or applied: one such fact stops nobody.
    """

    def __init__(
        self,
        nc: Client,
        mode: str,
        name: str,
        filters: Sequence[str],
        apply: Callable[[Recorded], None],
        growing: Sequence[str] = (),
        kept: Kept | None = None,
    ) -> None:
        """``kept``: the state that facts under the filters ``growing`` have made; those under ``filters``
        are few, and read from the first one on at each start."""
        self._nc = nc
        self._stream = names.ledger(mode)
        self._name = name
        self._filters = list(filters)
        self._growing = list(growing)
        self._apply = apply
        self._kept = kept
        self._taken = 0
        self.known = 0
        """The last sequence that what was kept has in it."""
        self.ready = asyncio.Event()
        self.unread = 0

    async def run(self) -> None:
        """Follow for ever."""
        if self._kept is not None:
            self.known = await self._kept.open()
            if self.known:
                await self._read_up_to(self.known)
        reader = Reader(self._nc, self._stream, self._name, [*self._filters, *self._growing], self.known + 1)
        async for batch in reader.batches():
            self._take_all(batch)
            if not batch or batch[-1].pending == 0:
                self.ready.set()
            await asyncio.sleep(0)
            if self._kept is not None and self.ready.is_set():
                await self._kept.save_in_time()

    async def caught_up(self, patience_s: float) -> None:
        """Return once all that stands was read, however long that takes.

        Raises TimeoutError when nothing has come for ``patience_s``.
        """
        while not self.ready.is_set():
            before = self._taken
            try:
                async with asyncio.timeout(patience_s):
                    await self.ready.wait()
            except TimeoutError:
                if self._taken == before:
                    raise

    async def close(self) -> None:
        """Keep what it knows, once ``run`` has ended."""
        if self._kept is not None and self.ready.is_set():
            await self._kept.save()

    async def _read_up_to(self, last: int) -> None:
        """Take the facts that are not kept, up to a sequence."""
        reader = Reader(self._nc, self._stream, self._name, self._filters, 1)
        async for batch in reader.batches():
            self._take_all([message for message in batch if message.sequence <= last], keep=False)
            if not batch or batch[-1].pending == 0 or batch[-1].sequence >= last:
                break
        await reader.close()

    def _take_all(self, batch: Sequence[Message], *, keep: bool = True) -> None:
        for message in batch:
            self._take(message)
        self._taken += len(batch)
        if keep and batch and self._kept is not None:
            self._kept.took(len(batch), batch[-1].sequence, batch[-1].data)

    def _take(self, message: Message) -> None:
        try:
            fact, body = read_fact(message.data)
            self._apply(Recorded(fact, body, message.sequence, message.subject))
        except Exception as fault:
            self.unread += 1
            kind = type(fault).__qualname__
            logs.get(sequence=message.sequence, error_type=kind).warning("follower.unread")


def trade_filters(mode: str, trades: Trades) -> list[str]:
    """Filters for the facts of some trades."""
    pairs = [(trade, "*") if isinstance(trade, str) else trade for trade in trades]
    return [subjects.facts_of_trade(mode, trade, name) for trade, name in pairs]
