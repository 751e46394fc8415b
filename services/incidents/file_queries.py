"""The question for an attached file: some parts at a time, as the asking watch may have it."""

import base64
from typing import Annotated, Any

import orjson
from pydantic import Field

from schemas.attachments import CHUNKS_MOST
from schemas.envelope import Refused, Token
from schemas.subjects import Address
from services.incidents.attaching import Copy, copy_for
from services.incidents.filekeeper import FileKeeper
from services.incidents.files import FileStore
from services.incidents.filetypes import safe_name
from services.incidents.fold import Item
from services.incidents.lookups import Lookups
from services.incidents.queries import Queries
from services.incidents.questions import Reasoned
from services.incidents.view import Filed, Shown, filed, find_file, is_restricted
from services.incidents.viewer import Viewer
from services.runtime.lasting import in_thread
from services.runtime.reading import Refusal, validate


class FileQuestion(Reasoned):
    """A file by its entry's id; ``first`` and ``most`` count parts of 128 KiB."""

    file: Token
    first: Annotated[int, Field(ge=0, le=CHUNKS_MOST)] = 0
    most: Annotated[int, Field(ge=1, le=8)] = 4


class FileQueries:
    """The handler of ``file``; what may not be seen is answered like what is not there."""

    def __init__(self, queries: Queries, lookups: Lookups, keeper: FileKeeper, store: FileStore) -> None:
        self._queries = queries
        self._lookups = lookups
        self._keeper = keeper
        self._store = store

    async def file(self, body: dict[str, Any], address: Address) -> dict[str, Any]:
        """Some parts of a file. Raises Refusal: UNKNOWN_FILE, FILE_HELD, ALREADY_ERASED, REASON_NEEDED.

        Who reads is noted with the first part, where the log of reads wants it. A token that may follow the
        feed may have the files that it tells of.
        """
        question, mode = validate(FileQuestion, orjson.dumps(body)), address.mode
        viewer = await self._queries.admit(question, address, "feed", fresh=question.first == 0)
        found = await in_thread(self._find, mode, question.file, viewer)
        if found is None:
            raise Refusal("UNKNOWN_FILE")
        one, item, ground = found
        copy = Refused(code="ALREADY_ERASED") if one.erased else copy_for(item, viewer.watch)
        if isinstance(copy, Refused):
            raise Refusal(copy.code, **copy.parameters)
        if is_restricted(item.reach, bool(item.tags), viewer):
            shown = Shown({"id": one.place.id}, restricted=[item.id], ground=ground)
            reason = await self._queries.reason_for(question, mode, shown, viewer)
            read = [(one.place.id, item.id)] if question.first == 0 else []
            await self._queries.note("file", question.actor, mode, viewer, read, reason)
        return await self._told(mode, question, one, copy)

    async def _told(self, mode: str, question: FileQuestion, one: Filed, copy: Copy) -> dict[str, Any]:
        parts = await self._keeper.parts(mode, copy.object, copy.chunks, question.first, question.most)
        if len(parts) < max(0, min(question.most, copy.chunks - question.first)):
            raise Refusal("FILE_HELD", outcome="missing")
        said = one.content or {}
        return {
            "status": "ok",
            "id": one.fact.id,
            "media_type": copy.media_type,
            "name": safe_name(str(said.get("file", "")), copy.media_type),
            "copy": copy.sort,
            "chunks": copy.chunks,
            "data": [base64.b64encode(part).decode() for part in parts],
        }

    def _find(self, mode: str, fact: str, viewer: Viewer) -> tuple[Filed, Item, str | None] | None:
        incident = self._store.incident_of(mode, fact)
        if incident is None:
            return None
        rows = [one for row in self._lookups.about(mode, incident) if (one := filed(row)) is not None]
        found = find_file(incident, rows, viewer, fact)
        return None if found is None else (next(one for one in rows if one.fact.id == fact), *found)
