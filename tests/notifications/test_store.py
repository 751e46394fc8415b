"""The tables of notifications, in SQLite and PostgreSQL alike."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy.engine import Connection, Engine

from services.notifications import store
from services.notifications.commits import Store
from services.notifications.store import ChainRow, DeliveryRow, DoneRow, LinkRow
from services.runtime.database import migrate, open_database, table
from services.runtime.settings import Settings

NOW = datetime(2027, 1, 15, 5, 49, tzinfo=UTC)


def a_chain(name: str = "c1") -> ChainRow:
    return ChainRow(
        chain=name,
        mode="exercise",
        org="4601",
        owner="vakt",
        incident="i1",
        watch="4628.vakt",
        item="f1",
        started_at=store.milliseconds(NOW),
    )


def a_delivery(name: str = "d1", chain: str = "c1") -> DeliveryRow:
    begun = store.milliseconds(NOW)
    return DeliveryRow(
        delivery=name, chain=chain, person="kari", function="primary", step=0, attempt=1, begun_at=begun
    )


async def test_the_migrations_make_the_tables_of_the_models(engine: Engine) -> None:
    migrate(engine, "notifications")
    with engine.connect() as connection:
        context = MigrationContext.configure(connection)
        assert compare_metadata(context, table(ChainRow).metadata) == []
    engine.dispose()


async def test_an_open_chain_is_found_until_it_has_ended_and_the_same_row_twice_is_one(rows: Store) -> None:
    await rows.run(store.add([a_chain(), a_chain("c2")]))
    await rows.run(store.add([a_chain()]))
    assert [row.chain for row in await rows.run(store.chains(outcome=""))] == ["c1", "c2"]
    await rows.run(store.end_chain("c1", "acknowledged", NOW))
    assert [row.chain for row in await rows.run(store.chains(outcome=""))] == ["c2"]
    (ended,) = await rows.run(store.chains(chain="c1"))
    assert (ended.outcome, store.moment(ended.ended_at or 0)) == ("acknowledged", NOW)


async def test_a_message_without_a_record_is_found_until_it_has_one(rows: Store) -> None:
    await rows.run(store.add([a_chain(), a_delivery(), a_delivery("d2"), a_delivery("d3", "c2")]))
    await rows.run(store.finish("d1"))
    assert [row.delivery for row in await rows.run(store.unrecorded())] == ["d2", "d3"]
    await rows.run(store.end_chain("c1", "nobody_reached", NOW))
    assert [row.delivery for row in await rows.run(store.unrecorded())] == ["d3"]


async def test_links_and_messages_go_some_time_after_their_chain(rows: Store) -> None:
    link = LinkRow(secret_hash="h", chain="c1", person="kari", watch="4628.vakt")
    await rows.run(store.add([a_chain(), a_delivery(), link]))
    await rows.run(store.drop_old(NOW + timedelta(days=9)))
    assert await rows.run(store.link("h")) is not None
    await rows.run(store.end_chain("c1", "acknowledged", NOW))
    await rows.run(store.drop_old(NOW + timedelta(seconds=1)))
    assert await rows.run(store.link("h")) is None


async def test_a_fact_is_done_in_its_own_mode_only(rows: Store) -> None:
    await rows.run(store.add([DoneRow(mode="exercise", fact="f1")]))
    assert await rows.run(store.is_done("exercise", "f1"))
    assert not await rows.run(store.is_done("actual", "f1"))


async def test_a_contact_is_replaced_and_its_marker_drops_it(rows: Store) -> None:
    assert not await rows.run(store.keep_contact("kari", b"one", 1))
    assert not await rows.run(store.keep_contact("kari", b"one", 1))
    assert await rows.run(store.keep_contact("kari", b"two", 2))
    assert await rows.run(store.contacts()) == {"kari": b"two"}
    assert await rows.run(store.keep_contact("kari", b"", 3))
    assert await rows.run(store.contacts()) == {}
    await rows.scrub()


async def test_work_that_fails_takes_no_other_work_of_the_same_commit_with_it(rows: Store) -> None:
    def broken(connection: Connection) -> None:
        connection.execute(sa.text("SELECT * FROM nowhere"))

    found = await asyncio.gather(
        rows.run(store.add([a_chain()])),
        rows.run(broken),
        rows.run(store.add([a_chain("c2")])),
        return_exceptions=True,
    )
    assert [isinstance(one, Exception) for one in found] == [False, True, False]
    assert len(await rows.run(store.chains(mode="exercise"))) == 2


async def test_a_forgotten_contact_leaves_no_byte_in_the_files(tmp_path: Path) -> None:
    rows = Store(open_database(Settings(home=tmp_path), "notifications"))
    await rows.run(store.keep_contact("kari", b"+4790000001-unmistakable", 1))
    await rows.run(store.keep_contact("kari", b"", 2))
    await rows.scrub()
    files = [path for path in (tmp_path / "db").iterdir() if b"unmistakable" in path.read_bytes()]
    await rows.close()
    assert files == []
