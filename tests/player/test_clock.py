"""The time of an exercise: it runs on in pieces, never goes back, and is nobody's but its own."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.clock import WALL, Clock, Exercises
from schemas.exercise import Begun, ClockSet, Ended

WALL_START = datetime(2026, 5, 4, 12, tzinfo=UTC)
START = datetime(2027, 1, 14, 8, tzinfo=UTC)

settings = st.lists(
    st.tuples(st.integers(-5, 7200), st.integers(-7200, 90_000), st.integers(0, 60)), min_size=1, max_size=8
)


def clock_of(found: list[tuple[int, int, int]]) -> Clock:
    """A clock that was set some seconds after the setting before it, to some seconds from where it stood."""
    wall = WALL_START
    clock = Clock().set(wall, START, 1)
    for later_s, jump_s, speed in found:
        wall += timedelta(seconds=later_s)
        clock = clock.set(wall, clock.time(wall) + timedelta(seconds=jump_s), speed)
    return clock


@given(settings, st.lists(st.integers(0, 50_000), min_size=2, max_size=6))
def test_the_time_never_goes_back_however_the_clock_is_set(
    found: list[tuple[int, int, int]], moments: list[int]
) -> None:
    clock = clock_of(found)
    told = [clock.time(WALL_START + timedelta(seconds=second)) for second in sorted(moments)]
    assert told == sorted(told)
    assert told[0] >= START


@given(settings, st.integers(0, 90_000))
def test_when_it_will_be_a_time_it_is_that_time_to_the_millisecond(
    found: list[tuple[int, int, int]], later_s: int
) -> None:
    clock = clock_of(found)
    last = clock.pieces[-1]
    wanted = last.at + timedelta(seconds=later_s)
    wall = clock.wall(wanted)
    if last.speed == 0:
        assert wall is None or later_s == 0
        return
    assert wall is not None
    assert timedelta(0) <= clock.time(wall) - wanted < timedelta(milliseconds=1) * last.speed
    assert wall.microsecond % 1000 == 0


@given(settings)
def test_what_has_been_told_of_the_past_is_told_again_after_the_clock_was_set(
    found: list[tuple[int, int, int]],
) -> None:
    clock = clock_of(found)
    until = clock.pieces[-1].wall
    past = [until - timedelta(seconds=second) for second in (1, 30, 3000)]
    before = [clock.time(moment) for moment in past]
    clock = clock.set(until + timedelta(seconds=1), clock.time(until) + timedelta(days=3), 60)
    assert [clock.time(moment) for moment in past] == before


def test_three_minutes_pass_in_three_seconds_at_sixty_times() -> None:
    clock = Clock().set(WALL_START, START, 60)
    assert clock.time(WALL_START + timedelta(seconds=3)) == START + timedelta(minutes=3)
    assert clock.wall(START + timedelta(minutes=3)) == WALL_START + timedelta(seconds=3)


def test_a_clock_that_stands_still_never_reaches_what_is_to_come() -> None:
    clock = Clock().set(WALL_START, START, 0)
    assert clock.time(WALL_START + timedelta(days=1)) == START
    assert clock.wall(START + timedelta(seconds=1)) is None


def test_outside_an_exercise_the_wall_clock_holds() -> None:
    exercises = Exercises()
    assert exercises.time("4601", WALL_START) == WALL_START
    assert (WALL.time(WALL_START), WALL.wall(WALL_START)) == (WALL_START, WALL_START)


def reading(wall_s: int, at: datetime, speed: int) -> dict[str, object]:
    return {"wall": WALL_START + timedelta(seconds=wall_s), "at": at, "speed": speed}


def begun(id: str, wall_s: int, organisations: list[str], at: datetime = START) -> Begun:
    return Begun.model_validate(
        {"exercise": id, "code": "ask", "organisations": organisations, **reading(wall_s, at, 60)}
    )


@pytest.fixture
def two() -> Exercises:
    """One exercise of Bergen and Askøy; a minute later one of Trondheim, at another time."""
    exercises = Exercises()
    exercises.apply(begun("one", 0, ["4601", "4627"]))
    exercises.apply(begun("two", 60, ["5001"], START + timedelta(days=30)))
    return exercises


def test_two_exercises_have_their_own_times(two: Exercises) -> None:
    now = WALL_START + timedelta(seconds=120)
    assert two.time("4627", now) == START + timedelta(hours=2)
    assert two.time("5001", now) == START + timedelta(days=30, hours=1)
    assert two.time("4624", now) == now


def test_setting_one_clock_leaves_the_other_alone(two: Exercises) -> None:
    two.apply(ClockSet.model_validate({"exercise": "one", **reading(120, START + timedelta(hours=9), 0)}))
    now = WALL_START + timedelta(seconds=180)
    assert two.time("4601", now) == START + timedelta(hours=9)
    assert two.time("5001", now) == START + timedelta(days=30, hours=2)


def test_an_exercise_that_ended_stands_still_for_good(two: Exercises) -> None:
    two.apply(Ended.model_validate({"exercise": "one", **reading(60, START, 0)}))
    two.apply(ClockSet.model_validate({"exercise": "one", **reading(90, START + timedelta(days=1), 60)}))
    assert two.time("4601", WALL_START + timedelta(days=1)) == START + timedelta(hours=1)


def test_who_begins_anew_leaves_the_exercise_that_was_interrupted_and_what_was_then_stays(
    two: Exercises,
) -> None:
    two.apply(begun("again", 300, ["4601"]))
    assert two.time("4601", WALL_START + timedelta(seconds=360)) == START + timedelta(hours=1)
    assert two.time("4601", WALL_START + timedelta(seconds=240)) == START + timedelta(hours=4)
    assert two.runs["one"].clock.ended
    assert not two.runs["two"].clock.ended
