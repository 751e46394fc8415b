"""A fold in memory that follows part of a ledger from its first fact on."""

import asyncio
import re
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
        self._mode = mode
        self._name = name
        self._filters = list(filters)
        self._growing = list(growing)
        self._apply = apply
        self._kept = kept
        self._read = 0
        self.kept_to = 0
        """The last sequence that was known from a former start; 0 if everything was read."""
        self.known = 0
        """The last sequence that was taken before it began to follow."""
        self.ready = asyncio.Event()
        self.unread = 0

    async def run(self) -> None:
        """Follow for ever."""
        if self._kept is not None:
            self.known = self.kept_to = await self._kept.open()
            if self.known:
                await self._read_up_to(self.known)
            await self._catch_up()
        reader = self._reader([*self._filters, *self._growing], self.known + 1)
        async for batch in reader.batches():
            self._read += len(batch)
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
            before = self._read
            try:
                async with asyncio.timeout(patience_s):
                    await self.ready.wait()
            except TimeoutError:
                if self._read == before:
                    raise

    async def close(self) -> None:
        """Keep what it knows, once ``run`` has ended."""
        if self._kept is not None and self.ready.is_set():
            await self._kept.save()

    async def _read_up_to(self, last: int) -> None:
        """Take the facts that are not kept, up to a sequence."""
        reader = self._reader(self._filters, 1)
        async for batch in reader.batches():
            self._read += len(batch)
            self._take_all([message for message in batch if message.sequence <= last], keep=False)
            if not batch or batch[-1].pending == 0 or batch[-1].sequence >= last:
                break
        await reader.close()

    async def _catch_up(self) -> None:
        """Take everything that has come since. Where much is chosen by several filters, a broker takes long
        over each message: it is asked for all, and the choice is made here."""
        wanted = _matching([*self._filters, *self._growing])
        reader = self._reader([subjects.ledger(self._mode)], self.known + 1)
        async for batch in reader.batches():
            self._read += len(batch)
            self._take_all([message for message in batch if wanted(message.subject)])
            self.known = batch[-1].sequence if batch else self.known
            if not batch or batch[-1].pending == 0:
                break
            await asyncio.sleep(0)
        await reader.close()

    def _reader(self, filters: Sequence[str], start: int) -> Reader:
        return Reader(self._nc, names.ledger(self._mode), self._name, filters, start)

    def _take_all(self, batch: Sequence[Message], *, keep: bool = True) -> None:
        for message in batch:
            self._take(message)
        if keep and batch and self._kept is not None:
            self._kept.took(batch[-1].sequence, batch[-1].data)

    def _take(self, message: Message) -> None:
        try:
            fact, body = read_fact(message.data)
            self._apply(Recorded(fact, body, message.sequence, message.subject))
        except Exception as fault:
            self.unread += 1
            kind = type(fault).__qualname__
            logs.get(sequence=message.sequence, error_type=kind).warning("follower.unread")


def _matching(filters: Sequence[str]) -> Callable[[str], object]:
    """Whether a subject lies under one of the filters."""
    forms = (re.escape(one).replace(r"\*", "[^.]+").replace(">", ".+") for one in filters)
    return re.compile("|".join(forms)).fullmatch


def trade_filters(mode: str, trades: Trades) -> list[str]:
    """Filters for the facts of some trades; none lies within another, which the broker would refuse."""
    whole = {trade for trade in trades if isinstance(trade, str)}
    pairs = [(one, "*") if isinstance(one, str) else one for one in trades]
    wanted = dict.fromkeys(pair for pair in pairs if pair[1] == "*" or pair[0] not in whole)
    return [subjects.facts_of_trade(mode, trade, name) for trade, name in wanted]
