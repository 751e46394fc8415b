"""The sections of an exercise file: what happens when, who answers, and what must be true afterwards."""

from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from schemas.centre_parts import Who
from schemas.envelope import Code, Line, Moment, Strict, Text, Token, WatchKey
from schemas.exercise_reports import Deadline, Label, Nothing, Report, Wheel
from schemas.incidents import Decider, ItemContent, Municipalities, Tags
from schemas.vocabulary import DutyFunction, EntryKind, IncidentState, Level, Priority

Number = Annotated[str, StringConstraints(pattern=r"^[0-9]{2,3}[a-z]?$")]
Feature = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z ,-]{2,59}$")]
Sender = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}(\.[A-Za-z0-9_-]{1,64})?$")]
"""A watch's key, or the alias that the centre file gives it."""
Answerer = Literal["primary", "backup", "leader", "coordinator"]
Part = Literal["life", "rest", "broker"]


class About(Strict):
    """The exercise itself. ``centre`` is the file of those who take part, seen from the folder of this one.

    Whoever is told acknowledges ``acknowledge_after_s`` seconds of exercise time later, unless an event says
    otherwise.
    """

    code: Token
    title: Line
    centre: Line
    starts: Moment
    ends: Moment
    acknowledge_after_s: Annotated[int, Field(ge=1, le=3600)] = 60


class _Shared(Strict):
    level: Level = Level.WATCH
    tags: Tags = []
    named: Annotated[list[Who], Field(max_length=400)] = []
    notify: Annotated[list[WatchKey], Field(max_length=400)] = []
    content: ItemContent = ItemContent()


class Open(_Shared):
    """Open the incident that the event's letter names from then on."""

    type: Code
    priority: Priority = Priority.NORMAL
    municipalities: Municipalities = []


class Entry(_Shared):
    """Write in the incident's log; ``label`` names the entry for what is later said of it.

    ``late``: from paper, with the event's ``occurred_at``. ``asks`` are watches asked for resources.
    """

    label: Label | None = None
    kind: EntryKind = EntryKind.INFORMATION
    priority: Priority | None = None
    confirmed: bool = True
    channel: Code | None = None
    late: bool | None = None
    decider: Decider | None = None
    assignee: WatchKey | None = None
    due: Moment | None = None
    asks: Annotated[list[WatchKey], Field(max_length=400)] = []


class Done(Strict):
    """Close a task that was labelled before."""

    entry: Label
    content: ItemContent = ItemContent()


class Respond(Strict):
    """Answer a request for resources that was labelled before."""

    entry: Label
    answer: Literal["accept", "decline"]
    content: ItemContent = ItemContent()


class Tick(Strict):
    """Tick a step of the incident's action card."""

    step: Token


class State(Strict):
    """Move the incident to another state."""

    to: IncidentState


class Close(Strict):
    """Close the incident."""

    content: ItemContent = ItemContent()


class Correct(Strict):
    """Strike or replace an entry that was labelled before."""

    entry: Label
    manner: Literal["strike", "replace"] = "strike"
    content: ItemContent = ItemContent()


class Share(Strict):
    """Raise the level of a labelled entry, or of the incident's head when none is named."""

    entry: Label | None = None
    level: Level
    named: Annotated[list[Who], Field(max_length=400)] = []
    notify: Annotated[list[WatchKey], Field(max_length=400)] = []


class Intake(Strict):
    """Take in an official message: a file seen from this one's folder, or the message itself."""

    file: Line | None = None
    message: Annotated[str, Field(max_length=1_000_000)] | None = None


class Function(Strict):
    """Take over, or release, a function of a post of the sender's watch."""

    post: Token = "duty"
    function: DutyFunction = DutyFunction.PRIMARY


class Man(Strict):
    """Put a person on a roster; ``watch`` is the sender's when absent."""

    watch: WatchKey | None = None
    post: Token = "duty"
    function: DutyFunction
    person: Token
    since: Moment
    until: Moment | None = None


class Cut(Strict):
    """The link to an organisation is lost until a time; then it asks for what it has missed."""

    organisation: Token
    until: Moment


