"""Commands and facts of official warnings taken in from MET, NVE and others."""

from typing import Annotated, Literal

from pydantic import AwareDatetime, Field

from schemas.envelope import Body, Code, Digest, Line, Request, Strict, Text, Token
from schemas.vocabulary import Level

TRADE = "warnings"


class TakeIn(Request):
    """Take in an official message; ``raw`` is its bytes in base64, at most 2 MiB of them."""

    trade = TRADE
    verb = "take"
    raw: Annotated[str, Field(max_length=2_900_000)]
    digest: Digest


class WarningText(Strict):
    """One language's text, unchanged (I10)."""

    language: Token
    headline: Line | None = None
    description: Text | None = None
    instruction: Text | None = None
    consequence: Text | None = None
    area: Text | None = None
    web: Line | None = None


class WarningContent(Strict):
    """All the texts of a warning, and its areas as sent."""

    texts: list[WarningText]
    polygons: list[Text] = []


class Published(Body):
    """An official warning, its update or its end, addressed by municipality number.

    ``awareness`` is the highest level, 1 to 4; ``levels`` gives each municipality's own where they differ.
    ``quiet`` is told to nobody. ``brief`` came in a form that says less than the message of the same key,
    which takes its place. ``raw`` is the SHA-256 of the message; the fact's ``occurred_at`` is when its
    sender sent it, or where it does not say, when it was taken in.
    """

    trade = TRADE
    name = "published"
    source: str
    key: str
    revision: int
    thread: str
    replaces: list[str] = []
    kind: Literal["alert", "update", "cancel", "all_clear"]
    event: Code | None = None
    severity: str | None = None
    urgency: str | None = None
    certainty: str | None = None
    response: str | None = None
    awareness: int | None = None
    levels: dict[str, int] = {}
    quiet: bool = False
    brief: bool = False
    assumed_zone: bool = False
    municipalities: list[str]
    effective: AwareDatetime | None = None
    onset: AwareDatetime | None = None
    expires: AwareDatetime | None = None
    event_ends: AwareDatetime | None = None
    raw: str
    level: Level = Level.PUBLIC


COMMANDS = (TakeIn,)
FACTS = (Published,)
