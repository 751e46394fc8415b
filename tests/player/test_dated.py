"""What is dated holds by the clock of the exercise that it is in, and by the wall's everywhere else."""

from datetime import UTC, datetime, timedelta

from schemas.directory import Directory
from schemas.envelope import Body
from schemas.exercise import Begun
from schemas.feeds import Agreed, OrganisationSet, Subscribed
from schemas.people import Granted
from schemas.vocabulary import Mode, Role
from services.watch.horizon import is_guest

WALL = datetime(2026, 5, 4, 12, tzinfo=UTC)
EVENING = datetime.fromisoformat("2027-01-15T21:00:00+01:00")
ENDS = EVENING + timedelta(hours=1)


def directory(*more: Body) -> Directory:
    """Bergen and a guest whose time ends in an hour of the exercise, which begins now at sixty times."""
    found = Directory()
    for body in (
        OrganisationSet(organisation="guest", title="Arrangør", kind="guest"),
        OrganisationSet(organisation="4601", title="Bergen", kind="municipality"),
        Granted(person="sunniva", role=Role.OPERATOR, where="guest", until=ENDS),
        Agreed(agreement="a", parties=["4601", "guest"], purpose="Råd", since=EVENING, until=ENDS),
        Subscribed(subscriber="guest", modes=[Mode.EXERCISE], since=EVENING, until=ENDS),
        *more,
    ):
        found.apply(body)
    return found


def begun() -> Begun:
    return Begun(exercise="one", code="ask", organisations=["4601", "guest"], at=EVENING, wall=WALL, speed=60)


def holds(found: Directory, now: datetime) -> tuple[bool, bool, bool]:
    return (
        found.has_role("sunniva", "guest.event", now, Role.OPERATOR),
        found.agreed("4601", "guest", now),
        found.subscription("guest", "exercise", now) is not None,
    )


def test_a_guests_access_ends_to_the_second_by_the_clock_of_the_exercise() -> None:
    found = directory(begun())
    assert holds(found, WALL) == (True, True, True)
    assert holds(found, WALL + timedelta(seconds=59.9)) == (True, True, True)
    assert holds(found, WALL + timedelta(seconds=60)) == (False, False, False)


def test_outside_an_exercise_the_same_holds_by_the_wall_clock() -> None:
    found = directory()
    assert holds(found, WALL) == (True, False, False)
    assert holds(found, EVENING) == (True, True, True)
    assert holds(found, ENDS) == (False, False, False)


def test_a_time_that_nobody_said_is_that_of_the_exercise_and_one_that_was_said_stays() -> None:
    found, now = directory(begun()), WALL + timedelta(seconds=10)
    assert found.occurred("4601.ikt", now, now) == EVENING + timedelta(minutes=10)
    assert found.occurred("4601.ikt", EVENING, now) == EVENING
    assert found.occurred("5001.vakt", now, now) == now


def test_nobody_is_told_that_a_guests_post_stands_empty_after_its_time() -> None:
    found = directory()
    assert [is_guest(found, organisation) for organisation in ("guest", "4601", "5001")] == [
        True,
        False,
        False,
    ]
