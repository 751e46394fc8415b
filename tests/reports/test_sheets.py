"""Who may approve a report, and what stays of a version whatever happens afterwards."""

from datetime import UTC, datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from schemas.directory import Directory
from schemas.envelope import Actor, Body, Fact
from schemas.identifiers import new_id
from schemas.people import Granted
from schemas.reports import Approved, Drafted, Submitted, TemplateSet
from schemas.vocabulary import Authentication, Mode, Role
from services.reports import sheets
from services.reports.sheets import LOCKED, Sheet

KEY, NOW = "4601.kk", datetime(2027, 1, 14, 17, 45, tzinfo=UTC)
PEOPLE = ("arne", "svein", "ingrid", "liv")
APPROVERS = ("arne", "svein", "ingrid")
STEPS = st.lists(
    st.tuples(st.sampled_from(("draft", "submit", "approve")), st.sampled_from(PEOPLE)), max_size=25
)


def template(**more: Any) -> TemplateSet:
    fields = {
        "template": "sf",
        "where": KEY,
        "title": "T",
        "receivers": ["sf"],
        "fields": [{"code": "needs"}],
    }
    return TemplateSet.model_validate(fields | more)


def directory() -> Directory:
    found = Directory()
    for person in APPROVERS:
        found.apply(Granted(person=person, role=Role.APPROVER, where="4601"))
    return found


def a_fact(body: Body, person: str) -> Fact:
    actor = Actor(
        person=person, organisation="4601", watch="kk", via="test", authentication=Authentication.SESSION
    )
    data = Fact.Data(
        mode=Mode.ACTUAL,
        owner=KEY,
        controller="4601",
        actor=actor,
        occurred_at=NOW,
        command=new_id(),
        commitment="ab" * 32,
        body={},
    )
    return Fact(id=new_id(), source="/t", type=body.type_name(), subject="r1", time=NOW, data=data)


def step(sheet: Sheet, act: str, person: str, wanted: TemplateSet) -> bool:
    """Do what the door would do; False when it refuses."""
    about: dict[str, Any] = {"report": "r1", "version": sheet.version}
    draft = sheet.draft
    if act == "draft":
        body: Body = Drafted(**about, template="sf")
    elif draft is None or sheet.state == LOCKED:
        return False
    elif act == "submit":
        body = Submitted(**about, draft=draft.fact.id, digest=draft.digest)
    else:
        if sheets.check_approval(sheet, wanted, person, KEY, directory(), NOW) is not None:
            return False
        locked = len(sheet.approvers) + 1 >= wanted.approvals
        body = Approved(**about, draft=draft.fact.id, digest=draft.digest, template="sf", locked=locked)
    sheet.apply(a_fact(body, person), body)
    return True


@given(STEPS, st.integers(1, 2), st.booleans())
def test_nothing_is_locked_but_by_as_many_different_approvers_as_the_template_asks_for(
    steps: list[tuple[str, str]], approvals: int, second_person: bool
) -> None:
    sheet, wanted = Sheet(), template(approvals=approvals, second_person=second_person)
    authors: set[str] = set()
    for act, person in steps:
        if act == "draft" and sheet.state == LOCKED:
            authors = set()
        known = len(sheet.versions)
        if step(sheet, act, person, wanted) and act == "draft":
            authors.add(person)
        if len(sheet.versions) > known:
            who = [one for one, _ in sheet.versions[-1].approvers]
            assert len(set(who)) == len(who) == approvals
            assert set(who) <= set(APPROVERS)
            assert not (second_person and authors.intersection(who))


@given(STEPS)
def test_a_locked_version_stays_as_it_was(steps: list[tuple[str, str]]) -> None:
    sheet, wanted, kept = Sheet(), template(), list[Any]()
    for act, person in [("draft", "liv"), ("submit", "liv"), ("approve", "arne"), *steps]:
        step(sheet, act, person, wanted)
        assert sheet.versions[: len(kept)] == kept
        kept = list(sheet.versions)
    assert [one.body.version for one in kept] == list(range(1, len(kept) + 1))


def test_what_is_written_anew_must_be_approved_anew() -> None:
    sheet, wanted = Sheet(), template(approvals=2)
    for act, person in [("draft", "liv"), ("submit", "liv"), ("approve", "arne"), ("draft", "liv")]:
        assert step(sheet, act, person, wanted)
    assert sheet.approvers == []
    assert not step(sheet, "approve", "svein", wanted)


def test_the_digest_binds_words_entries_and_version() -> None:
    body = Drafted(report="r1", template="sf", version=1)
    fact = a_fact(body, "liv")
    other = fact.model_copy(update={"data": fact.data.model_copy(update={"commitment": "cd" * 32})})
    digests = {
        sheets.Draft(fact, body).digest,
        sheets.Draft(other, body).digest,
        sheets.Draft(fact, body.model_copy(update={"version": 2})).digest,
    }
    assert len(digests) == 3


def test_only_the_named_approvers_of_a_template_approve() -> None:
    wanted = template(approvers=["svein"])
    assert sheets.may_approve(wanted, "svein", KEY, directory(), NOW)
    assert not sheets.may_approve(wanted, "arne", KEY, directory(), NOW)
