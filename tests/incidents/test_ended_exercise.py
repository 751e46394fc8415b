"""An exercise that is ended for good: its words and rows are gone, its facts and all else are there."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from services.incidents.tables import (
    CONTENT,
    CURSOR,
    DERIVED,
    ERASURES,
    FACTS,
    INCIDENTS,
    ITEMS,
    TURNS,
    WORDS,
)
from services.incidents.verify import verify
from tests.ended_exercise import BARN, Story, discarded, incident
from tests.incidents.shelf import Shelf

MODE = "exercise"


@pytest.fixture
def shelf(store_url: str, tmp_path: Path) -> Iterator[Shelf]:
    found = Shelf(store_url, tmp_path, MODE)
    yield found
    found.close()


def rows(shelf: Shelf, table: sa.Table) -> list[dict[str, Any]]:
    """A table's rows in the order of its key, without what says when it was written."""
    with shelf.store.engine.connect() as connection:
        found = connection.execute(sa.select(table).order_by(*table.primary_key.columns)).mappings()
        return [{key: value for key, value in row.items() if key != "done_at"} for row in found]


def heads(shelf: Shelf) -> set[str]:
    return {row["id"] for row in rows(shelf, INCIDENTS)}


def kept_words(shelf: Shelf) -> dict[str, bool]:
    return {row["fact"]: row["sealed"] is not None for row in rows(shelf, CONTENT)}


def test_words_and_rows_of_the_exercise_go_and_everything_else_stays(shelf: Shelf) -> None:
    story = Story()
    shelf.put(*story.facts)
    words = kept_words(shelf)
    assert {fact for fact in story.taken if words[fact]} == set()
    assert {fact for fact in story.kept if words[fact]} == story.kept
    assert heads(shelf) == {
        one.about for one in (story.before, story.hidden, story.neighbours, story.next_one)
    }
    assert {row["fact"] for row in rows(shelf, ERASURES)} >= story.taken
    assert {row["id"] for row in rows(shelf, TURNS)} == heads(shelf)
    about = {row["about"] for row in rows(shelf, ITEMS)}
    assert about == heads(shelf)
    assert len(rows(shelf, FACTS)) == len(story.facts), "facts stay, every one"
    with shelf.store.engine.connect() as connection:
        assert connection.execute(sa.text("select count(*) from case_references")).scalar() == 0


def test_no_word_of_it_can_be_found_any_more(shelf: Shelf) -> None:
    story = Story()
    shelf.put(*story.exercise_alone)
    assert [row for row in rows(shelf, WORDS) if "fjellfiolett" in row["word"]] == []


async def test_the_archive_is_whole_afterwards(shelf: Shelf) -> None:
    story = Story()
    shelf.put(*story.facts)
    report = next(one for one in await verify(shelf.settings) if one.mode == MODE)
    assert report.first is None
    assert report.erased == len(story.taken) + 1  # the case number


@pytest.mark.parametrize("size", [1, 3, 100])
def test_it_is_the_same_however_the_facts_come_in_batches(shelf: Shelf, tmp_path: Path, size: int) -> None:
    facts = [*Story().facts, incident(95)]
    shelf.put(*facts)
    (tmp_path / "other").mkdir()
    other = Shelf(f"sqlite:///{tmp_path / 'other' / 'other.db'}", tmp_path, MODE)
    for start in range(0, len(facts), size):
        other.put(*facts[start : start + size])
    for table in DERIVED:
        if table not in (FACTS, CURSOR):
            assert rows(other, table) == rows(shelf, table), table.name
    other.close()


def test_a_hidden_watch_ends_its_own_share_and_no_other(shelf: Shelf) -> None:
    story = Story()
    facts = [*story.facts[:-1], discarded(90, BARN)]
    shelf.put(*facts)
    words = kept_words(shelf)
    assert not words[story.hidden.id]
    assert all(words[fact] for fact in (story.taken | story.kept) - {story.hidden.id})


def test_a_second_order_takes_what_came_since(shelf: Shelf) -> None:
    story = Story()
    facts = [one for one in story.facts if one.about != "exercise-y" and one is not story.next_one]
    shelf.put(*facts)
    since = incident(92)
    shelf.put(since)
    assert since.about in heads(shelf)
    shelf.put(discarded(95, "4601"))
    assert since.about not in heads(shelf)
    assert len(rows(shelf, ERASURES)) == len(story.taken) + 2
