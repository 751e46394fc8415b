"""What the hub answers over HTTP and to a neighbour over NATS, as far as programs of others read it."""

from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, Field

from schemas.envelope import Tolerant
from schemas.incident_types import Card, Words
from schemas.incidents import ItemContent
from schemas.vocabulary import DutyFunction, EntryKind, IncidentState, Level, Priority, Tag
from schemas.warnings import WarningContent


class Reported(Tolerant):
    """Stored, and safe when the power goes. ``receipt`` goes into ``after=`` of a question.

    ``merged_into`` is the ref of what the incident is gone on with as; ``open_children`` are those of a
    closed parent that the sender may see.
    """

    status: Literal["accepted"]
    id: str
    ref: str | None
    receipt: str
    mark: str | None = None
    merged_into: str | None = None
    open_children: list[str] = []


class Kept(Tolerant):
    """Kept on the desk's machine and sent again by itself; ``reason`` is why it could not be sent."""

    status: Literal["kept"]
    kept: Literal[True]
    id: str
    reason: str


class Problem(Tolerant):
    """A refusal (RFC 9457). ``code`` says why; what the refusal hangs on stands beside it."""

    type: str
    title: str
    status: int
    code: str


class CheckpointMade(Tolerant):
    """A signed checkpoint of the watch's log: ``at`` in seconds since 1970, how many facts, the root.

    ``note`` is the whole of it in the form of C2SP signed-note, as it can be checked.
    """

    at: int
    size: int
    root: str
    note: str


class CheckpointsFound(Tolerant):
    """The watch's checkpoints, the newest first, and the public key that has signed them."""

    status: Literal["ok"]
    key: str
    checkpoints: list[CheckpointMade]


class InclusionProved(Tolerant):
    """A fact's place in its watch's log (RFC 6962): its leaf hash, and the hashes from there to the root.

    ``checkpoint`` is the signed note whose root that is.
    """

    status: Literal["ok"]
    leaf: int
    hash: str
    proof: list[str]
    checkpoint: str


class FormerTree(Tolerant):
    """A log as it once was."""

    size: int
    root: str


class ConsistencyProved(Tolerant):
    """The watch's log of ``size`` begins with the former one; ``checkpoint`` is its newest (RFC 6962)."""

    status: Literal["ok"]
    former: FormerTree
    size: int
    root: str
    proof: list[str]
    checkpoint: str


class Session(Tolerant):
    """Who is signed in, and what each change must carry in ``X-CSRF-Token``."""

    person: str
    watch: str
    until: AwareDatetime | None
    csrf: str | None


class _Item(Tolerant):
    """What head and entry have alike. ``named`` and ``erasure_asked`` are told to the owner's house only."""

    level: Level
    tags: list[Tag]
    named: list[str]
    occurred_at: AwareDatetime
    recorded_at: AwareDatetime
    content: ItemContent | None
    erased: bool
    corrected_by: str | None = None
    erasure_asked: bool = False


class Near(Tolerant):
    """Another incident in short."""

    id: str
    ref: str
    type: str
    priority: Priority
    state: IncidentState
    owner: str


class Function(Tolerant):
    """Who has, or had, a function at the incident; persons are named to the owner's house only."""

    id: str
    function: str
    person: str | None
    watch: str | None
    name: str | None
    since: AwareDatetime
    until: AwareDatetime | None


class CaseNumber(Tolerant):
    """The incident's case number in another system."""

    id: str
    system: str
    number: str | None
    level: Level
    struck: bool


class Transfer(Tolerant):
    """A watch was asked to take over and has not answered; ``asked`` is the entry that asked."""

    to: str
    asked: str


class Location(Tolerant):
    """Where the incident is by the newest word about it."""

    position: str | None = None
    area: list[str] | None = None
    place: str | None = None
    since: AwareDatetime


class Head(_Item):
    """An incident as it stands. Of one whose head may not be seen, only ``id`` and its open entries are."""

    id: str
    ref: str
    number: str | None
    owner: str
    controller: str
    responsible: str
    state: IncidentState
    type: str
    type_title: Words | None = None
    priority: Priority
    municipalities: list[str]
    confirmed: bool = True
    channel: str | None = None
    late: bool = False
    parent: Near | None = None
    children: list[Near] = []
    links: list[Near] = []
    merged: list[Near] = []
    instead_of: str | None = None
    functions: list[Function] = []
    references: list[CaseNumber] = []
    transfer: Transfer | None = None
    location: Location | None = None


class Listed(Head):
    """A head in a list. ``reason_needed``: its words are told only to who gives a reason.

    ``chains`` are told of a past moment (``at``), as they stood then.
    """

    reason_needed: bool = False
    chains: "list[Chain]" = []


