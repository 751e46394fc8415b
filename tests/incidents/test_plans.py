"""However large the archive is, a question of SQLite goes by an index to what it is about."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from schemas.directory import Directory
from schemas.search import SearchFor
from services.incidents.files import FileStore
from services.incidents.finding import Finder
from services.incidents.lookups import Lookups
from services.incidents.search import find
from services.incidents.viewer import Viewer
from tests.incidents.make import opened
from tests.incidents.shelf import Shelf

VAKT = "4601.vaktsentral"
LARGE = "facts|content|items|incidents|turns|words|case_references"


class Asked:
    """The plans of every query that a store was asked."""

    def __init__(self, engine: sa.Engine) -> None:
        self.plans: dict[str, list[str]] = {}
        sa.event.listen(engine, "before_cursor_execute", self._note)

    def _note(self, connection: Any, _cursor: Any, said: str, values: Any, *_rest: Any) -> None:
        if said.startswith(("SELECT", "WITH")):
            rows = connection.connection.driver_connection.execute(f"EXPLAIN QUERY PLAN {said}", values)
            self.plans[said] = [row[3] for row in rows]

    @property
    def steps(self) -> list[str]:
        """Each step of each plan."""
        return [step for plan in self.plans.values() for step in plan]


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Shelf]:
    found = Shelf(f"sqlite:///{tmp_path / 'store.db'}", tmp_path)
    found.put(opened(), opened())
    yield found
    found.close()


@pytest.fixture
def asked(shelf: Shelf) -> Asked:
    return Asked(shelf.store.engine)


def walks(steps: list[str]) -> list[str]:
    """Steps that read a large table, or a whole mode of it."""
    return [step for step in steps if re.match(rf"SCAN ({LARGE})\b", step) or "(mode=?)" in step]


def test_an_incident_is_looked_up_by_its_own_facts(shelf: Shelf, asked: Asked) -> None:
    Lookups(shelf.store.engine).about("actual", "i")
    assert "facts_about (mode=? AND about=?)" in asked.steps[0]
    assert not walks(asked.steps)


def test_the_open_incidents_are_looked_up_without_the_closed(shelf: Shelf, asked: Asked) -> None:
    lookups = Lookups(shelf.store.engine)
    lookups.heads("actual", "open", VAKT, 1 << 62, 200)
    assert "incidents_open (mode=? AND sequence<?)" in asked.steps[0]
    asked.plans.clear()
    lookups.heads_then("actual", "open", VAKT, 1 << 62, 200, 0)
    assert any("turns_open (mode=? AND until>?)" in step for step in asked.steps)
    assert not walks(asked.steps)


def test_no_lookup_walks_through_the_whole_archive(shelf: Shelf, asked: Asked) -> None:
    lookups = Lookups(shelf.store.engine)
    for state in ("closed", "all"):
        lookups.heads("actual", state, VAKT, 1 << 62, 200)
        lookups.heads_then("actual", state, VAKT, 1 << 62, 200, 0)
    lookups.by_id("actual", "i")
    lookups.by_ids("actual", ["i", "j"])
    lookups.by_ref("actual", "r")
    lookups.by_number("actual", [VAKT], 2026, 1)
    lookups.by_case("actual", "amis", "1")
    lookups.refs("actual", ["i"])
    lookups.places("actual", ["i"])
    lookups.places_of("actual", [{"id": "f"}])
    assert len(asked.plans) >= 11
    assert not walks(asked.steps)


def test_what_is_missing_is_looked_for_among_that_only(shelf: Shelf, asked: Asked) -> None:
    shelf.store.missing("actual")
    FileStore(shelf.store.engine).missing("actual")
    assert [plan[0] for plan in asked.plans.values()] == [
        "SEARCH content USING INDEX content_missing (mode=?)",
        "SEARCH files USING INDEX files_missing (mode=?)",
    ]


def test_no_search_walks_through_the_whole_archive(shelf: Shelf, asked: Asked) -> None:
    viewer = Viewer(VAKT, Directory(), datetime.now(UTC))
    for question in ({}, {"text": "røyk på", "type": "fire", "state": "open"}, {"box": (60, 5, 61, 6)}):
        find(Finder(shelf.store.engine), "actual", SearchFor.model_validate(question), viewer)
    assert len(asked.plans) >= 6
    assert not walks(asked.steps)
