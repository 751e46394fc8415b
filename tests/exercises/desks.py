"""Sits at desks: signs people in, keeps their screens open, and reads every page that they can open."""

import asyncio
import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx
import orjson

from tests.exercises.asking import Names
from tests.exercises.listening import head_of
from tests.exercises.renaming import Streams

PAGES = ("/", "/incidents?state=all", "/part/rows", "/part/duty", "/part/links")
PULSE = {"now", "speed", "latency", "waiting", "degraded", "reasons"}
"""What a screen hears every second: the clocks, and how its own desk is doing."""


@dataclass
class Desks:
    """One signed-in browser for each of some watches. ``empty`` are words to a screen that showed nothing."""

    address: str
    mode: str
    empty: list[tuple[str, bytes]] = field(default_factory=list)
    told: dict[str, int] = field(default_factory=dict)
    _clients: dict[str, httpx.AsyncClient] = field(default_factory=dict)
    _tasks: list["asyncio.Task[None]"] = field(default_factory=list)

    async def open(self, paths: Mapping[str, str]) -> None:
        """Sign in by the path of each watch, and open its screen."""
        for watch, path in paths.items():
            http = httpx.AsyncClient(base_url=self.address, trust_env=False, timeout=30)
            self._clients[watch] = http
            signed_in = await http.post(path, params={"mode": self.mode}, headers={"Origin": self.address})
            assert signed_in.status_code == 303, signed_in.text
            http.cookies.set("samvirke-watch", watch)
            ready = asyncio.Event()
            self._tasks.append(asyncio.create_task(self._watch(watch, ready)))
            await asyncio.wait_for(ready.wait(), 30)

    async def close(self) -> None:
        """Switch the screens off."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for http in self._clients.values():
            await http.aclose()

    async def look(self, names: Names) -> Streams:
        """Every page, and what a screen that is opened now is told at first."""
        streams: Streams = {}

        async def one(watch: str, http: httpx.AsyncClient) -> None:
            for name, page in _pages(names):
                answer = await http.get(page, params={"mode": self.mode}, follow_redirects=False)
                streams[f"page {watch} {name}"] = [head_of(answer, answer.content), answer.content]
            streams[f"screen {watch}"] = await self._opening(http)

        await asyncio.gather(*(one(watch, http) for watch, http in self._clients.items()))
        return streams

    async def _opening(self, http: httpx.AsyncClient) -> list[bytes]:
        async with http.stream("GET", "/stream", params={"mode": self.mode}) as answer:
            async for name, said in _events(answer):
                if name == "all":
                    return [head_of(answer), said.pop("rows").encode(), orjson.dumps(said)]
        raise AssertionError("the screen was told nothing")

    async def _watch(self, watch: str, ready: asyncio.Event) -> None:
        """The screen as the exercise goes on: nothing may come that shows nothing."""
        params = {"mode": self.mode}
        with contextlib.suppress(httpx.HTTPError):
            async with self._clients[watch].stream("GET", "/stream", params=params, timeout=None) as answer:
                async for name, said in _events(answer):
                    ready.set()
                    self.told[watch] = self.told.get(watch, 0) + 1
                    if not _shows(name, said):
                        self.empty.append((watch, orjson.dumps({"event": name, **said})))


def _shows(event: str, said: dict[str, Any]) -> bool:
    """True if the words change what is seen, or are the pulse that every screen hears by the clock."""
    if event == "tick":
        return said.keys() <= PULSE
    return event != "rows" or any(said.get(part) for part in ("rows", "gone", "log", "all"))


def _pages(names: Names) -> list[tuple[str, str]]:
    plain = [(page, page) for page in PAGES]
    return plain + [
        (f"incident {headline}", f"/incidents/{ref}") for headline, (_, ref) in sorted(names.items())
    ]


async def _events(answer: httpx.Response) -> Any:
    """Name and body of each event as it comes."""
    name = ""
    async for line in answer.aiter_lines():
        if line.startswith("event: "):
            name = line[7:]
        elif line.startswith("data: "):
            yield name, orjson.loads(line[6:])
