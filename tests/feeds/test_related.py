"""What a feed tells of incidents that are merged, handed over, moved, or seen through a broken glass."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from schemas import relations
from schemas.incidents import SharedWider
from schemas.vocabulary import IncidentState, Level
from services.feeds.wording import is_open
from services.runtime.database import open_database
from services.runtime.settings import Settings
from tests.feeds.facts import NEIGHBOUR, VAKT, following, opening
from tests.feeds.test_store import Feeds
from tests.incidents.make import Made


@pytest.fixture
def feeds(hub_home: Path) -> Iterator[Feeds]:
    engine = open_database(Settings(home=hub_home), "feeds")
    yield Feeds(engine)
    engine.dispose()


def pair(one: Made, other: Made) -> dict[str, str]:
    return {"incident": one.about, "owner": one.owner, "other": other.about, "other_owner": other.owner}


def merge(one: Made, other: Made) -> Made:
    return following(one, relations.Merged(**pair(one, other), former=IncidentState.IN_PROGRESS))


def unmerge(one: Made, other: Made) -> Made:
    return following(one, relations.Unmerged(**pair(one, other), state=IncidentState.IN_PROGRESS))


def told(feeds: Feeds, org: str) -> list[tuple[Any, Any, Any]]:
    return [(item["kind"], item["state"], item.get("codes")) for item in feeds.shown(org)]


def test_who_sees_both_gets_one_update_that_names_what_the_duplicate_became(feeds: Feeds) -> None:
    double, whole = opening(Level.REGION, ref="DOUBLE1"), opening(Level.REGION, ref="WHOLE12")
    feeds.take(double, whole)
    feeds.take(merge(double, whole))
    (_, own, update) = feeds.shown("4624")
    assert (update["kind"], update["state"], update["ref"]) == ("state", "closed", "DOUBLE1")
    other = {"ref": "WHOLE12", "thread": own["thread"]}
    assert update["codes"] == {"change": "merged", "other": other}
    feeds.take(unmerge(double, whole))
    (_, _, _, last) = feeds.shown("4624")
    assert (last["state"], last["codes"]) == ("in_progress", {"change": "unmerged", "other": other})


def test_who_sees_the_duplicate_alone_learns_that_it_is_closed_and_no_more(feeds: Feeds) -> None:
    double, secret = opening(Level.REGION), opening(Level.WATCH, ref="SECRET1")
    feeds.take(double, secret)
    feeds.take(merge(double, secret), unmerge(double, secret))
    assert told(feeds, "4624")[1:] == [("state", "closed", None), ("state", "in_progress", None)]
    assert "SECRET1" not in str(feeds.shown("4624"))
    feeds.take(merge(secret, double))
    assert len(feeds.shown("4624")) == 3, "nothing about what it may not see"


def test_a_broken_glass_gives_one_item_to_its_receiver_until_its_end(feeds: Feeds) -> None:
    secret, over = opening(Level.ORGANISATION), opening(Level.ORGANISATION)
    soon, past = (datetime.now(UTC) + timedelta(minutes=sign * 5) for sign in (1, -1))
    glass = {"entry": "head", "to": NEIGHBOUR, "ground": "hpl-31", "commitment": "ab" * 32}
    feeds.take(secret, over)
    feeds.take(following(secret, relations.GlassBroken(**glass, until=soon)))
    feeds.take(following(over, relations.GlassBroken(**glass, until=past)))
    assert [(item["kind"], item["id"]) for item in feeds.shown("4624")] == [("shared", secret.id)]
    assert feeds.shown("110-vest") == feeds.shown("nett") == []
    entry = feeds.page("4624").entries[0]
    directory = feeds.store.directory("actual")
    assert is_open(entry, directory, soon - timedelta(seconds=1))
    assert not is_open(entry, directory, soon)


def test_a_new_place_and_a_new_responsible_watch_go_to_whoever_sees_the_head(feeds: Feeds) -> None:
    one = opening(Level.REGION)
    answer: dict[str, Any] = {"asked": "f1", "former": VAKT, "responsible": NEIGHBOUR}
    feeds.take(one)
    feeds.take(
        following(one, relations.PlaceChanged(municipalities=["4624"])),
        following(one, relations.TransferAnswered(**answer | {"accepted": False, "responsible": VAKT})),
        following(one, relations.TransferAnswered(**answer, accepted=True)),
    )
    assert [codes for _, _, codes in told(feeds, "110-vest")[1:]] == [
        {"change": "place_changed"},
        {"change": "transfer_answered", "responsible": NEIGHBOUR},
    ]
    assert feeds.shown("110-vest")[-1]["municipalities"] == ["4624"]


def test_who_gets_an_incident_later_gets_the_newest_word_of_where_it_is(feeds: Feeds) -> None:
    one = opening(Level.WATCH)
    moved = following(one, relations.PlaceChanged(), content={"place": "Trengereid"})
    wider: dict[str, Any] = {"level": Level.REGION, "named": [], "commitment": "ab" * 32}
    feeds.take(one, moved)
    feeds.take(following(one, SharedWider(entry="head", **wider)))
    feeds.take(following(one, SharedWider(entry=moved.id, **wider)))
    assert [(item["kind"], item["id"]) for item in feeds.shown("4624")] == [
        ("shared", one.id),
        ("state", moved.id),
    ]
