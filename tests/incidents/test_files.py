"""Files in the incident log, through its door and its archive: kept, shared, held back, erased."""

import asyncio
import io
import os
import sys
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import sqlalchemy as sa
from PIL import Image

from schemas import incidents
from schemas.attachments import CHUNK_BYTES, AttachFile, UploadChunk
from schemas.envelope import Accepted, Refused
from schemas.identifiers import new_id
from schemas.incidents import ShareWider
from schemas.vocabulary import Level, Tag
from services.incidents.files import FileStore
from services.incidents.store import SERVICE
from services.incidents.tables import ERASURES, PARTS, READS
from services.runtime import names
from services.runtime.appender import Appender, Outgoing
from services.runtime.database import open_database
from services.runtime.direct import Direct
from services.runtime.objects import Object, stored_parts
from tests.hub import Hub, running_hub
from tests.incidents.centre import BARN, FIRE, NEIGHBOUR, VAKT
from tests.incidents.files_room import MODE, Files, files_room, words_of
from tests.incidents.papers import FILM, PLACE, bomb, document, photo

SHARED = pytest.mark.asyncio(loop_scope="module")
"""Tests that need no room of their own."""
LARGE = photo(1200, 900, noise=1)
"""Of several parts."""


@pytest.fixture(scope="module")
def own_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    """A broker for this module."""
    with running_hub(tmp_path_factory.mktemp("files")) as hub:
        yield hub


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def room(own_broker: Hub) -> AsyncIterator[Files]:
    """A door and an archive for several tests, each with an incident of its own."""
    async with files_room(own_broker, scanner="none") as found:
        yield found


@SHARED
async def test_a_photo_is_kept_as_it_came_and_a_neighbour_gets_it_without_its_place(room: Files) -> None:
    kari, nora, brann = [
        await room.person(*who) for who in (("kari", VAKT), ("nora", NEIGHBOUR), ("brann", FIRE))
    ]
    incident = await room.opened(level=Level.NAMED, named=["4624"])
    file = await room.attached(kari, incident, LARGE, "brudd.jpg", level=Level.NAMED, named=["4624"])
    assert await room.fetch(kari, file, after=file) == LARGE
    entry = await room.until(kari, incident, file, "unscanned")
    assert entry["attachment"] == {
        "media_type": "image/jpeg",
        "name": "brudd.jpg",
        "size": len(LARGE),
        "digest": words_of(LARGE, "")["digest"],
        "checked": "unscanned",
        "given": "original",
    }
    assert PLACE.encode() in LARGE
    copy = await room.fetch(nora, file)
    assert isinstance(copy, bytes)
    assert PLACE.encode() not in copy
    with Image.open(io.BytesIO(copy)) as shown:
        assert not dict(shown.getexif())
    seen = await room.entry(nora, incident, file)
    assert seen is not None
    assert (seen["attachment"]["given"], seen["attachment"]["checked"]) == ("shared", None)
    assert [await room.fetch(brann, one) for one in (file, new_id())] == ["UNKNOWN_FILE", "UNKNOWN_FILE"]
    reads = await asyncio.to_thread(_reads, room)
    assert reads.count((NEIGHBOUR, "file", file)) == 1, "noted once, not with each part"
    assert not [one for one in reads if one[:2] == (VAKT, "file")], "one's own is not restricted"


@SHARED
async def test_what_is_shared_later_is_had_later(room: Files) -> None:
    kari, nora = await room.person("kari", VAKT), await room.person("nora", NEIGHBOUR)
    incident = await room.opened()
    file = await room.attached(kari, incident, document(), "melding.pdf")
    await room.until(kari, incident, file, "unscanned")
    assert await room.fetch(nora, file) == "UNKNOWN_FILE"
    shared = ShareWider(incident=incident, entry=file, level=Level.NAMED, named=["4624"])
    answer = await kari.send(shared)
    assert isinstance(answer, Accepted), answer
    copy = await room.fetch(nora, file, after=answer.receipt)
    assert isinstance(copy, bytes)
    assert copy.startswith(b"%PDF-")
    assert PLACE.encode() not in copy


