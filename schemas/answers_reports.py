"""What the HTTP interface answers about situation reports and deadlines."""

from typing import Literal

from pydantic import AwareDatetime

from schemas.envelope import Tolerant
from schemas.reports import TemplateSet


class ReportTaken(Tolerant):
    """A stored command; ``digest`` is what is approved, ``locked`` that the version went to its receivers."""

    status: Literal["accepted"]
    id: str
    ref: str | None = None
    receipt: str
    report: str | None = None
    version: int | None = None
    digest: str | None = None
    locked: bool | None = None
    wheel: str | None = None
    deadline: str | None = None
    watch: str | None = None
    due: AwareDatetime | None = None
    nothing: bool | None = None
    late: bool | None = None


class TemplatesFound(Tolerant):
    """The templates of a watch and its organisation."""

    status: Literal["ok"]
    templates: list[TemplateSet]


class ReportHead(Tolerant):
    """A report in a list; from outside its watch only the locked version."""

    id: str
    watch: str
    template: str
    title: str | None
    state: Literal["draft", "submitted", "locked", "recalled"]
    version: int
    locked: int
    approvals: int | None
    may_approve: bool
    may_recall: bool = False


class ReportsFound(Tolerant):
    """Reports, the newest first."""

    status: Literal["ok"]
    reports: list[ReportHead]


class Quoted(Tolerant):
    """An entry that a report refers to, as the asker may read it now."""

    id: str
    incident: str
    withheld: bool = False
    kind: str | None = None
    watch: str | None = None
    occurred_at: AwareDatetime | None = None
    level: str | None = None
    tags: list[str] = []
    headline: str | None = None
    text: str | None = None
    place: str | None = None
    figures: dict[str, int] | None = None
    basis: str | None = None
    erased: bool = False
    corrected: Literal["strike", "replace"] | None = None


class Filled(Tolerant):
    """A field of a report: own words, and the entries under it."""

    code: str
    title: str | None
    text: str | None
    entries: list[Quoted]


class Approval(Tolerant):
    """When a version was approved; by whom is told to the own house only."""

    at: AwareDatetime
    person: str | None = None


class ErasureWaiting(Tolerant):
    """An erasure that was asked for and waits for a second person; of all versions without ``version``."""

    version: int | None
    ground: str
    law: str
    at: AwareDatetime


class ReportRead(ReportHead):
    """A report with its words; of a recalled version those outside get none.

    ``incident`` and ``erasures_asked`` are told to the own house only; ``fact`` locked the version.
    """

    headline: str | None
    erased: bool
    fields: list[Filled]
    digest: str | None
    level: str | None = None
    receivers: list[str] = []
    tags: list[str] = []
    written_at: AwareDatetime | None = None
    locked_at: AwareDatetime | None = None
    fact: str | None = None
    recalled_at: AwareDatetime | None = None
    recall_ground: str | None = None
    incident: str | None = None
    erasures_asked: list[ErasureWaiting] = []
    approved: list[Approval]
    versions: list[int]


class ReportFound(Tolerant):
    """One report."""

    status: Literal["ok"]
    report: ReportRead


class DeadlineFound(Tolerant):
    """A deadline of one watch."""

    id: str
    wheel: str
    watch: str
    receiver: str
    template: str | None
    due: AwareDatetime
    state: Literal["open", "overdue", "missed", "met"]
    reminded: bool = False
    report: str | None = None
    version: int | None = None
    nothing: bool = False
    late: bool = False


class WheelFound(Tolerant):
    """What was asked for; ``reporters`` and ``incident`` are told to the watch that asks."""

    id: str
    watch: str
    receiver: str
    state: Literal["open", "ended"]
    moments: list[AwareDatetime]
    daily: list[str]
    every_s: int | None
    first: AwareDatetime | None
    remind_s: int
    escalate_s: int
    incident: str | None = None
    reporters: list[str] = []


class DeadlinesFound(Tolerant):
    """Deadlines, the earliest first, and the requests that they come from."""

    status: Literal["ok"]
    deadlines: list[DeadlineFound]
    wheels: list[WheelFound]
