"""What the open pages are sent: rows, removals, counts and a tick, each as its own session may see it.

One stream per browser, as server-sent events. The first change is sent at once; those that follow within
FLUSH_S go together, so a flood costs little.
"""

import asyncio
import contextlib
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import orjson

from schemas.authorisation import READ, check
from schemas.envelope import Actor
from schemas.identifiers import new_id
from services.desk.board import Change, Key
from services.desk.boards import Boards
from services.desk.drawn import draw_rows
from services.desk.rules import Row, count, learns_of, row_of
from services.runtime import logs
from services.words.languages import speaking, spoken

FLUSH_S = 0.1
SOON_S = 0.01
"""What one act changes comes as several facts: so long the first of them waits for the others."""
TICK_S = 1.0
LOOK_S = 30.0
"""How often the lists are looked through when nothing happens: an agreement may have ended."""
CHECK_S = 5.0
SCREENS_MOST = 20
"""How many streams one person has open; a further one ends the oldest."""
ROWS_MOST = 300
WAITING_MOST = 500
_PLACE = re.compile(r"[0-9]{1,15}")
SLACK_MS = 1000
"""How much more than what changed since a page was made it is told: the page took time to be made."""

StillHolds = Callable[[], Awaitable[bool]]
Pulse = Callable[["Screen"], Awaitable[dict[str, Any]]]
Record = Callable[[str, Actor, Sequence[Row]], Awaitable[None]]


@dataclass(eq=False, slots=True)
class Screen:
    """One browser's stream: who looks, for which watch, in which language, and what it has been shown."""

    mode: str
    actor: Actor
    holds: StillHolds
    lang: str = field(default_factory=spoken)
    events: asyncio.Queue[bytes] = field(default_factory=lambda: asyncio.Queue(WAITING_MOST))
    shown: set[str] = field(default_factory=set)
    ended: bool = False

    def put(self, event: str, said: object, id: str | None = None) -> None:
        """Send one event; a reader that does not keep up loses its stream, and begins anew."""
        line = b"" if id is None else b"id: %s\n" % id.encode()
        try:
            self.events.put_nowait(line + b"event: %s\ndata: %s\n\n" % (event.encode(), orjson.dumps(said)))
        except asyncio.QueueFull:
            self.ended = True


@dataclass(slots=True)
class Gathered:
    """What has changed in a mode since the last flush."""

    log: dict[Key, list[Change]] = field(default_factory=dict)
    all: bool = False