class HiddenHead(Tolerant):
    """An incident of which some entries may be seen, but not the head."""

    id: str


class Author(Tolerant):
    """Who wrote it; persons are named to their own organisation only."""

    organisation: str
    watch: str
    post: str | None = None
    person: str | None = None
    machine: str | None = None
    via: str | None = None
    authentication: str | None = None
    on_behalf_of: str | None = None


class AttachmentTold(Tolerant):
    """A file of the log; ``size`` and ``digest`` are those of the file as it came.

    ``given`` is what one gets of it, None while it is held back.
    ``checked`` is what the virus scanner said, told to the file's own watch only.
    """

    media_type: str
    name: str | None
    size: int | None
    digest: str | None
    checked: Literal["waiting", "clean", "infected", "failed", "unscanned"] | None
    given: Literal["original", "shared"] | None


class LogEntry(_Item):
    """A line of the log. ``manner`` says how it was corrected, ``mark`` that it came to a closed incident.

    ``late``: typed in later from paper. ``closes`` is the task that the entry ends, ``answers`` the request
    for resources that it answers, ``step`` the step of the action card that it ticks. ``skew``, where the
    order of recording was asked for: the clock was behind what stands above.
    ``event`` names what became of the incident, with ``detail``; ``of`` is the merged incident in whose log
    the line lies.
    """

    id: str
    kind: EntryKind
    priority: Priority | None
    confirmed: bool
    channel: str | None
    mark: str | None
    manner: str | None
    actor: Author
    corrects: str | None = None
    state: IncidentState | None = None
    late: bool = False
    decider: str | None = None
    assignee: str | None = None
    due: AwareDatetime | None = None
    closes: str | None = None
    asks: list[str] = []
    answers: str | None = None
    answer: Literal["accept", "decline"] | None = None
    step: str | None = None
    attachment: AttachmentTold | None = None
    skew: bool = False
    event: str | None = None
    detail: dict[str, Any] | None = None
    of: dict[str, str] | None = None


class Task(Tolerant):
    """A task of the incident; ``done_by`` is the entry that closed it, none while it is open."""

    entry: str
    assignee: str | None
    due: AwareDatetime | None
    done_by: str | None


class AskedWatch(Tolerant):
    """A watch that was asked for resources, and what it has answered, in the entry ``by``."""

    watch: str
    answer: Literal["accept", "decline"] | None
    by: str | None


class ResourceRequest(Tolerant):
    """A request for resources; ``open`` while one that was asked has not answered."""

    entry: str
    open: bool
    asked: list[AskedWatch]


class Step(Tolerant):
    """A step of an action card; ``done_by`` is the entry that ticked it."""

    code: str
    text: Words
    done_by: str | None


class ActionCard(Tolerant):
    """The action card that the incident was opened with; its house and who answers for it see it."""

    version: int
    steps: list[Step]


class IncidentType(Tolerant):
    """A type of the register: what is filled in when a report says nothing, and whom one's own tell."""

    type: str
    version: int
    title: Words
    priority: Priority | None
    notify: list[str]
    questions: list[Words]
    card: Card | None


class IncidentTypes(Tolerant):
    """The register of incident types, as far as it is for the asking watch."""

    status: Literal["ok"]
    types: list[IncidentType]


class Chain(Tolerant):
    """Who was to be told, and whether somebody has it. Steps in full are the paged watch's own."""

    chain: str
    watch: str
    priority: Priority
    outcome: Literal["open", "acknowledged", "nobody_reached"]
    sent: bool
    steps: list[dict[str, Any]]


class Alike(Tolerant):
    """Open incidents that may be the same, the newest first."""

    status: Literal["ok"]
    incidents: list[Listed]


class CaseHolder(Tolerant):
    """An incident with a case number; of one whose head may not be seen, no more than ``id``."""

    id: str
    ref: str | None
    type: str | None
    priority: Priority | None
    state: IncidentState | None
    owner: str | None
    references: list[CaseNumber]


class CasesFound(Tolerant):
    """The incidents with a case number of another system, the newest first."""

    status: Literal["ok"]
    incidents: list[CaseHolder]


class Incidents(Tolerant):
    """Heads, the newest first; ``more`` when there are older ones.

    ``duty`` is who was on duty at a past moment (``at``), as was known then.
    """

    status: Literal["ok"]
    incidents: list[Listed]
    more: bool = False
    duty: "list[Place]" = []


