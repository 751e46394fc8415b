"""The two copies of attached files are held together by the hub itself, and make each other whole again."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
import pytest_asyncio
import sqlalchemy as sa

from schemas import incidents, subjects
from schemas.catalogue import read_fact
from schemas.envelope import Accepted
from services.cli.doctor import check_files
from services.incidents import filescrub
from services.incidents.filescrub import FileScrub, read_course
from services.incidents.store import SERVICE
from services.incidents.tables import ERASURES, FILES, PARTS
from services.runtime import logs, mending, names
from services.runtime.database import open_database
from services.runtime.direct import Direct
from services.runtime.objects import Object, delete_message, described, stored_parts
from tests.hub import Hub, running_hub
from tests.incidents.centre import BARN, VAKT
from tests.incidents.files_room import MODE, Files, files_room
from tests.incidents.papers import photo
from tests.ledgers import logging_to

SHARED = pytest.mark.asyncio(loop_scope="module")
LARGE = photo(1200, 900, noise=1)
"""Of several parts."""


@pytest.fixture(scope="module")
def own_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    """A broker for this module."""
    with running_hub(tmp_path_factory.mktemp("filescrub")) as hub:
        yield hub


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def room(own_broker: Hub) -> AsyncIterator[Files]:
    """A door and an archive for several tests, each with a file of its own."""
    async with files_room(own_broker, scanner="none") as found:
        yield found


async def at_once() -> None:
    """No rest between two files."""


def scrub(room: Files) -> FileScrub:
    assert room.archive.scrub is not None
    return room.archive.scrub.files


async def a_file(room: Files, watch: str = VAKT) -> str:
    """A file of several parts, of which both copies are there."""
    kari = await room.person("kari", watch)
    incident = await room.opened(watch)
    file = await room.attached(kari, incident, LARGE, "brudd.jpg")
    await room.until(kari, incident, file, "unscanned")
    await room.until_whole()
    return file


def tables(room: Files, statement: Any) -> Any:
    """What a statement gives, run in the archive's tables beside it."""
    engine = open_database(room.settings, SERVICE)
    with engine.begin() as connection:
        found = connection.execute(statement)
        rows = found.all() if found.returns_rows else None
    engine.dispose()
    return rows


async def objects(room: Files, file: str) -> dict[str, Object]:
    """A file's objects by sort: as it came, and the copy for others."""
    wanted = sa.select(FILES.c.sort, FILES.c.object).where(FILES.c.fact == file)
    return {sort: Object(MODE, name) for sort, name in await asyncio.to_thread(tables, room, wanted)}


class Store:
    """The object store, looked into and damaged from beside the hub."""

    def __init__(self, room: Files) -> None:
        self._room = room

    async def __aenter__(self) -> "Store":
        self._reader = await self._room.hub.connect(names.INCIDENTS_ARCHIVE)
        self._eraser = await self._room.hub.connect(names.ERASER)
        self._direct = Direct(self._reader)
        await self._direct.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._reader.close()
        await self._eraser.close()

    async def bytes_of(self, one: Object) -> bytes:
        """What lies there of a file."""
        return b"".join([stored.data async for stored in stored_parts(self._direct, one)])

    async def described(self, one: Object) -> bool:
        return await described(self._direct, one) is not None

    async def lose(self, stream: str, subject: str) -> None:
        """Delete the newest message there."""
        found = await self._direct.last(stream, subject)
        assert found is not None
        await delete_message(self._eraser, stream, found.sequence)


async def said(room: Files) -> list[incidents.FilesMended]:
    """What the hub has said of files that it made whole."""
    nc = await room.hub.connect(names.INCIDENTS_ARCHIVE)
    direct = Direct(nc)
    await direct.open()
    wanted = subjects.fact(MODE, *names.REPAIR, incidents.TRADE, "*", incidents.FilesMended.name)
    found = [read_fact(stored.data)[1] for stored in await direct.history(names.ledger(MODE), wanted)]
    await nc.close()
    return [body for body in found if isinstance(body, incidents.FilesMended)]


def one_part(file: str) -> Any:
    named = sa.select(FILES.c.object).where(FILES.c.fact == file, FILES.c.sort == "original")
    return sa.and_(PARTS.c.object.in_(named), PARTS.c.number == 1)