class Screens:
    """The open streams of all modes."""

    def __init__(self, boards: Boards, pulse: Pulse, record: Record) -> None:
        self._boards = boards
        self._pulse = pulse
        self._record = record
        self._open: dict[Screen, None] = {}
        self._gathered: dict[str, Gathered] = {}
        self._changed: dict[tuple[str, Key], int] = {}
        self._dirty = asyncio.Event()
        self._instance = new_id()[-12:]
        self._began = time.monotonic()
        boards.listen(self._note)

    @property
    def count(self) -> int:
        """How many streams are open."""
        return len(self._open)

    @property
    def place(self) -> str:
        """From where a page that is made now must be told what changes."""
        return f"{self._instance}.{self._now()}"

    async def run(self) -> None:
        """Send what has changed, SOON_S after it did but not more often than every FLUSH_S, for ever."""
        sent = -FLUSH_S
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_S):
                    await self._dirty.wait()
            await asyncio.sleep(max(SOON_S, sent + FLUSH_S - time.monotonic()))
            self._dirty.clear()
            sent = time.monotonic()
            gathered = {screen.mode: Gathered() for screen in self._open} | self._gathered
            self._gathered = {}
            for mode, found in gathered.items():
                await self._flush(mode, found)

    def end(self) -> None:
        """End every stream: the desk stops."""
        for screen in self._open:
            _end(screen)

    async def follow(self, screen: Screen, after: str | None) -> AsyncIterator[bytes]:
        """The events of a stream, until it or its session ends; ``after`` is the place that was seen last."""
        self._open[screen] = None
        same = [one for one in self._open if one.actor.person == screen.actor.person]
        for oldest in same[:-SCREENS_MOST]:
            _end(oldest)
        keeping = asyncio.create_task(self._keep(screen))
        try:
            yield await self._catch_up(screen, after)
            while not screen.ended or not screen.events.empty():
                yield await screen.events.get()
        finally:
            keeping.cancel()
            self._open.pop(screen, None)

    async def rows(self, mode: str, watch: str) -> list[Row]:
        """All that stands open for a watch, in order, when its turn has come."""
        async with self._boards.drawing:
            return self._rows(mode, watch)

    def _rows(self, mode: str, watch: str) -> list[Row]:
        board, now = self._boards.of(mode), datetime.now(UTC)
        found = (row_of(standing, watch, board.directory, now) for standing in board.open.values())
        return sorted((row for row in found if row is not None), key=lambda row: row.order)

    def _note(self, mode: str, change: Change | None, is_beside: bool) -> None:
        found = self._gathered.setdefault(mode, Gathered())
        found.all = found.all or is_beside
        if change is not None:
            found.log.setdefault(change.key, []).append(change)
            self._changed[mode, change.key] = self._now()
        self._dirty.set()

    def _now(self) -> int:
        return int((time.monotonic() - self._began) * 1000)

    async def _keep(self, screen: Screen) -> None:
        """The tick, and every CHECK_S whether the session still holds; a stream that nobody checks ends."""
        checked = time.monotonic()
        try:
            while not screen.ended:
                screen.put("tick", await self._pulse(screen))
                await asyncio.sleep(TICK_S)
                if time.monotonic() - checked > CHECK_S:
                    checked = time.monotonic()
                    if not await screen.holds():
                        self._send_away(screen)
        except Exception as fault:
            logs.get(mode=screen.mode).error("desk.screen", exc_info=fault)
        finally:
            _end(screen)

    def _send_away(self, screen: Screen) -> None:
        screen.put("ended", {})
        _end(screen)

    async def _catch_up(self, screen: Screen, after: str | None) -> bytes:
        """What stands, with the rows that have changed since ``after``; all of them if that is not known."""
        async with self._boards.drawing:
            if screen.ended:  # as the person has opened so many others since
                return b""
            place, rows = self.place, self._rows(screen.mode, screen.actor.key)
        screen.shown = {row.name for row in rows}
        instance, _, since = (after or "").rpartition(".")
        known = instance == self._instance and _PLACE.fullmatch(since) is not None
        first = rows[:ROWS_MOST]
        since_ms = int(since) - SLACK_MS if known else -1
        fresh = [row for row in first if self._changed.get((screen.mode, row.key), 0) > since_ms]
        html = await draw_rows(self._boards, screen.mode, screen.actor.key, fresh)
        said = {"rows": html, "names": [row.name for row in first], "counts": counts_of(rows)}
        await self._record(screen.mode, screen.actor, fresh)
        return b"retry: 1000\nid: %s\nevent: all\ndata: %s\n\n" % (place.encode(), orjson.dumps(said))

    async def _flush(self, mode: str, found: Gathered) -> None:
        board, now = self._boards.of(mode), datetime.now(UTC)
        for screen in [one for one in self._open if one.mode == mode and not one.ended]:
            if check(screen.actor, READ, "read", board.directory, now) is not None:
                self._send_away(screen)
        for watch in {one.actor.key for one in self._open if one.mode == mode and not one.ended}:
            await self._tell(mode, watch, found, now)

    async def _tell(self, mode: str, watch: str, found: Gathered, now: datetime) -> None:
        """Tell every screen of one watch: all see the same."""
        screens = [one for one in self._open if (one.mode, one.actor.key) == (mode, watch)]
        known = set.intersection(*(screen.shown for screen in screens)) if screens else set()
        all_rows, board = self._rows(mode, watch), self._boards.of(mode)
        names, log = {row.name for row in all_rows}, {}
        changed = {row.key: row for row in all_rows if row.name not in known}
        for key, changes in found.log.items():
            standing = board.find(key)
            row = None if standing is None else row_of(standing, watch, board.directory, now)
            seen = [change for change in changes if learns_of(change, watch, board.directory, now)]
            if row is None or not seen:
                continue
            log[row.name] = seen[-1].fact
            if key in board.open and any(change.row for change in seen):
                changed[key] = row
        drawn = {}
        for lang in {screen.lang for screen in screens}:
            with speaking(lang):
                drawn[lang] = await draw_rows(self._boards, mode, watch, list(changed.values()))
        said = {"log": log, "counts": counts_of(all_rows), "all": found.all}
        for screen in screens:
            gone, screen.shown = screen.shown - names, names
            if changed or gone or log or found.all:
                screen.put("rows", {**said, "rows": drawn[screen.lang], "gone": sorted(gone)}, self.place)
                await self._record(screen.mode, screen.actor, list(changed.values()))


def _end(screen: Screen) -> None:
    """After what is on its way; the last event wakes a stream that waits for one."""
    screen.ended = True
    screen.put("bye", {})


def counts_of(rows: list[Row]) -> dict[str, object]:
    """What the header says, as the pages read it."""
    found = count(rows)
    return {"total": found.total, "by": list(found.priorities), "waiting": list(found.unacknowledged)}
