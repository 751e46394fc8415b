"""Chains go by the clock of the exercise that their incident belongs to, and others by the wall."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from schemas.clock import WALL, Clock
from services.notifications.escalation import Escalate, Tell, Wait, next_action
from services.notifications.rules import Chain
from tests.notifications.chains import START, at, chain, people

STORM = datetime.fromisoformat("2027-01-15T05:49:00+01:00")
ON_DUTY = people(primary="kari", backup="ola")


def told(clock: Callable[[], Clock]) -> Chain:
    """A critical chain whose primary was told at once, and is silent."""
    found = chain()
    found.clock_of = lambda _organisation, _wall: clock()
    action = next_action(found, ON_DUTY, found.clock.time(START))
    assert isinstance(action, Tell)
    found.begin("kari", action.people[0].function, 0, 1, START)
    found.tellings["kari"].sent = 1
    return found


def test_three_minutes_of_an_exercise_pass_in_three_seconds_of_the_wall() -> None:
    clock = Clock().set(at(-1), STORM, 60)
    silent = told(lambda: clock)
    waits = next_action(silent, ON_DUTY, clock.time(at(2.9)))
    assert isinstance(waits, Wait)
    assert clock.wall(waits.until) == at(3)
    assert isinstance(next_action(silent, ON_DUTY, clock.time(at(3))), Escalate)


def test_minutes_are_those_of_the_wall_outside_an_exercise() -> None:
    silent = told(lambda: WALL)
    assert next_action(silent, ON_DUTY, at(179)) == Wait(at(180))
    assert isinstance(next_action(silent, ON_DUTY, at(180)), Escalate)


def test_nobody_is_passed_over_while_the_exercise_stands_still() -> None:
    clock = Clock().set(at(-1), STORM, 60).set(at(1), STORM, 0)
    silent = told(lambda: clock)
    waits = next_action(silent, ON_DUTY, clock.time(at(86_400)))
    assert isinstance(waits, Wait)
    assert clock.wall(waits.until) is None


@pytest.mark.parametrize("jump", [timedelta(0), timedelta(hours=9)])
def test_a_chain_that_was_started_before_the_clocks_setting_was_read_counts_from_the_time_it_set(
    jump: timedelta,
) -> None:
    read = [Clock().set(at(-60), STORM, 60)]
    silent = told(lambda: read[-1])
    read.append(read[-1].set(at(-0.5), read[-1].time(at(-0.5)) + jump, 60))
    now = silent.clock.time(at(1))
    assert isinstance(next_action(silent, ON_DUTY, now), Wait)
