"""The boards of all modes, kept up to date from the ledger, and the texts of what stands on them."""

import asyncio
import contextlib
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from nats.aio.client import Client

from schemas import directory, incidents, notifications, subjects, warnings, watch
from schemas.canonical import unseal
from schemas.watch import Established
from services.desk import board_kept
from services.desk.board import Board, Change, Key, Words
from services.desk.rules import Row
from services.desk.turns import Turns
from services.runtime import logs, names
from services.runtime.direct import Direct, StreamUnreachable
from services.runtime.follower import Follower, Trades, trade_filters
from services.runtime.kept import Keeping, Kept
from services.runtime.lasting import end_all, lasting
from services.runtime.ledger import Recorded, read

READY_S = 10.0
TEXTS_MOST = 2_000
SHOWN_MOST = 300
_AT_ONCE = 200
_RETRY_S = 1.0
_BESIDE = (watch.Manned, watch.Released, watch.GapFound, warnings.Published)
"""What the panels beside the list are made of; of a hidden watch they are fetched anew in their own time."""
GROWING: Trades = (incidents.TRADE, notifications.TRADE, *((body.trade, body.name) for body in _BESIDE))
"""What grows with every year: it is read once, and its state is kept."""

Content = dict[str, Any]
Listener = Callable[[str, Change | None, bool], None]
"""Told of the mode, of what a fact has changed in an incident, and whether duty or sources have changed."""


class Boards:
    """Opened once by the desk, closed with it."""

    def __init__(self, nc: Client, modes: Sequence[str], home: Path) -> None:
        self._nc = nc
        self._home = home
        self._direct = Direct(nc)
        self._modes = tuple(modes)
        self._boards: dict[str, Board] = {mode: Board() for mode in modes}
        self._texts: OrderedDict[str, Content] = OrderedDict()
        self._followers: dict[str, Follower] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._listeners: list[Listener] = []
        self._lacking: dict[tuple[str, Key], list[Recorded]] = {}
        self.drawing = Turns()
        """Taken by whoever draws from a board, or a page."""

    async def open(self) -> None:
        """Begin to read; return when the boards show what stands, or after READY_S with what there is."""
        await self._direct.open()
        for mode in self._modes:
            filters, growing = trade_filters(mode, directory.FACTS), trade_filters(mode, GROWING)
            kept = Kept(self._nc, mode, self._home / "marks" / f"desk-{mode}.kept", self._keeping(mode))
            follower = Follower(self._nc, mode, names.DESK, filters, self._taking(mode), growing, kept)
            self._followers[mode] = follower
            self._tasks.append(lasting(follower.run(), f"desk.{mode}.board"))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(READY_S):
                for follower in self._followers.values():
                    await follower.ready.wait()

    async def close(self) -> None:
        """Read no more, and keep what the boards show."""
        await end_all(self._tasks)
        for follower in self._followers.values():
            await follower.close()

    def of(self, mode: str) -> Board:
        """The board of a mode."""
        return self._boards[mode]

    def listen(self, listener: Listener) -> None:
        """Call ``listener`` after each fact that changed something."""
        self._listeners.append(listener)

    def ready(self, mode: str) -> bool:
        """True once the board shows all that stood when the desk began."""
        return self._followers[mode].ready.is_set()

    def health(self) -> dict[str, object]:
        """Whether every mode is followed, and how many facts could not be read."""
        ready = all(self.ready(mode) for mode in self._followers)
        return {"board": ready, "unread": sum(one.unread for one in self._followers.values())}

    async def texts(self, mode: str, rows: Iterable[Row]) -> dict[str, Content]:
        """What rows show of their words, by the id of their fact; without what is erased or unreadable."""
        wanted = {row.words.fact: row.words for row in rows if row.words.sort and not row.erased}
        missing = [words for fact, words in wanted.items() if fact not in self._texts]
        if missing:
            await self._fetch(mode, missing)
        return {fact: self._texts[fact] for fact in wanted if fact in self._texts}

    def forget(self, fact: str) -> None:
        """Drop a text that was erased."""
        self._texts.pop(fact, None)

    async def _fetch(self, mode: str, missing: list[Words]) -> None:
        stream = names.content(mode)
        for start in range(0, len(missing), _AT_ONCE):
            wanted = [_place(mode, words) for words in missing[start : start + _AT_ONCE]]
            try:
                found = await self._direct.newest_of(stream, wanted)
            except StreamUnreachable:
                logs.get(mode=mode).warning("desk.no_texts")
                return
            for stored in found:
                self._texts[stored.subject.rpartition(".")[2]] = _brief(unseal(stored.data))
        while len(self._texts) > TEXTS_MOST:
            self._texts.popitem(last=False)

    def _keeping(self, mode: str) -> Keeping:
        board = self._boards[mode]

        def give() -> bytes | None:
            is_lacking = any(lacking == mode for lacking, _ in self._lacking)
            return None if is_lacking else board_kept.dump(board)

        return give, partial(board_kept.load, board)

    def _taking(self, mode: str) -> Callable[[Recorded], None]:
        board = self._boards[mode]

        def take(recorded: Recorded) -> None:
            place = subjects.parse_place(recorded.subject)
            if place is None or recorded.body is None:
                return
            if isinstance(recorded.body, incidents.Erased):
                self.forget(recorded.body.fact)
            if isinstance(recorded.body, Established):
                logs.note_watch(f"desk.{mode}", recorded.body.watch, is_hidden=recorded.body.hidden)
            lacking = self._lacking.get((mode, (place.key, place.id)))
            if lacking is not None:
                lacking.append(recorded)
            elif board.lacks(place, recorded.body):
                self._lacking[mode, (place.key, place.id)] = [recorded]
                task = asyncio.get_running_loop().create_task(self._restore(place))
                self._tasks.append(task)
                task.add_done_callback(self._tasks.remove)
            else:
                change = board.apply(place, recorded.fact, recorded.body)
                is_beside = isinstance(recorded.body, _BESIDE) and not board.directory.hidden(place.key)
                self._tell(mode, change, is_beside)

        return take

    async def _restore(self, place: subjects.Place) -> None:
        """Read all facts of an incident that was let go and is open again; what comes meanwhile follows."""
        mode, key = place.mode, (place.key, place.id)
        every = subjects.facts_of(mode, place.id, place.org, place.watch)
        while True:
            try:
                stored = await self._direct.history(names.ledger(mode), every)
                break
            except StreamUnreachable:
                logs.get(mode=mode).warning("desk.not_restored")
                await asyncio.sleep(_RETRY_S)
        known = [recorded for one in stored if (recorded := read(one)) is not None]
        end = known[-1].sequence if known else 0
        known += [one for one in self._lacking.pop((mode, key)) if one.sequence > end]
        self._tell(mode, self._boards[mode].restore(key, ((one.fact, one.body) for one in known)), False)

    def _tell(self, mode: str, change: Change | None, is_beside: bool) -> None:
        for listener in self._listeners:
            listener(mode, change, is_beside)


def _brief(said: Content) -> Content:
    """As much of what was typed as a row shows; two thousand long reports would fill the memory."""
    return {name: str(said[name])[:SHOWN_MOST] for name in ("headline", "text", "place") if said.get(name)}


def _place(mode: str, words: Words) -> str:
    org, watch = subjects.split_key(words.reach.owner)
    assert words.sort is not None  # noqa: S101  only what has a text is fetched
    return subjects.content(mode, org, watch, words.sort.value, words.fact)
