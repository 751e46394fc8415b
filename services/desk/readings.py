"""Who was shown which restricted items: told to the archive, whose log of reads it belongs in."""

import asyncio
from collections import OrderedDict
from collections.abc import Sequence

from schemas.envelope import Actor
from services.desk.edges import Edges
from services.desk.rules import Row
from services.runtime import logs
from services.runtime.edge import AskRefused, Unanswered

_AT_ONCE = 400
_KNOWN_MOST = 100_000
_RETRY_S = 5.0

Shown = tuple[str, str]
"""Incident and item."""


class Readings:
    """Gathers what was shown, and tells each item once for each person and watch.

    The list is shown also while the archive is away; what was shown then is told when it is back.
    """

    def __init__(self, edges: Edges) -> None:
        self._edges = edges
        self._known: OrderedDict[tuple[str, str | None, str, str], None] = OrderedDict()
        self._waiting: list[tuple[str, Actor, list[Shown]]] = []
        self._arrived = asyncio.Event()

    @property
    def count(self) -> int:
        """How many tellings wait."""
        return len(self._waiting)

    async def note(self, mode: str, actor: Actor, rows: Sequence[Row]) -> None:
        """The person has these rows on the page."""
        items = []
        for row in rows:
            mark = (mode, actor.person, actor.key, row.words.fact)
            if row.restricted and mark not in self._known:
                self._known[mark] = None
                items.append((row.key[1], row.words.fact))
        while len(self._known) > _KNOWN_MOST:
            self._known.popitem(last=False)
        if items:
            self._waiting.append((mode, actor, items))
            self._arrived.set()

    async def run(self) -> None:
        """Tell the archive, for ever."""
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            while self._waiting:
                if await self._tell(*self._waiting[0]):
                    self._waiting.pop(0)
                else:
                    await asyncio.sleep(_RETRY_S)

    async def _tell(self, mode: str, actor: Actor, items: list[Shown]) -> bool:
        edge = await self._edges.of(actor.key)
        try:
            for start in range(0, len(items), _AT_ONCE):
                await edge.ask(mode, "incidents", "seen", actor, items=items[start : start + _AT_ONCE])
        except Unanswered:
            logs.get(count=len(self._waiting)).warning("desk.readings_wait")
            return False
        except AskRefused as refused:
            logs.get(code=refused.code).error("desk.reading_refused")
        return True
