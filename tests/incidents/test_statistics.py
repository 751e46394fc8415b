"""Statistics without persons: nothing below five, nothing that follows from the rest, nothing hidden."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from schemas.directory import Directory
from schemas.watch import Established
from services.incidents.figures import LEAST, groups, times
from services.incidents.statistics import Statistics, watches_of
from services.incidents.viewer import Viewer
from tests.incidents.make import Made, opened
from tests.incidents.shelf import Shelf

VAKT, BARN = "4601.vaktsentral", "4601.barnevern"

names = st.lists(st.sampled_from("abcdefg"), max_size=60)


@given(names)
@example(["a"] * 9 + ["b"] * 4)
@example(["a"] * 4)
def test_no_figure_is_below_five_and_none_can_be_worked_out_from_the_sum(found: list[str]) -> None:
    told, counted = groups(found), Counter(found)
    assert all(count >= LEAST and counted[name] == count for name, count in told.named.items())
    left = set(counted) - set(told.named)
    if told.rest:
        assert told.rest >= LEAST
        assert len(left) >= 2, "the rest of one name would be that name's figure"
        assert told.rest + sum(told.named.values()) == len(found)
    else:
        assert not left or not told.named


@given(st.lists(st.integers(0, 10_000), max_size=80))
def test_a_time_is_told_only_when_five_stand_behind_it(minutes: list[int]) -> None:
    told = times([timedelta(minutes=one) for one in minutes])
    assert (told.median is None) == (len(minutes) < LEAST)
    if told.ninth_decile is not None:
        assert sum(one >= told.ninth_decile for one in minutes) >= LEAST


@pytest.fixture
def shelf(store_url: str, tmp_path: Path) -> Iterator[Shelf]:
    found = Shelf(store_url, tmp_path)
    yield found
    found.close()


def _directory() -> Directory:
    directory = Directory()
    for key, hidden in ((VAKT, False), ("4601.ikt", False), (BARN, True), ("4624.main", False)):
        code = key.partition(".")[2]
        directory.apply(Established(watch=key, code=code, title=code, posts=["duty"], hidden=hidden))
    return directory


def test_a_hidden_watch_is_counted_for_itself_alone() -> None:
    now, directory = datetime.now(UTC), _directory()
    assert watches_of(Viewer(VAKT, directory, now)) == [VAKT, "4601.ikt"]
    assert watches_of(Viewer(BARN, directory, now)) == [BARN]


def test_incidents_are_counted_in_their_period_from_both_databases(shelf: Shelf) -> None:
    day = datetime(2026, 11, 2, 3, tzinfo=UTC)
    shelf.put(*(opened(at=day + timedelta(minutes=number)) for number in range(6)))
    shelf.put(*(opened(at=day + timedelta(days=1)) for _ in range(2)), *_hidden(day))
    found = _counted(shelf, day)
    assert (found["total"], found["by_type"]["groups"]) == (6, [{"name": "flood", "count": 6}])
    assert found["by_hour"]["groups"] == [{"name": "04", "count": 6}]
    assert found["to_close"] == {"count": None, "median": None, "ninth_decile": None}


def _hidden(day: datetime) -> list[Made]:
    return [opened(at=day, owner=BARN) for _ in range(7)]


def _counted(shelf: Shelf, day: datetime) -> dict[str, Any]:
    asked = Statistics(shelf.store.engine, None)  # type: ignore[arg-type]
    begin = day.replace(hour=0)
    return asked._count("actual", [VAKT], begin, begin + timedelta(days=1))
