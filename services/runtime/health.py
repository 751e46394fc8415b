"""Health and metrics over HTTP: `/livez`, `/readyz`, `/healthz`, and `/metrics` for Prometheus."""

import asyncio
import contextlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

import orjson

from services.runtime import logs

REQUEST_S = 5.0
CONNECTIONS_MOST = 50
"""How many are heard at once: the supervisor needs its open files for its workers."""
_LONGEST_LINE = 4096
_TEXT = "text/plain; version=0.0.4; charset=utf-8"
_HEAD = (
    "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {size}\r\n"
    "Cache-Control: no-store\r\nConnection: close\r\n\r\n"
)


@dataclass(frozen=True, slots=True)
class Part:
    """How one worker or room is: `health` holds codes and counts, and `ok` unless all is well."""

    name: str
    is_ready: bool
    restarts: int = 0
    health: Mapping[str, Mapping[str, object]] = field(default_factory=dict)

    @property
    def is_well(self) -> bool:
        """Ready, and no room says that it cannot do its job."""
        return self.is_ready and all(room.get("ok", True) for room in self.health.values())


Report = Callable[[], Iterable[Part]]


class HealthServer:
    """Answers GET on its own port; `report` is asked anew each time."""

    def __init__(self, host: str, port: int, report: Report) -> None:
        self._host = host
        self._port = port
        self._report = report
        self._server: asyncio.Server | None = None
        self._open: dict[asyncio.StreamWriter, None] = {}

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return self._port

    async def start(self) -> bool:
        """Listen; False when the port is taken, which keeps nobody from being paged."""
        try:
            self._server = await asyncio.start_server(
                self._serve, self._host, self._port, limit=_LONGEST_LINE
            )
        except OSError:
            logs.get(port=self._port).error("health.not_served", exc_info=True)
            return False
        self._port = self._server.sockets[0].getsockname()[1]
        return True

    async def stop(self) -> None:
        """Listen no more."""
        if self._server is not None:
            self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._make_room(writer)
        with contextlib.suppress(OSError, TimeoutError, ValueError, asyncio.IncompleteReadError):
            async with asyncio.timeout(REQUEST_S):
                method, path, _ = (await reader.readline()).decode("ascii").split(" ", 2)
                status, kind, body = answer(method, path.partition("?")[0], list(self._report()))
                head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n"
                writer.write(
                    f"{head}Cache-Control: no-store\r\nConnection: close\r\n\r\n".encode("ascii") + body
                )
                await writer.drain()
        self._open.pop(writer, None)
        writer.close()

    def _make_room(self, newest: asyncio.StreamWriter) -> None:
        """Let go of the one that has been silent longest, when there are too many."""
        self._open[newest] = None
        if len(self._open) > CONNECTIONS_MOST:
            oldest = next(iter(self._open))
            del self._open[oldest]
            oldest.transport.abort()


def answer(method: str, path: str, parts: list[Part]) -> tuple[str, str, bytes]:
    """Status line, content type and body of one request."""
    ready = "200 OK" if all(part.is_ready for part in parts) else "503 Service Unavailable"
    well = "200 OK" if all(part.is_well for part in parts) else "503 Service Unavailable"
    if method != "GET":
        return "405 Method Not Allowed", _TEXT, b""
    if path == "/livez":
        return "200 OK", _TEXT, b"ok\n"
    if path == "/readyz":
        return ready, _TEXT, b"ready\n" if ready.startswith("200") else b"not ready\n"
    if path == "/healthz":
        return well, "application/json", orjson.dumps([_as_json(part) for part in parts])
    if path == "/metrics":
        return "200 OK", _TEXT, "".join(f"{line}\n" for line in _metrics(parts)).encode("ascii")
    return "404 Not Found", _TEXT, b""


def _as_json(part: Part) -> dict[str, object]:
    return {
        "name": part.name,
        "ready": part.is_ready,
        "restarts": part.restarts,
        "rooms": {name: dict(room) for name, room in part.health.items()},
    }


def _metrics(parts: Iterable[Part]) -> Iterable[str]:
    for part in parts:
        yield f'samvirke_worker_ready{{worker="{part.name}"}} {int(part.is_ready)}'
        yield f'samvirke_worker_restarts_total{{worker="{part.name}"}} {part.restarts}'
        for room, values in part.health.items():
            for key, value in values.items():
                if isinstance(value, bool | int | float):
                    yield f'samvirke_room{{room="{room}",value="{key}"}} {float(value):g}'
