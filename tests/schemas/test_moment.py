"""Times as people and machines say them: with an offset, in years that every reader can do sums with."""

import json
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from schemas.envelope import Moment, Strict

OFFSETS = st.integers(-23 * 60, 23 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
FIRST, LAST = datetime(1900, 1, 2), datetime(2199, 12, 30)  # noqa: DTZ001  hypothesis adds the offset
NUMBERS = st.one_of(st.integers(), st.floats()).map(str)
SHAPES = st.from_regex(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9:.]{0,12}(Z|[+-][0-9]{2}:[0-9]{2})?", fullmatch=True
)


class Said(Strict):
    """What somebody says."""

    at: Moment


def read(text: str) -> datetime | None:
    """The time in a text, None when it is none."""
    try:
        return Said.model_validate_json(json.dumps({"at": text})).at
    except ValidationError:
        return None


@given(st.datetimes(FIRST, LAST, timezones=OFFSETS))
def test_a_time_with_its_offset_is_read_as_it_was_said(moment: datetime) -> None:
    found = read(moment.isoformat())
    assert found == moment
    assert found.utcoffset() == moment.utcoffset()


@given(st.one_of(st.text(), NUMBERS, SHAPES))
def test_what_is_read_has_an_offset_and_stands_every_sum(text: str) -> None:
    found = read(text)
    if found is not None:
        assert text[:4] == f"{found.year:04}"
        assert (found + timedelta(days=36_500)).astimezone(UTC) > found > datetime(1899, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("text", ["0", "0.5", "-1", "20261130", "1764460800", "1e9", "inf", "2026-11-30"])
def test_a_number_or_a_bare_day_is_no_time(text: str) -> None:
    assert read(text) is None


@pytest.mark.parametrize(
    "text", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "1899-12-31T12:00:00Z"]
)
def test_a_time_at_the_end_of_the_calendar_is_refused(text: str) -> None:
    assert read(text) is None
