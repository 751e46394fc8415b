"""An HTTP server inside a worker: it starts and ends with its room, and leaves the signals to the worker."""

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from pathlib import Path

import h11
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

GRACE_S = 2
REQUEST_S = 15.0
"""How long a request may take to arrive, head and body; an answer takes the time that it takes."""
UNREAD_S = 30.0
"""How long a reader may take not one byte of an answer that waits for it."""
CONNECTIONS_MOST = 400
"""How many are held: fewer than the 1024 files that a process may have open, of which paging needs some."""
_POLL_S = 0.01
_HEADERS_MOST = 32 * 1024


class Server:
    """Listens on ``host``; port 0 takes a free one, which ``port`` tells.

    ``cert`` and ``key`` are PEM files; with them it speaks HTTPS only.
    """

    def __init__(
        self, app: ASGIApp, host: str, port: int, cert: Path | None = None, key: Path | None = None
    ) -> None:
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            http=_Connection,
            lifespan="off",
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=GRACE_S,
            h11_max_incomplete_event_size=_HEADERS_MOST,
            ssl_certfile=cert,
            ssl_keyfile=key,
        )
        self._server = _Uvicorn(config)
        self._host = host
        self.port = port
        self._serving: asyncio.Task[None] | None = None

    @property
    def running(self) -> bool:
        """True while requests are taken."""
        return self._serving is not None and not self._serving.done()

    async def start(self) -> None:
        """Return when requests are taken. Raises OSError when the port is taken."""
        family = socket.AF_INET6 if ":" in self._host else socket.AF_INET
        listener = socket.create_server((self._host, self.port), family=family, backlog=1024)
        # asyncio sets this only on sockets that it has made itself, and what is accepted inherits it
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.port = listener.getsockname()[1]
        self._serving = asyncio.create_task(self._server.serve(sockets=[listener]))
        while not self._server.started:
            if self._serving.done():
                await self._serving
                raise OSError("the server ended at once")
            await asyncio.sleep(_POLL_S)

    async def stop(self) -> None:
        """Answer what is in hand, for GRACE_S seconds at most."""
        self._server.should_exit = True
        if self._serving is not None:
            await self._serving


class _Connection(H11Protocol):
    """Lets go who does not finish a request or read its answer; when it is full, who has dawdled longest."""

    _late: asyncio.TimerHandle | None = None
    _unread: asyncio.TimerHandle | None = None
    _unread_since = 0.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._await_request()
        if len(self.connections) > CONNECTIONS_MOST:
            self._slowest().transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        self._stop_looking()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._unread_since = self.loop.time()
        self._look_again()

    def resume_writing(self) -> None:
        self._stop_looking()
        super().resume_writing()

    def on_response_complete(self) -> None:
        self._await_request()
        super().on_response_complete()

    @property
    def is_waiting(self) -> bool:
        """True while a request, or the rest of it, has yet to come."""
        return self.conn.their_state in (h11.IDLE, h11.SEND_BODY) and not self.transport.is_closing()

    def _slowest(self) -> "_Connection":
        """Who has waited longest with a request; else who reads an answer slowest; else the newcomer."""
        others = [one for one in self.connections if isinstance(one, _Connection) and one is not self]
        waiting = [one for one in others if one.is_waiting]
        if waiting:
            return min(waiting, key=_Connection.patience)
        unread = (one for one in others if one._unread is not None)
        return min(unread, key=lambda one: one._unread_since, default=self)

    def _look_again(self) -> None:
        self._unread = self.loop.call_later(UNREAD_S, self._look, self.transport.get_write_buffer_size())

    def _look(self, left: int) -> None:
        if self.transport.get_write_buffer_size() >= left:
            self.transport.abort()
        else:
            self._look_again()

    def _stop_looking(self) -> None:
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None

    def patience(self) -> float:
        """Until when it is waited for, on the clock of the loop."""
        return self._late.when() if self._late is not None else 0.0

    def _await_request(self) -> None:
        self._stop_waiting()
        self._late = self.loop.call_later(REQUEST_S, self._let_go)

    def _stop_waiting(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None

    def _let_go(self) -> None:
        if self.is_waiting:
            self.transport.abort()


class _Uvicorn(uvicorn.Server):
    """The worker takes the signals."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield
