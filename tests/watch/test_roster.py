"""Rosters: who is on duty, and where nobody is."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from schemas.duty import Duty, Place, picture
from schemas.people import Forgotten
from schemas.vocabulary import DutyFunction
from schemas.watch import Established, Manned, Released
from services.watch import roster

MONDAY = datetime(2027, 1, 11, 8, tzinfo=UTC)
KEY = "4601.vaktsentral"
PLACE: Place = (KEY, "duty", DutyFunction.PRIMARY)


def at(hours: float) -> datetime:
    """So many hours after Monday 08:00."""
    return MONDAY + timedelta(hours=hours)


def manned(person: str, since: float, until: float | None = None, manner: str = "roster") -> Manned:
    return Manned.model_validate(
        {
            "post": "duty",
            "function": "primary",
            "person": person,
            "since": at(since),
            "until": None if until is None else at(until),
            "manner": manner,
        }
    )


def released(person: str, when: float) -> Released:
    return Released(post="duty", function=DutyFunction.PRIMARY, person=person, at=at(when))


def duty_of(*facts: Manned | Released | Forgotten) -> Duty:
    duty = Duty()
    for fact in facts:
        duty.apply(KEY, fact)
    return duty


def who(duty: Duty, hours: float) -> str | None:
    held = duty.holding(PLACE, at(hours))
    return held.person if held else None


def test_a_later_roster_entry_holds_for_its_time_and_the_standing_one_again_after_it() -> None:
    duty = duty_of(manned("kari", 0), manned("ola", 10, 20))
    assert [who(duty, hour) for hour in (-1, 0, 9, 10, 19, 20)] == [
        None,
        "kari",
        "kari",
        "ola",
        "ola",
        "kari",
    ]


def test_an_entry_with_the_same_beginning_replaces_the_earlier_one() -> None:
    duty = duty_of(manned("kari", 0), manned("kari", 0, 8))
    assert [who(duty, hour) for hour in (7, 8)] == ["kari", None]


def test_taking_over_holds_over_the_roster_until_it_is_released() -> None:
    duty = duty_of(manned("kari", 0, 24), manned("ola", 2, manner="taken"), manned("per", 3, 24))
    assert who(duty, 4) == "ola"
    duty.apply(KEY, released("ola", 6))
    assert [who(duty, hour) for hour in (5, 6)] == ["ola", "per"]


def test_an_earlier_take_over_does_not_come_back_when_the_next_one_is_released() -> None:
    duty = duty_of(
        manned("kari", 0),
        manned("ola", 1, manner="taken"),
        manned("per", 2, manner="taken"),
        released("per", 3),
    )
    assert [who(duty, hour) for hour in (1.5, 2.5, 3)] == ["ola", "per", "kari"]


def test_only_the_one_who_took_over_can_release() -> None:
    duty = duty_of(manned("kari", 0), manned("ola", 1, manner="taken"), released("kari", 2))
    assert who(duty, 3) == "ola"
    assert roster.taker(duty, PLACE, at(3)) == "ola"


def test_who_is_on_the_roster_has_taken_nothing_over() -> None:
    assert roster.taker(duty_of(manned("kari", 0)), PLACE, at(1)) is None


def test_a_forgotten_person_is_on_duty_no_more() -> None:
    assert who(duty_of(manned("kari", 0), manned("ola", 1), Forgotten(person="ola")), 2) == "kari"


def test_a_gap_is_found_between_two_shifts_and_after_the_last() -> None:
    duty = duty_of(manned("kari", 0, 8), manned("ola", 10, 18))
    found = list(roster.gaps(duty, at(1), at(48)))
    assert [(gap.since, gap.until) for gap in found] == [(at(8), at(10)), (at(18), None)]


def test_a_gap_is_the_same_gap_while_time_goes_by() -> None:
    duty = duty_of(manned("kari", 0, 8))
    assert list(roster.gaps(duty, at(1), at(25))) == list(roster.gaps(duty, at(12), at(36)))


def test_a_standing_roster_has_no_gap_however_far_one_looks() -> None:
    assert not list(roster.gaps(duty_of(manned("kari", 0)), at(1), at(10_000)))


def test_a_take_over_fills_a_gap() -> None:
    duty = duty_of(manned("kari", 0, 8), manned("ola", 7, manner="taken"))
    assert not list(roster.gaps(duty, at(1), at(48)))


def test_a_place_that_no_roster_ever_filled_has_no_gap() -> None:
    assert not list(roster.gaps(duty_of(manned("ola", 0, 8, manner="taken")), at(1), at(48)))


def test_the_own_house_sees_who_others_whether_and_a_hidden_watch_is_seen_by_itself_alone() -> None:
    duty = duty_of(manned("kari", 0))
    duty.apply("4601.barnevern", manned("anne", 0))
    watches = {
        KEY: Established(watch=KEY, code="VAKT", title="Vaktsentralen", posts=["duty", "road"]),
        "4601.barnevern": Established(
            watch="4601.barnevern", code="BV", title="Barnevernvakten", hidden=True, posts=["duty"]
        ),
    }
    open_ones = [(KEY, "duty", "kari"), (KEY, "road", None)]
    for asking, hidden in ((KEY, []), ("4601.barnevern", [("4601.barnevern", "duty", "anne")])):
        own = list(picture(duty, watches, asking, at(1)))
        assert [(row["watch"], row["post"], row["person"]) for row in own] == [*hidden, *open_ones]
    others = list(picture(duty, watches, "4624.main", at(1)))
    assert others == [
        {"watch": KEY, "post": "duty", "function": "primary", "filled": True},
        {"watch": KEY, "post": "road", "function": "primary", "filled": False},
    ]


HOURS = st.integers(0, 60)
SHIFTS = st.lists(
    st.tuples(HOURS, st.none() | st.integers(1, 30), st.sampled_from(["roster", "taken"])), max_size=12
)


@given(SHIFTS)
def test_within_the_horizon_every_hour_has_a_holder_or_lies_in_a_gap(
    shifts: list[tuple[int, int | None, str]],
) -> None:
    shifts = sorted(shifts, key=lambda one: one[0] if one[2] == "taken" else -1)
    duty = duty_of(
        *(
            manned("kari", since, None if hours is None else since + hours, manner)
            for since, hours, manner in shifts
        )
    )
    rostered = [since for since, _, manner in shifts if manner == "roster"]
    found = list(roster.gaps(duty, at(0), at(200)))
    for hour in range(min(rostered, default=200), 200):
        in_gap = any(gap.since <= at(hour) and (gap.until is None or at(hour) < gap.until) for gap in found)
        assert in_gap != (who(duty, hour) is not None)


def said_plainly(facts: list[Manned | Released | Forgotten], hours: float) -> str | None:
    """Who holds the place by the rule as it is written, from all facts."""
    moment, known = at(hours), list[Manned]()
    for fact in facts:
        if isinstance(fact, Forgotten):
            known = [one for one in known if one.person != fact.person]
        elif isinstance(fact, Released):
            known = [
                cut(one, fact.at) if (one.manner, one.person) == ("taken", fact.person) else one
                for one in known
            ]
        elif fact.manner == "taken":
            known = [cut(one, fact.since) if one.manner == "taken" else one for one in known] + [fact]
        else:
            known = [one for one in known if one.manner == "taken" or one.since != fact.since] + [fact]
    covering = [one for one in known if one.since <= moment and (one.until is None or moment < one.until)]
    holding = [one for one in covering if one.manner == "taken"] or covering
    return holding[-1].person if holding else None


def cut(one: Manned, end: datetime) -> Manned:
    return one if one.until is not None and one.until <= end else one.model_copy(update={"until": end})


PERSONS = st.sampled_from(["kari", "ola", "per"])
SAID = st.one_of(
    st.builds(
        lambda person, since, hours, manner: manned(
            person, since, None if hours is None else since + hours, manner
        ),
        PERSONS,
        HOURS,
        st.none() | st.integers(1, 30),
        st.sampled_from(["roster", "taken"]),
    ),
    st.builds(released, PERSONS, HOURS),
    st.builds(lambda person: Forgotten(person=person), PERSONS),
)


@given(st.lists(SAID, max_size=12))
def test_whoever_takes_over_or_releases_in_whatever_order_the_rule_holds(
    facts: list[Manned | Released | Forgotten],
) -> None:
    duty, kept = duty_of(*facts), Duty()
    kept.load(duty_of(*facts[:6]).dump())
    for fact in facts[6:]:
        kept.apply(KEY, fact)
    for hour in range(-1, 95):
        assert who(duty, hour) == who(kept, hour) == said_plainly(facts, hour)
    assert kept.dump() == duty.dump()


def test_years_of_shifts_are_taken_in_as_fast_as_the_first_ones() -> None:
    duty = Duty()
    for day in range(20_000):
        duty.apply(KEY, manned("kari", day * 24, day * 24 + 24))
        duty.apply(KEY, manned("ola", day * 24 + 8, manner="taken"))
        duty.apply(KEY, released("ola", day * 24 + 9))
        assert who(duty, day * 24 + 8.5) == "ola"
        assert who(duty, 24 * 20_001) is None
    assert [who(duty, hour) for hour in (8.5, 9.5, 24 * 19_999 + 10)] == ["ola", "kari", "kari"]
