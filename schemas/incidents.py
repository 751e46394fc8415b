"""Commands and facts of the incident log."""

from typing import Annotated, ClassVar, Literal

from pydantic import AwareDatetime, Field, StringConstraints

from schemas.envelope import Body, Code, Line, Moment, Municipality, Request, Strict, Text, Token, WatchKey
from schemas.vocabulary import EntryKind, IncidentState, Level, Priority, Tag

TRADE = "incidents"
HEAD = "head"
"""Names the incident's head as the item to be shared wider."""

Circle = Annotated[list[Token | WatchKey], Field(max_length=400)]
Addressees = Annotated[list[WatchKey], Field(max_length=400)]
Municipalities = Annotated[list[Municipality], Field(max_length=400)]
Tags = Annotated[list[Tag], Field(max_length=5)]
Figures = dict[Annotated[str, StringConstraints(pattern=r"^[a-zæøå0-9_ -]{1,40}$")], int]
Ref = Annotated[str, StringConstraints(pattern=r"^[0-9A-Z]{7}$")]
Decider = Annotated[
    str, StringConstraints(pattern=r"^([0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[a-z_]{2,40})$")
]
"""Who decided: a person's id, or a function such as ``crisis_leader``; never a name."""


Position = Annotated[str, StringConstraints(pattern=r"^-?[0-9]{1,3}\.[0-9]{1,7},-?[0-9]{1,3}\.[0-9]{1,7}$")]
"""Latitude and longitude (WGS 84), in degrees."""
Area = Annotated[list[Position], Field(min_length=3, max_length=500)]
"""The corners of a polygon, in order; the last is joined to the first."""


class ItemContent(Strict):
    """What a person wrote about an item: words, exact place, who said it. Lies apart from the fact (D16)."""

    headline: Line | None = None
    text: Text | None = None
    place: Line | None = None
    position: Position | None = None
    area: Area | None = None
    source: Line | None = None
    reference: Line | None = None
    figures: Figures | None = None
    basis: Text | None = None


class Shared(Strict):
    """What an item says of who may see it, and who is to be told."""

    level: Level = Level.WATCH
    tags: Tags = []
    named: Circle = []
    notify: Addressees = []


class OpenIncident(Request, Shared):
    """Open an incident; the sender makes its id.

    Without ``priority`` or ``notify`` those of the type in the register hold; an empty ``notify`` is nobody.
    """

    trade = TRADE
    verb = "open"
    content_model = ItemContent
    incident: Token
    type: Code
    priority: Priority | None = None
    notify: Addressees | None = None  # type: ignore[assignment]
    municipalities: Municipalities = []
    confirmed: bool | None = None
    channel: Code | None = None
    late: bool | None = None


class AddEntry(Request, Shared):
    """Write in an incident's log; never refused for the incident's state (D4).

    ``late``: typed in later from paper, with the time of the paper as occurred_at. A decision has a
    ``decider``, else it is the writer's own. A task has an ``assignee`` (a watch, or a person's id), else it
    is the own watch's, and may be ``due``. ``asks`` are the watches that an outgoing message asks for
    resources: each of them answers.
    """

    trade = TRADE
    verb = "entry"
    content_model = ItemContent
    incident: Token | None = None
    ref: Ref | None = None
    kind: EntryKind = EntryKind.INFORMATION
    priority: Priority | None = None
    confirmed: bool = True
    channel: Code | None = None
    late: bool | None = None
    decider: Decider | None = None
    assignee: WatchKey | Token | None = None
    due: Moment | None = None
    asks: Addressees | None = None


class OnIncident(Request):
    """A command about an incident, named by its id or its ref."""

    incident: Token | None = None
    ref: Ref | None = None


class ChangeState(OnIncident):
    """Move the incident to another state; leaving ``closed`` reopens it."""

    trade = TRADE
    verb = "state"
    state: IncidentState


class CloseIncident(OnIncident):
    """Close the incident, with an outcome."""

    trade = TRADE
    verb = "close"
    content_model = ItemContent


class CorrectEntry(OnIncident):
    """Strike an entry, or replace it by what the content says; the old one stays readable (R1)."""

    trade = TRADE
    verb = "correct"
    content_model = ItemContent
    entry: Token
    manner: Literal["strike", "replace"] = "strike"


