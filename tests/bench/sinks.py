"""An SMS gateway on loopback that notes when each message was handed to it."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

_ANSWER = (
    b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 15\r\n\r\n" + b'{"receipt":"r"}'
)


class GatewaySink:
    """Keeps the moment and body of each request."""

    def __init__(self) -> None:
        self.taken: list[tuple[float, bytes]] = []
        self.port = 0

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer requests on one connection until it ends."""
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                fields = dict(line.split(": ", 1) for line in head.decode().lower().split("\r\n")[1:] if line)
                body = await reader.readexactly(int(fields.get("content-length", "0")))
                self.taken.append((time.time(), body))
                writer.write(_ANSWER)
                await writer.drain()
        writer.close()


@asynccontextmanager
async def gateway(port: int) -> AsyncIterator[GatewaySink]:
    """A running sink on that port of loopback."""
    sink = GatewaySink()
    server = await asyncio.start_server(sink.take, "127.0.0.1", port)
    try:
        yield sink
    finally:
        server.close()