class IncidentFound(Tolerant):
    """One incident with its log, who was told, and what is to be done.

    ``behind``: what ``after=`` names is not in the archive yet, so ask again. ``duty`` is who was on duty
    at a past moment (``at``), as was known then, in the watches that have to do with the incident.
    """

    status: Literal["ok"]
    behind: bool = False
    incident: Head | HiddenHead
    entries: list[LogEntry]
    chains: list[Chain]
    tasks: list[Task] = []
    requests: list[ResourceRequest] = []
    card: ActionCard | None = None
    duty: "list[Place]" = []


class ReadLine(Tolerant):
    """A line of the log of reads. ``owner`` is the item's watch; persons are named to their own house."""

    read_at: AwareDatetime
    watch: str
    what: str
    reason: str | None
    owner: str | None
    incident: str | None
    ref: str | None
    item: str | None
    person: str | None
    machine: str | None
    via: str | None


class ReadsFound(Tolerant):
    """Who read restricted items, the newest first; ``more`` says that there are older ones."""

    status: Literal["ok"]
    reads: list[ReadLine]
    more: bool


class FoundHead(Tolerant):
    """The incident that a found item belongs to; only ``id`` where the head may not be seen."""

    id: str
    ref: str | None = None
    owner: str | None = None
    type: str | None = None
    priority: Priority | None = None
    state: IncidentState | None = None


class FoundItem(Tolerant):
    """A found item. ``kind`` is an entry's, or ``head``, ``outcome``; ``corrected_by`` is set if struck.

    ``reason_needed`` says that its words are held back until a reason is given.
    """

    id: str
    kind: str
    level: Level
    tags: list[Tag]
    occurred_at: AwareDatetime
    recorded_at: AwareDatetime
    actor: Author
    content: ItemContent | None
    erased: bool
    corrected_by: str | None = None
    reason_needed: bool = False


class Hit(Tolerant):
    """An item that matches, and its incident."""

    incident: FoundHead
    entry: FoundItem


class ItemsFound(Tolerant):
    """Items that match, the newest first; ``page`` goes into the next question when there are more."""

    status: Literal["ok"]
    found: list[Hit]
    page: str | None = None


class Figure(Tolerant):
    """How many incidents belong to a type, watch or hour; never below five."""

    name: str
    count: int


class Figures(Tolerant):
    """Groups that are large enough, and ``rest`` of at least two others together."""

    groups: list[Figure]
    rest: int | None


class Took(Tolerant):
    """How long it took in minutes: half within ``median``, nine of ten within ``ninth_decile``."""

    count: int | None
    median: int | None
    ninth_decile: int | None


class TookByType(Took):
    """The same for the incidents of one type."""

    type: str


class StatisticsFound(Tolerant):
    """Incidents of the own house's watches that are not hidden; a hidden watch is told of itself alone."""

    status: Literal["ok"]
    total: int | None
    by_type: Figures
    by_watch: Figures
    by_hour: Figures
    to_acknowledge: Took
    to_close: Took
    to_acknowledge_by_type: list[TookByType]
    to_close_by_type: list[TookByType]


class Place(Tolerant):
    """A function of a post. The own organisation learns who holds it, others whether somebody does."""

    watch: str
    post: str
    function: DutyFunction
    filled: bool | None = None
    person: str | None = None
    since: AwareDatetime | None = None
    until: AwareDatetime | None = None
    manner: str | None = None


class Gap(Tolerant):
    """A time in which nobody holds a post; without end as far as the roster reaches."""

    watch: str
    post: str
    function: DutyFunction
    since: AwareDatetime
    until: AwareDatetime | None


class DutyFound(Tolerant):
    """Who is on duty, and which posts will be empty."""

    status: Literal["ok"]
    duty: list[Place]
    gaps: list[Gap]


class WarningFound(Tolerant):
    """An official warning. ``stands`` until a newer one takes its place, ``open`` until its thread ends."""

    id: str
    source: str
    key: str
    revision: int
    thread: str
    replaces: list[str]
    kind: Literal["alert", "update", "cancel", "all_clear"]
    event: str | None
    severity: str | None
    urgency: str | None
    certainty: str | None
    response: str | None
    awareness: Annotated[int, Field(ge=1, le=4)] | None
    levels: dict[str, int]
    quiet: bool
    brief: bool
    assumed_zone: bool
    municipalities: list[str]
    effective: AwareDatetime | None
    onset: AwareDatetime | None
    expires: AwareDatetime | None
    event_ends: AwareDatetime | None
    raw: str
    sent: AwareDatetime
    recorded_at: AwareDatetime
    stands: bool
    open: bool
    content: WarningContent | None


class Warnings(Tolerant):
    """Official warnings, the newest first; ``more`` when there are further ones."""

    status: Literal["ok"]
    warnings: list[WarningFound]
    more: bool
