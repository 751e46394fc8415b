"""Commands and facts of situation reports and of the reporting wheel: who must report to whom, and when."""

from typing import Annotated, ClassVar

from pydantic import AwareDatetime, Field, StringConstraints

from schemas.canonical import canonical, digest
from schemas.envelope import (
    Body,
    Code,
    Digest,
    Line,
    Moment,
    Request,
    Strict,
    Text,
    Token,
    Tolerant,
    WatchKey,
)
from schemas.identifiers import derived_id
from schemas.incidents import Tags
from schemas.vocabulary import Level, Priority, Tag

TRADE = "reports"
REPORT, REMINDER, MISSED = "situation_report", "report_reminder", "report_missed"
RECALLED = "report_recalled"
"""The types that chains of this trade bear."""

Receiver = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}(\.[A-Za-z0-9_-]{1,64})?$")]
"""An organisation's key or a watch's."""
Clock = Annotated[str, StringConstraints(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]
"""A time of day in Norway, such as 08:00."""
Moments = Annotated[list[Moment], Field(max_length=100)]
Daily = Annotated[list[Clock], Field(max_length=24)]
Every = Annotated[int, Field(ge=600, le=7 * 86_400)]
Remind = Annotated[int, Field(ge=-86_400, le=86_400)]
Escalate = Annotated[int, Field(ge=0, le=86_400)]
Version = Annotated[int, Field(ge=1, le=100_000)]


class ReportField(Strict):
    """One field of a template; ``title`` is for a code that the hub has no word for."""

    code: Token
    title: Line | None = None
    required: bool = False


class _Template(Strict):
    template: Token
    where: Receiver
    title: Line
    receivers: Annotated[list[Receiver], Field(min_length=1, max_length=100)]
    level: Level = Level.NAMED
    notify: Annotated[list[WatchKey], Field(max_length=100)] = []
    priority: Priority = Priority.HIGH
    fields: Annotated[list[ReportField], Field(min_length=1, max_length=30)]
    approvals: Annotated[int, Field(ge=1, le=2)] = 1
    approvers: Annotated[list[Token], Field(max_length=50)] = []
    second_person: bool = True


class SetTemplate(Request, _Template):
    """Set a receiver's template for the reports of an organisation or a watch; the whole of it at once.

    ``approvals`` is how many must approve, ``approvers`` who may (everybody with the role when empty);
    with ``second_person`` nobody approves what he or she has written.
    """

    trade = TRADE
    verb = "template"


class ReportEntry(Strict):
    """An entry of an incident's log under a field of a report, by reference."""

    field: Token
    incident: Token
    entry: Token


class ReportContent(Strict):
    """What a person wrote in a report, by field. Lies apart from the fact (D16)."""

    headline: Line | None = None
    words: Annotated[dict[Token, Text], Field(max_length=30)] = {}


class DraftReport(Request):
    """Write a report, or write it anew; after a locked version it is the beginning of the next one.

    ``incident`` is the one that it is about, beside those whose entries it refers to.
    """

    trade = TRADE
    verb = "draft"
    content_model = ReportContent
    report: Token
    template: Token
    incident: Token | None = None
    entries: Annotated[list[ReportEntry], Field(max_length=200)] = []
    tags: Tags = []


class SubmitReport(Request):
    """Hand a draft on to those who approve."""

    trade = TRADE
    verb = "submit"
    report: Token


class ApproveReport(Request):
    """Approve what was handed on; ``digest`` is that of what the approver has seen.

    With the last approval that the template asks for, the version is locked and goes to its receivers.
    """

    trade = TRADE
    verb = "approve"
    report: Token
    digest: Digest


class RecallReport(Request):
    """Recall a locked version, the newest when none is named: receivers get a notice in its place (R8).

    ``ground`` is why, as a code such as wrong_content. It stays with its own watch, marked as recalled.
    """

    trade = TRADE
    verb = "recall"
    report: Token
    version: Version | None = None
    ground: Code


class AskReportErasure(Request):
    """The archive owner asks that the own words of a version be erased, on a ground in law; of all without.

    What is erased are its drafts and what was locked of them. Entries are erased where they stand.
    """

    trade = TRADE
    verb = "erase_ask"
    report: Token
    version: Version | None = None
    ground: Code
    law: Code


class ApproveReportErasure(Request):
    """A second person approves an erasure that was asked for; only then are the words gone, everywhere."""

    trade = TRADE
    verb = "erase_approve"
    report: Token
    version: Version | None = None


class BeginWheel(Request):
    """Ask watches for reports at set moments, at times of the day, or in a fixed rhythm from ``first`` on.

    Times of the day are Norway's. ``remind_s`` and ``escalate_s`` are seconds from the deadline.
    """

    trade = TRADE
    verb = "wheel"
    wheel: Token
    incident: Token | None = None
    receiver: Receiver
    template: Token | None = None
    reporters: Annotated[list[WatchKey], Field(min_length=1, max_length=100)]
    moments: Moments = []
    daily: Daily = []
    every_s: Every | None = None
    first: Moment | None = None
    remind_s: Remind = -900
    escalate_s: Escalate = 900


class EndWheel(Request):
    """Ask for no more reports."""

    trade = TRADE
    verb = "end"
    wheel: Token


class NothingToReport(Request):
    """Answer a deadline without a report; the one that lies nearest in time when none is named."""

    trade = TRADE
    verb = "nothing"
    wheel: Token
    deadline: Token | None = None


class TemplateSet(Body):
    """A template as it is now; the latest holds."""

    trade = TRADE
    name = "template_set"
    template: str
    where: str
    title: str
    receivers: list[str]
    level: Level = Level.NAMED
    notify: list[str] = []
    priority: Priority = Priority.HIGH
    fields: list[ReportField]
    approvals: int = 1
    approvers: list[str] = []
    second_person: bool = True


class ReportReference(Tolerant):
    """An entry under a field, and the commitment to what it said."""

    field: str
    incident: str
    entry: str
    commitment: str | None = None


class Drafted(Body):
    """A report was written, for the first time or anew."""

    trade = TRADE
    name = "drafted"
    report: str
    template: str
    version: int
    incident: str | None = None
    entries: list[ReportReference] = []
    tags: list[Tag] = []


class _OfVersion(Body):
    trade: ClassVar[str] = TRADE
    report: str
    version: int
    draft: str
    digest: str


class Submitted(_OfVersion):
    """A draft was handed on; ``digest`` is that of its fact, which binds words and entries."""

    name = "submitted"


class Approved(_OfVersion):
    """A named person approved a version; ``locked`` when it was the last approval that was needed.

    A locked version has the draft's words as content, and goes to ``named``.
    """

    name = "approved"
    template: str
    locked: bool = False
    level: Level = Level.WATCH
    tags: list[Tag] = []
    named: list[str] = []
    notify: list[str] = []
    priority: Priority | None = None
    incident: str | None = None
    entries: list[ReportReference] = []


class Recalled(Body):
    """A locked version was recalled; ``fact`` locked it, and ``named`` had it. ``notify`` are to be told."""

    trade = TRADE
    name = "recalled"
    report: str
    version: int
    fact: str
    ground: str
    named: list[str] = []
    notify: list[str] = []
    priority: Priority | None = None


class ReportErasureAsked(Body):
    """Erasure of what was written in these facts was asked for; it needs a second person."""

    trade = TRADE
    name = "erasure_asked"
    report: str
    version: int | None = None
    facts: list[str]
    ground: str
    law: str


class ReportErased(Body):
    """What was written in these facts of a report is gone; chains stay whole (D16).

    ``order`` is the order of retention by which it went, if nobody asked for it.
    """

    trade = TRADE
    name = "erased"
    report: str
    facts: list[str]
    ground: str
    law: str
    asked_by: str
    order: str | None = None


class WheelBegun(Body):
    """Watches must report, from now on and until it is ended."""

    trade = TRADE
    name = "wheel_begun"
    wheel: str
    incident: str | None = None
    receiver: str
    template: str | None = None
    reporters: list[str]
    moments: list[AwareDatetime] = []
    daily: list[str] = []
    every_s: int | None = None
    first: AwareDatetime | None = None
    remind_s: int = -900
    escalate_s: int = 900


class WheelEnded(Body):
    """No more reports are asked for."""

    trade = TRADE
    name = "wheel_ended"
    wheel: str


class _OfDeadline(Body):
    trade: ClassVar[str] = TRADE
    wheel: str
    deadline: str
    watch: str
    due: AwareDatetime


class DeadlineReminded(_OfDeadline):
    """A watch was to be reminded of a deadline."""

    name = "deadline_reminded"
    notify: list[str] = []


class DeadlineMissed(_OfDeadline):
    """A watch has not answered a deadline, and the time for it is over."""

    name = "deadline_missed"
    notify: list[str] = []


class DeadlineMet(_OfDeadline):
    """A watch has answered a deadline: by a locked report, or by having nothing to report."""

    name = "deadline_met"
    report: str | None = None
    version: int | None = None
    nothing: bool = False
    late: bool = False


def report_digest(
    *,
    report: str,
    version: int,
    template: str,
    draft: str,
    commitment: str | None,
    entries: list[ReportReference],
    incident: str | None = None,
) -> str:
    """What is approved and locked: binds report, version, template, words and entries (D16).

    ``draft`` is the fact that holds the words, and ``commitment`` what binds them.
    """
    bound = {
        "report": report,
        "version": version,
        "template": template,
        "draft": draft,
        "commitment": commitment,
        "entries": [one.model_dump(mode="json", exclude_none=True) for one in entries],
    }
    return digest(canonical(bound if incident is None else bound | {"incident": incident}))


def deadline_id(wheel: str, watch: str, due: str) -> str:
    """The id of a watch's deadline; ``due`` in UTC, as ISO 8601 writes it."""
    return derived_id("deadline", wheel, watch, due)


COMMANDS = (
    SetTemplate,
    DraftReport,
    SubmitReport,
    ApproveReport,
    RecallReport,
    AskReportErasure,
    ApproveReportErasure,
    BeginWheel,
    EndWheel,
    NothingToReport,
)
FACTS = (
    TemplateSet,
    Drafted,
    Submitted,
    Approved,
    Recalled,
    ReportErasureAsked,
    ReportErased,
    WheelBegun,
    WheelEnded,
    DeadlineReminded,
    DeadlineMissed,
    DeadlineMet,
)
