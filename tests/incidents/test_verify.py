"""What is changed in one copy is named with its place, and what is well is counted."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path

import orjson
import pytest
import sqlalchemy as sa
from nats.aio.client import Client

from schemas import incidents
from services.incidents.chain import fact_hash
from services.incidents.erasure import _pending
from services.incidents.store import SERVICE, Store
from services.incidents.tables import ERASURES
from services.incidents.verify import Difference, check, verify
from services.runtime import names
from services.runtime.appender import Appender, Outgoing
from services.runtime.database import open_database
from services.runtime.direct import Direct, Stored
from tests.hub import Hub
from tests.incidents.make import Made, opened
from tests.incidents.room import office
from tests.incidents.shelf import Shelf

_CHECKPOINT = "INSERT INTO checkpoints VALUES ('actual', '4601.vaktsentral', 1, {size}, 'x', 'y')"


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    """Six facts on SQLite, the fourth's content erased by the sixth."""
    found = Shelf("", tmp_path)
    made = [opened() for _ in range(5)]
    body = incidents.Erased(fact=made[3].id, ground="gdpr-17", law="GDPR 17", asked_by="p1")
    found.put(*made, Made(body, about=made[3].about))
    return found


async def _first(shelf: Shelf) -> Difference | None:
    found = {report.mode: report.first for report in await verify(shelf.settings)}
    shelf.close()
    return found["actual"]


async def test_an_untouched_archive_is_counted(shelf: Shelf) -> None:
    report = next(one for one in await verify(shelf.settings) if one.mode == "actual")
    assert (report.facts, report.contents, report.erased, report.first) == (6, 4, 1, None)
    shelf.close()


@pytest.mark.parametrize(
    ("change", "sequence", "what"),
    [
        ("UPDATE facts SET raw = CAST('{}' AS BLOB) WHERE sequence = 3", 3, "FACT_CHANGED"),
        ("UPDATE facts SET controller = '4624' WHERE sequence = 2", 2, "CHAIN_BROKEN"),
        ("UPDATE facts SET position = 9 WHERE sequence = 2", 2, "CHAIN_BROKEN"),
        ("UPDATE facts SET raw = 'x' WHERE sequence = 3", 3, "FACT_CHANGED"),
        ("UPDATE facts SET subject = 'samvirke.actual.a.b.c.d.e' WHERE sequence = 3", 3, "FACT_CHANGED"),
        ("DELETE FROM content WHERE sequence = 3", 3, "CONTENT_MISSING"),
        ("DELETE FROM incidents WHERE sequence = 3", 6, "HEADS_DIFFER"),
        ("UPDATE chains SET position = 9", 6, "CHAIN_BROKEN"),
        ("UPDATE trees SET edge = CAST('x' AS BLOB)", 6, "TREE_BROKEN"),
        ("DELETE FROM trees", 6, "TREE_BROKEN"),
        ("INSERT INTO tree_nodes VALUES ('actual', '4601.vaktsentral', 8, 0, 'x', 1)", 6, "TREE_BROKEN"),
        (
            "INSERT INTO checkpoints VALUES ('actual', '4601.vaktsentral', 1, 3, 'x', 'y')",
            3,
            "CHECKPOINT_DIFFERS",
        ),
        (
            "INSERT INTO checkpoints VALUES ('actual', '4601.vaktsentral', 1, 30, 'x', 'y')",
            6,
            "CHECKPOINT_DIFFERS",
        ),
        ("DELETE FROM facts WHERE sequence = 2", 2, "GAP"),
        ("DELETE FROM facts WHERE sequence = 6", 6, "CURSOR"),
        ("UPDATE content SET sealed = NULL WHERE sequence = 5", 5, "CONTENT_MISSING"),
        ("UPDATE content SET sealed = CAST('x' AS BLOB) WHERE sequence = 1", 1, "CONTENT_CHANGED"),
        ("UPDATE content SET sealed = CAST('x' AS BLOB) WHERE sequence = 4", 4, "NOT_ERASED"),
    ],
)
async def test_each_change_is_named_with_its_place(
    shelf: Shelf, change: str, sequence: int, what: str
) -> None:
    with shelf.store.engine.begin() as connection:
        connection.exec_driver_sql(change)
    assert await _first(shelf) == Difference("actual", sequence, what)


