"""Holding the two copies of a file together, and putting back what the object store has lost."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

import orjson
from nats.aio.client import Client

from services.runtime import logs
from services.runtime.direct import Direct, StreamUnreachable
from services.runtime.lasting import in_thread
from services.runtime.objects import Object, Tally, delete_object, described, stored_parts
from services.runtime.rewriting import RewriteFailed

_TIMEOUT_S = 30.0


class KeptFile(Protocol):
    """A file as the archive has it; ``digest`` is None when the archive cannot say what it must be."""

    name: str
    fact: str
    chunks: int
    digest: str | None

    def parts(self) -> Iterator[bytes]:
        """Its parts, as far as they are whole."""
        ...

    def note_missing(self) -> None:
        """Note that it is not whole here, so that the archive takes it over again."""
        ...


@dataclass(frozen=True, slots=True)
class Compared:
    """Which of a file's copies are whole: the second one ``here``, and the object store's ``there``."""

    here: bool
    there: bool
    tally: Tally
    bytes: int

    @property
    def is_lost(self) -> bool:
        """True if neither copy can bring the other back."""
        return not (self.here or self.there)


@dataclass(slots=True)
class Mended:
    """How many files were put back into the object store, and how many the archive must take over anew."""

    put_back: int = 0
    to_take_over: int = 0
    lost: int = 0


async def compare(direct: Direct, mode: str, file: KeptFile) -> Compared:
    """Hold both copies against what the file must be: as its fact says, else as it was described.

    A copy in the object store without a description is not whole: NATS' own clients do not find it.
    Raises StreamUnreachable.
    """
    one, there = Object(mode, file.name), Tally()
    here = await in_thread(_tally_of, file)
    told = await described(direct, one) or {}
    async for stored in stored_parts(direct, one):
        there.add(stored.data)
    said = told.get("digest")
    wanted = (file.chunks, file.digest or said or here.digest)
    is_whole = (there.chunks, there.digest) == wanted and said == there.digest
    return Compared((here.chunks, here.digest) == wanted, is_whole, here, here.size + there.size)


async def put_back(
    nc: Client, mode: str, file: KeptFile, tally: Tally, delete: Callable[[Object], Awaitable[None]]
) -> None:
    """Write a file anew into the object store from its second copy; ``delete`` removes what is left there.

    Without message ids: the broker still remembers those of the parts that it has lost.
    Raises RewriteFailed, and what ``delete`` raises; what is missing then is put back the next time.
    """
    one = Object(mode, file.name)
    await delete(one)
    async for part in _parts_of(file):
        await _publish(nc, one, one.parts, part)
    said = one.describe(file.fact, tally.size, tally.chunks, tally.digest)
    await _publish(nc, one, one.description, said)


async def mend(nc: Client, mode: str, kept: Iterable[KeptFile]) -> Mended:
    """Hold each file's two copies against what they must be; nothing else may run.

    Raises RewriteFailed, NotDeleted.
    """
    direct, done = Direct(nc), Mended()
    await direct.open()
    for file in kept:
        found = await _compared(direct, mode, file)
        if found.is_lost:
            done.lost += 1
        elif not found.here:
            file.note_missing()
            done.to_take_over += 1
        elif not found.there:
            await put_back(nc, mode, file, found.tally, lambda one: delete_object(nc, direct, one))
            done.put_back += 1
    if done.lost:
        logs.get(mode=mode, count=done.lost).error("files.lost")
    return done


def _tally_of(file: KeptFile) -> Tally:
    tally = Tally()
    for part in file.parts():
        tally.add(part)
    return tally


async def _parts_of(file: KeptFile) -> AsyncIterator[bytes]:
    parts = file.parts()
    while (part := await in_thread(next, parts, None)) is not None:
        yield part


async def _compared(direct: Direct, mode: str, file: KeptFile) -> Compared:
    """The same where nobody else writes: there, what the broker cannot read is damaged."""
    try:
        return await compare(direct, mode, file)
    except StreamUnreachable:
        logs.get(mode=mode).warning("files.unreadable")
        here = await in_thread(_tally_of, file)
        return Compared(
            (here.chunks, file.digest or here.digest) == (file.chunks, here.digest), False, here, 0
        )


async def _publish(nc: Client, one: Object, subject: str, raw: bytes) -> None:
    reply = await nc.request(subject, raw, timeout=_TIMEOUT_S, headers={"Nats-Expected-Stream": one.stream})
    error = orjson.loads(reply.data).get("error")
    if error:
        raise RewriteFailed(one.stream, None, error.get("err_code"))
