"""The virus scanner over a socket: a server that speaks clamd's INSTREAM, over TCP and a file's socket."""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from services.incidents import scanner
from services.incidents.scanner import scan
from tests.hub import Hub
from tests.incidents.centre import VAKT
from tests.incidents.files_room import files_room

VIRUS = b"X5O EICAR test"
LIMIT = 1 << 20
"""So large a stream the server takes, as clamd's StreamMaxLength."""

Behaviour = Callable[["Clamd", asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Clamd:
    """A server's address, the whole streams that it was sent, and what it does; ``wakes`` ends a sleep."""

    address: str = ""
    streams: list[bytes] = field(default_factory=list)
    wakes: asyncio.Event = field(default_factory=asyncio.Event)
    serving: set["asyncio.Task[None]"] = field(default_factory=set)


async def speaks(here: Clamd, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """As clamd does: a stream of parts, an empty one at its end, and the answer."""
    assert await reader.readuntil(b"\0") == b"zINSTREAM\0"
    taken = b""
    while size := int.from_bytes(await reader.readexactly(4)):
        if len(taken) + size > LIMIT:
            return await answer(writer, b"INSTREAM size limit exceeded. ERROR\0")
        taken += await reader.readexactly(size)
    here.streams.append(taken)
    await answer(writer, b"stream: Eicar-Test-Signature FOUND\0" if VIRUS in taken else b"stream: OK\0")


async def answer(writer: asyncio.StreamWriter, said: bytes) -> None:
    """Say so, and end what is sent."""
    writer.write(said)
    await writer.drain()
    writer.write_eof()


async def hangs(here: Clamd, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Takes all and never answers."""
    while await reader.read(1 << 16):
        pass


async def sleeps(here: Clamd, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Reads nothing before it is woken."""
    await here.wakes.wait()
    await hangs(here, reader, writer)


async def closes_early(here: Clamd, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Goes away in the middle of the first part."""
    await reader.readexactly(100)


async def closes_unanswered(here: Clamd, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Takes the whole stream and goes away."""
    await reader.readuntil(b"\0")
    while size := int.from_bytes(await reader.readexactly(4)):
        await reader.readexactly(size)


def says(said: bytes) -> Behaviour:
    """Answers so, whatever comes, before it has the stream."""

    async def behaviour(here: Clamd, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await answer(writer, said)
        await hangs(here, reader, writer)

    return behaviour


@contextlib.asynccontextmanager
async def clamd(sort: str, folder: Path, behaviour: Behaviour = speaks) -> AsyncIterator[Clamd]:
    """A server that behaves so, on a TCP port or on a socket in the folder."""
    here = Clamd()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        here.serving.add(asyncio.current_task())  # type: ignore[arg-type]
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            await behaviour(here, reader, writer)
        writer.transport.abort()

    if sort == "unix":
        path = folder / "clamd.ctl"
        server = await asyncio.start_unix_server(connected, path)
        here.address = f"unix:{path}"
    else:
        server = await asyncio.start_server(connected, "127.0.0.1", 0)
        here.address = f"tcp:127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server:
        yield here
        async with asyncio.timeout(20):
            await asyncio.gather(*here.serving)


async def parts_of(raw: bytes, size: int = 128 * 1024) -> AsyncIterator[bytes]:
    for start in range(0, len(raw), size):
        yield raw[start : start + size]


SORTS = pytest.mark.parametrize("sort", ["tcp", "unix"])


@SORTS
async def test_a_clean_file_is_clean_and_the_scanner_had_every_byte_of_it(sort: str, tmp_path: Path) -> None:
    raw = bytes(range(256)) * 2000
    async with clamd(sort, tmp_path) as here:
        assert await scan(here.address, parts_of(raw)) == "clean"
    assert here.streams == [raw]


@SORTS
async def test_a_virus_across_two_parts_is_found(sort: str, tmp_path: Path) -> None:
    async with clamd(sort, tmp_path) as here:
        assert await scan(here.address, parts_of(b"." * 95 + VIRUS + b".", size=100)) == "infected"


async def test_an_empty_part_does_not_end_the_stream_before_the_virus(tmp_path: Path) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for piece in (b"before", b"", VIRUS):
            yield piece

    async with clamd("tcp", tmp_path) as here:
        assert await scan(here.address, pieces()) == "infected"


@SORTS
async def test_a_file_above_the_scanners_own_limit_is_not_scanned(sort: str, tmp_path: Path) -> None:
    async with clamd(sort, tmp_path) as here:
        assert await scan(here.address, parts_of(b"." * 8 * LIMIT)) == "failed"
    assert here.streams == []


@SORTS
@pytest.mark.parametrize("behaviour", [hangs, sleeps])
async def test_a_scanner_that_hangs_is_given_up_and_its_connection_let_go(
    sort: str, behaviour: Behaviour, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scanner, "PATIENCE_S", 0.5)
    async with clamd(sort, tmp_path, behaviour) as here:
        before = len(os.listdir("/proc/self/fd"))
        assert await scan(here.address, parts_of(b"." * 64 * LIMIT)) == "failed"
        async with asyncio.timeout(20):
            while len(os.listdir("/proc/self/fd")) > before + len(here.serving):  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        here.wakes.set()


@SORTS
@pytest.mark.parametrize("behaviour", [closes_early, closes_unanswered])
async def test_a_scanner_that_goes_away_has_not_scanned(
    sort: str, behaviour: Behaviour, tmp_path: Path
) -> None:
    async with clamd(sort, tmp_path, behaviour) as here:
        assert await scan(here.address, parts_of(b"." * 100_000)) == "failed"


@pytest.mark.parametrize(
    ("said", "outcome"),
    [
        (b"stream: OK\0", "failed"),
        (b"stream: Eicar-Test-Signature FOUND\0", "infected"),
        (b"UNKNOWN COMMAND\0", "failed"),
        (b"stream: NOT OK FOR US. ERROR\0", "failed"),
        (b"x" * (1 << 17), "failed"),
        (b"\0", "failed"),
    ],
)
async def test_only_a_plain_answer_to_the_whole_file_makes_it_clean(
    said: bytes, outcome: str, tmp_path: Path
) -> None:
    async with clamd("tcp", tmp_path, says(said)) as here:
        assert await scan(here.address, parts_of(b"." * 64 * LIMIT, size=1024)) == outcome


@pytest.mark.parametrize(
    "address", ["tcp:127.0.0.1:1", "tcp:127.0.0.1", "tcp:[::1]:1", "unix:/nowhere", "tcp:"]
)
async def test_where_nobody_listens_nothing_is_scanned(address: str) -> None:
    assert await scan(address, parts_of(b".")) == "failed"


async def test_a_file_with_a_virus_is_given_to_nobody_when_clamd_finds_it(
    fresh_broker: Hub, tmp_path: Path
) -> None:
    async with clamd("unix", tmp_path) as here, files_room(fresh_broker, scanner=here.address) as room:
        kari, incident = await room.person("kari", VAKT), await room.opened()
        sick = await room.attached(kari, incident, VIRUS + b"\n", "logg.txt")
        well = await room.attached(kari, incident, b"navn;antall\nMarken;40\n", "evakuerte.csv")
        await room.until(kari, incident, sick, "infected")
        await room.until(kari, incident, well, "clean")
        assert await room.fetch(kari, sick) == "FILE_HELD"
        assert await room.fetch(kari, well) == b"navn;antall\nMarken;40\n"
