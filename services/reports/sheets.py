"""One report: its drafts, who has approved, and its locked versions. Pure: a fold over the report's facts."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from schemas.directory import Directory
from schemas.envelope import Fact, Refused
from schemas.reports import (
    Approved,
    AskReportErasure,
    Drafted,
    Recalled,
    ReportErased,
    ReportErasureAsked,
    ReportReference,
    Submitted,
    TemplateSet,
    report_digest,
)
from schemas.vocabulary import Role

DRAFT, SUBMITTED, LOCKED, RECALLED = "draft", "submitted", "locked", "recalled"


@dataclass(frozen=True, slots=True)
class Draft:
    """What was written last: the fact that holds it, and its words' commitment."""

    fact: Fact
    body: Drafted

    @property
    def digest(self) -> str:
        """What is approved and locked."""
        body = self.body
        return report_digest(
            report=body.report,
            version=body.version,
            template=body.template,
            draft=self.fact.id,
            commitment=self.fact.data.commitment,
            entries=body.entries,
            incident=body.incident,
        )


@dataclass(frozen=True, slots=True)
class Version:
    """A locked version, the fact that locked it, and the one that recalled it."""

    fact: Fact
    body: Approved
    approvers: tuple[tuple[str, datetime], ...]
    recalled: tuple[Fact, Recalled] | None = None


@dataclass(slots=True)
class Sheet:
    """A report as it stands.

    ``asked`` is which erasures wait for a second person, by version; ``erased`` whose words are gone.
    """

    state: str = ""
    draft: Draft | None = None
    drafts: list[Draft] = field(default_factory=list)
    authors: set[str] = field(default_factory=set)
    approvers: list[tuple[str, datetime]] = field(default_factory=list)
    versions: list[Version] = field(default_factory=list)
    asked: dict[int | None, tuple[Fact, ReportErasureAsked]] = field(default_factory=dict)
    erased: set[str] = field(default_factory=set)

    @property
    def version(self) -> int:
        """The number that a draft written now would have."""
        return len(self.versions) + 1

    def apply(self, fact: Fact, body: Any) -> None:
        """Take in one of the report's facts, in ledger order."""
        person = fact.data.actor.person or ""
        match body:
            case Drafted():
                if self.state == LOCKED:
                    self.authors = set()
                self.state, self.draft, self.approvers = DRAFT, Draft(fact, body), []
                self.drafts.append(self.draft)
                self.authors.add(person)
            case Submitted() if self.draft is not None:
                self.state = SUBMITTED
            case Approved() if self.draft is not None:
                self.approvers.append((person, fact.data.occurred_at))
                if body.locked:
                    self.state = LOCKED
                    self.versions.append(Version(fact, body, tuple(self.approvers)))
            case _:
                self._withdraw(fact, body)

    def _withdraw(self, fact: Fact, body: Any) -> None:
        match body:
            case Recalled():
                for place, one in enumerate(self.versions):
                    if one.fact.id == body.fact:
                        self.versions[place] = replace(one, recalled=(fact, body))
            case ReportErasureAsked():
                self.asked[body.version] = (fact, body)
            case ReportErased():
                self.erased.update(body.facts)
                open_ones = {
                    v: one for v, one in self.asked.items() if not self.erased.issuperset(one[1].facts)
                }
                self.asked = open_ones

    def locked(self, number: int | None) -> Version | None:
        """A locked version; the newest when none is named."""
        found = [one for one in self.versions if number in (None, one.body.version)]
        return found[-1] if found else None

    def written(self, version: int | None) -> list[str]:
        """The facts that hold own words of a version, or of all; without what is erased."""
        drafts = [one.fact for one in self.drafts if version in (None, one.body.version)]
        locks = [one.fact for one in self.versions if version in (None, one.body.version)]
        return [
            one.id
            for one in (*drafts, *locks)
            if one.data.commitment is not None and one.id not in self.erased
        ]

    def incidents(self, version: int | None) -> set[str]:
        """The incidents that a version, or any of them, is about or refers to."""
        bodies = [one.body for one in self.drafts if version in (None, one.body.version)]
        named = {body.incident for body in bodies if body.incident is not None}
        return named | {entry.incident for body in bodies for entry in body.entries}


