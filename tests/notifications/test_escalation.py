"""Who is told next, and when: the ladder, one person alone, empty posts, refusals, dead channels."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.duty import Duty
from schemas.notifications import PolicyRules, Step
from schemas.vocabulary import DutyFunction, Priority
from schemas.watch import Manned, Released
from services.notifications.escalation import Escalate, Tell, next_action
from services.notifications.policy import default_rules
from tests.notifications.chains import BACKUP, LEADER, PRIMARY, WATCH, Play, at, chain, people

ALL = {"primary": "kari", "backup": "ola", "leader": "liv", "coordinator": "per"}


def test_a_silent_primary_is_followed_by_backup_leader_and_coordinator_and_then_nobody_was_reached() -> None:
    play = Play(chain(), people(**ALL)).until(3600)
    assert play.told == [(0, "kari"), (180, "ola"), (360, "liv"), (660, "per")]
    assert [reason for _, _, reason in play.moves] == ["no_answer"] * 3
    assert (play.chain.outcome, play.now) == ("nobody_reached", 960)


def test_high_priority_waits_ten_ten_and_fifteen_minutes() -> None:
    play = Play(chain(Priority.HIGH), people(**ALL)).until(7200)
    assert [when for when, _ in play.told] == [0, 600, 1200, 2100]


def test_normal_priority_never_escalates_and_ends_after_half_an_hour() -> None:
    play = Play(chain(Priority.NORMAL), people(**ALL)).until(7200)
    assert (play.told, play.moves, play.now) == ([(0, "kari")], [], 1800)
    assert play.chain.outcome == "nobody_reached"


def test_information_starts_no_chain() -> None:
    assert default_rules(Priority.INFO, None) is None


def test_an_acknowledged_chain_tells_nobody_more() -> None:
    play = Play(chain(), people(**ALL)).until(200)
    play.acknowledge("ola")
    assert play.until(3600).told == [(0, "kari"), (180, "ola")]
    assert (play.chain.outcome, play.chain.ended_by) == ("acknowledged", "ola")


def test_one_person_alone_is_told_three_times_more_before_the_leader() -> None:
    play = Play(chain(), people(primary="kari", leader="liv", coordinator="per")).until(3600)
    assert play.told == [(0, "kari"), (90, "kari"), (180, "kari"), (270, "kari"), (360, "liv"), (660, "per")]


def test_one_who_is_primary_and_backup_is_alone() -> None:
    play = Play(chain(), people(primary="kari", backup="kari", leader="liv")).until(370)
    assert [person for _, person in play.told] == ["kari"] * 4 + ["liv"]


def test_one_who_is_everything_is_told_once_and_repeated_then_the_coordinator() -> None:
    alone = people(primary="kari", backup="kari", leader="kari", coordinator="per")
    assert [person for _, person in Play(chain(), alone).until(3600).told] == ["kari"] * 4 + ["per"]


def test_a_backup_who_is_also_leader_is_told_once() -> None:
    play = Play(chain(), people(primary="kari", backup="ola", leader="ola", coordinator="per")).until(3600)
    assert play.told == [(0, "kari"), (180, "ola"), (660, "per")]


def test_without_manning_leader_and_coordinator_are_told_at_once() -> None:
    play = Play(chain(), people(leader="liv", coordinator="per")).until(3600)
    assert play.told == [(0, "liv"), (0, "per")]
    assert {reason for _, _, reason in play.moves} == {"nobody_on_duty"}
    assert play.now == 300


def test_without_a_leader_on_duty_the_leaders_by_role_are_told() -> None:
    play = Play(chain(), people(leaders="liv pål")).until(3600)
    assert play.told == [(0, "liv"), (0, "pål")]


def test_without_manning_even_a_normal_message_reaches_a_leader() -> None:
    play = Play(chain(Priority.NORMAL), people(leaders="liv")).until(10)
    assert play.told == [(0, "liv")]


def test_without_anybody_the_chain_ends_at_once_and_says_so() -> None:
    play = Play(chain(), people()).until(3600)
    assert (play.chain.outcome, play.now, play.told) == ("nobody_reached", 0, [])


def test_an_empty_primary_post_brings_the_backup_at_once_and_the_rest_in_time() -> None:
    play = Play(chain(), people(backup="ola", leader="liv", coordinator="per")).until(200)
    assert play.told[0] == (0, "ola")
    assert play.moves[0] == (0, 1, "nobody_on_duty")
    assert play.until(3600).told[-2:] == [(180, "liv"), (480, "per")]


def test_a_refusal_brings_the_next_at_once_and_gives_them_their_whole_time() -> None:
    play = Play(chain(), people(**ALL)).until(20)
    play.decline("kari")
    play.until(3600)
    assert play.told == [(0, "kari"), (20, "ola"), (200, "liv"), (500, "per")]
    assert play.moves[0] == (20, 1, "declined")


def test_when_all_have_refused_the_chain_ends_at_once() -> None:
    play = Play(chain(), people(primary="kari", backup="ola")).until(5)
    play.decline("kari")
    play.until(6)
    play.decline("ola")
    assert (play.until(3600).chain.outcome, play.now) == ("nobody_reached", 6)


def test_a_person_whom_no_channel_reaches_is_not_waited_for_but_tried_again() -> None:
    play = Play(chain(), people(**ALL), dead={"kari"}).until(14)
    assert play.told == [(0, "ola")]
    assert play.moves == [(0, 1, "not_sent")]
    play.dead.clear()
    assert play.until(20).told == [(0, "ola"), (15, "kari")]


def test_when_every_channel_is_dead_all_are_tried_again_until_the_end() -> None:
    play = Play(chain(), people(**ALL), dead={"*"}).until(3600)
    assert [step for _, step, _ in play.moves] == [1, 2, 3]
    assert play.chain.tellings["per"].attempts >= 4
    assert play.chain.outcome == "nobody_reached"


def test_a_new_holder_after_a_change_of_shift_is_told_of_what_is_open() -> None:
    play = Play(chain(), people(**ALL)).until(60)
    fresh = Manned(post="duty", function=PRIMARY, person="nils", since=at(100), manner="taken")
    play.people.duty.apply(WATCH, fresh)
    play.now = 110.0
    assert play.until(120).told == [(0, "kari"), (110, "nils")]


def test_two_primaries_of_two_posts_are_both_told() -> None:
    on_duty = people(**ALL)
    on_duty.duty.apply(WATCH, Manned(post="second", function=PRIMARY, person="eva", since=at(-60)))
    assert Play(chain(), on_duty).until(1).told == [(0, "kari"), (0, "eva")]


def test_while_a_message_is_under_way_nobody_is_told_twice() -> None:
    here, on_duty = chain(), people(**ALL)
    first = next_action(here, on_duty, at(0))
    assert isinstance(first, Tell)
    here.begin("kari", PRIMARY, 0, 1, at(0))
    assert not isinstance(next_action(here, on_duty, at(1)), Tell | Escalate)


def test_a_policy_of_two_steps_ends_when_it_says() -> None:
    steps = [Step(after_s=4, function=BACKUP), Step(after_s=0, function=PRIMARY)]
    rules = PolicyRules(priority=Priority.HIGH, steps=steps, end_s=9)
    play = Play(chain(rules=rules), people(primary="kari", backup="ola")).until(60)
    assert (play.told, play.now) == ([(0, "kari"), (4, "ola")], 9)


PERSONS = st.sampled_from(["kari", "ola", "liv", "per"])


@given(
    manned=st.dictionaries(st.sampled_from([*map(str, DutyFunction), "coordinator"]), PERSONS),
    dead=st.sets(PERSONS),
    declines=st.lists(st.tuples(st.integers(1, 900), PERSONS), max_size=3),
    priority=st.sampled_from([Priority.CRITICAL, Priority.HIGH, Priority.NORMAL]),
)
def test_every_chain_ends_and_tells_nobody_too_often(
    manned: dict[str, str], dead: set[str], declines: list[tuple[int, str]], priority: Priority
) -> None:
    play = Play(chain(priority), people(**manned), dead=dead)
    for when, person in sorted(declines):
        play.until(when)
        if person in play.chain.tellings:
            play.decline(person)
    play.until(20_000)
    assert play.chain.outcome == "nobody_reached"
    for person in set(manned.values()):
        assert sum(told == person for _, told in play.told) <= 1 + play.chain.rules.repeat
    if priority is not Priority.NORMAL:
        live = set(manned.values()) - dead - {person for _, person in declines}
        assert live <= {person for _, person in play.told}


@pytest.mark.parametrize("function", [PRIMARY, BACKUP, LEADER])
def test_a_released_function_is_held_by_the_roster_again(function: DutyFunction) -> None:
    duty, early, late = Duty(), datetime(2027, 1, 1, tzinfo=UTC), datetime(2027, 1, 2, tzinfo=UTC)
    duty.apply(WATCH, Manned(post="duty", function=function, person="kari", since=early))
    taken = Manned(post="duty", function=function, person="ola", since=early, manner="taken")
    duty.apply(WATCH, taken)
    assert duty.holders(WATCH, function, late) == ("ola",)
    duty.apply(WATCH, Released(post="duty", function=function, person="ola", at=late))
    assert duty.holders(WATCH, function, late) == ("kari",)
