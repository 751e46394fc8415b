"""Whose a person is, and who may give which role."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import people
from schemas.authorisation import ADMINISTER
from schemas.directory import Directory
from schemas.envelope import Actor
from schemas.exercise import Begun
from schemas.vocabulary import Authentication, Role
from schemas.watch import Established
from services.people import rules
from services.people.keyring import Keyring, fingerprint
from services.people.rules import Register

NOW = datetime(2027, 1, 14, 8, tzinfo=UTC)
KEY = "4601.vaktsentral"


def actor(person: str | None, watch: str = "vaktsentral", org: str = "4601") -> Actor:
    centre = watch == "centre"
    sort = Authentication.SERVICE if centre else Authentication.SESSION
    return Actor(person=person, organisation=org, watch=watch, via="test", authentication=sort)


def register(*facts: tuple[str, object]) -> Register:
    return rules.fold((f"fact-{place}", owner, body) for place, (owner, body) in enumerate(facts))


def directory(*roles: tuple[str, Role, str]) -> Directory:
    found = Directory()
    for person, role, where in roles:
        found.apply(people.Granted(person=person, role=role, where=where))
    return found


def code(refused: object) -> str | None:
    return getattr(refused, "code", None)


def test_a_person_of_another_organisation_is_answered_as_an_unknown_one() -> None:
    known = register(("4624.main", people.Added(person="p1")))
    assert code(rules.check_own(known, "p1", "4601")) == "UNKNOWN_PERSON"
    assert code(rules.check_own(known, "p2", "4601")) == "UNKNOWN_PERSON"
    assert rules.check_own(known, "p1", "4624") is None


def test_only_the_centre_moves_a_person_to_another_organisation() -> None:
    known = register(("4624.main", people.Added(person="p1")))
    assert code(rules.check_new(known, "p1", actor("kari"))) == "ID_TAKEN"
    assert rules.check_new(known, "p1", actor(None, "centre")) is None


def test_a_forgotten_person_never_comes_back_under_the_same_id() -> None:
    known = register((KEY, people.Added(person="p1")), (KEY, people.Forgotten(person="p1")))
    assert code(rules.check_new(known, "p1", actor(None, "centre"))) == "UNKNOWN_PERSON"
    assert code(rules.check_person(known, "p1")) == "UNKNOWN_PERSON"
    assert known.of("4601") == []


def test_a_machine_has_an_id_of_its_own() -> None:
    issued = people.TokenIssued(machine="pump", where="4624", scope=["report"], until=NOW)
    known = register((KEY, people.Added(person="p1")), ("4624.main", issued))
    assert code(rules.check_machine(known, "p1", "4601")) == "MACHINE_TAKEN"
    assert code(rules.check_machine(known, "pump", "4601")) == "MACHINE_TAKEN"
    assert rules.check_machine(known, "pump", "4624") is None
    assert code(rules.check_new(known, "pump", actor("kari"))) == "ID_TAKEN"


@pytest.mark.parametrize(
    ("where", "allowed"), [(KEY, True), ("4601.barnevern", False), ("4601", False), ("4624", False)]
)
def test_the_leader_of_a_watch_decides_over_that_watch_only(where: str, allowed: bool) -> None:
    known = directory(("kari", Role.LEADER, KEY))
    assert (rules.check_place(known, actor("kari"), where, "grant", NOW) is None) == allowed


@pytest.mark.parametrize(("where", "allowed"), [(KEY, True), ("4601", True), ("4624.main", False)])
def test_who_administers_the_organisation_decides_over_all_of_it_and_no_other(
    where: str, allowed: bool
) -> None:
    known = directory(("kari", Role.OPS, "4601"), ("kari", Role.OPS, "4624"))
    assert (rules.check_place(known, actor("kari"), where, "grant", NOW) is None) == allowed


def test_an_operator_decides_over_nothing_and_the_centre_over_all() -> None:
    known = directory(("ola", Role.OPERATOR, "4601"))
    assert code(rules.check_place(known, actor("ola"), KEY, "grant", NOW)) == "NOT_ALLOWED"
    assert rules.check_place(known, actor(None, "centre"), "4624", "grant", NOW) is None


def test_a_role_cannot_end_before_it_begins_save_in_the_centre_file() -> None:
    past = NOW - timedelta(hours=1)
    assert code(rules.check_end(actor("kari"), past, NOW)) == "BAD_PERIOD"
    assert rules.check_end(actor(None, "centre"), past, NOW) is None
    assert rules.check_end(actor("kari"), None, NOW) is None


def test_an_exercise_never_signs_anybody_in_in_earnest() -> None:
    assert rules.sign_in_modes("actual") == ["actual"]
    assert rules.sign_in_modes("exercise") == ["actual", "exercise"]
    assert rules.ended_modes("exercise") == ["exercise"]
    assert set(rules.ended_modes("actual")) == {"actual", "exercise"}


def test_an_organisation_knows_its_own_people_and_its_guests() -> None:
    known = register(
        (KEY, people.Added(person="own")),
        ("4624.main", people.Added(person="guest")),
        ("4624.main", people.Added(person="stranger")),
    )
    roles = directory(("guest", Role.READER, KEY), ("stranger", Role.READER, "46010.main"))
    assert rules.seen_by(known, roles, KEY) == {"own", "guest"}


def test_the_same_parts_give_the_same_secret_and_another_key_another(tmp_path: object) -> None:
    from pathlib import Path

    folder = Path(str(tmp_path))
    keyring = Keyring(folder / "keys" / "people")
    secret = keyring.secret("link", "command-1")
    assert Keyring(folder / "keys" / "people").secret("link", "command-1") == secret
    others = {
        keyring.secret("session", "command-1"),
        keyring.secret("link", "command-2"),
        Keyring(folder / "other").secret("link", "command-1"),
    }
    assert secret not in others
    assert len(others) == 3
    assert len(secret) == 43
    assert secret not in fingerprint(secret)
    assert (folder / "keys" / "people").stat().st_mode & 0o777 == 0o600


def test_only_its_own_leaders_open_a_hidden_watch_and_those_of_the_house_may_close_it() -> None:
    hidden, ops, odd = "4601.barnevern", actor("wenche", "ops"), actor("odd", "barnevern")
    staff = (("odd", Role.LEADER, hidden), ("geir", Role.OPERATOR, hidden))
    roles = directory(("wenche", Role.OPS, "4601"), *staff)
    roles.apply(Established(watch=hidden, code="BV", title="BV", posts=["duty"], hidden=True))
    for act in ("grant", "token"):
        assert code(rules.check_place(roles, ops, hidden, act, NOW)) == "NOT_ALLOWED"
        assert rules.check_place(roles, odd, hidden, act, NOW) is None
    for act in ("link", "add"):
        assert code(rules.check_over(roles, ops, "geir", ADMINISTER, act, NOW)) == "NOT_ALLOWED"
        assert rules.check_over(roles, odd, "geir", ADMINISTER, act, NOW) is None
    assert rules.check_place(roles, ops, hidden, "revoke", NOW) is None
    assert rules.check_over(roles, ops, "geir", ADMINISTER, "lockout", NOW) is None


def test_who_works_in_a_hidden_watch_is_told_to_that_watch_alone() -> None:
    hidden = "4601.barnevern"
    known = register((KEY, people.Added(person="geir")), ("4624.main", people.Added(person="guest")))
    roles = directory(("geir", Role.OPERATOR, hidden), ("guest", Role.OPERATOR, hidden))
    roles.apply(Established(watch=hidden, code="BV", title="BV", posts=["duty"], hidden=True))
    assert [one.where for one in rules.roles_of(roles, "geir", hidden)] == [hidden]
    assert rules.roles_of(roles, "geir", KEY) == []
    assert rules.seen_by(known, roles, KEY) == {"geir"}
    assert rules.seen_by(known, roles, hidden) == {"geir", "guest"}


def test_a_role_that_still_holds_by_the_clock_of_an_exercise_protects_its_holder() -> None:
    roles = directory(("jon", Role.LEADER, KEY))
    ended = people.Granted(person="liv", role=Role.LEADER, where="4601.lvs", until=NOW)
    roles.apply(ended)
    later = NOW + timedelta(days=300)
    assert rules.check_over(roles, actor("jon"), "liv", ADMINISTER, "link", later) is None
    begun = {"exercise": "e1", "code": "E", "organisations": ["4601"], "at": NOW - timedelta(days=1)}
    roles.apply(Begun.model_validate(begun | {"wall": later, "speed": 1}))
    assert code(rules.check_over(roles, actor("jon"), "liv", ADMINISTER, "link", later)) == "NOT_ALLOWED"


PLACES = ["4601", KEY, "4601.barnevern", "4624", "4624.main"]
ROLES = st.lists(
    st.tuples(
        st.sampled_from(["kari", "ola"]),
        st.sampled_from(list(Role)),
        st.sampled_from(PLACES),
        st.sampled_from([None, NOW - timedelta(hours=1), NOW, NOW + timedelta(hours=1)]),
    ),
    max_size=6,
)


def some(roles: list[tuple[str, Role, str, datetime | None]]) -> Directory:
    """A directory in which Barnevernvakten is hidden."""
    found = Directory()
    found.apply(Established(watch="4601.barnevern", code="BV", title="x", posts=[], hidden=True))
    for person, role, where, until in roles:
        found.apply(people.Granted(person=person, role=role, where=where, until=until))
    return found


def administered(known: Directory, person: str) -> set[str]:
    """Where a person leads or operates the hub now; of a hidden watch only its own leaders do."""
    held = {
        one.where
        for one in known.roles.values()
        if one.person == person and one.role in ADMINISTER and (one.until is None or one.until > NOW)
    }
    open_ones = {place for place in PLACES if place.partition(".")[0] in held and place != "4601.barnevern"}
    return held | open_ones


@given(ROLES, st.sampled_from(PLACES))
def test_whatever_roles_there_are_nobody_decides_beyond_what_he_or_she_administers(
    roles: list[tuple[str, Role, str, datetime | None]], where: str
) -> None:
    known = some(roles)
    own = {place for place in administered(known, "kari") if place.partition(".")[0] == "4601"}
    assert (rules.check_place(known, actor("kari"), where, "grant", NOW) is None) == (where in own)


@given(ROLES)
def test_nobody_gets_into_the_place_of_a_person_with_a_role_beyond_the_own(
    roles: list[tuple[str, Role, str, datetime | None]],
) -> None:
    known = some(roles)
    if rules.check_over(known, actor("kari"), "ola", ADMINISTER, "link", NOW) is None:
        held = {
            one.where if one.where.startswith("4601") else "4601"
            for one in known.roles.values()
            if one.person == "ola" and (one.until is None or one.until > NOW)
        }
        assert held <= administered(known, "kari")
