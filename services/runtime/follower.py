"""A fold in memory that follows part of a ledger from its first fact on."""

import asyncio
from collections.abc import Callable, Sequence

from nats.aio.client import Client

from schemas import subjects
from schemas.catalogue import read_fact
from services.runtime import logs, names
from services.runtime.ledger import Recorded
from services.runtime.reader import Message, Reader

Trades = Sequence[str | tuple[str, str]]
"""Trades whose facts are followed; a pair is one fact of a trade only."""


class Follower:
    """Applies each fact of some trades of a mode, in order; ``ready`` is set once it has caught up.

    ``unread`` counts the facts that could not be read or applied: one such fact stops nobody.
    """

    def __init__(
        self, nc: Client, mode: str, name: str, filters: Sequence[str], apply: Callable[[Recorded], None]
    ) -> None:
        self._reader = Reader(nc, names.ledger(mode), name, filters, start=1)
        self._apply = apply
        self.ready = asyncio.Event()
        self.unread = 0

    async def run(self) -> None:
        """Follow for ever."""
        async for batch in self._reader.batches():
            for message in batch:
                self._take(message)
            if not batch or batch[-1].pending == 0:
                self.ready.set()
            await asyncio.sleep(0)

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
