"""Following a feed over NATS: first what was missed, then each item as it comes, without gap or double."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import orjson
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError

from schemas import subjects

QUIET_S = 10.0
_ASK_S = 5.0
_RETRY_S = 1.0
_WAITING = 2_000
_DIGITS_MOST = 18
_END: dict[str, Any] = {"end": True}
_LOST: dict[str, Any] = {"lost": True}

Item = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Told:
    """What a feed says.

    ``item``: ``found`` is the next item. ``reset``: positions begin anew, so what the reader has may be
    outdated; ``found`` holds the epoch. ``quiet``: all is well and there is nothing new, said at least every
    QUIET_S. ``waiting``: the feeds do not answer and are asked again. ``refused``: the feed is closed,
    ``found`` says why, and nothing more comes.
    """

    kind: Literal["item", "reset", "quiet", "waiting", "refused"]
    found: Item


_QUIET, _SILENT = Told("quiet", {}), Told("waiting", {})


class Feed:
    """One reader of one organisation's feed; ``after`` is the last position that it has, or None."""

    def __init__(self, nc: Client, mode: str, org: str, after: str | None) -> None:
        self._nc = nc
        self._mode = mode
        self._org = org
        self._position = after
        self._arrived: asyncio.Queue[Item] = asyncio.Queue(_WAITING)
        self._lost = False
        self._ending = False

    def end(self) -> None:
        """End after what is being read."""
        self._ending = True
        self._wake(_END)

    def look(self) -> None:
        """Ask for what was missed, as after a lost connection."""
        self._lost = True
        self._wake(_LOST)

    async def events(self) -> AsyncIterator[Told]:
        """What the feed says, until ``end`` or a refusal."""
        subject = subjects.feed(self._mode, self._org, "items")
        subscription = await self._nc.subscribe(subject, cb=self._on_message)
        try:
            async for told in self._missed_then_live():
                yield told
        finally:
            with contextlib.suppress(NatsError):
                await subscription.unsubscribe()

    async def _missed_then_live(self) -> AsyncIterator[Told]:
        behind = True
        while not self._ending:
            if behind:
                async for told in self._missed():
                    yield told
            item = await self._next()
            behind = item is not None and self._is_ahead(item)
            if item is None:
                yield _QUIET
            elif self._follows(item):
                behind = False
                self._position = item["position"]
                yield Told("item", item)
            elif not behind:
                yield _QUIET

    async def _missed(self) -> AsyncIterator[Told]:
        """What lies between the reader's position and the newest."""
        while not self._ending:
            page = await next_items(self._nc, self._mode, self._org, self._position)
            if page is None:
                yield _SILENT
                await asyncio.sleep(_RETRY_S)
                continue
            if page["status"] != "ok":
                self.end()
                yield Told("refused", page)
                return
            for told in self._take_page(page):
                yield told
            if not page["items"] or self._number() >= page["newest"]:
                return

    def _take_page(self, page: Item) -> Iterator[Told]:
        if page["reset"]:
            yield Told("reset", {"reset": True, "epoch": page["epoch"]})
        for item in page["items"]:
            self._position = item["position"]
            yield Told("item", item)
        if not page["items"]:
            self._position = f"{page['epoch']}.{page['newest']}" if page["epoch"] else None

    async def _next(self) -> Item | None:
        """What came; None when nothing did for QUIET_S."""
        if self._lost:
            self._lost = False
            return _LOST
        try:
            async with asyncio.timeout(QUIET_S):
                return await self._arrived.get()
        except TimeoutError:
            return None

    def _follows(self, item: Item) -> bool:
        """True if the item is the very next one."""
        epoch, number = _split(item.get("position"))
        return (epoch, number - 1) == _split(self._position)

    def _is_ahead(self, item: Item) -> bool:
        """True if there is something to fetch: an item beyond a gap, a tick that is ahead, another epoch."""
        if item is _LOST or item is _END:
            return item is _LOST
        epoch, number = _split(item.get("position") or f"{item.get('epoch')}.{item.get('newest')}")
        mine, last = _split(self._position)
        return epoch != mine or number > last

    def _number(self) -> int:
        return _split(self._position)[1]

    async def _on_message(self, message: Msg) -> None:
        with contextlib.suppress(ValueError):
            self._wake(orjson.loads(message.data))

    def _wake(self, item: Item) -> None:
        try:
            self._arrived.put_nowait(item)
        except asyncio.QueueFull:
            self._lost = True


async def next_items(nc: Client, mode: str, org: str, after: str | None, limit: int = 200) -> Item | None:
    """The feed's next items; None when the feeds do not answer."""
    asked = orjson.dumps({"after": after, "limit": limit})
    try:
        reply = await nc.request(subjects.feed(mode, org, "next"), asked, timeout=_ASK_S)
    except (NatsError, TimeoutError, OSError):
        return None
    found: Item = orjson.loads(reply.data)
    return found


def _split(position: str | None) -> tuple[str, int]:
    epoch, _, number = (position or "").rpartition(".")
    is_number = number.isascii() and number.isdigit() and len(number) <= _DIGITS_MOST
    return (epoch, int(number)) if is_number else ("", 0)
