"""An HTTP server inside a worker: it starts and ends with its room, and leaves the signals to the worker."""

import asyncio
import contextlib
import socket
from collections.abc import Iterator

import uvicorn
from starlette.types import ASGIApp

GRACE_S = 2
_POLL_S = 0.01
_HEADERS_MOST = 32 * 1024


class Server:
    """Listens on ``host``; port 0 takes a free one, which ``port`` tells."""

    def __init__(self, app: ASGIApp, host: str, port: int) -> None:
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            lifespan="off",
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=GRACE_S,
            h11_max_incomplete_event_size=_HEADERS_MOST,
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


class _Uvicorn(uvicorn.Server):
    """The worker takes the signals."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield
