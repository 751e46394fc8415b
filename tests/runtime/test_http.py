"""The HTTP server inside a worker: who dawdles or crowds it takes nothing from the others."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from services.runtime import http
from services.runtime.http import Server

LONG = 20_000_000
Pair = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@pytest.fixture
async def server(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Server]:
    """A server with room for ten, that waits half a second for a request."""
    monkeypatch.setattr(http, "CONNECTIONS_MOST", 10)
    monkeypatch.setattr(http, "REQUEST_S", 0.5)
    routes = [Route("/", _echo, methods=["GET", "POST"]), Route("/long", _long)]
    found = Server(Starlette(routes=routes), "127.0.0.1", 0)
    await found.start()
    yield found
    await found.stop()


async def _long(request: Request) -> Response:
    async def parts() -> AsyncIterator[bytes]:
        for _ in range(LONG // 100_000):
            yield b"x" * 100_000

    return StreamingResponse(parts())


async def _echo(request: Request) -> Response:
    said = await request.body()
    if said == b"slow answer":
        await asyncio.sleep(1)
    return PlainTextResponse(said or b"here")


@contextlib.asynccontextmanager
async def connections(server: Server, count: int, said: bytes = b"") -> AsyncIterator[list[Pair]]:
    pairs: list[Pair] = []
    try:
        for _ in range(count):
            pairs.append(await asyncio.open_connection("127.0.0.1", server.port))
            pairs[-1][1].write(said)
        yield pairs
    finally:
        for _, writer in pairs:
            writer.close()
        await asyncio.gather(*(writer.wait_closed() for _, writer in pairs), return_exceptions=True)


async def ended(pair: Pair) -> bool:
    """True if the server lets go within two seconds, without a word."""
    try:
        async with asyncio.timeout(2):
            return await pair[0].read() == b""
    except TimeoutError:
        return False
    except ConnectionError:
        return True


async def answer(server: Server, body: bytes = b"") -> bytes:
    async with asyncio.timeout(5), connections(server, 1) as [(reader, writer)]:
        head = b"POST / HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body)
        writer.write(head + body)
        return (await reader.read()).rpartition(b"\r\n\r\n")[2]


@pytest.mark.parametrize(
    "said",
    [b"", b"GET / HTTP/1.1\r\nX-", b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nslow"],
)
async def test_who_does_not_finish_a_request_is_let_go(server: Server, said: bytes) -> None:
    async with connections(server, 3, said) as pairs:
        assert all(await asyncio.gather(*map(ended, pairs)))


async def test_an_answer_may_take_longer_than_a_request(server: Server) -> None:
    assert await answer(server, b"slow answer") == b"slow answer"


async def test_a_crowd_that_says_nothing_keeps_nobody_out(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "REQUEST_S", 60)
    async with connections(server, 50) as pairs:
        assert await answer(server) == b"here"
        assert all(await asyncio.gather(*map(ended, pairs[:40])))


async def test_a_crowd_that_does_not_read_its_answers_keeps_nobody_out(server: Server) -> None:
    async with connections(server, 10, b"GET /long HTTP/1.1\r\nHost: h\r\n\r\n"):
        async with asyncio.timeout(10):
            while await answer(server) != b"here":  # noqa: ASYNC110  the crowd takes a moment to settle
                await asyncio.sleep(0.05)


async def test_who_takes_not_a_byte_of_an_answer_is_let_go_and_who_takes_it_slowly_is_not(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "UNREAD_S", 1.5)
    async with connections(server, 2, b"GET /long HTTP/1.1\r\nHost: h\r\n\r\n") as [silent, slow]:
        taken = 0
        async with asyncio.timeout(20):
            while taken < LONG:
                taken += len(await slow[0].read(400_000))
                await asyncio.sleep(0.02)
            with contextlib.suppress(ConnectionError):
                assert len(await silent[0].read()) < LONG


async def test_an_answer_waits_for_no_word_from_the_reader(server: Server) -> None:
    """Else each answer but the first on a connection comes 40 ms late, when the reader's machine says so."""
    took = []
    async with connections(server, 1) as [(reader, writer)]:
        for _ in range(20):
            began = time.perf_counter()
            writer.write(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
            async with asyncio.timeout(5):
                await reader.readuntil(b"here")
            took.append(time.perf_counter() - began)
    assert min(took[1:]) < 0.03