class ShareWider(OnIncident):
    """Raise the level of an entry, or of the head; a named person's act (R8)."""

    trade = TRADE
    verb = "share"
    entry: Token | Literal["head"] = HEAD
    level: Level
    named: Circle = []
    notify: Addressees = []


class AskErasure(OnIncident):
    """The archive owner asks that an item's content be erased, on a ground in law (GDPR 17, archive law)."""

    trade = TRADE
    verb = "erase_ask"
    entry: Token | Literal["head"]
    ground: Code
    law: Code


class ApproveErasure(OnIncident):
    """A second person approves the erasure; only then is the content erased, everywhere."""

    trade = TRADE
    verb = "erase_approve"
    entry: Token | Literal["head"]


class _Item(Body):
    trade: ClassVar[str] = TRADE
    level: Level
    tags: list[Tag] = []
    named: list[str] = []
    notify: list[str] = []


class Opened(_Item):
    """An incident was opened; this item is its head. ``card`` is the version of its type's action card."""

    name = "opened"
    ref: str
    type: str
    priority: Priority
    municipalities: list[str] = []
    confirmed: bool | None = None
    channel: str | None = None
    late: bool | None = None
    card: int | None = None


class EntryAdded(_Item):
    """An entry was written. ``mark`` says if the incident was closed or not known to the sender.

    ``closes`` is the task that it ends, ``answers`` the request for resources that it answers, ``step`` the
    step of the action card that it ticks.
    """

    name = "entry_added"
    incident: str
    kind: EntryKind
    priority: Priority | None = None
    confirmed: bool = True
    channel: str | None = None
    mark: Literal["closed", "unattached"] | None = None
    late: bool | None = None
    decider: str | None = None
    assignee: str | None = None
    due: AwareDatetime | None = None
    closes: str | None = None
    asks: list[str] | None = None
    answers: str | None = None
    answer: Literal["accept", "decline"] | None = None
    step: str | None = None


class StateChanged(Body):
    """The incident moved to another state."""

    trade = TRADE
    name = "state_changed"
    state: IncidentState
    former: IncidentState


class Corrected(_Item):
    """An entry was struck or replaced; whoever had the entry has this too."""

    name = "corrected"
    entry: str
    manner: Literal["strike", "replace"]


class SharedWider(Body):
    """An item's level was raised; former receivers keep it."""

    trade = TRADE
    name = "shared"
    entry: str
    level: Level
    named: list[str] = []
    notify: list[str] = []
    commitment: str | None = None


class ErasureAsked(Body):
    """Erasure of one fact's content was asked for; it needs a second person."""

    trade = TRADE
    name = "erasure_asked"
    fact: str
    ground: str
    law: str


class Erased(Body):
    """The content of one fact is gone; chains stay whole, since they cover facts only (D16).

    ``order`` is the order of retention that it was erased by; ``asked_by`` gave that order.
    """

    trade = TRADE
    name = "erased"
    fact: str
    ground: str
    law: str
    asked_by: str
    order: str | None = None


class Repaired(Body):
    """The ledger was written anew from the archive; ``last`` facts stand in their old places (D18)."""

    trade = TRADE
    name = "repaired"
    epoch: int
    last: int


class ArchiveRebuilt(Body):
    """The archive was made anew from the ledger and what was whole in its old tables.

    It then had ``last`` facts; ``saved`` facts and contents were whole in the old tables only.
    """

    trade = TRADE
    name = "archive_rebuilt"
    last: int
    saved: int


class FilesMended(Body):
    """The two copies of attached files were held together, and made each other whole again.

    Each list holds the ids of the facts that attached them: ``put_back`` of those that the object store had
    lost, ``taken_over`` of those whose second copy was damaged.
    """

    trade = TRADE
    name = "files_mended"
    put_back: list[str] = []
    taken_over: list[str] = []


COMMANDS = (
    OpenIncident,
    AddEntry,
    ChangeState,
    CloseIncident,
    CorrectEntry,
    ShareWider,
    AskErasure,
    ApproveErasure,
)
FACTS = (
    Opened,
    EntryAdded,
    StateChanged,
    Corrected,
    SharedWider,
    ErasureAsked,
    Erased,
    Repaired,
    ArchiveRebuilt,
    FilesMended,
)
