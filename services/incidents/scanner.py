"""The virus scanner of attached files: a command, or clamd on a socket; the file goes to it part by part."""

import asyncio
import shlex
from collections.abc import AsyncIterator
from typing import Literal

from services.incidents.stripping import end, feed
from services.runtime import logs

Outcome = Literal["clean", "infected", "failed", "unscanned"]

NONE = "none"
"""The setting with which unscanned files may be shared."""
PATIENCE_S = 120.0
_FOUND = 1
"""What clamscan and clamdscan end with when they found something."""


async def scan(setting: str, parts: AsyncIterator[bytes]) -> Outcome:
    """What the scanner says of a file; ``failed`` when it does not answer, or not in a known way."""
    if setting in ("", NONE):
        return "unscanned"
    try:
        async with asyncio.timeout(PATIENCE_S):
            if setting.startswith(("unix:", "tcp:")):
                return await _by_socket(setting, parts)
            return await _by_command(setting, parts)
    except (OSError, ValueError, asyncio.IncompleteReadError, asyncio.LimitOverrunError) as fault:
        logs.get().error("scanner.failed", error_type=type(fault).__qualname__)
        return "failed"


async def _by_command(setting: str, parts: AsyncIterator[bytes]) -> Outcome:
    """A command such as ``clamdscan -``: it reads the file from its input; 0 is clean, 1 is infected."""
    child = await asyncio.create_subprocess_exec(
        *shlex.split(setting),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        await feed(child, parts)
        ended = await child.wait()
    finally:
        await end(child)
    if ended not in (0, _FOUND):
        logs.get(code=ended).error("scanner.failed")
        return "failed"
    return "infected" if ended else "clean"


async def _by_socket(setting: str, parts: AsyncIterator[bytes]) -> Outcome:
    """Clamd's own protocol, INSTREAM: parts with their length before them, an empty one at the end.

    It answers before the end what it takes no more of, such as a file above its own limit. Whatever comes of
    it, the connection is let go at once: who does not read must not keep it open.
    """
    reader, writer = await _connect(setting)
    answer = asyncio.ensure_future(reader.readuntil(b"\0"))
    answer.add_done_callback(lambda done: done.cancelled() or done.exception())
    try:
        is_sent = await _send(writer, parts, answer)
        said = (await answer).rstrip(b"\0").strip()
    finally:
        answer.cancel()
        writer.transport.abort()
    if said.endswith(b" FOUND"):
        return "infected"
    if is_sent and said.endswith(b" OK"):
        return "clean"
    logs.get().error("scanner.failed", code="ANSWER")
    return "failed"


async def _send(
    writer: asyncio.StreamWriter, parts: AsyncIterator[bytes], answer: "asyncio.Future[bytes]"
) -> bool:
    """Send the file; False if the scanner answered or went away before it had all of it."""
    writer.write(b"zINSTREAM\0")
    try:
        async for part in parts:
            if answer.done():
                return False
            if part:
                writer.write(len(part).to_bytes(4) + part)
            await writer.drain()
        writer.write(bytes(4))
        await writer.drain()
    except ConnectionError:
        return False
    return True


async def _connect(setting: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Raises OSError where nobody listens, ValueError for an address that is none."""
    sort, _, where = setting.partition(":")
    if sort == "unix":
        return await asyncio.open_unix_connection(where)
    host, _, port = where.rpartition(":")
    return await asyncio.open_connection(host.strip("[]"), int(port))
