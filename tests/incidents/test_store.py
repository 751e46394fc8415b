"""The archive's tables, on SQLite and PostgreSQL alike."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from schemas import incidents, notifications, reports
from schemas.vocabulary import DutyFunction, IncidentState, Level
from services.incidents.chain import beginning, extend, fact_hash
from services.incidents.lookups import Lookups
from services.incidents.projection import DUPLICATE, UNREADABLE, read
from services.incidents.store import Batch
from services.incidents.tables import METADATA
from services.runtime.database import CursorMoved
from services.runtime.epochs import Mark
from tests.incidents.make import Made, opened
from tests.incidents.shelf import Shelf


@pytest.fixture
def shelf(store_url: str, tmp_path: Path) -> Iterator[Shelf]:
    found = Shelf(store_url, tmp_path)
    yield found
    found.close()


def _state(about: str, state: IncidentState) -> Made:
    return Made(incidents.StateChanged(state=state, former=IncidentState.NEW), about=about)


def _erased(about: str, fact: str) -> Made:
    body = incidents.Erased(fact=fact, ground="gdpr-17", law="GDPR 17", asked_by="p1")
    return Made(body, about=about)


def test_the_migrations_make_the_tables_that_the_code_means(shelf: Shelf) -> None:
    with shelf.store.engine.connect() as connection:
        known = {"compare_type": True, "include_name": lambda name, *_: not str(name).startswith("terms")}
        context = MigrationContext.configure(connection, opts=known)
        assert compare_metadata(context, METADATA) == []


def test_a_fact_keeps_its_exact_bytes_and_its_place_in_the_chain(shelf: Shelf) -> None:
    one, two = opened(), opened()
    shelf.put(one, two)
    first, second = shelf.rows()
    end = extend(beginning("actual", one.owner, "4601"), fact_hash(one.raw))
    assert (first["raw"], first["position"], first["chain_hash"]) == (one.raw, 1, end.hash)
    assert second["chain_hash"] == extend(end, fact_hash(two.raw)).hash
    assert first["sealed"] == one.sealed


def test_chains_of_two_watches_and_two_controllers_are_apart(shelf: Shelf) -> None:
    shelf.put(opened(), opened(owner="4624.main"), opened(controller="4624"), opened())
    assert [row["position"] for row in shelf.rows()] == [1, 1, 1, 2]


def test_the_cursor_stands_at_the_last_fact(shelf: Shelf) -> None:
    assert shelf.store.cursor("actual").sequence == 0
    made = opened()
    shelf.put(opened(), made)
    assert shelf.store.cursor("actual") == Mark(1, 2, fact_hash(made.raw).hex())


def test_a_second_reader_is_fenced_off(shelf: Shelf) -> None:
    made = opened()
    shelf.put(made)
    again = Batch("actual", 1, "LEDGER_ACTUAL", [read(1, made.subject, made.raw)], {})
    with pytest.raises(CursorMoved):
        shelf.store.write(again)
    assert len(shelf.rows()) == 1


def test_running_numbers_count_by_watch_and_norwegian_year(shelf: Shelf) -> None:
    late = datetime(2026, 12, 31, 23, 30, tzinfo=UTC)
    shelf.put(
        opened(at=datetime(2026, 5, 1, tzinfo=UTC)),
        opened(owner="4624.main"),
        opened(at=late),
        opened(at=late),
    )
    with shelf.store.engine.connect() as connection:
        found = connection.execute(
            sa.text("select watch, year, number from incidents order by sequence")
        ).all()
    assert found[0] == ("4601.vaktsentral", 2026, 1)
    assert found[1][2] == 1
    assert found[2:] == [("4601.vaktsentral", 2027, 1), ("4601.vaktsentral", 2027, 2)]


def test_numbers_do_not_depend_on_how_the_facts_came_in_batches(shelf: Shelf, tmp_path: Path) -> None:
    facts = [opened() for _ in range(5)]
    shelf.put(*facts)
    other = Shelf(f"sqlite:///{tmp_path / 'other.db'}", tmp_path)
    for made in facts:
        other.put(made)
    assert [row["chain_hash"] for row in shelf.rows()] == [row["chain_hash"] for row in other.rows()]
    other.close()


def test_the_head_follows_state_and_level(shelf: Shelf) -> None:
    made = opened()
    share = incidents.SharedWider(entry="head", level=Level.NAMED, named=["4624"], commitment="0" * 64)
    shelf.put(made, _state(made.about, IncidentState.IN_PROGRESS), Made(share, about=made.about))
    (row,) = Lookups(shelf.store.engine).by_ref("actual", made.fact.data.body["ref"])
    assert (row["state"], row["level"], row["named"]) == ("in_progress", "named", '["4624"]')
    assert shelf.rows()[0]["raised"]


def test_an_acknowledged_page_moves_a_new_incident_only(shelf: Shelf) -> None:
    one, two = opened(), opened()
    told = {"chain": "c", "watch": one.owner, "cause": "x", "person": "p", "function": DutyFunction.PRIMARY}
    shelf.put(one, two, _state(two.about, IncidentState.IN_PROGRESS))
    shelf.put(
        *(Made(notifications.Acknowledged.model_validate(told), about=made.about) for made in (one, two))
    )
    lookups = Lookups(shelf.store.engine)
    states = [lookups.by_id("actual", made.about)[0]["state"] for made in (one, two)]
    assert states == ["acknowledged", "in_progress"]


def test_an_erasure_of_reports_takes_the_words_of_each_fact_that_it_names_and_of_no_other(
    shelf: Shelf,
) -> None:
    kept, *gone = (_report(version) for version in (1, 2, 3))
    body = reports.ReportErased(
        report="r1", facts=[one.id for one in gone], ground="g", law="l", asked_by="p"
    )
    shelf.put(kept, *gone)
    shelf.put(Made(body, about="r1"))
    found = {row["id"]: (row["erased"], row["sealed"] is None) for row in shelf.rows() if row["commitment"]}
    assert found == {kept.id: (False, False), **{one.id: (True, True) for one in gone}}


def test_an_erasure_that_names_no_list_of_facts_is_parked_and_erases_nothing(shelf: Shelf) -> None:
    kept = _report(1)
    body = reports.ReportErased(report="r1", facts=[kept.id], ground="g", law="l", asked_by="p")
    made = Made(body, about="r1")
    shelf.put(kept)
    for wrong in (f'"{kept.id}"', '[""]', "[1]", "null"):
        shelf.put_raw(made.subject, made.raw.replace(f'["{kept.id}"]'.encode(), wrong.encode()))
    assert {row["code"] for row in shelf.store.unannounced("actual")} == {UNREADABLE}
    assert shelf.rows()[0]["erased"] in (False, 0)


def _report(version: int) -> Made:
    body = reports.Drafted(report="r1", template="t", version=version)
    return Made(body, about="r1", content={"words": {"needs": "To pumper"}})


@pytest.mark.parametrize(
    "raw", [b"\xff\x00nothing", b"[]", b"{}", b'{"id":1,"data":{}}', b'{"id":"a","data":null}']
)
def test_what_is_no_fact_is_kept_chained_and_parked(shelf: Shelf, raw: bytes) -> None:
    made = opened()
    shelf.put_raw(made.subject, raw)
    (row,) = shelf.rows()
    assert (row["raw"], row["id"], row["position"]) == (raw, None, 1)
    (parked,) = shelf.store.unannounced("actual")
    assert (parked["code"], parked["stream"], parked["sequence"]) == (UNREADABLE, "LEDGER_ACTUAL", 1)
    shelf.store.announced("actual", [1])
    assert shelf.store.unannounced("actual") == []


def test_an_id_that_stands_twice_has_no_second_effect(shelf: Shelf) -> None:
    made = opened()
    twin = Made(
        incidents.StateChanged(state=IncidentState.CLOSED, former=IncidentState.NEW),
        about=made.about,
        id=made.id,
    )
    shelf.put(made)
    shelf.put(twin, opened())
    assert [row["code"] for row in shelf.store.unannounced("actual")] == [DUPLICATE]
    assert [row["id"] is None for row in shelf.rows()] == [False, True, False]
    assert Lookups(shelf.store.engine).by_id("actual", made.about)[0]["state"] == "new"


def test_absent_content_is_missing_until_it_is_healed(shelf: Shelf) -> None:
    made = opened()
    shelf.put(made, without=frozenset([made.id]))
    assert [row["fact"] for row in shelf.store.missing("actual")] == [made.id]
    assert made.sealed is not None
    shelf.store.heal("actual", {made.id: made.sealed})
    assert shelf.store.missing("actual") == []
    assert shelf.rows()[0]["sealed"] == made.sealed


def test_erased_content_is_nulled_with_the_fact_and_never_healed(shelf: Shelf) -> None:
    made = opened()
    shelf.put(made)
    shelf.put(_erased(made.about, made.id))
    assert made.sealed is not None
    shelf.store.heal("actual", {made.id: made.sealed})
    row = shelf.rows()[0]
    assert (row["sealed"], row["erased"]) == (None, True)
    assert shelf.store.missing("actual") == []


def test_content_and_its_erasure_may_come_in_one_batch(shelf: Shelf) -> None:
    made = opened()
    shelf.put(made, _erased(made.about, made.id))
    assert shelf.rows()[0]["sealed"] is None


def test_clearing_forgets_one_mode(shelf: Shelf) -> None:
    shelf.put(opened())
    shelf.store.clear("actual")
    assert shelf.rows() == []
    assert shelf.store.cursor("actual").sequence == 0