class Kill(Strict):
    """A part of the hub is killed and must come back."""

    part: Part


class Settle(Strict):
    """Wait until every chain has ended."""


class Answers(Strict):
    """How a watch answers what this event tells it.

    ``by`` is who does; those told before are silent. ``after_s`` is exercise time from when that person is
    told. With ``silent`` nobody ever answers.
    """

    watch: WatchKey
    by: Answerer = "primary"
    after_s: Annotated[int, Field(ge=1, le=86_400)] | None = None
    act: Literal["acknowledge", "decline", "silent"] = "acknowledge"


class Escalates(Strict):
    """A chain that goes on, and how far: the functions of its further steps, in order."""

    watch: WatchKey
    to: Annotated[list[Answerer], Field(min_length=1, max_length=9)]


class Event(Strict):
    """One thing that happens: at most one act, who answers it, and what must be true of it afterwards.

    ``incident`` is a letter: an opening gives it, everything else refers to it. ``needs`` names what the hub
    cannot do yet; the rest of the event is played, if there is any. ``refused`` is the code with which the
    hub must refuse the act. ``delivered`` are organisations that have the item once in their feed,
    ``seen_by`` watches that find it; ``gaps`` are watches of which an empty post is said by then,
    ``deadline`` what is said of reports that are due.
    """

    no: Number
    at: Moment
    title: Line
    sender: Sender | None = None
    person: Token | None = None
    incident: Label | None = None
    occurred_at: Moment | None = None
    needs: Feature | None = None
    refused: Code | None = None
    open: Open | None = None
    entry: Entry | None = None
    state: State | None = None
    close: Close | None = None
    correct: Correct | None = None
    share: Share | None = None
    done: Done | None = None
    respond: Respond | None = None
    tick: Tick | None = None
    intake: Intake | None = None
    report: Report | None = None
    wheel: Wheel | None = None
    nothing: Nothing | None = None
    take: Function | None = None
    release: Function | None = None
    man: Man | None = None
    cut: Cut | None = None
    kill: Kill | None = None
    settle: Settle | None = None
    answers: list[Answers] = []
    escalates: list[Escalates] = []
    gaps: list[WatchKey] = []
    deadline: Deadline | None = None
    delivered: list[Token] = []
    not_delivered: list[Token] = []
    seen_by: list[WatchKey] = []
    not_seen_by: list[WatchKey] = []

    @property
    def acts(self) -> list[tuple[str, Any]]:
        """Name and body of each act that stands in the event; a sound file has one at most."""
        return [(name, body) for name in ACTS if (body := getattr(self, name)) is not None]

    @property
    def act(self) -> tuple[str, Any] | None:
        """The event's act, or None when there is nothing to play."""
        return next(iter(self.acts), None)

    @property
    def notified(self) -> list[str]:
        """The watches that the act asks to have told, to answer or to do something."""
        body = self.act[1] if self.act else None
        to_do = [getattr(body, "assignee", None)]
        named = (*getattr(body, "notify", ()), *getattr(body, "asks", ()), *filter(None, to_do))
        return list(dict.fromkeys(named))

    @property
    def overdue(self) -> list[str]:
        """The watches that are told of a deadline of theirs."""
        return [] if self.deadline is None else [*self.deadline.reminds, *self.deadline.misses]


ACTS = (
    "open", "entry", "state", "close", "correct", "share", "done", "respond", "tick", "intake",
    "report", "wheel", "nothing",
    "take", "release", "man", "cut", "kill", "settle",
)  # fmt: skip
SENT = ACTS[:16]
"""Acts that a watch sends; the others befall the hub or the player."""
ON_INCIDENT = ACTS[:9]
OF_REPORTS = ("report", "wheel", "nothing")


class Marker(Strict):
    """Words planted in an event, which must not be found outside ``stays_in`` (organisations or watches).

    With ``kept`` false they must lie in no file at all, since the hub must have refused them.
    """

    id: Token
    text: Annotated[Text, StringConstraints(min_length=6)]
    event: Number
    stays_in: list[Who] = []
    kept: bool = True