async def test_a_fact_rewritten_with_its_hash_breaks_the_chain(shelf: Shelf) -> None:
    with shelf.store.engine.begin() as connection:
        values = (b"{}", fact_hash(b"{}"))
        connection.exec_driver_sql("UPDATE facts SET raw = ?, digest = ? WHERE sequence = 2", values)
    assert await _first(shelf) == Difference("actual", 2, "CHAIN_BROKEN")


async def test_a_database_that_cannot_be_read_is_named(shelf: Shelf) -> None:
    file = shelf.settings.home / "db" / "incidents.db"
    shelf.close()
    file.write_bytes(b"\0" * file.stat().st_size)
    assert await _first(shelf) == Difference("actual", 0, "TABLES_DAMAGED")


class _Copies:
    """An archive and a ledger that agree, of which the tests change one."""

    def __init__(self, hub: Hub, nc: Client, made: list[Made]) -> None:
        self.hub, self.nc, self.made = hub, nc, made

    async def first(self) -> tuple[int, str] | None:
        report = (await verify(self.hub.settings, self.nc))[0]
        return (report.first.sequence, report.first.what) if report.first else None

    async def delete_content(self, made: Made) -> None:
        direct = Direct(self.nc)
        await direct.open()
        (stored,) = await direct.newest_of(names.content("actual"), [made.content_subject])
        eraser = await self.hub.connect(names.ERASER)
        subject = f"$JS.API.STREAM.MSG.DELETE.{names.content('actual')}"
        await eraser.request(subject, orjson.dumps({"seq": stored.sequence}))
        await eraser.close()

    async def put_content(self, subject: str, raw: bytes) -> None:
        writer = await self.hub.connect(names.INCIDENTS_LEDGER)
        await Appender(writer).append(Outgoing(subject, raw, f"again-{subject[-40:]}"))
        await writer.close()


@pytest.fixture
async def both(fresh_broker: Hub) -> AsyncIterator[_Copies]:
    made = [opened() for _ in range(3)]
    body = incidents.Erased(fact=made[1].id, ground="gdpr-17", law="GDPR 17", asked_by="p1")
    async with office(fresh_broker) as here:
        await here.write(*made, Made(body, about=made[1].about))
        nc = await here.client(names.INCIDENTS_ARCHIVE)
        store = here.archive._store
        assert store is not None
        while _pending(store.engine):  # noqa: ASYNC110
            await asyncio.sleep(0.02)
        yield _Copies(fresh_broker, nc, made)


async def test_two_copies_that_agree_have_no_difference(both: _Copies) -> None:
    assert await both.first() is None


class _Overtaken(Direct):
    """A way to the broker on which something comes to its end right after the first answer."""

    def __init__(self, nc: Client, end: Callable[[], Awaitable[None]]) -> None:
        super().__init__(nc)
        self._end: Callable[[], Awaitable[None]] | None = end

    async def newest_of(self, stream: str, subjects: Sequence[str]) -> list[Stored]:
        found = await super().newest_of(stream, subjects)
        end, self._end = self._end, None
        if end is not None:
            await end()
        return found


async def test_an_erasure_that_ends_while_it_is_looked_at_is_no_difference(both: _Copies) -> None:
    erased = both.made[1]
    await both.put_content(erased.content_subject, b"words that are just being deleted")
    direct = _Overtaken(both.nc, lambda: both.delete_content(erased))
    await direct.open()
    store = Store(await asyncio.to_thread(open_database, both.hub.settings, SERVICE))
    try:
        assert (await check(store, direct, "actual")).first is None
    finally:
        store.engine.dispose()


async def test_content_that_the_broker_lost_is_named(both: _Copies) -> None:
    await both.delete_content(both.made[2])
    assert await both.first() == (3, "BROKER_CONTENT_MISSING")


async def test_content_that_is_another_at_the_broker_is_named(both: _Copies) -> None:
    await both.put_content(both.made[0].content_subject, b"x" * 60)
    assert await both.first() == (1, "BROKER_CONTENT_CHANGED")


async def test_erased_content_that_came_back_is_named(both: _Copies) -> None:
    await both.put_content(both.made[1].shared_subject, b"x" * 60)
    assert await both.first() == (2, "BROKER_NOT_ERASED")


async def test_an_erasure_under_way_is_no_difference(both: _Copies) -> None:
    await both.put_content(both.made[1].shared_subject, b"x" * 60)
    engine = open_database(both.hub.settings, SERVICE)
    with engine.begin() as connection:
        connection.execute(sa.update(ERASURES).values(done_at=None))
    engine.dispose()
    assert await both.first() is None
