"""A feed as server-sent events, for as long as its token holds."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, suppress
from typing import Any

import orjson
from nats.aio.client import Client
from starlette.responses import StreamingResponse
from starlette.types import Message, Send

from services.runtime.feed import Feed, Told

STREAM = "text/event-stream"
STREAMS_MOST = 50
"""How many streams of one feed are open; a further one ends the oldest."""
CHECK_S = 5.0
UNREAD_S = 30.0
"""How long a reader may take nothing of what is sent before its connection ends."""

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
        self.feed = mode, org
        self._following = Feed(nc, mode, org, after)
        self._holds = holds

    def end(self) -> None:
        """End the stream after the event that is being sent."""
        self._following.end()

    async def events(self) -> AsyncIterator[bytes]:
        """Lines of the event stream; ends when the token or the feed does, or the desk stops."""
        checking = asyncio.create_task(self._check())
        try:
            yield b": open\n\n"
            async for told in self._following.events():
                if told.kind != "refused":
                    yield _written(told)
        finally:
            checking.cancel()

    async def _check(self) -> None:
        """Ends the stream when the token ends, and when it cannot be checked."""
        holds = True
        try:
            while holds:
                await asyncio.sleep(CHECK_S)
                holds = await self._holds()
        finally:
            self.end()


class Stream(StreamingResponse):
    """Ends the connection of a reader that takes nothing for UNREAD_S: it would keep its place for ever."""

    async def stream_response(self, send: Send) -> None:
        """Send the events as long as they are read."""

        async def send_in_time(message: Message) -> None:
            async with asyncio.timeout(UNREAD_S):
                await send(message)

        events: Any = self.body_iterator
        async with aclosing(events):
            with suppress(TimeoutError):
                await super().stream_response(send_in_time)


def _written(told: Told) -> bytes:
    match told.kind:
        case "item":
            position = str(told.found["position"]).encode()
            return b"id: %s\ndata: %s\n\n" % (position, orjson.dumps(told.found))
        case "reset":
            return b"event: reset\ndata: " + orjson.dumps(told.found) + b"\n\n"
    return b": ping\n\n" if told.kind == "quiet" else b": waiting\n\n"
