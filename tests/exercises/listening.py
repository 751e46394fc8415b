"""Hears what neighbours hear while an exercise is played: every feed over NATS and as server-sent events."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import httpx
import orjson
from nats.aio.client import Client
from nats.aio.msg import Msg

from schemas import subjects
from services.runtime import names
from services.runtime.connect import connect
from services.runtime.settings import Settings
from tests.exercises.renaming import Streams

SILENT = (b": open", b": ping", b": waiting")
"""What a stream of events says when there is nothing to say: the same bytes for everybody, by the clock."""


@dataclass
class Tick:
    """A feed's word that it lives, and how many items of that feed its listener had by then."""

    mode: str
    newest: int
    heard: int
    heads: list[dict[str, Any]]


@dataclass
class Listener:
    """Follows the feeds of organisations with their own credentials and tokens until it is closed."""

    settings: Settings
    desk: str
    mode: str
    streams: Streams = field(default_factory=dict)
    ticks: dict[str, list[Tick]] = field(default_factory=dict)
    _clients: list[Client] = field(default_factory=list)
    _tasks: list["asyncio.Task[None]"] = field(default_factory=list)
    _http: httpx.AsyncClient | None = None

    async def open(self, organisations: Iterable[str], tokens: dict[str, str]) -> None:
        """Return when every feed is followed."""
        for org in organisations:
            await self._follow(org)
        limits = httpx.Limits(max_connections=None)
        self._http = httpx.AsyncClient(trust_env=False, timeout=None, limits=limits)  # noqa: S113 - a stream
        opened = []
        for org, secret in tokens.items():
            ready = asyncio.Event()
            self._tasks.append(asyncio.create_task(self._stream(org, secret, ready)))
            opened.append(ready.wait())
        await asyncio.wait_for(asyncio.gather(*opened), 30)

    async def close(self) -> None:
        """Stop listening."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._http is not None:
            await self._http.aclose()
        for client in self._clients:
            await client.close()

    async def _follow(self, org: str) -> None:
        """Everything that the feed's credential may hear: its items, in both modes."""
        client = await connect(self.settings, names.watch_user(org, names.FEED_WATCH))
        self._clients.append(client)
        heard = self.streams[f"nats {org}"] = []
        ticks = self.ticks[org] = []
        counts: Counter[str] = Counter()

        async def on_message(message: Msg) -> None:
            said: dict[str, Any] = orjson.loads(message.data)
            mode = message.subject.split(".")[2]
            if said.keys() == {"tick", "newest", "epoch", "heads"}:
                ticks.append(Tick(mode, said["newest"], counts[mode], said["heads"]))
            else:
                counts[mode] += 1
                heard.append(_raw(message))

        await client.subscribe(subjects.feed("*", org, "items"), cb=on_message)
        await client.flush()

    async def _stream(self, org: str, secret: str, ready: asyncio.Event) -> None:
        """The feed as events, from its beginning; the lines that only say that it lives are left out."""
        assert self._http is not None
        heard = self.streams[f"sse {org}"] = []
        url = f"{self.desk}/v1/feeds/{org}/events"
        headers = {"Authorization": f"Bearer {secret}"}
        with contextlib.suppress(httpx.HTTPError):
            async with self._http.stream("GET", url, params={"mode": self.mode}, headers=headers) as answer:
                self.streams[f"sse {org} head"] = [head_of(answer)]
                ready.set()
                async for line in answer.aiter_lines():
                    raw = line.encode()
                    if raw and raw not in SILENT:
                        heard.append(raw)


def head_of(answer: httpx.Response, body: bytes = b"") -> bytes:
    """Status and headers of an answer as they came.

    The clock's own line holds no more than the clock, and a right length no more than the body.
    """
    told = {b"content-length": str(len(body)).encode()}
    lines = [
        b"%s: %s" % (name, b"that of the body" if told.get(name.lower()) == value else value)
        for name, value in answer.headers.raw
        if name.lower() != b"date"
    ]
    return b"\n".join([str(answer.status_code).encode(), *lines])


def _raw(message: Msg) -> bytes:
    headers = orjson.dumps(message.headers) if message.headers else b""
    return b"\n".join([message.subject.encode(), message.reply.encode(), headers, message.data])
