"""Putting back files that the object store has lost, from the copy beside the archive; and the other way."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

import orjson
from nats.aio.client import Client

from services.runtime import logs
from services.runtime.direct import Direct, StreamUnreachable
from services.runtime.objects import PAGE, Object, Tally, stored_parts
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


@dataclass(slots=True)
class Mended:
    """How many files were put back into the object store, and how many the archive must take over anew."""

    put_back: int = 0
    to_take_over: int = 0
    lost: int = 0


async def mend(nc: Client, mode: str, kept: Iterable[KeptFile]) -> Mended:
    """Hold each file's two copies against what they must be; nothing else may run. Raises RewriteFailed."""
    direct, done = Direct(nc), Mended()
    await direct.open()
    for file in kept:
        one, here = Object(mode, file.name), Tally()
        for part in file.parts():
            here.add(part)
        is_whole = here.chunks == file.chunks and file.digest in (None, here.digest)
        there = await _stored(direct, one)
        wanted = file.digest or here.digest
        if (there.chunks, there.digest) == (file.chunks, wanted):
            if not is_whole:
                file.note_missing()
                done.to_take_over += 1
        elif is_whole:
            await _put_back(nc, direct, one, file, here)
            done.put_back += 1
        else:
            done.lost += 1
    if done.lost:
        logs.get(mode=mode, count=done.lost).error("files.lost")
    return done


async def _stored(direct: Direct, one: Object) -> Tally:
    tally = Tally()
    try:
        async for stored in stored_parts(direct, one):
            tally.add(stored.data)
    except StreamUnreachable:
        logs.get(stream=one.stream).warning("files.unreadable")
    return tally


async def _put_back(nc: Client, direct: Direct, one: Object, file: KeptFile, here: Tally) -> None:
    """Without message ids: the broker still remembers those of the parts that it has lost."""
    for subject in (one.description, one.parts):
        while (page := await direct.page(one.stream, subject, 1, PAGE))[0]:
            for stored in page[0]:
                place = orjson.dumps({"seq": stored.sequence})
                await nc.request(f"$JS.API.STREAM.MSG.DELETE.{one.stream}", place, timeout=_TIMEOUT_S)
    for part in file.parts():
        await _publish(nc, one, one.parts, part)
    await _publish(nc, one, one.description, one.describe(file.fact, here.size, here.chunks, here.digest))


async def _publish(nc: Client, one: Object, subject: str, raw: bytes) -> None:
    reply = await nc.request(subject, raw, timeout=_TIMEOUT_S, headers={"Nats-Expected-Stream": one.stream})
    error = orjson.loads(reply.data).get("error")
    if error:
        raise RewriteFailed(one.stream, None, error.get("err_code"))
