"""Commands and facts about how incidents hang together, where they are, and who does what there.

They belong to the trade ``incidents``. A fact that ties two incidents names both by id and birthplace, and
lies in the log of one of them; readers fold it into a picture of both (``schemas.related``).
"""

from typing import Annotated

from pydantic import AwareDatetime, Field, StringConstraints

from schemas.envelope import Body, Code, Line, Moment, Request, Strict, Token, WatchKey
from schemas.incidents import TRADE, Addressees, ItemContent, Municipalities, Position, Ref, Tags
from schemas.vocabulary import IncidentState, Level, Tag

BREAK_DAYS_MOST = 7
"""For how many days at most a receiver may see what a tag or a missing agreement would keep from it."""


class _OnIncident(Request):
    incident: Token | None = None
    ref: Ref | None = None


class _WithOther(_OnIncident):
    other: Token | None = None
    other_ref: Ref | None = None


class SetParent(_WithOther):
    """Put the incident under ``other``; without one, take it out from under its parent."""

    trade = TRADE
    verb = "parent"


class LinkIncidents(_WithOther):
    """Say that two incidents have to do with each other."""

    trade = TRADE
    verb = "link"


class UnlinkIncidents(_WithOther):
    """Take back that two incidents have to do with each other."""

    trade = TRADE
    verb = "unlink"


class MergeIncident(_WithOther):
    """The incident is the same as ``other``, which is gone on with."""

    trade = TRADE
    verb = "merge"


class UnmergeIncident(_OnIncident):
    """The incident was not the same after all: it stands again as before."""

    trade = TRADE
    verb = "unmerge"


class ChangePlace(_OnIncident):
    """Say anew where the incident is: point, area or address as content, municipalities by number."""

    trade = TRADE
    verb = "place"
    content_model = ItemContent
    municipalities: Municipalities | None = None


class AssignFunction(_OnIncident):
    """Somebody has a function at the incident: a person of the house, a watch, or an outsider by name."""

    trade = TRADE
    verb = "assign"
    content_model = ItemContent
    function: Code
    person: Token | None = None
    watch: WatchKey | None = None


class EndFunction(_OnIncident):
    """Somebody has a function no longer."""

    trade = TRADE
    verb = "unassign"
    assignment: Token


class AddReference(_OnIncident):
    """The incident's case number in another system; the number is content, ``reference``."""

    trade = TRADE
    verb = "reference"
    content_model = ItemContent
    system: Code
    level: Level = Level.WATCH
    tags: Tags = []
    named: Annotated[list[Token | WatchKey], Field(max_length=400)] = []
    notify: Addressees = []


class AskTransfer(_OnIncident):
    """The responsible watch asks another to answer for the incident from now on."""

    trade = TRADE
    verb = "transfer"
    content_model = ItemContent
    to: WatchKey


class AnswerTransfer(_OnIncident):
    """The watch that was asked takes the responsibility, or declines with a reason."""

    trade = TRADE
    verb = "transfer_answer"
    content_model = ItemContent
    accept: bool


class WithdrawTransfer(_OnIncident):
    """The responsible watch asks no longer."""

    trade = TRADE
    verb = "transfer_withdraw"


class BreakGlass(_OnIncident):
    """Let one watch see an item above its tags' cap, or without an agreement, for a time and on a ground."""

    trade = TRADE
    verb = "break_glass"
    content_model = ItemContent
    entry: Token
    to: WatchKey
    ground: Code
    until: Moment


class SimilarTo(Strict):
    """What is about to be reported, or stands in the log: which open incidents may be the same?"""

    type: Code | None = None
    occurred_at: Moment | None = None
    position: Position | None = None
    municipalities: Municipalities = Field(default_factory=list)


class Case(Strict):
    """A case of another system, by the number that it has there."""

    system: Code
    number: Annotated[Line, StringConstraints(min_length=1)]


class _Pair(Body):
    incident: str
    owner: str
    other: str
    other_owner: str


class ParentSet(Body):
    """``incident`` lies under ``parent`` from now on, or under none."""

    trade = TRADE
    name = "parent_set"
    incident: str
    owner: str
    parent: str | None = None
    parent_owner: str | None = None


class Linked(_Pair):
    """Two incidents have to do with each other."""

    trade = TRADE
    name = "linked"


class Unlinked(_Pair):
    """Two incidents no longer have to do with each other."""

    trade = TRADE
    name = "unlinked"


class Merged(_Pair):
    """``incident`` is gone on with as ``other``; it stands as closed until it is unmerged."""

    trade = TRADE
    name = "merged"
    former: IncidentState


class Unmerged(_Pair):
    """``incident`` stands for itself again, in ``state``."""

    trade = TRADE
    name = "unmerged"
    state: IncidentState


class PlaceChanged(Body):
    """The incident is somewhere else than was said before; reaches as far as the head."""

    trade = TRADE
    name = "place_changed"
    municipalities: list[str] | None = None


class FunctionAssigned(Body):
    """Somebody has a function at the incident; reaches as far as the head."""

    trade = TRADE
    name = "function_assigned"
    function: str
    person: str | None = None
    watch: str | None = None


class FunctionEnded(Body):
    """Somebody has a function no longer."""

    trade = TRADE
    name = "function_ended"
    assignment: str


class Referenced(Body):
    """The incident has a case number in another system; an item with its own level."""

    trade = TRADE
    name = "referenced"
    system: str
    level: Level
    tags: list[Tag] = []
    named: list[str] = []
    notify: list[str] = []


class TransferAsked(Body):
    """The watch ``to`` was asked to answer for the incident; until it accepts, nothing has changed."""

    trade = TRADE
    name = "transfer_asked"
    to: str
    notify: list[str] = []


class TransferAnswered(Body):
    """The watch that was asked has accepted, and is responsible from now on, or has declined.

    Of a refusal the one who asked is told, since it answers for the incident still.
    """

    trade = TRADE
    name = "transfer_answered"
    asked: str
    accepted: bool
    former: str
    responsible: str
    notify: list[str] = []


class TransferWithdrawn(Body):
    """The responsible watch asks no longer."""

    trade = TRADE
    name = "transfer_withdrawn"
    asked: str


class GlassBroken(Body):
    """``to`` may see an item until ``until``, whatever its tags and agreements say; the dpo is told (R11)."""

    trade = TRADE
    name = "glass_broken"
    entry: str
    to: str
    ground: str
    until: AwareDatetime
    commitment: str | None = None


COMMANDS = (
    SetParent,
    LinkIncidents,
    UnlinkIncidents,
    MergeIncident,
    UnmergeIncident,
    ChangePlace,
    AssignFunction,
    EndFunction,
    AddReference,
    AskTransfer,
    AnswerTransfer,
    WithdrawTransfer,
    BreakGlass,
)
FACTS = (
    ParentSet,
    Linked,
    Unlinked,
    Merged,
    Unmerged,
    PlaceChanged,
    FunctionAssigned,
    FunctionEnded,
    Referenced,
    TransferAsked,
    TransferAnswered,
    TransferWithdrawn,
    GlassBroken,
)
