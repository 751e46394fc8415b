"""Who may approve a report, and what stays of a version whatever happens afterwards."""

from datetime import UTC, datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from schemas.canonical import canonical, digest
from schemas.directory import Directory
from schemas.envelope import Actor, Body, Fact, Refused
from schemas.identifiers import new_id
from schemas.people import Granted
from schemas.reports import (
    Approved,
    AskReportErasure,
    Drafted,
    Recalled,
    ReportErased,
    ReportErasureAsked,
    Submitted,
    TemplateSet,
    report_digest,
)
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


def locked_twice() -> Sheet:
    """A report of two locked versions, which Liv wrote."""
    sheet, wanted = Sheet(), template()
    for act, person in [("draft", "liv"), ("draft", "liv"), ("submit", "liv"), ("approve", "arne")] * 2:
        assert step(sheet, act, person, wanted)
    return sheet


def test_the_words_of_a_version_are_those_of_all_its_drafts_and_of_what_was_locked() -> None:
    sheet = locked_twice()
    assert len(sheet.written(1)) == len(sheet.written(2)) == 3
    assert sorted(sheet.written(None)) == sorted(sheet.written(1) + sheet.written(2))
    assert sheet.written(3) == []


def test_what_was_asked_for_is_erased_by_another_person_once_and_nothing_that_came_later() -> None:
    sheet = locked_twice()
    request = AskReportErasure(report="r1", version=2, ground="wrong_person", law="gdpr-17-1-d")
    asked = sheets.erasure_asked(sheet, request)
    assert isinstance(asked, ReportErasureAsked)
    sheet.apply(a_fact(asked, "arne"), asked)
    assert step(sheet, "draft", "liv", template())
    assert sheets.erased(sheet, 2, "arne") == Refused(code="SECOND_PERSON_NEEDED")
    assert sheets.erased(sheet, 1, "svein") == Refused(code="NOT_ASKED")
    gone = sheets.erased(sheet, 2, "svein")
    assert isinstance(gone, ReportErased)
    assert (gone.facts, gone.asked_by) == (asked.facts, "arne")
    sheet.apply(a_fact(gone, "svein"), gone)
    assert sheets.erased(sheet, 2, "svein") == Refused(code="ALREADY_ERASED")
    assert (sheet.written(2), len(sheet.written(1)), len(sheet.written(3))) == ([], 3, 1)


def test_a_recall_names_who_had_the_version_and_holds_for_that_version_alone() -> None:
    sheet = locked_twice()
    said = sheets.recalled(sheet, None, "too_early")
    assert isinstance(said, Recalled)
    assert (said.version, said.fact) == (2, sheet.versions[1].fact.id)
    sheet.apply(a_fact(said, "arne"), said)
    assert [one.recalled is not None for one in sheet.versions] == [False, True]
    assert sheets.recalled(sheet, 2, "too_early") == Refused(code="ALREADY_RECALLED")
    assert isinstance(sheets.recalled(sheet, 1, "too_early"), Recalled)


def test_the_digest_of_a_report_about_no_incident_is_what_it_always_was() -> None:
    about = {"report": "r1", "version": 1, "template": "sf", "draft": "f1", "commitment": "ab" * 32}
    alone = report_digest(**about, entries=[])  # type: ignore[arg-type]
    assert alone == digest(canonical(about | {"entries": []}))
    assert report_digest(**about, entries=[], incident="i1") != alone  # type: ignore[arg-type]