@SHARED
async def test_who_may_not_write_and_what_is_not_as_told_is_refused(room: Files) -> None:
    kari, reader = await room.person("kari", VAKT), await room.person("leser", VAKT)
    incident, raw = await room.opened(), photo()
    refused = await reader.send(UploadChunk(upload=new_id(), number=0), {"data": "AAAA"})
    assert _code(refused) == "NOT_ALLOWED"
    assert (
        _code(await kari.send(UploadChunk(upload=new_id(), number=153), {"data": "AAAA"})) == "FILE_TOO_LARGE"
    )
    old = new_id(datetime.now(UTC) - timedelta(hours=1))
    assert _code(await kari.send(UploadChunk(upload=old, number=0), {"data": "AAAA"})) == "FILE_INCOMPLETE"
    assert _code(await kari.send(UploadChunk(upload=new_id(), number=0), {"data": "A"})) == "MALFORMED"
    wrong: dict[str, tuple[bytes, str, dict[str, Any]]] = {
        "FILE_TYPE_WRONG": (raw, "kart.pdf", {}),
        "FILE_TYPE_REFUSED": (b"<svg onload='x()'/>", "kart.jpg", {}),
        "FILE_TOO_DENSE": (bomb(), "kart.png", {}),
        "HEALTH_BY_REFERENCE": (raw, "journal.jpg", {"tags": [Tag.HEALTH]}),
        "LEVEL_ABOVE_CAP": (raw, "barn.jpg", {"tags": [Tag.CHILD], "level": Level.ORGANISATION}),
        "PERSON_TAG_MISSING": (raw, "01010750160.jpg", {}),
    }
    for code, (bytes_, name, more) in wrong.items():
        assert _code(await room.attach(kari, incident, bytes_, name, **more)) == code
    late_script = b"a" * CHUNK_BYTES + b"\x00MZ"
    assert _code(await room.attach(kari, incident, late_script, "logg.txt")) == "FILE_TYPE_REFUSED"
    found = await room.ask(kari, "get", id=incident)
    assert found["entries"] == []


