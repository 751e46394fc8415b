"""Who may share with whom: organisations, agreements, regions, subscriptions."""

from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, Field

from schemas.envelope import Body, Line, Moment, Municipality, Request, Token, Tolerant
from schemas.vocabulary import Language, Level, Mode, Priority, Tag

TRADE = "feeds"
Members = Annotated[list[Token], Field(max_length=500)]


class SetOrganisation(Request):
    """An organisation and the municipalities it is or serves; its key never changes (D19).

    ``language``: what its people are told in, by message and on paper.
    """

    trade = TRADE
    verb = "organisation"
    organisation: Token
    title: Line
    kind: Token
    serves: Annotated[list[Municipality], Field(max_length=400)] = []
    language: Language = Language.BOKMAL


class Agree(Request):
    """An agreement between organisations: purpose, from when, to when (R16)."""

    trade = TRADE
    verb = "agree"
    agreement: Token
    parties: Annotated[list[Token], Field(min_length=2, max_length=200)]
    purpose: Line
    since: Moment
    until: Moment | None = None


class SetRegion(Request):
    """A region's members during a time."""

    trade = TRADE
    verb = "region"
    region: Token
    members: Members
    since: Moment
    until: Moment | None = None


class Subscribe(Request):
    """An organisation takes the feed of what it may see; ``public_from`` adds others' public items."""

    trade = TRADE
    verb = "subscribe"
    subscriber: Token
    modes: Annotated[list[Mode], Field(min_length=1)] = [Mode.ACTUAL]
    public_from: Members = []
    since: Moment
    until: Moment | None = None


class OrganisationSet(Body):
    """An organisation as it is now."""

    trade = TRADE
    name = "organisation_set"
    organisation: str
    title: str
    kind: str
    serves: list[str] = []
    language: Language = Language.BOKMAL


class Agreed(Body):
    """An agreement; the latest of one id holds."""

    trade = TRADE
    name = "agreed"
    agreement: str
    parties: list[str]
    purpose: str
    since: AwareDatetime
    until: AwareDatetime | None = None


class RegionSet(Body):
    """A region's members; the latest of one id holds."""

    trade = TRADE
    name = "region_set"
    region: str
    members: list[str]
    since: AwareDatetime
    until: AwareDatetime | None = None


class Subscribed(Body):
    """A subscription; the latest of one subscriber holds."""

    trade = TRADE
    name = "subscribed"
    subscriber: str
    modes: list[Mode]
    public_from: list[str] = []
    since: AwareDatetime
    until: AwareDatetime | None = None


class FeedItem(Tolerant):
    """An item as a subscriber gets it, over NATS and HTTP alike; a notice has the first seven fields only.

    ``position`` is ``<epoch>.<n>``, without gaps in a feed's last 30 days. ``id`` stays with what was said: a
    notice bears the id of what is gone. ``thread`` ties items of one incident together for this subscriber
    alone. ``ref``, ``type``, ``state`` and ``municipalities`` are the incident's, where its head may be seen.
    """

    position: str
    id: str
    kind: Literal["incident", "entry", "correction", "state", "shared", "warning", "nobody_reached", "notice"]
    thread: str
    mode: Mode
    entry: str | None = None
    notice: Literal["erased", "recalled"] | None = None
    owner: str | None = None
    ref: str | None = None
    type: str | None = None
    priority: Priority | None = None
    level: Level | None = None
    state: str | None = None
    tags: list[Tag] = []
    municipalities: list[str] = []
    occurred_at: AwareDatetime | None = None
    recorded_at: AwareDatetime | None = None
    codes: dict[str, Any] | None = None
    content: dict[str, Any] | None = None


class FeedHead(Tolerant):
    """A neighbour's blinded head of its log, made at ``at`` (seconds since 1970), in hexadecimal.

    Keep it: it tells nothing now, and later its organisation can open it and show what its log was then.
    """

    organisation: str
    at: int
    head: str


class FeedTick(Tolerant):
    """Sent every 15 s beside the items: ``newest`` is the number of the last one in this feed.

    ``heads`` are the newest blinded heads of those with whom the subscriber has an agreement.
    """

    tick: Literal[True]
    newest: int
    epoch: str
    heads: list[FeedHead] = []


class AskNext(Tolerant):
    """What is asked at ``next``: the items after a position; without one, those of the last 7 days."""

    after: str | None = None
    limit: Annotated[int, Field(ge=1, le=200)] = 200


class FeedPage(Tolerant):
    """The answer to ``next``; ``reset`` when the position asked for is of another epoch."""

    status: Literal["ok"]
    epoch: str
    reset: bool
    items: list[FeedItem]
    newest: int


COMMANDS = (SetOrganisation, Agree, SetRegion, Subscribe)
FACTS = (OrganisationSet, Agreed, RegionSet, Subscribed)
