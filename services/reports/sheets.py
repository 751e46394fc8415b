"""One report: its drafts, who has approved, and its locked versions. Pure: a fold over the report's facts."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from schemas.canonical import canonical, digest
from schemas.directory import Directory
from schemas.envelope import Fact, Refused
from schemas.reports import Approved, Drafted, ReportReference, Submitted, TemplateSet
from schemas.vocabulary import Role

DRAFT, SUBMITTED, LOCKED = "draft", "submitted", "locked"


@dataclass(frozen=True, slots=True)
class Draft:
    """What was written last: the fact that holds it, and its words' commitment."""

    fact: Fact
    body: Drafted

    @property
    def digest(self) -> str:
        """What is approved and locked: binds report, version, template, words and entries (D16)."""
        entries = [one.model_dump(mode="json", exclude_none=True) for one in self.body.entries]
        bound = {
            "report": self.body.report,
            "version": self.body.version,
            "template": self.body.template,
            "draft": self.fact.id,
            "commitment": self.fact.data.commitment,
            "entries": entries,
        }
        return digest(canonical(bound))


@dataclass(frozen=True, slots=True)
class Version:
    """A locked version and the fact that locked it."""

    fact: Fact
    body: Approved
    approvers: tuple[tuple[str, datetime], ...]


@dataclass(slots=True)
class Sheet:
    """A report as it stands."""

    state: str = ""
    draft: Draft | None = None
    authors: set[str] = field(default_factory=set)
    approvers: list[tuple[str, datetime]] = field(default_factory=list)
    versions: list[Version] = field(default_factory=list)

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
                self.authors.add(person)
            case Submitted() if self.draft is not None:
                self.state = SUBMITTED
            case Approved() if self.draft is not None:
                self.approvers.append((person, fact.data.occurred_at))
                if body.locked:
                    self.state = LOCKED
                    self.versions.append(Version(fact, body, tuple(self.approvers)))


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
        return Refused(code="NOT_ALLOWED", parameters={"act": "approve"})
    if sheet.state != SUBMITTED:
        return Refused(code="NOT_SUBMITTED")
    if template.second_person and person in sheet.authors:
        return Refused(code="AUTHOR_CANNOT_APPROVE")
    if person in {one for one, _ in sheet.approvers}:
        return Refused(code="SECOND_PERSON_NEEDED")
    return None


def may_approve(template: TemplateSet, person: str, watch: str, directory: Directory, now: datetime) -> bool:
    """True if the person has the role in the report's watch, and the template lets him or her approve."""
    is_named = not template.approvers or person in template.approvers
    return is_named and directory.has_role(person, watch, now, Role.APPROVER)


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
