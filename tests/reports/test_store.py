"""The table of open deadlines, in SQLite and PostgreSQL alike."""

from datetime import UTC, datetime

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy.engine import Engine

from services.reports.store import Store, milliseconds
from services.reports.tables import DeadlineRow
from services.runtime.database import migrate

DUE = datetime(2027, 1, 14, 17, tzinfo=UTC)
WHEEL = ("exercise", "sf-vestland", "main", "w1")


def a_row(watch: str, hours: int = 0, wheel: tuple[str, str, str, str] = WHEEL) -> DeadlineRow:
    mode, org, owner, id = wheel
    return DeadlineRow(
        deadline=f"{id}-{watch}-{hours}",
        mode=mode,
        org=org,
        owner=owner,
        wheel=id,
        watch=watch,
        due_at=milliseconds(DUE) + hours * 3_600_000,
        reminded=hours == 0,
    )


def test_the_migrations_make_the_table_of_the_model(engine: Engine) -> None:
    migrate(engine, "reports")
    with engine.connect() as connection:
        context = MigrationContext.configure(connection)
        assert compare_metadata(context, DeadlineRow.metadata) == []


def test_open_deadlines_come_with_the_earliest_first(engine: Engine) -> None:
    store = Store(engine)
    store.replace(WHEEL, [a_row("4630.vakt", 14), a_row("4618.vakt")])
    assert [(row.watch, row.reminded) for row in store.open()] == [("4618.vakt", True), ("4630.vakt", False)]


def test_what_stands_open_in_a_wheel_takes_the_place_of_what_stood_there_and_of_no_other_wheels(
    engine: Engine,
) -> None:
    store, other = Store(engine), ("exercise", "4601", "kk", "w1")
    store.replace(WHEEL, [a_row("4630.vakt")])
    store.replace(other, [a_row("4601.info", 3, other)])
    store.replace(WHEEL, [a_row("4630.vakt", 14)])
    assert [row.deadline for row in store.open()] == ["w1-4601.info-3", "w1-4630.vakt-14"]
    store.replace(WHEEL, [])
    assert [row.watch for row in store.open()] == ["4601.info"]
