"""Who may begin an exercise, and for whom; who may end one for good."""

from datetime import UTC, datetime, timedelta

import pytest

from schemas import exercise, people, watch
from schemas.authorisation import APPROVE_ERASURE, ERASE
from schemas.clock import Run
from schemas.directory import Directory
from schemas.discards import Share, check_end, shares_of
from schemas.envelope import Actor, Refused
from schemas.vocabulary import Authentication, Role
from services.watch.discarding import Order, check_approval, check_order, orders
from services.watch.leading import check_begin

NOW = datetime(2026, 11, 1, 9, tzinfo=UTC)
VAKT, BARN, OTHER = "4601.vaktsentral", "4601.barnevern", "4627.vakt"


@pytest.fixture
def directory() -> Directory:
    found = Directory()
    for key, hidden in ((VAKT, False), (BARN, True), (OTHER, False), ("met.main", False)):
        code = key.partition(".")[2]
        found.apply(watch.Established(watch=key, code=code, title=code, posts=["duty"], hidden=hidden))
    granted = (
        ("jon", Role.LEADER, VAKT, None),
        ("kari", Role.LEADER, "4601", None),
        ("laila", Role.LEADER, "4601", None),
        ("laila", Role.LEADER, "4627", NOW + timedelta(days=1)),
        ("liv", Role.ARCHIVE_OWNER, "4601", None),
        ("ingrid", Role.APPROVER, "4601", None),
        ("vakt-arkiv", Role.ARCHIVE_OWNER, VAKT, None),
        ("einar", Role.ARCHIVE_OWNER, "4627", None),
        ("odd", Role.ARCHIVE_OWNER, BARN, None),
        ("turid", Role.APPROVER, BARN, None),
    )
    for person, role, where, until in granted:
        found.apply(people.Granted(person=person, role=role, where=where, until=until))
    return found


def actor(person: str | None, key: str = VAKT) -> Actor:
    org, _, code = key.partition(".")
    proof = Authentication.SESSION
    return Actor(person=person, organisation=org, watch=code, via="test", authentication=proof)


def code_of(refused: Refused | None) -> str | None:
    return None if refused is None else refused.code


@pytest.mark.parametrize(
    ("person", "organisations", "code"),
    [
        ("kari", ["4601"], None),
        ("laila", ["4601", "4627"], None),
        ("kari", ["4601", "4627"], "HOUSE_ROLE_NEEDED"),
        ("jon", ["4601"], "HOUSE_ROLE_NEEDED"),
        ("liv", ["4601"], "NOT_ALLOWED"),
        (None, ["4601"], "PERSON_NEEDED"),
    ],
)
def test_who_leads_a_house_begins_its_exercise_and_others_only_where_they_consent(
    directory: Directory, person: str | None, organisations: list[str], code: str | None
) -> None:
    assert code_of(check_begin(actor(person), organisations, directory, NOW)) == code


def test_a_consent_ends_when_its_role_does(directory: Directory) -> None:
    late = NOW + timedelta(days=2)
    assert code_of(check_begin(actor("laila"), ["4627"], directory, late)) == "HOUSE_ROLE_NEEDED"


def test_the_centre_begins_an_exercise_of_all_that_its_file_names(directory: Directory) -> None:
    centre = Actor(
        machine="centre",
        organisation="4601",
        watch="centre",
        via="exercise",
        authentication=Authentication.SERVICE,
    )
    assert check_begin(centre, ["4601", "4627", "met"], directory, NOW) is None


def run_of(directory: Directory, *, ended: bool = True) -> Run:
    reading = {"at": NOW, "wall": NOW - timedelta(hours=2), "speed": 1}
    begun = {"code": "ask", "organisations": ["4601", "4627", "met"], "led_by": "4601.centre"}
    directory.apply(exercise.Begun.model_validate({"exercise": "x1", **begun, **reading}))
    if ended:
        directory.apply(exercise.Ended.model_validate({"exercise": "x1", **reading, "wall": NOW}))
    return directory.exercises.runs["x1"]


