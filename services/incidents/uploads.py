"""Files at the door: each part is stored before it is answered; the last word makes an entry of them.

Nothing of an upload is remembered here: any door may take any part, and a crash loses none.
"""

import asyncio
import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import cast

from schemas import attachments
from schemas.attachments import CHUNK_BYTES
from schemas.envelope import Accepted, Answer, Refused
from schemas.identifiers import id_time
from services.incidents import limits
from services.incidents.attaching import attach_file
from services.incidents.filetypes import HEAD_BYTES, TextCheck, judge
from services.incidents.fold import Log
from services.incidents.handlers import Handlers
from services.incidents.limits import Case
from services.incidents.picture import Picture
from services.runtime.appender import StreamFull
from services.runtime.direct import Direct
from services.runtime.door import Route
from services.runtime.ledger import Ledger
from services.runtime.objects import Object, Tally, described, object_name, stored_parts
from services.runtime.outbound import CHUNK_COMMAND_BYTES
from services.runtime.reading import Received, Refusal

SENDING = timedelta(minutes=45)
"""How long parts may come: less than the broker remembers that it has one already."""
ATTACHABLE = timedelta(hours=20)
"""How long the parts wait for the word that attaches them; unnamed ones are removed some hours later."""
INSPECTED_AT_ONCE = 2
_MEGABYTE = 1_000_000
_INCOMPLETE = Refused(code="FILE_INCOMPLETE")


@dataclass(slots=True)
class Uploads:
    """What the door does with parts of files, and with the command that attaches them."""

    handlers: Handlers
    ledger: Ledger
    pictures: Mapping[str, Picture]
    most_mb: int
    _room: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(INSPECTED_AT_ONCE))

    def routes(self) -> tuple[Route, ...]:
        """The commands, as data."""
        return (
            Route(attachments.UploadChunk, self.chunk, CHUNK_COMMAND_BYTES),
            Route(attachments.AttachFile, self.attach),
        )

    async def chunk(self, received: Received) -> Accepted:
        """Store one part. Raises Refusal: may not write, file too large, or come too slowly."""
        request = cast(attachments.UploadChunk, received.request)
        actor, mode = received.command.data.actor, received.address.mode
        case = Case(actor, request, None, Log(""), self.pictures[mode].directory, datetime.now(UTC))
        refused = limits.reporting(case) or self._too_large(request.number * CHUNK_BYTES + 1)
        if refused is not None:
            raise Refusal(refused.code, **refused.parameters)
        if not _is_young(request.upload, SENDING):
            raise Refusal("FILE_INCOMPLETE")
        one = Object(mode, object_name(actor.key, request.upload))
        await self._put(one, one.parts, _data(received), one.part_id(request.number))
        return Accepted(id=received.command.id, subject=request.upload, receipt=received.command.id)

    async def attach(self, received: Received) -> Answer:
        """Look at what has come, and write it in the log if it is what its sender says."""
        request = cast(attachments.AttachFile, received.request)
        content = cast(attachments.FileContent | None, received.content)
        if content is None:
            return Refused(code="MALFORMED", parameters={"where": ["data.content"]})
        one = Object(received.address.mode, object_name(received.address.key, request.upload))
        unfit = self._too_large(content.size)
        if unfit is None and not _is_young(request.upload, ATTACHABLE):
            unfit = _INCOMPLETE
        if unfit is None:
            async with self._room:
                unfit = await inspect(self.ledger.direct, one, request, content)
        if unfit is None:
            unfit = await self._claim(one, received.command.id, request.chunks, content)
        return await self.handlers.in_turn(partial(attach_file, unfit=unfit), received)

    async def _claim(
        self, one: Object, fact: str, chunks: int, content: attachments.FileContent
    ) -> Refused | None:
        """Describe the file as this fact's; one upload makes one entry, so that each is erased alone."""
        known = await described(self.ledger.direct, one)
        if known is None:
            said = one.describe(fact, content.size, chunks, content.digest)
            await self._put(one, one.description, said, one.part_id(-1))
            known = await described(self.ledger.direct, one)
        is_ours = known is not None and known["metadata"]["fact"] == fact
        return None if is_ours else Refused(code="ID_TAKEN")

    async def _put(self, one: Object, subject: str, raw: bytes, message_id: str) -> None:
        try:
            await self.ledger.put_object(one.mode, subject, raw, message_id)
        except StreamFull:
            raise Refusal("FILES_FULL") from None

    def _too_large(self, size: int) -> Refused | None:
        limit = self.most_mb * _MEGABYTE
        return Refused(code="FILE_TOO_LARGE", parameters={"limit": limit}) if size > limit else None


async def inspect(
    direct: Direct, one: Object, request: attachments.AttachFile, content: attachments.FileContent
) -> Refused | None:
    """What speaks against the bytes that are stored: parts missing, others than told, another type."""
    tally, text, head = Tally(), TextCheck(), b""
    is_text = request.media_type.startswith("text/")
    async for stored in stored_parts(direct, one):
        if stored.message_id != one.part_id(tally.chunks):
            return _INCOMPLETE
        if tally.chunks == 0:
            head = stored.data[:HEAD_BYTES]
        tally.add(stored.data)
        if is_text:
            text.feed(stored.data, last=tally.chunks == request.chunks)
    if (tally.chunks, tally.size, tally.digest) != (request.chunks, content.size, content.digest):
        return _INCOMPLETE
    unfit = judge(head, request.media_type, content.file)
    if unfit is None and is_text and not text.is_text:
        return Refused(code="FILE_TYPE_REFUSED")
    return unfit


def _data(received: Received) -> bytes:
    """The bytes of a part. Raises Refusal when they are none, or too many."""
    content = cast(attachments.ChunkContent | None, received.content)
    try:
        data = base64.b64decode(content.data if content else "", validate=True)
    except binascii.Error:
        raise Refusal("MALFORMED", where=["data.content.data"]) from None
    if not 0 < len(data) <= CHUNK_BYTES:
        raise Refusal("MALFORMED", where=["data.content.data"])
    return data


def _is_young(upload: str, age: timedelta) -> bool:
    born = id_time(upload)
    return born is not None and abs(datetime.now(UTC) - born) < age
