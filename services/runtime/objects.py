"""Files in the object stores: where their parts lie, and how they are read and described.

The layout is that of NATS' own object stores, so that its clients can read a file too: parts one after
another on one subject, and a description under the object's name.
"""

import base64
import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import orjson
from nats.aio.client import Client

from schemas import subjects
from schemas.attachments import CHUNK_BYTES
from services.runtime import names
from services.runtime.direct import Direct, Stored

PAGE = 8
"""Parts that are read at once: 1 MiB."""
_GONE = 10043
_TIMEOUT_S = 5.0


class NotDeleted(Exception):
    """The broker did not let a message go; ``args[0]`` is its stream."""


@dataclass(frozen=True, slots=True)
class Object:
    """One file in a mode's store; ``name`` is the sender's watch and an id: ``4601.vaktsentral.<id>``."""

    mode: str
    name: str

    @property
    def stream(self) -> str:
        """The stream that it lies in."""
        return names.objects(self.mode)

    @property
    def parts(self) -> str:
        """Where its parts lie."""
        return subjects.object_parts(names.bucket(self.mode), *self.name.split("."))

    @property
    def description(self) -> str:
        """Where it is described."""
        return subjects.object_description(names.bucket(self.mode), self.name)

    def part_id(self, number: int) -> str:
        """The message id of one part: sent again it is stored once."""
        return f"{self.name.rpartition('.')[2]}.{number}"

    def describe(self, fact: str, size: int, chunks: int, digest: str) -> bytes:
        """Its description; ``fact`` is the one that may name it."""
        return orjson.dumps(
            {
                "name": self.name,
                "bucket": names.bucket(self.mode),
                "nuid": self.name,
                "size": size,
                "chunks": chunks,
                "digest": digest,
                "mtime": datetime.now(UTC).isoformat().replace("+00:00", "Z"),
                "options": {"max_chunk_size": CHUNK_BYTES},
                "metadata": {"fact": fact},
            }
        )


@dataclass(slots=True)
class Tally:
    """Size, number of parts and SHA-256 of what has gone by."""

    size: int = 0
    chunks: int = 0
    _hash: Any = field(default_factory=hashlib.sha256)

    def add(self, part: bytes) -> None:
        """Count one part more."""
        self._hash.update(part)
        self.size += len(part)
        self.chunks += 1

    @property
    def digest(self) -> str:
        """As object stores write it."""
        return f"SHA-256={base64.urlsafe_b64encode(self._hash.digest()).decode()}"


def object_name(watch: str, upload: str) -> str:
    """The name of a file that a watch sends."""
    return f"{watch}.{upload}"


async def stored_parts(direct: Direct, one: Object) -> AsyncIterator[Stored]:
    """The parts of a file in the order in which they were stored, a few in memory at a time.

    Raises StreamUnreachable.
    """
    start = 1
    while True:
        page, pending = await direct.page(one.stream, one.parts, start, PAGE)
        for stored in page:
            yield stored
        if not page or not pending:
            return
        start = page[-1].sequence + 1


async def described(direct: Direct, one: Object) -> dict[str, Any] | None:
    """What is said of a file in the store; None without a description that can be read.

    Raises StreamUnreachable.
    """
    found = await direct.last(one.stream, one.description)
    try:
        said = None if found is None else orjson.loads(found.data)
    except ValueError:
        return None
    return said if isinstance(said, dict) else None


async def delete_object(nc: Client, direct: Direct, one: Object) -> None:
    """Delete a file's parts and its description, until there is none. Raises NotDeleted."""
    for subject in (one.description, one.parts):
        while (page := await direct.page(one.stream, subject, 1, PAGE))[0]:
            for stored in page[0]:
                await delete_message(nc, one.stream, stored.sequence)


async def delete_message(nc: Client, stream: str, sequence: int) -> None:
    """The broker overwrites the message's bytes; one that is gone already will do. Raises NotDeleted."""
    subject, body = f"$JS.API.STREAM.MSG.DELETE.{stream}", orjson.dumps({"seq": sequence})
    answer = orjson.loads((await nc.request(subject, body, timeout=_TIMEOUT_S)).data)
    if not answer.get("success") and answer.get("error", {}).get("err_code") != _GONE:
        raise NotDeleted(stream)
