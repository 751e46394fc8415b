"""What the archive keeps of ties, transfers, places and case numbers, on SQLite and PostgreSQL alike."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from schemas import incidents, relations
from schemas.vocabulary import IncidentState, Level
from services.incidents.lookups import Lookups
from tests.incidents.make import Made, opened
from tests.incidents.shelf import Shelf

NEIGHBOUR = "4624.main"


@pytest.fixture
def shelf(store_url: str, tmp_path: Path) -> Iterator[Shelf]:
    found = Shelf(store_url, tmp_path)
    yield found
    found.close()


def about(one: Made, body: Any, **more: Any) -> Made:
    return Made(body, about=one.about, owner=one.owner, **more)


def head(shelf: Shelf, one: Made) -> Any:
    (found,) = Lookups(shelf.store.engine).by_ids("actual", [one.about])
    return found


def test_a_merged_head_is_closed_and_an_unmerged_one_stands_as_before(shelf: Shelf) -> None:
    one, other = opened(), opened()
    pair = {"incident": one.about, "owner": one.owner, "other": other.about, "other_owner": other.owner}
    merged = about(one, relations.Merged(**pair, former=IncidentState.IN_PROGRESS))
    shelf.put(one, other, merged)
    assert (head(shelf, one)["state"], head(shelf, one)["closed_at"] is None) == ("closed", False)
    shelf.put(about(one, relations.Unmerged(**pair, state=IncidentState.IN_PROGRESS)))
    assert (head(shelf, one)["state"], head(shelf, one)["closed_at"]) == ("in_progress", None)
    assert [raw == merged.raw for raw in shelf.store.standing("actual")] == [True, False]


def test_responsible_municipalities_and_glass_are_the_newest_also_within_one_batch(shelf: Shelf) -> None:
    one = opened()
    until = datetime.now(UTC) + timedelta(hours=1)
    taken = {"asked": "f", "accepted": True, "former": one.owner, "responsible": NEIGHBOUR}
    glass = relations.GlassBroken(entry="head", to=NEIGHBOUR, ground="hpl-31", until=until)
    assert not Lookups(shelf.store.engine).alike("actual", "flood", NEIGHBOUR, 10)
    shelf.put(
        one,
        about(one, relations.TransferAnswered.model_validate(taken)),
        about(one, relations.PlaceChanged(municipalities=["4624"])),
        about(one, relations.PlaceChanged(), content={"position": "60.4,5.3"}),
        about(one, glass),
    )
    found = head(shelf, one)
    assert (found["responsible"], found["municipalities"]) == (NEIGHBOUR, '["4624"]')
    assert NEIGHBOUR in found["broken"]
    lookups = Lookups(shelf.store.engine)
    assert [row["id"] for row in lookups.alike("actual", "flood", NEIGHBOUR, 10)] == [one.about]
    assert [row["about"] for row in lookups.places("actual", [one.about])] == [one.about]


def test_a_case_number_is_found_healed_and_emptied_with_its_content(shelf: Shelf) -> None:
    one = opened()
    body = relations.Referenced(system="110", level=Level.WATCH)
    there, missing = (about(one, body, content={"reference": f"2027/{n} B"}) for n in (1, 2))
    shelf.put(one, there, missing, without=frozenset([missing.id]))
    lookups = Lookups(shelf.store.engine)

    def found(number: str) -> list[str]:
        return [row["fact"] for row in lookups.by_case("actual", "110", number)]

    assert (found("2027/1b"), found("2027/2b")) == ([there.id], [])
    assert missing.sealed is not None
    shelf.store.heal("actual", {missing.id: missing.sealed})
    assert found("2027/2b") == [missing.id]
    erased = incidents.Erased(fact=there.id, ground="gdpr-17", law="GDPR 17", asked_by="p1")
    shelf.put(about(one, erased))
    assert found("2027/1b") == []
