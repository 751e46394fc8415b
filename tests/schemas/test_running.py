"""Running numbers begin anew with the year in Norway, and are read as they are written."""

from datetime import datetime

import pytest

from schemas.running import NUMBER, written, year_of


@pytest.mark.parametrize(
    ("recorded_at", "year"),
    [
        ("2026-12-31T22:59:59+00:00", 2026),
        ("2026-12-31T23:00:00+00:00", 2027),
        ("2027-01-01T00:30:00+01:00", 2027),
        ("2027-01-01T00:30:00+02:00", 2026),
        ("2026-07-01T12:00:00+02:00", 2026),
    ],
)
def test_the_year_of_a_number_is_that_in_norway(recorded_at: str, year: int) -> None:
    assert year_of(datetime.fromisoformat(recorded_at)) == year


@pytest.mark.parametrize(
    ("number", "text"), [(1, "VAKT-2026-0001"), (413, "VAKT-2026-0413"), (12345, "VAKT-2026-12345")]
)
def test_a_number_is_read_as_it_was_written(number: int, text: str) -> None:
    assert written("VAKT", 2026, number) == text
    found = NUMBER.fullmatch(text)
    assert found is not None
    assert (found[1], int(found[2]), int(found[3])) == ("VAKT", 2026, number)
