"""Sending a file part by part, from wherever it comes: never whole in memory, and on no disk on its way."""

import base64
from typing import Any

from schemas.attachments import CHUNK_BYTES, UploadChunk
from schemas.envelope import Accepted, Actor, Refused
from schemas.identifiers import new_id
from services.runtime.edge import Edge
from services.runtime.objects import Tally


class Upload:
    """One file on its way to a watch's door. After the last part, ``named`` and ``content`` tell of it."""

    def __init__(self, edge: Edge, mode: str, actor: Actor) -> None:
        self._edge = edge
        self._mode = mode
        self._actor = actor
        self._id = new_id()
        self._rest = bytearray()
        self._tally = Tally()

    @property
    def size(self) -> int:
        """How many bytes have been sent."""
        return self._tally.size

    async def feed(self, data: bytes) -> Refused | None:
        """Take in more of the file and send the parts that are full; why the hub refuses it, or None."""
        self._rest += data
        while len(self._rest) >= CHUNK_BYTES:
            part = bytes(self._rest[:CHUNK_BYTES])
            del self._rest[:CHUNK_BYTES]
            refused = await self._send(part)
            if refused is not None:
                return refused
        return None

    async def finish(self) -> Refused | None:
        """Send what is left; an empty file is none."""
        if self._rest:
            return await self._send(bytes(self._rest))
        return None if self._tally.chunks else Refused(code="FILE_TYPE_REFUSED")

    @property
    def named(self) -> dict[str, Any]:
        """How the command names it that makes an entry of it."""
        return {"upload": self._id, "chunks": self._tally.chunks}

    def content(self, name: str, words: dict[str, Any] | None = None) -> dict[str, Any]:
        """Its words: what is typed about it, and what tells one file from another."""
        told = {"file": name, "size": self._tally.size, "digest": self._tally.digest}
        return {**(words or {}), **told}

    async def _send(self, part: bytes) -> Refused | None:
        request = UploadChunk(upload=self._id, number=self._tally.chunks)
        content = {"data": base64.b64encode(part).decode()}
        answer = await self._edge.send_now(self._mode, request, self._actor, content)
        if isinstance(answer, Accepted):
            self._tally.add(part)
            return None
        return answer