@SHARED
@pytest.mark.parametrize("lost", ["a part", "the description"])
async def test_what_the_object_store_has_lost_is_put_back_from_the_second_copy(
    room: Files, lost: str
) -> None:
    file = await a_file(room)
    one = (await objects(room, file))["original"]
    async with Store(room) as store:
        await store.lose(one.stream, one.parts if lost == "a part" else one.description)
        await scrub(room).run(MODE, at_once)
        assert await store.bytes_of(one) == LARGE
        assert await store.described(one)
    assert (await said(room))[-1] == incidents.FilesMended(put_back=[file])


@SHARED
@pytest.mark.parametrize("damage", ["changed", "missing"])
async def test_a_damaged_second_copy_is_taken_over_anew(room: Files, damage: str) -> None:
    file = await a_file(room)
    changed = sa.update(PARTS).where(one_part(file)).values(data=b"other bytes")
    statement = changed if damage == "changed" else sa.delete(PARTS).where(one_part(file))
    await asyncio.to_thread(tables, room, statement)
    await scrub(room).run(MODE, at_once)
    assert (await said(room))[-1] == incidents.FilesMended(taken_over=[file])
    number = sa.select(sa.func.count()).select_from(PARTS)
    named = sa.select(FILES.c.object).where(FILES.c.fact == file, FILES.c.sort == "original")
    parts = await asyncio.to_thread(tables, room, number.where(PARTS.c.object.in_(named)))
    assert parts[0][0] == -(-len(LARGE) // (128 * 1024))
    count = len(await said(room))
    await scrub(room).run(MODE, at_once)
    assert len(await said(room)) == count, "what is whole is not said again"


@SHARED
async def test_the_copy_for_others_is_healed_as_well(room: Files) -> None:
    file = await a_file(room)
    one = (await objects(room, file))["shared"]
    async with Store(room) as store:
        before = await store.bytes_of(one)
        await store.lose(one.stream, one.parts)
        await scrub(room).run(MODE, at_once)
        assert await store.bytes_of(one) == before != b""


@SHARED
async def test_a_file_damaged_in_both_copies_is_named_by_its_id_until_it_is_erased(
    room: Files, tmp_path: Path
) -> None:
    file = await a_file(room)
    one = (await objects(room, file))["original"]
    async with Store(room) as store:
        await store.lose(one.stream, one.parts)
    await asyncio.to_thread(tables, room, sa.delete(PARTS).where(one_part(file)))
    with logging_to(tmp_path / "log"):
        await scrub(room).run(MODE, at_once)
        await scrub(room).run(MODE, at_once)
    lines = [orjson.loads(line) for line in (tmp_path / "log").read_bytes().splitlines()]
    told = [one for one in lines if one["event"].startswith("files.")]
    assert [(one["event"], one["fact"]) for one in told] == [("files.lost", file)]
    found = await check_files(room.settings)
    assert found.cause is not None
    assert dict(found.parameters) == {"count": 1, "files": file}
    owner, guardian = await room.person("arkiv", VAKT), await room.person("vern", VAKT)
    about = await _incident_of(room, file)
    ask = incidents.AskErasure(incident=about, entry=file, ground="wrong_person", law="gdpr-17-1-d")
    assert isinstance(await owner.send(ask), Accepted)
    assert isinstance(await guardian.send(incidents.ApproveErasure(incident=about, entry=file)), Accepted)
    await asyncio.to_thread(room.wait, lambda: bool(tables(room, _erased(file))))
    await scrub(room).run(MODE, at_once)
    assert (await check_files(room.settings)).cause is None


@SHARED
async def test_of_a_hidden_watch_no_log_names_a_file(room: Files, tmp_path: Path) -> None:
    file = await a_file(room, BARN)
    one = (await objects(room, file))["original"]
    async with Store(room) as store:
        await store.lose(one.stream, one.parts)
    with logging_to(tmp_path / "log"):
        logs.hide([BARN])
        await scrub(room).run(MODE, at_once)
    said = (tmp_path / "log").read_text("utf-8")
    assert "files.mended" in said
    assert file not in said
    assert "barnevern" not in said


@SHARED
async def test_one_night_reads_so_much_and_the_next_goes_on_where_it_stopped(room: Files) -> None:
    first, second = await a_file(room), await a_file(room)
    while read_course(room.settings.home, MODE).after:
        await scrub(room).run(MODE, at_once)
    seen: list[str] = []

    async def note() -> None:
        seen.append("file")

    count = len(await asyncio.to_thread(tables, room, sa.select(FILES.c.fact).where(~FILES.c.erased)))
    for _ in range(count):
        await scrub(room).run(MODE, note, most=1)
    assert len(seen) == count, "one file a night"
    last = await asyncio.to_thread(tables, room, sa.select(sa.func.max(FILES.c.sequence)))
    assert read_course(room.settings.home, MODE).after == last[0][0]
    await scrub(room).run(MODE, note, most=1)
    assert read_course(room.settings.home, MODE).after == 0, "then it begins anew"
    assert {first, second} <= set(await asyncio.to_thread(_facts, room))


@SHARED
async def test_what_is_erased_meanwhile_is_not_put_back(room: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    file = await a_file(room)
    one, about = (await objects(room, file))["original"], await _incident_of(room, file)
    owner, guardian = await room.person("arkiv", VAKT), await room.person("vern", VAKT)

    async def compared(*given: Any) -> mending.Compared:
        found = await mending.compare(*given)
        if given[2].fact == file and not found.there:
            ask = incidents.AskErasure(incident=about, entry=file, ground="wrong_person", law="gdpr-17-1-d")
            await owner.send(ask)
            await guardian.send(incidents.ApproveErasure(incident=about, entry=file))
            await asyncio.to_thread(room.wait, lambda: bool(tables(room, _erased(file))))
        return found

    async with Store(room) as store:
        await store.lose(one.stream, one.parts)
        monkeypatch.setattr(filescrub, "compare", compared)
        await scrub(room).run(MODE, at_once)
        await asyncio.to_thread(room.wait, lambda: not tables(room, _pending()))
        assert await store.bytes_of(one) == b""
        assert not await store.described(one)


async def test_a_bit_that_flipped_while_the_hub_stood_still_is_found_at_start_and_healed(
    fresh_broker: Hub,
) -> None:
    async with files_room(fresh_broker) as room:
        file = await a_file(room)
        one = (await objects(room, file))["original"]
    await _stop_hard(fresh_broker)
    folder = fresh_broker.settings.nats_home / "streams" / "jetstream" / "HUB" / "streams"
    await asyncio.to_thread(_flip, folder / names.objects(MODE) / "msgs")
    await fresh_broker.broker.start()
    async with files_room(fresh_broker) as room, Store(room) as store:
        async with asyncio.timeout(60):
            while await store.bytes_of(one) != LARGE or not await said(room):  # noqa: ASYNC110
                await asyncio.sleep(0.2)
        assert (await said(room))[-1].put_back == [file]
        assert (await check_files(room.settings)).cause is None


async def test_a_kill_between_healing_and_saying_so_is_made_good(
    fresh_broker: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        """The process ends here."""

    async def killed(*_given: Any) -> None:
        raise Killed

    async with files_room(fresh_broker) as room:
        file = await a_file(room)
        one = (await objects(room, file))["original"]
        async with Store(room) as store:
            await store.lose(one.stream, one.parts)
        monkeypatch.setattr(FileScrub, "_tell", killed)
        with pytest.raises(Killed):
            await scrub(room).run(MODE, at_once)
        assert await said(room) == []
        monkeypatch.undo()
        await scrub(room).run(MODE, at_once)
        assert await said(room) == [incidents.FilesMended(put_back=[file])]


def test_a_mark_that_cannot_be_read_means_to_begin_anew(tmp_path: Path) -> None:
    (tmp_path / "marks").mkdir()
    for raw in (b"", b"{", b"[]", b'{"other": 1}'):
        (tmp_path / "marks" / f"files-{MODE}.json").write_bytes(raw)
        assert read_course(tmp_path, MODE).after == 0


async def _stop_hard(hub: Hub) -> None:
    assert hub.broker.pid is not None
    os.kill(hub.broker.pid, signal.SIGKILL)
    await hub.broker.stop()


def _flip(folder: Path) -> None:
    block = sorted(folder.glob("*.blk"))[0]
    raw = bytearray(block.read_bytes())
    raw[len(raw) // 2] ^= 0x10
    block.write_bytes(raw)


async def _incident_of(room: Files, file: str) -> str:
    about = await asyncio.to_thread(scrub(room)._store.incident_of, MODE, file)
    assert about is not None
    return about


def _facts(room: Files) -> list[str]:
    return [row[0] for row in tables(room, sa.select(FILES.c.fact))]


def _erased(file: str) -> Any:
    return sa.select(FILES.c.fact).where(FILES.c.fact == file, FILES.c.erased)


def _pending() -> Any:
    return sa.select(ERASURES.c.fact).where(ERASURES.c.done_at.is_(None))
