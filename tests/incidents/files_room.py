"""The door and the archive together, and people who attach files and fetch them."""

import asyncio
import base64
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from schemas import subjects
from schemas.attachments import CHUNK_BYTES, AttachFile, UploadChunk, claimed_by
from schemas.envelope import Accepted, Actor, Answer
from schemas.identifiers import new_id
from schemas.incidents import OpenIncident
from schemas.vocabulary import Mode
from services.incidents.archive import Archive
from services.incidents.archive import build as build_archive
from services.incidents.door import IncidentsDoor, build
from services.incidents.files import FileStore
from services.incidents.store import SERVICE
from services.runtime import names
from services.runtime.database import open_database
from services.runtime.ledger import Ledger
from services.runtime.objects import Tally
from services.runtime.settings import Settings
from tests.hub import Hub
from tests.incidents.centre import STANDING, VAKT, Centre, Sender, write_standing
from tests.ledgers import open_ledger

MODE = Mode.EXERCISE


@dataclass
class Files:
    """A running hub's incident log, with the people of the test's centre."""

    hub: Hub
    settings: Settings
    centre: Centre
    archive: Archive

    async def person(self, name: str, key: str) -> Sender:
        """A person at a watch."""
        return await self.centre.person(name, key)

    async def opened(self, key: str = VAKT, person: str = "kari", **more: Any) -> str:
        """The id of a new incident."""
        sender, id = await self.person(person, key), new_id()
        answer = await sender.send(
            OpenIncident(incident=id, type="water.leak", **more), {"headline": "Brudd"}
        )
        assert isinstance(answer, Accepted), answer
        return id

    async def send_parts(
        self, sender: Sender, raw: bytes, upload: str, parts: Sequence[int] | None = None
    ) -> None:
        """Send a file's parts, or only some of them; each must be taken."""
        for number in range(-(-len(raw) // CHUNK_BYTES)) if parts is None else parts:
            piece = raw[number * CHUNK_BYTES : (number + 1) * CHUNK_BYTES]
            content = {"data": base64.b64encode(piece).decode()}
            answer = await sender.send(UploadChunk(upload=upload, number=number), content)
            assert isinstance(answer, Accepted), answer

    async def attach(self, sender: Sender, incident: str, raw: bytes, name: str, **more: Any) -> Answer:
        """Send a file, and have it attached. ``claimed`` is another type than its name's."""
        upload, id = more.pop("upload", None) or new_id(), more.pop("id", None)
        await self.send_parts(sender, raw, upload)
        request = AttachFile(
            incident=incident,
            upload=upload,
            chunks=-(-len(raw) // CHUNK_BYTES),
            media_type=more.pop("claimed", None) or claimed_by(name) or "text/plain",
            **more,
        )
        return await sender.send(request, words_of(raw, name), id=id)

    async def attached(self, sender: Sender, incident: str, raw: bytes, name: str, **more: Any) -> str:
        """The id of the file's entry, once the archive has it."""
        answer = await self.attach(sender, incident, raw, name, **more)
        assert isinstance(answer, Accepted), answer
        return answer.id

    async def ask(self, sender: Sender, what: str, **asked: Any) -> dict[str, Any]:
        """A question to the archive."""
        actor: Actor = sender.actor
        body = {"actor": actor.model_dump(mode="json", exclude_none=True), **asked}
        subject = subjects.query(MODE, actor.organisation, actor.watch, "incidents", what)
        reply = await sender.nc.request(subject, orjson.dumps(body), timeout=15)
        found: dict[str, Any] = orjson.loads(reply.data)
        return found

    async def fetch(self, sender: Sender, file: str, after: str | None = None) -> bytes | str:
        """A file's bytes as somebody gets them, or the code of why not."""
        raw, told = b"", dict[str, Any](chunks=1)
        sent = 0
        while sent < told["chunks"]:
            more = {} if after is None else {"after": after}
            told = await self.ask(sender, "file", file=file, first=sent, **more)
            if told["status"] != "ok":
                return str(told["code"])
            sent += len(told["data"])
            raw += b"".join(base64.b64decode(part) for part in told["data"])
        return raw

    async def entry(self, sender: Sender, incident: str, file: str) -> dict[str, Any] | None:
        """A file's entry as somebody sees it in the log."""
        found = await self.ask(sender, "get", id=incident, after=file)
        return next((one for one in found.get("entries", []) if one["id"] == file), None)

    async def until(self, sender: Sender, incident: str, file: str, checked: str) -> dict[str, Any]:
        """A file's entry, once the check has come to that."""
        async with asyncio.timeout(30):
            while True:
                entry = await self.entry(sender, incident, file)
                if entry is not None and entry["attachment"]["checked"] == checked:
                    return entry
                await asyncio.sleep(0.05)

    async def until_whole(self) -> None:
        """Wait until the archive has its copy of every file."""
        await asyncio.to_thread(self.wait, self._is_whole)

    def _is_whole(self) -> bool:
        engine = open_database(self.settings, SERVICE)
        files = FileStore(engine)
        found = bool(files.all(MODE)) and not files.missing(MODE)
        engine.dispose()
        return found

    @staticmethod
    def wait(condition: Callable[[], bool]) -> None:
        """Wait in a thread until something holds."""
        deadline = time.monotonic() + 20
        while not condition():
            assert time.monotonic() < deadline
            time.sleep(0.05)


def words_of(raw: bytes, name: str) -> dict[str, Any]:
    """What is typed about a file."""
    tally = Tally()
    tally.add(raw)
    return {"file": name, "size": len(raw), "digest": tally.digest}


@contextlib.asynccontextmanager
async def files_room(hub: Hub, **settings: Any) -> AsyncIterator[Files]:
    """Door and archive on a broker of the test's, with other settings if it wants."""
    wanted = Settings.model_validate(hub.settings.model_dump() | settings)
    async with contextlib.AsyncExitStack() as stack:
        archive = build_archive(wanted)
        stack.push_async_callback(archive.stop)
        await archive.start()
        await write_standing(hub, STANDING)
        door: IncidentsDoor = build(wanted)
        stack.push_async_callback(door.stop)
        await door.start()
        ledger: Ledger = await stack.enter_async_context(open_ledger(hub, names.INCIDENTS_LEDGER))
        yield Files(hub, wanted, Centre(hub, door, ledger, stack), archive)
