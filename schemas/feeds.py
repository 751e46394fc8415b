"""Who may share with whom: organisations, agreements, regions, subscriptions."""

from typing import Annotated

from pydantic import AwareDatetime, Field

from schemas.envelope import Body, Line, Municipality, Request, Token
from schemas.vocabulary import Mode

TRADE = "feeds"
Members = Annotated[list[Token], Field(max_length=500)]


class SetOrganisation(Request):
    """An organisation and the municipalities it is or serves; its key never changes (D19)."""

    trade = TRADE
    verb = "organisation"
    organisation: Token
    title: Line
    kind: Token
    serves: Annotated[list[Municipality], Field(max_length=400)] = []


class Agree(Request):
    """An agreement between organisations: purpose, from when, to when (R16)."""

    trade = TRADE
    verb = "agree"
    agreement: Token
    parties: Annotated[list[Token], Field(min_length=2, max_length=200)]
    purpose: Line
    since: AwareDatetime
    until: AwareDatetime | None = None


class SetRegion(Request):
    """A region's members during a time."""

    trade = TRADE
    verb = "region"
    region: Token
    members: Members
    since: AwareDatetime
    until: AwareDatetime | None = None


class Subscribe(Request):
    """An organisation takes the feed of what it may see; ``public_from`` adds others' public items."""

    trade = TRADE
    verb = "subscribe"
    subscriber: Token
    modes: Annotated[list[Mode], Field(min_length=1)] = [Mode.ACTUAL]
    public_from: Members = []
    since: AwareDatetime
    until: AwareDatetime | None = None


class OrganisationSet(Body):
    """An organisation as it is now."""

    trade = TRADE
    name = "organisation_set"
    organisation: str
    title: str
    kind: str
    serves: list[str] = []


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


COMMANDS = (SetOrganisation, Agree, SetRegion, Subscribe)
FACTS = (OrganisationSet, Agreed, RegionSet, Subscribed)
