"""Times by the clock on the wall in Norway."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from services.words.norway import OSLO, norwegian


@given(st.datetimes(timezones=st.timezones()))
def test_every_time_can_be_shown(moment: datetime) -> None:
    assert f"{norwegian(moment):%d.%m.%Y %H.%M}"


def test_summer_and_winter_have_their_own_hour() -> None:
    assert norwegian(datetime(2027, 7, 1, 12, tzinfo=UTC)).hour == 14
    assert norwegian(datetime(2027, 1, 14, 12, tzinfo=UTC)).hour == 13


def test_a_time_that_no_calendar_here_has_stays_as_it_was_said() -> None:
    last = datetime.max.replace(tzinfo=UTC)
    assert norwegian(last) is last
    assert norwegian(datetime(2027, 1, 14, tzinfo=UTC)).tzinfo is OSLO