@SHARED
async def test_a_part_that_is_missing_or_in_the_wrong_place_makes_no_file(room: Files) -> None:
    kari, incident = await room.person("kari", VAKT), await room.opened()
    chunks = -(-len(LARGE) // CHUNK_BYTES)
    assert chunks > 2
    for sent in ([*range(1, chunks)], [*range(chunks - 1)], [1, 0, *range(2, chunks)], []):
        upload = new_id()
        await room.send_parts(kari, LARGE, upload, sent)
        request = AttachFile(incident=incident, upload=upload, chunks=chunks, media_type="image/jpeg")
        answer = await kari.send(request, words_of(LARGE, "brudd.jpg"))
        assert _code(answer) == "FILE_INCOMPLETE", sent
    changed = words_of(LARGE[:-1] + b"\0", "brudd.jpg")
    upload = new_id()
    await room.send_parts(kari, LARGE, upload)
    request = AttachFile(incident=incident, upload=upload, chunks=chunks, media_type="image/jpeg")
    assert _code(await kari.send(request, changed)) == "FILE_INCOMPLETE"


@SHARED
async def test_what_is_sent_again_is_one_file_and_one_upload_makes_one_entry(room: Files) -> None:
    kari, incident, upload, id = await room.person("kari", VAKT), await room.opened(), new_id(), new_id()
    await room.send_parts(kari, LARGE, upload)
    first = await room.attach(kari, incident, LARGE, "brudd.jpg", upload=upload, id=id)
    again = await room.attach(kari, incident, LARGE, "brudd.jpg", upload=upload, id=id)
    from_new = await room.attach(kari, incident, LARGE, "brudd.jpg", id=id)
    assert isinstance(first, Accepted)
    assert first == again == from_new
    other = await room.attach(kari, incident, LARGE, "brudd.jpg", upload=upload)
    assert _code(other) == "ID_TAKEN"
    found = await room.ask(kari, "get", id=incident, after=id)
    assert [one["id"] for one in found["entries"]] == [id]


@SHARED
async def test_a_file_to_an_unknown_incident_lies_unattached_in_ones_own_watch(room: Files) -> None:
    nora, hidden = await room.person("nora", NEIGHBOUR), await room.opened(BARN)
    answers = [await room.attach(nora, id, photo(), "bil.jpg") for id in (hidden, new_id())]
    marks = [one.result for one in answers if isinstance(one, Accepted)]
    assert marks == [{"mark": "unattached"}, {"mark": "unattached"}]


SCANNER = """
import sys
raw = sys.stdin.buffer.read()
sys.exit(1 if b"EICAR" in raw else 0)
"""


async def test_a_virus_is_kept_from_everybody_and_what_is_clean_is_shared(
    fresh_broker: Hub, tmp_path: Path
) -> None:
    program = tmp_path / "scanner.py"
    program.write_text(SCANNER)
    async with files_room(fresh_broker, scanner=f"{sys.executable} {program}") as room:
        kari, nora = await room.person("kari", VAKT), await room.person("nora", NEIGHBOUR)
        incident = await room.opened()
        more = {"level": Level.NAMED, "named": ["4624"]}
        sick = await room.attached(kari, incident, b"X5O EICAR test\n", "logg.txt", **more)
        well = await room.attached(kari, incident, b"navn;antall\nMarken;40\n", "evakuerte.csv", **more)
        await room.until(kari, incident, sick, "infected")
        await room.until(kari, incident, well, "clean")
        assert [await room.fetch(who, sick) for who in (kari, nora)] == ["FILE_HELD", "FILE_HELD"]
        assert await room.fetch(nora, well) == b"navn;antall\nMarken;40\n"


async def test_a_scanner_that_fails_holds_the_file_from_others_and_is_asked_again(
    fresh_broker: Hub, tmp_path: Path
) -> None:
    program = tmp_path / "scanner.py"
    program.write_text("raise SystemExit(2)")
    setting = f"{sys.executable} {program}"
    more = {"level": Level.NAMED, "named": ["4624"]}
    async with files_room(fresh_broker, scanner=setting) as room:
        kari, nora, incident = (
            await room.person("kari", VAKT),
            await room.person("nora", NEIGHBOUR),
            await room.opened(),
        )
        file = await room.attached(kari, incident, photo(), "brudd.jpg", **more)
        await room.until(kari, incident, file, "failed")
        assert await room.fetch(kari, file) == photo()
        assert await room.fetch(nora, file) == "FILE_HELD"
    program.write_text(SCANNER)
    async with files_room(fresh_broker, scanner=setting) as room:
        kari, nora = await room.person("kari", VAKT), await room.person("nora", NEIGHBOUR)
        await room.until(kari, incident, file, "clean")
        assert isinstance(await room.fetch(nora, file), bytes)


async def test_without_a_scanner_and_of_what_cannot_be_cleaned_others_get_nothing(fresh_broker: Hub) -> None:
    more = {"level": Level.NAMED, "named": ["4624"]}
    async with files_room(fresh_broker) as room:
        kari, nora, incident = (
            await room.person("kari", VAKT),
            await room.person("nora", NEIGHBOUR),
            await room.opened(),
        )
        file = await room.attached(kari, incident, photo(), "brudd.jpg", **more)
        await room.until(kari, incident, file, "unscanned")
        assert await room.fetch(nora, file) == "FILE_HELD"
    async with files_room(fresh_broker, scanner="none") as room:
        kari, nora = await room.person("kari", VAKT), await room.person("nora", NEIGHBOUR)
        film = await room.attached(kari, incident, FILM, "elva.mp4", **more)
        await room.until(kari, incident, film, "unscanned")
        assert (await room.fetch(kari, film), await room.fetch(nora, film)) == (FILM, "FILE_HELD")
        async with asyncio.timeout(20):
            while not isinstance(await room.fetch(nora, file), bytes):  # noqa: ASYNC110
                await asyncio.sleep(0.05)


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
async def test_erasing_leaves_no_byte_of_a_file_in_either_copy(
    fresh_broker: Hub, database: str, request: pytest.FixtureRequest
) -> None:
    url = "" if database == "sqlite" else request.getfixturevalue("postgres_database")
    raw = b"Fjellfiolett " + os.urandom(150_000).hex().encode()
    home = fresh_broker.settings.home
    async with files_room(fresh_broker, scanner="none", database_url=url) as room:
        kari, nora = await room.person("kari", VAKT), await room.person("nora", NEIGHBOUR)
        owner, guardian = await room.person("arkiv", VAKT), await room.person("vern", VAKT)
        incident = await room.opened()
        more = {"level": Level.NAMED, "named": ["4624"]}
        file = await room.attached(kari, incident, raw, "Fjellfiolett.txt", **more)
        kept = await room.attached(kari, incident, b"Dette blir\n", "annet.txt")
        await room.until(kari, incident, file, "unscanned")
        assert await room.fetch(nora, file) == raw
        assert _files_with(b"Fjellfiolett", home / "nats")
        ask = incidents.AskErasure(incident=incident, entry=file, ground="wrong_person", law="gdpr-17-1-d")
        assert isinstance(await owner.send(ask), Accepted)
        done = await guardian.send(incidents.ApproveErasure(incident=incident, entry=file))
        assert isinstance(done, Accepted), done
        await asyncio.to_thread(_wait_until_erased, room)
        assert [await room.fetch(who, file) for who in (kari, nora)] == ["ALREADY_ERASED", "ALREADY_ERASED"]
        entry = await room.entry(kari, incident, file)
        assert entry is not None
        assert (entry["erased"], entry["attachment"]["name"]) == (True, None)
        assert await room.fetch(kari, kept) == b"Dette blir\n"
        parts = await asyncio.to_thread(_objects, room)
    assert _files_with(b"Fjellfiolett", home) == []
    assert len(parts) <= 2


async def test_an_upload_that_nothing_names_is_removed_when_it_is_old(fresh_broker: Hub) -> None:
    async with files_room(fresh_broker) as room:
        kari, incident = await room.person("kari", VAKT), await room.opened()
        file = await room.attached(kari, incident, LARGE, "brudd.jpg")
        fresh, old = new_id(), new_id(datetime.now(UTC) - timedelta(days=2))
        await room.send_parts(kari, LARGE, fresh)
        nc = await fresh_broker.connect(names.INCIDENTS_LEDGER)
        forgotten = Object(MODE, f"{VAKT}.{old}")
        await Appender(nc).append(Outgoing(forgotten.parts, b"glemt", forgotten.part_id(0)))
        direct = Direct(nc)
        await direct.open()
        assert await room.fetch(kari, file, after=file) == LARGE
    async with files_room(fresh_broker) as room:
        async with asyncio.timeout(20):
            while [one async for one in stored_parts(direct, forgotten)]:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        kept = [one async for one in stored_parts(direct, Object(MODE, f"{VAKT}.{fresh}"))]
        assert b"".join(one.data for one in kept) == LARGE
        assert await room.fetch(await room.person("kari", VAKT), file) == LARGE
        await nc.close()


async def test_a_damaged_second_copy_is_read_past_and_taken_over_anew(fresh_broker: Hub) -> None:
    async with files_room(fresh_broker) as room:
        kari, incident = await room.person("kari", VAKT), await room.opened()
        file = await room.attached(kari, incident, LARGE, "brudd.jpg")
        await room.until_whole()
        await asyncio.to_thread(_spoil, room)
        assert await room.fetch(kari, file) == LARGE
    async with files_room(fresh_broker) as room:
        await room.until_whole()
        kari = await room.person("kari", VAKT)
        assert await room.fetch(kari, file) == LARGE
        (row,) = FileStore(open_database(room.settings, SERVICE)).all(MODE)
        assert FileStore(open_database(room.settings, SERVICE)).tally(MODE, row["object"]).size == len(LARGE)


def _code(answer: object) -> str:
    assert isinstance(answer, Refused), answer
    return answer.code


def _files_with(word: bytes, folder: Path) -> list[str]:
    return [str(path) for path in folder.rglob("*") if path.is_file() and word in path.read_bytes()]


def _reads(room: Files) -> list[tuple[str, str, str]]:
    engine = open_database(room.settings, SERVICE)
    with engine.connect() as connection:
        rows = connection.execute(sa.select(READS.c.watch, READS.c.what, READS.c.item)).all()
    engine.dispose()
    return [(row.watch, row.what, row.item) for row in rows]


def _objects(room: Files) -> list[str]:
    engine = open_database(room.settings, SERVICE)
    with engine.connect() as connection:
        found = list(connection.execute(sa.select(PARTS.c.object)).scalars())
    engine.dispose()
    return found


def _spoil(room: Files) -> None:
    engine = open_database(room.settings, SERVICE)
    with engine.begin() as connection:
        connection.execute(sa.update(PARTS).where(PARTS.c.number == 1).values(data=b"spoilt"))
    engine.dispose()


def _wait_until_erased(room: Files) -> None:
    engine = open_database(room.settings, SERVICE)

    def done() -> bool:
        with engine.connect() as connection:
            rows = connection.execute(sa.select(ERASURES.c.done_at)).scalars().all()
        return bool(rows) and all(rows)

    Files.wait(done)
    engine.dispose()
