"""Who stands on a watch's duty list, and who must not."""

from datetime import UTC, datetime, timedelta

import pytest

from schemas import feeds, people, watch
from schemas.directory import Directory
from schemas.duty import Duty
from schemas.people import Contact
from schemas.vocabulary import DutyFunction, Role
from services.notifications.duty_list import AHEAD, DutyList, duty_list
from services.notifications.paper import phone

NOW = datetime(2026, 11, 23, 22, 0, tzinfo=UTC)
VAKT, IKT, BARN, ASKOY, HIDDEN_ASKOY = "4601.vakt", "4601.ikt", "4601.barn", "4627.vakt", "4627.barn"
BOOK = {
    name: Contact(display_name=name.title(), phone=f"+4799000{number:03}")
    for number, name in enumerate(("leif", "marit", "eli", "geir", "harald", "jon", "unni"))
}


@pytest.fixture
def directory() -> Directory:
    found = Directory()
    for key, title in (("4601", "Bergen kommune"), ("4627", "Askøy kommune")):
        found.apply(feeds.OrganisationSet(organisation=key, title=title, kind="municipality"))
    for key in (VAKT, IKT, BARN, ASKOY, HIDDEN_ASKOY):
        hidden = key.endswith("barn")
        found.apply(
            watch.Established(watch=key, code="V", title=f"Vakt {key}", hidden=hidden, posts=["duty"])
        )
    return found


@pytest.fixture
def duty() -> Duty:
    found = Duty()
    for key, person in ((VAKT, "leif"), (BARN, "geir"), (ASKOY, "harald"), (HIDDEN_ASKOY, "unni")):
        man(found, key, person, NOW - timedelta(hours=2), NOW + timedelta(hours=30))
    return found


def man(duty: Duty, key: str, person: str, since: datetime, until: datetime | None = None) -> None:
    """Put a person on the roster as primary."""
    function = DutyFunction.PRIMARY
    duty.apply(key, watch.Manned(post="duty", function=function, person=person, since=since, until=until))


def listed(key: str, directory: Directory, duty: Duty) -> DutyList:
    return duty_list(key, directory, duty, BOOK.get, NOW)


def names(found: DutyList) -> set[str]:
    """Every name anywhere on the list."""
    lines = [*found.now, *found.leaders, *found.later]
    return {line.name for line in lines if line.name is not None}


def test_the_own_organisation_stands_there_with_numbers_the_own_watch_first(
    directory: Directory, duty: Duty
) -> None:
    found = listed(VAKT, directory, duty)
    assert [(line.title, line.name, line.phone) for line in found.now] == [
        ("Vakt 4601.vakt", "Leif", "+4799000000"),
        ("Vakt 4601.ikt", None, None),
    ]


def test_a_hidden_watch_stands_on_its_own_list_only(directory: Directory, duty: Duty) -> None:
    directory.apply(people.Granted(person="jon", role=Role.LEADER, where=BARN))
    for key in (VAKT, IKT, ASKOY):
        found = listed(key, directory, duty)
        assert not names(found) & {"Geir", "Jon", "Unni"}
        titles = [line.title for line in found.now] + [other.title for other in found.others]
        assert not [title for title in titles if "barn" in title]
    assert names(listed(BARN, directory, duty)) == {"Geir", "Leif", "Jon"}


def test_of_another_organisation_only_whether_it_is_manned(directory: Directory, duty: Duty) -> None:
    found = listed(VAKT, directory, duty)
    assert [(one.organisation, one.title, one.filled) for one in found.others] == [
        ("Askøy kommune", "Vakt 4627.vakt", True)
    ]
    assert "Harald" not in names(found)


def test_leaders_of_the_own_house_stand_there_while_the_role_holds(directory: Directory, duty: Duty) -> None:
    directory.apply(people.Granted(person="jon", role=Role.LEADER, where="4601"))
    directory.apply(people.Granted(person="eli", role=Role.LEADER, where=IKT, until=NOW))
    directory.apply(people.Granted(person="harald", role=Role.LEADER, where="4627"))
    assert [(one.title, one.name) for one in listed(VAKT, directory, duty).leaders] == [
        ("Bergen kommune", "Jon")
    ]


def test_who_comes_next_is_named_and_the_list_holds_until_then(directory: Directory, duty: Duty) -> None:
    assert listed(VAKT, directory, duty).until == NOW + AHEAD
    change = NOW + timedelta(hours=8)
    man(duty, VAKT, "marit", change)
    man(duty, VAKT, "eli", NOW + timedelta(hours=40))
    found = listed(VAKT, directory, duty)
    assert [(line.name, line.since) for line in found.later] == [("Marit", change)]
    assert found.until == change


def test_somebody_whose_contact_is_gone_is_not_named(directory: Directory, duty: Duty) -> None:
    man(duty, IKT, "forgotten", NOW - timedelta(hours=1))
    assert ("?", None) in [(line.name, line.phone) for line in listed(VAKT, directory, duty).now]


@pytest.mark.parametrize(
    ("number", "shown"), [("+4799000004", "990 00 004"), ("+46701234567", "+46701234567"), (None, "–")]
)
def test_a_norwegian_number_is_read_in_groups(number: str | None, shown: str) -> None:
    assert phone(number) == shown
