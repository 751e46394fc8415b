"""Commands and facts of the incident log."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field, StringConstraints

from schemas.envelope import Body, Code, Line, Municipality, Request, Strict, Text, Token, WatchKey
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


class ItemContent(Strict):
    """What a person wrote about an item: words, exact place, who said it. Lies apart from the fact (D16)."""

    headline: Line | None = None
    text: Text | None = None
    place: Line | None = None
    position: Annotated[str, StringConstraints(pattern=r"^-?\d{1,3}\.\d{1,7},-?\d{1,3}\.\d{1,7}$")] | None = (
        None
    )
    source: Line | None = None
    reference: Line | None = None
    figures: Figures | None = None
    basis: Text | None = None


class _Shared(Strict):
    level: Level = Level.WATCH
    tags: Tags = []
    named: Circle = []
    notify: Addressees = []


class OpenIncident(Request, _Shared):
    """Open an incident; the sender makes its id."""

    trade = TRADE
    verb = "open"
    content_model = ItemContent
    incident: Token
    type: Code
    priority: Priority = Priority.NORMAL
    municipalities: Municipalities = []


class AddEntry(Request, _Shared):
    """Write in an incident's log; never refused for the incident's state (D4)."""

    trade = TRADE
    verb = "entry"
    content_model = ItemContent
    incident: Token | None = None
    ref: Ref | None = None
    kind: EntryKind = EntryKind.INFORMATION
    priority: Priority | None = None
    confirmed: bool = True
    channel: Code | None = None


class _OnIncident(Request):
    incident: Token | None = None
    ref: Ref | None = None


class ChangeState(_OnIncident):
    """Move the incident to another state; leaving ``closed`` reopens it."""

    trade = TRADE
    verb = "state"
    state: IncidentState


class CloseIncident(_OnIncident):
    """Close the incident, with an outcome."""

    trade = TRADE
    verb = "close"
    content_model = ItemContent


class CorrectEntry(_OnIncident):
    """Strike an entry, or replace it by what the content says; the old one stays readable (R1)."""

    trade = TRADE
    verb = "correct"
    content_model = ItemContent
    entry: Token
    manner: Literal["strike", "replace"] = "strike"


class ShareWider(_OnIncident):
    """Raise the level of an entry, or of the head; a named person's act (R8)."""

    trade = TRADE
    verb = "share"
    entry: Token | Literal["head"] = HEAD
    level: Level
    named: Circle = []
    notify: Addressees = []


class AskErasure(_OnIncident):
    """The archive owner asks that an item's content be erased, on a ground in law (GDPR 17, archive law)."""

    trade = TRADE
    verb = "erase_ask"
    entry: Token | Literal["head"]
    ground: Code
    law: Code


class ApproveErasure(_OnIncident):
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
    """An incident was opened; this item is its head."""

    name = "opened"
    ref: str
    type: str
    priority: Priority
    municipalities: list[str] = []


class EntryAdded(_Item):
    """An entry was written. ``mark`` says if the incident was closed or not known to the sender."""

    name = "entry_added"
    incident: str
    kind: EntryKind
    priority: Priority | None = None
    confirmed: bool = True
    channel: str | None = None
    mark: Literal["closed", "unattached"] | None = None


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
    """The content of one fact is gone; chains stay whole, since they cover facts only (D16)."""

    trade = TRADE
    name = "erased"
    fact: str
    ground: str
    law: str
    asked_by: str


class Repaired(Body):
    """The ledger was written anew from the archive; ``last`` facts stand in their old places (D18)."""

    trade = TRADE
    name = "repaired"
    epoch: int
    last: int


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
FACTS = (Opened, EntryAdded, StateChanged, Corrected, SharedWider, ErasureAsked, Erased, Repaired)
