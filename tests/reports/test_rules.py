"""When reports are due, what follows when they are not there, and which deadline an answer meets."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise, takewhile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.reports import DeadlineMet, DeadlineMissed, DeadlineReminded, WheelBegun, WheelEnded
from services.reports import rules
from services.reports.rules import OSLO, Deadline, Miss, Remind, Wheel

ASKED = {"wheel": "w1", "receiver": "sf-vestland", "reporters": ["4630.vakt"]}
SIX = datetime(2027, 1, 14, 18, tzinfo=OSLO)
EIGHT = datetime(2027, 1, 15, 8, tzinfo=OSLO)
CLOCKS = st.lists(st.times(), min_size=1, max_size=6).map(lambda many: [f"{one:%H:%M}" for one in many])
DAYS = st.dates(date(2026, 1, 1), date(2030, 12, 31))


def ask(**more: object) -> WheelBegun:
    return WheelBegun.model_validate(ASKED | more)


def a_wheel(**more: object) -> Wheel:
    asked = ask(**({"moments": [SIX, EIGHT], "remind_s": 300, "escalate_s": 900} | more))
    return Wheel(asked, SIX - timedelta(hours=5))


def about(due: datetime, watch: str = "4630.vakt") -> dict[str, object]:
    one = Deadline("w1", watch, due)
    return {"wheel": "w1", "deadline": one.id, "watch": watch, "due": due}


def at(clock: str, day: int = 14) -> datetime:
    return datetime.fromisoformat(f"2027-01-{day}T{clock}:00+01:00")


@given(CLOCKS, DAYS)
def test_times_of_the_day_come_each_day_and_in_order(daily: list[str], day: date) -> None:
    start = datetime.combine(day, datetime.min.time(), OSLO)
    end = start.astimezone(UTC) + timedelta(days=9)
    found = list(takewhile(lambda due: due < end, rules.dues(ask(daily=daily), start)))
    assert all(one < other for one, other in pairwise(found))
    assert {f"{due.astimezone(OSLO):%H:%M}" for due in found if _is_plain(due)} <= set(daily)
    assert 7 * len(set(daily)) <= len(found) <= 10 * len(set(daily))


def _is_plain(due: datetime) -> bool:
    """True on days without a change of the clock."""
    day = due.astimezone(OSLO).replace(hour=0, minute=0)
    return day.utcoffset() == (day + timedelta(days=1)).utcoffset()


@pytest.mark.parametrize(
    ("day", "wanted"),
    [("2027-03-28", ["00:30", "03:30", "08:00"]), ("2027-10-31", ["00:30", "02:30", "08:00"])],
)
def test_a_time_that_does_not_exist_comes_an_hour_later_and_one_that_exists_twice_comes_once(
    day: str, wanted: list[str]
) -> None:
    start = datetime.fromisoformat(f"{day}T00:00").replace(tzinfo=OSLO)
    end = datetime.fromisoformat(f"{day}T23:59").replace(tzinfo=OSLO).astimezone(UTC)
    found = takewhile(lambda due: due < end, rules.dues(ask(daily=["00:30", "02:30", "08:00"]), start))
    assert [f"{due.astimezone(OSLO):%H:%M}" for due in found] == wanted


@given(st.integers(600, 90_000), DAYS, st.integers(0, 10**7))
def test_a_rhythm_is_exact_in_elapsed_time_whatever_the_clock_on_the_wall_does(
    every_s: int, first: date, later_s: int
) -> None:
    begun = datetime.combine(first, datetime.min.time(), UTC)
    after = begun + timedelta(seconds=later_s)
    dues = rules.dues(ask(every_s=every_s, first=begun), after)
    one, other = next(dues), next(dues)
    assert after < one <= after + timedelta(seconds=every_s)
    assert (one - begun) % timedelta(seconds=every_s) == timedelta(0)
    assert other - one == timedelta(seconds=every_s)


def test_who_has_not_reported_is_reminded_and_then_the_deadline_is_missed() -> None:
    wheel, deadline = a_wheel(), Deadline("w1", "4630.vakt", SIX.astimezone(UTC))
    assert rules.look(wheel, at("18:04")) == ([], at("18:05"))
    assert rules.look(wheel, at("18:05")) == ([Remind(deadline)], at("18:15"))
    wheel.apply(DeadlineReminded.model_validate(about(SIX)))
    assert rules.look(wheel, at("18:06")) == ([], at("18:15"))
    assert rules.look(wheel, at("18:15"))[0] == [Miss(deadline, told=True)]
    wheel.apply(DeadlineMissed.model_validate(about(SIX)))
    assert rules.look(wheel, at("18:16")) == ([], at("08:05", 15))


def test_a_watch_that_was_named_twice_owes_one_report_and_is_reminded_once() -> None:
    twice = a_wheel(reporters=["4630.vakt", "4630.vakt"])
    assert rules.look(twice, at("18:05")) == rules.look(a_wheel(reporters=["4630.vakt"]), at("18:05"))
    assert [one.watch for one in rules.open_deadlines(twice, at("17:00"))] == ["4630.vakt"]


def test_who_has_answered_is_left_in_peace_until_the_next_deadline() -> None:
    wheel = a_wheel()
    wheel.apply(DeadlineMet.model_validate(about(SIX) | {"nothing": True}))
    assert rules.look(wheel, at("18:20")) == ([], at("08:05", 15))
    wheel.apply(WheelEnded(wheel="w1"))
    assert rules.look(wheel, at("08:20", 15)) == ([], None)
    assert rules.open_deadlines(wheel, at("08:20", 15)) == []


def test_of_deadlines_slept_through_each_is_noted_and_people_are_told_of_the_last_one() -> None:
    wheel = a_wheel(moments=[], daily=["08:00", "18:00"])
    said, _ = rules.look(wheel, at("09:00", 16))
    assert [one.told for one in said if isinstance(one, Miss)] == [False, False, False, True]


def test_a_reminder_before_the_deadline_comes_before_it() -> None:
    wheel = a_wheel(remind_s=-900, escalate_s=0)
    said, following = rules.look(wheel, at("17:45"))
    assert [type(one) for one in said] == [Remind]
    assert following == at("18:00")


@pytest.mark.parametrize(
    ("now", "due"),
    [("17:45", SIX), ("18:10", SIX), ("23:00", SIX), ("13:30", SIX)],
)
def test_an_answer_is_for_the_deadline_that_lies_nearest(now: str, due: datetime) -> None:
    assert rules.nearest(a_wheel(), at(now)) == due
    assert rules.nearest(a_wheel(), at("02:00", 15)) == EIGHT
    assert rules.nearest(a_wheel(), at("12:00", 20)) == EIGHT


@given(CLOCKS, st.integers(0, 10**6))
def test_no_other_deadline_lies_nearer_than_the_nearest(daily: list[str], later_s: int) -> None:
    wheel = a_wheel(moments=[], daily=daily)
    now = wheel.began + timedelta(seconds=later_s)
    found = rules.nearest(wheel, now)
    assert found is not None
    near = takewhile(lambda due: due < now + timedelta(days=3), rules.dues(wheel.asked, wheel.began))
    assert abs(found - now) == min(abs(due - now) for due in near)


def test_a_locked_report_answers_a_deadline_to_one_of_its_receivers_once() -> None:
    wheel = a_wheel(template="sf")
    named = ["sf-vestland", "4627"]
    assert rules.answered_by(wheel, "4630.vakt", named, "sf", at("17:58")) == SIX
    assert rules.answered_by(wheel, "4630.vakt", ["4627"], "sf", at("17:58")) is None
    assert rules.answered_by(wheel, "4627.vakt", named, "sf", at("17:58")) is None
    assert rules.answered_by(wheel, "4630.vakt", named, "other", at("17:58")) is None
    wheel.apply(DeadlineMet.model_validate(about(SIX) | {"report": "r1"}))
    assert rules.answered_by(wheel, "4630.vakt", named, "sf", at("18:03")) is None


@pytest.mark.parametrize(
    "more",
    [
        {"moments": [SIX], "daily": ["08:00"]},
        {"moments": []},
        {"moments": [], "every_s": 3600},
        {"moments": [SIX], "remind_s": 1000},
        {"moments": [SIX - timedelta(days=1)]},
    ],
)
def test_a_wheel_that_asks_for_nothing_or_for_two_things_is_none(more: dict[str, object]) -> None:
    assert not rules.check(a_wheel(**more).asked, at("13:00"))
    assert rules.check(a_wheel().asked, at("13:00"))