@pytest.mark.parametrize(
    ("who", "where", "code"),
    [
        (("liv", VAKT), ["4601"], None),
        (("liv", VAKT), ["4601", "met"], None),
        (("liv", VAKT), ["4601", "4627"], "HOUSE_ROLE_NEEDED"),
        (("einar", OTHER), ["4627"], None),
        (("einar", OTHER), ["met"], "HOUSE_ROLE_NEEDED"),
        (("vakt-arkiv", VAKT), ["4601"], "HOUSE_ROLE_NEEDED"),
        (("vakt-arkiv", VAKT), [VAKT], None),
        (("ingrid", VAKT), ["4601"], "HOUSE_ROLE_NEEDED"),
        (("liv", VAKT), [BARN], "UNKNOWN_WATCH"),
        (("liv", BARN), [BARN], "HOUSE_ROLE_NEEDED"),
        (("odd", BARN), [BARN], None),
        (("odd", BARN), ["4601"], "HOUSE_ROLE_NEEDED"),
        (("liv", VAKT), ["5001"], "UNKNOWN_WATCH"),
        ((None, VAKT), ["4601"], "PERSON_NEEDED"),
    ],
)
def test_each_house_and_each_hidden_watch_ends_its_own_share_and_the_leading_house_what_has_no_archive_owner(
    directory: Directory, who: tuple[str | None, str], where: list[str], code: str | None
) -> None:
    found = check_end(actor(*who), run_of(directory), where, ERASE, directory, NOW)
    assert code_of(found) == code


def test_over_a_house_without_an_archive_owner_one_of_the_leading_house_has_a_say_too(
    directory: Directory,
) -> None:
    run = run_of(directory)
    assert shares_of(actor("ingrid"), run, APPROVE_ERASURE, directory, NOW) == ["4601", "met"]
    assert shares_of(actor("turid", BARN), run, APPROVE_ERASURE, directory, NOW) == [BARN]
    assert shares_of(actor("jon"), run, APPROVE_ERASURE, directory, NOW) == []


def test_an_exercise_that_runs_is_not_ended_for_good(directory: Directory) -> None:
    request = exercise.Discard(exercise="x1", order="o1", where=["4601"], law="arkivlova")
    run = run_of(directory, ended=False)
    assert code_of(check_order(actor("liv"), run, request, directory, NOW)) == "EXERCISE_RUNS"


@pytest.mark.parametrize(
    ("person", "key", "order", "code"),
    [
        ("ingrid", VAKT, Order("o1", ("4601",), "arkivlova", "liv"), None),
        ("liv", VAKT, Order("o1", ("4601",), "arkivlova", "liv"), "SECOND_PERSON_NEEDED"),
        ("jon", VAKT, Order("o1", ("4601",), "arkivlova", "liv"), "HOUSE_ROLE_NEEDED"),
        ("ingrid", VAKT, Order("o1", ("4601",), "arkivlova", "liv", done=True), "SAME_STATE"),
        ("ingrid", VAKT, Order("o1", (BARN,), "arkivlova", "odd"), "UNKNOWN_ORDER"),
        ("turid", BARN, Order("o1", (BARN,), "arkivlova", "odd"), None),
        ("ingrid", VAKT, None, "UNKNOWN_ORDER"),
    ],
)
def test_another_person_than_the_one_who_ordered_approves(
    directory: Directory, person: str, key: str, order: Order | None, code: str | None
) -> None:
    found = check_approval(actor(person, key), run_of(directory), order, directory, NOW)
    assert code_of(found) == code


def test_an_order_is_known_by_its_id_and_done_once_it_was_approved() -> None:
    said = {"exercise": "x1", "order": "o1", "where": ["4601"], "law": "arkivlova"}
    ordered = exercise.DiscardOrdered.model_validate(said)
    done = exercise.Discarded.model_validate({**said, "asked_by": "liv", "wall": NOW})
    again = ordered.model_copy(update={"law": "another"})
    assert orders([("liv", ordered), ("odd", again)]) == {"o1": Order("o1", ("4601",), "arkivlova", "liv")}
    assert orders([("liv", ordered), ("ingrid", done)])["o1"].done


def test_a_share_holds_what_was_recorded_in_its_watches_while_they_took_part(directory: Directory) -> None:
    run_of(directory)
    house, hidden = Share("x1", ("4601",), directory), Share("x1", (BARN,), directory)
    during, before = NOW - timedelta(hours=1), NOW - timedelta(hours=3)
    assert [house.holds(key, during) for key in (VAKT, "4601.centre", BARN, OTHER)] == [
        *(True, True),
        *(False, False),
    ]
    assert hidden.holds(BARN, during)
    assert not house.holds(VAKT, before)
    next_one = {"exercise": "x2", "code": "b", "organisations": ["4601"], "at": NOW, "wall": NOW, "speed": 1}
    directory.apply(exercise.Begun.model_validate(next_one))
    assert house.holds(VAKT, NOW - timedelta(seconds=1))
    assert not house.holds(VAKT, NOW)
