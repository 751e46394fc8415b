"""Whichever of the two copies is damaged is made anew from the other, and it is written down."""

import asyncio
import os
import sqlite3
from contextlib import closing

import pytest
import sqlalchemy as sa

from schemas import incidents, subjects
from services.incidents.mending import Mended, mend
from services.incidents.rebuild import BothDamaged
from services.incidents.sealing import Checkpoints, signing_seed
from services.incidents.store import SERVICE
from services.incidents.tables import FACTS
from services.incidents.verify import Report, verify
from services.runtime import names
from services.runtime.database import engine_for
from services.runtime.direct import Direct
from services.runtime.settings import Settings
from tests.hub import Hub
from tests.incidents.make import OWNER, Made, Scribe, opened
from tests.incidents.room import centre, office

pytestmark = pytest.mark.system
WORD = "Fjellfiolett"
COUNT = 300


@pytest.fixture(params=["sqlite", "postgresql"])
async def hub(request: pytest.FixtureRequest, fresh_broker: Hub) -> tuple[Hub, Settings, int]:
    """A broker and an archive with 300 incidents, the content of one erased; and the archive's cursor."""
    url = "" if request.param == "sqlite" else request.getfixturevalue("postgres_database")
    settings = Settings.model_validate(fresh_broker.settings.model_dump() | {"database_url": url})
    made = [opened(WORD if n == 7 else "Flom") for n in range(COUNT)]
    erased = incidents.Erased(fact=made[7].id, ground="gdpr-17", law="GDPR 17", asked_by="p1")
    async with office(fresh_broker, url) as here:
        await here.write(*centre())
        nc = await here.client(names.INCIDENTS_LEDGER)
        scribe = Scribe(nc)
        await asyncio.gather(*(scribe.write(one) for one in made))
        last = await here.write(Made(erased, about=made[7].about))
        await here.get(OWNER, id=made[9].about)
        store = here.archive._store
        assert store is not None
        Checkpoints(store.engine, signing_seed(settings.home)).make("actual", set(), 600)
    return fresh_broker, settings, last


def _change(settings: Settings, *statements: str) -> None:
    engine = engine_for(settings, SERVICE)
    with engine.begin() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)
    engine.dispose()


def _count(settings: Settings, table: str) -> int:
    engine = engine_for(settings, SERVICE)
    with engine.connect() as connection:
        found = int(connection.execute(sa.select(sa.func.count()).select_from(sa.table(table))).scalar_one())
    engine.dispose()
    return found


async def _mended(hub: Hub, settings: Settings) -> Mended:
    await hub.broker.stop()
    try:
        return await mend(settings)
    finally:
        await hub.broker.start()


async def _verified(hub: Hub, settings: Settings) -> Report:
    """What is said of both copies once the archive has read all."""
    async with office(hub, settings.database_url.get_secret_value()) as here:
        nc = await here.client(names.INCIDENTS_ARCHIVE)
        info = await nc.jetstream().stream_info(names.ledger("actual"))
        await here.reached(info.state.last_seq)
        return (await verify(settings, nc))[0]


async def test_a_damaged_archive_is_made_anew_from_the_ledger(
    hub: tuple[Hub, Settings, int],
) -> None:
    broker, settings, last = hub
    checkpoints = _count(settings, "checkpoints")
    _change(
        settings,
        "UPDATE facts SET raw = digest WHERE sequence = 100",
        "DELETE FROM facts WHERE sequence BETWEEN 200 AND 210",
        "UPDATE content SET sealed = commitment WHERE sequence = 150",
        "DELETE FROM content WHERE sequence = 160",
        "DELETE FROM incidents WHERE sequence = 170",
        "UPDATE facts SET subject = 'samvirke.actual.x.y.z.a.b' WHERE sequence = 180",
    )
    assert (await verify(settings))[0].first is not None
    done = await _mended(broker, settings)
    actual = next(one for one in done.archive if one.mode == "actual")
    assert (actual.facts, actual.saved, done.ledger) == (last, 0, [])
    assert _count(settings, "checkpoints") == checkpoints > 0, "they follow from nothing else"
    found = await _verified(broker, settings)
    assert (found.first, found.facts, found.erased) == (None, last + 1, 1)
    assert found.contents == COUNT - 1
    nc = await broker.connect(names.OPS)
    assert (await nc.jetstream().stream_info(names.ledger("actual"))).state.last_seq == last + 1
    await nc.close()


async def test_where_each_copy_is_damaged_elsewhere_both_come_out_whole(
    hub: tuple[Hub, Settings, int],
) -> None:
    broker, settings, last = hub
    _change(settings, "DELETE FROM facts WHERE sequence BETWEEN 30 AND 40")
    await _cut_ledger(broker)
    done = await _mended(broker, settings)
    assert done.archive[0].saved > 0
    assert done.ledger[0].facts == last
    found = await _verified(broker, settings)
    assert (found.first, found.contents, found.facts) == (None, COUNT - 1, last + 2)


async def _cut_ledger(hub: Hub) -> None:
    """Flip a bit late in the ledger's block file; the broker comes up without what lay behind it."""
    await hub.broker.stop()
    folder = hub.settings.nats_home / "streams" / "jetstream" / "HUB" / "streams" / "LEDGER_ACTUAL" / "msgs"
    block = sorted(folder.glob("*.blk"))[0]
    raw = bytearray(block.read_bytes())
    raw[len(raw) * 3 // 4] ^= 0x10
    block.write_bytes(raw)
    await hub.broker.start()


async def _left(hub: Hub) -> set[int]:
    """The sequences that the ledger still has."""
    nc = await hub.connect(names.INCIDENTS_ARCHIVE)
    direct = Direct(nc)
    await direct.open()
    found = await direct.history(names.ledger("actual"), subjects.ledger("actual"))
    await nc.close()
    return {stored.sequence for stored in found}


async def test_a_fact_that_neither_copy_has_whole_is_named_and_nothing_is_touched(
    hub: tuple[Hub, Settings, int],
) -> None:
    broker, settings, last = hub
    await _cut_ledger(broker)
    lost = min(set(range(1, last + 1)) - await _left(broker))
    statement = sa.delete(FACTS).where(FACTS.c.mode == "actual", FACTS.c.sequence == lost)
    _change(settings, str(statement.compile(compile_kwargs={"literal_binds": True})))
    before = _count(settings, "facts")
    with pytest.raises(BothDamaged) as raised:
        await _mended(broker, settings)
    assert raised.value.args == ("actual", lost)
    assert _count(settings, "facts") == before


@pytest.mark.parametrize("hub", ["sqlite"], indirect=True)
@pytest.mark.parametrize("how", ["pages", "all"])
async def test_damaged_pages_of_the_database_are_noticed_and_made_anew(
    hub: tuple[Hub, Settings, int], how: str
) -> None:
    broker, settings, last = hub
    file = settings.home / "db" / "incidents.db"
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    raw = bytearray(file.read_bytes())
    size = len(raw) // 4096
    for page in range(1 if how == "pages" else 0, size, 3 if how == "pages" else 1):
        raw[page * 4096 : page * 4096 + 200] = os.urandom(200)
    file.write_bytes(raw)
    assert (await verify(settings))[0].first is not None
    done = await _mended(broker, settings)
    assert next(one for one in done.archive if one.mode == "actual").facts == last
    found = await _verified(broker, settings)
    assert (found.first, found.contents) == (None, COUNT - 1)
    set_aside = [path for path in (settings.home / "quarantine").rglob("incidents.db")]
    assert [path.read_bytes() for path in set_aside] == [bytes(raw)]
    assert WORD.encode() not in file.read_bytes()
