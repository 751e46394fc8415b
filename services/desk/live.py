"""A feed as server-sent events: first what was missed, then each item as it comes, without gap or double."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import orjson
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError

from schemas import subjects

STREAMS_MOST = 50
"""How many streams of one feed are open; a further one ends the oldest."""
PING_S = 10.0
CHECK_S = 5.0
_ASK_S = 5.0
_RETRY_S = 1.0
_WAITING = 2_000
_DIGITS_MOST = 18
_END: dict[str, Any] = {"end": True}
_LOST: dict[str, Any] = {"lost": True}

Item = dict[str, Any]
StillHolds = Callable[[], Awaitable[bool]]


class Lives:
    """The streams that are open, so that all can be ended when the desk stops."""

    def __init__(self) -> None:
        self._open: dict[Live, None] = {}

    @property
    def count(self) -> int:
        """How many are open."""
        return len(self._open)

    def end(self) -> None:
        """End every stream."""
        for live in list(self._open):
            live.end()

    async def follow(self, live: "Live") -> AsyncIterator[bytes]:
        """The events of one stream, until it ends."""
        self._open[live] = None
        same = [one for one in self._open if one.feed == live.feed]
        for oldest in same[:-STREAMS_MOST]:
            oldest.end()
        try:
            async for event in live.events():
                yield event
        finally:
            self._open.pop(live, None)


class Live:
    """One neighbour's stream. ``holds`` says whether its token still does; asked every 5 s."""

    def __init__(self, nc: Client, mode: str, org: str, after: str | None, holds: StillHolds) -> None:
        self._nc = nc
        self._mode = mode
        self._org = org
        self._position = after
        self._holds = holds
        self._arrived: asyncio.Queue[Item] = asyncio.Queue(_WAITING)
        self._lost = False
        self._ending = False

    @property
    def feed(self) -> tuple[str, str]:
        """Whose feed it is, in which mode."""
        return self._mode, self._org

    def end(self) -> None:
        """End the stream after the event that is being sent."""
        self._ending = True
        with contextlib.suppress(asyncio.QueueFull):
            self._arrived.put_nowait(_END)

    async def events(self) -> AsyncIterator[bytes]:
        """Lines of the event stream; ends when the token or the feed does, or the desk stops."""
        subject = subjects.feed(self._mode, self._org, "items")
        subscription = await self._nc.subscribe(subject, cb=self._on_message)
        checking = asyncio.create_task(self._check())
        try:
            yield b": open\n\n"
            async for event in self._missed_then_live():
                yield event
        finally:
            checking.cancel()
            with contextlib.suppress(NatsError):
                await subscription.unsubscribe()

    async def _missed_then_live(self) -> AsyncIterator[bytes]:
        behind = True
        while not self._ending:
            if behind:
                async for event in self._missed():
                    yield event
            item = await self._next()
            behind = item is not None and self._is_ahead(item)
            if item is None:
                yield b": ping\n\n"
            elif self._follows(item):
                behind = False
                self._position = item["position"]
                yield _event(item)

    async def _missed(self) -> AsyncIterator[bytes]:
        """What lies between the reader's position and the newest; ends the stream when the feed is closed."""
        while not self._ending:
            page = await next_items(self._nc, self._mode, self._org, self._position)
            if page is None:
                yield b": waiting\n\n"
                await asyncio.sleep(_RETRY_S)
                continue
            if page["status"] != "ok":
                self.end()
                return
            for event in self._take_page(page):
                yield event
            if not page["items"] or self._number() >= page["newest"]:
                return

    def _take_page(self, page: Item) -> list[bytes]:
        events = [_reset(page["epoch"])] if page["reset"] else []
        events += [_event(item) for item in page["items"]]
        last = page["items"][-1]["position"] if page["items"] else f"{page['epoch']}.{page['newest']}"
        self._position = last if page["epoch"] else None
        return events

    async def _next(self) -> Item | None:
        """What came; None when nothing did for PING_S."""
        if self._lost:
            self._lost = False
            return _LOST
        try:
            async with asyncio.timeout(PING_S):
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
            try:
                self._arrived.put_nowait(orjson.loads(message.data))
            except asyncio.QueueFull:
                self._lost = True

    async def _check(self) -> None:
        """Ends the stream when the token ends, and when it cannot be checked."""
        holds = True
        try:
            while holds:
                await asyncio.sleep(CHECK_S)
                holds = await self._holds()
        finally:
            self.end()


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


def _event(item: Item) -> bytes:
    return b"id: %s\ndata: %s\n\n" % (str(item["position"]).encode(), orjson.dumps(item))


def _reset(epoch: str) -> bytes:
    """Says that the positions begin anew: what the reader has may be outdated."""
    return b"event: reset\ndata: " + orjson.dumps({"reset": True, "epoch": epoch}) + b"\n\n"