def fold(facts: Iterable[tuple[Fact, Any]]) -> Sheet:
    """The report that some facts tell of; facts in ledger order."""
    sheet = Sheet()
    for fact, body in facts:
        sheet.apply(fact, body)
    return sheet


def check_approval(
    sheet: Sheet, template: TemplateSet, person: str, watch: str, directory: Directory, now: datetime
) -> Refused | None:
    """Why a person may not approve a report of ``watch`` now, or None."""
    if not may_approve(template, person, watch, directory, now):
        return Refused(code="APPROVER_NEEDED")
    if sheet.state != SUBMITTED or sheet.draft is None:
        return Refused(code="NOT_SUBMITTED")
    if sheet.draft.fact.id in sheet.erased:
        return Refused(code="ALREADY_ERASED")
    if template.second_person and person in sheet.authors:
        return Refused(code="AUTHOR_CANNOT_APPROVE")
    if person in {one for one, _ in sheet.approvers}:
        return Refused(code="SECOND_PERSON_NEEDED")
    return None


def may_approve(template: TemplateSet, person: str, watch: str, directory: Directory, now: datetime) -> bool:
    """True if the person has the role in the report's watch, and the template lets him or her approve."""
    is_named = not template.approvers or person in template.approvers
    return is_named and directory.has_role(person, watch, now, Role.APPROVER)


def recalled(sheet: Sheet, number: int | None, ground: str) -> Recalled | Refused:
    """What recalling a locked version says, or why it cannot be recalled."""
    locked = sheet.locked(number)
    if locked is None:
        return Refused(code="NOT_LOCKED")
    if locked.recalled is not None:
        return Refused(code="ALREADY_RECALLED")
    body = locked.body
    return Recalled(
        report=body.report,
        version=body.version,
        fact=locked.fact.id,
        ground=ground,
        named=body.named,
        notify=body.notify,
        priority=body.priority,
    )


def may_recall(template: TemplateSet, person: str, watch: str, directory: Directory, now: datetime) -> bool:
    """True for who may approve the watch's reports, and for its leaders."""
    is_leader = directory.has_role(person, watch, now, Role.LEADER)
    return is_leader or may_approve(template, person, watch, directory, now)


def erasure_asked(sheet: Sheet, request: AskReportErasure) -> ReportErasureAsked | Refused:
    """What asking for an erasure says; it names the facts, so that no later words are meant."""
    facts = sheet.written(request.version)
    if not facts:
        is_known = any(request.version in (None, one.body.version) for one in sheet.drafts)
        return Refused(code="ALREADY_ERASED" if is_known else "UNKNOWN_REPORT")
    said = {"ground": request.ground, "law": request.law}
    return ReportErasureAsked(report=request.report, version=request.version, facts=facts, **said)


def erased(sheet: Sheet, version: int | None, person: str) -> ReportErased | Refused:
    """What approving an erasure says: the words of the facts that were asked for are gone."""
    if version not in sheet.asked:
        is_gone = bool(sheet.erased) and not sheet.written(version)
        return Refused(code="ALREADY_ERASED" if is_gone else "NOT_ASKED")
    fact, asked = sheet.asked[version]
    by = fact.data.actor.person or ""
    if by == person:
        return Refused(code="SECOND_PERSON_NEEDED")
    facts = [one for one in asked.facts if one not in sheet.erased]
    said = {"ground": asked.ground, "law": asked.law}
    return ReportErased(report=asked.report, facts=facts, asked_by=by, **said)


def check_whole(draft: Drafted, template: TemplateSet, words: Iterable[str]) -> Refused | None:
    """Why a draft cannot be handed on: a field that must be filled stands empty, or all of them do."""
    filled = {*words, *(one.field for one in draft.entries)}
    for one in template.fields:
        if one.required and one.code not in filled:
            return Refused(code="FIELD_NEEDED", parameters={"field": one.code})
    return None if filled else Refused(code="CONTENT_NEEDED")


def check_fields(template: TemplateSet, used: Iterable[str]) -> Refused | None:
    """Why fields cannot be filled: the template has no such."""
    known = {one.code for one in template.fields}
    for code in used:
        if code not in known:
            return Refused(code="UNKNOWN_FIELD", parameters={"field": code})
    return None


def entries_of(draft: Drafted) -> list[ReportReference]:
    """The entries that a draft refers to, each once."""
    return list({(one.incident, one.entry): one for one in draft.entries}.values())
