"""Who has which role where (D13)."""

import copy
from datetime import UTC, datetime, timedelta

import pytest

from schemas.catalogue import BODIES
from schemas.directory import FACTS, REGISTER, Directory
from schemas.envelope import Body
from schemas.people import Granted, TokenIssued
from schemas.vocabulary import Role
from schemas.watch import Established

NOW = datetime(2027, 1, 15, 5, 49, tzinfo=UTC)
OPEN, HIDDEN = "4601.lvs", "4601.barnevern"


def _directory(*granted: tuple[str, Role, str]) -> Directory:
    directory = Directory()
    for key in (OPEN, HIDDEN):
        is_hidden = key == HIDDEN
        directory.apply(Established(watch=key, code="X", title="X", posts=["duty"], hidden=is_hidden))
    for person, role, where in granted:
        directory.apply(Granted(person=person, role=role, where=where))
    return directory


@pytest.mark.parametrize("role", list(Role))
def test_no_role_in_the_whole_organisation_opens_a_hidden_watch(role: Role) -> None:
    directory = _directory(("chief", role, "4601"), ("anne", role, HIDDEN))
    assert directory.has_role("chief", OPEN, NOW, role)
    assert directory.has_role("chief", "4601", NOW, role)
    assert not directory.has_role("chief", HIDDEN, NOW, role)
    assert directory.has_role("anne", HIDDEN, NOW, role)
    assert not directory.has_role("anne", OPEN, NOW, role)


def test_who_administers_the_organisation_can_end_access_to_a_hidden_watch() -> None:
    directory = _directory(("chief", Role.OPS, "4601"), ("odd", Role.LEADER, HIDDEN))
    assert directory.rules_over("chief", HIDDEN, NOW, Role.OPS, Role.LEADER)
    assert directory.rules_over("odd", HIDDEN, NOW, Role.OPS, Role.LEADER)
    assert not directory.rules_over("chief", HIDDEN, NOW, Role.LEADER)


def test_a_machine_of_the_whole_organisation_does_not_reach_a_hidden_watch() -> None:
    directory, until = _directory(), NOW + timedelta(days=1)
    house = TokenIssued(machine="screen", where="4601", scope=["read"], until=until)
    own = TokenIssued(machine="lamp", where=HIDDEN, scope=["read"], until=until)
    assert [directory.reaches(house, key) for key in (OPEN, HIDDEN)] == [True, False]
    assert [directory.reaches(own, key) for key in (OPEN, HIDDEN)] == [False, True]


@pytest.mark.parametrize("body", BODIES.values(), ids=list(BODIES))
def test_the_facts_that_say_who_is_who_are_those_that_rooms_follow(body: type[Body]) -> None:
    directory = _directory(("kari", Role.LEADER, OPEN))
    before = copy.deepcopy(directory)
    try:
        directory.apply(body.model_construct())  # empty: whoever looks into it fails
        is_heard = directory != before
    except AttributeError:
        is_heard = True
    assert is_heard == ((body.trade, body.name) in (*FACTS, REGISTER))
