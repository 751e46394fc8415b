"""The sections of the centre file: who takes part, who is on duty, who may share with whom."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, Field, StringConstraints

from schemas.envelope import Code, Line, Moment, Municipality, Strict, Token, WatchKey
from schemas.incident_types import Card, Told, Version, Words
from schemas.notifications import PolicyRules
from schemas.people import Contact
from schemas.records import DAYS_MOST
from schemas.reports import ReportField
from schemas.vocabulary import Channel, DutyFunction, Language, Level, Mode, Priority, Role, Tag

ShortCode = Annotated[str, StringConstraints(pattern=r"^[A-Z0-9]{2,8}$")]
Alias = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]{1,40}(\.[a-z0-9]{1,40})?$")]
Who = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}(\.[A-Za-z0-9_-]{1,64})?$")]
"""An organisation's key or a watch's."""


def _random(text: str) -> str:
    if UUID(text).version != 4 or str(UUID(text)) != text:
        raise ValueError("a person's id is a random UUID (version 4), so that it tells nothing")
    return text


class About(Strict):
    """The centre itself; ``host`` is the organisation that runs it."""

    name: Token
    title: Line
    host: Token


class Organisation(Strict):
    """Who takes part. The key never changes; ``ends`` is a guest's last moment.

    ``language``: what its people are told in, by message and on paper.
    """

    key: Token
    name: Line
    kind: Literal[
        "municipality", "fire", "police", "health", "governor", "feed",
        "utility", "transport", "voluntary", "civil_defence", "guest",
    ]  # fmt: skip
    serves: list[Municipality] = []
    language: Language = Language.BOKMAL
    ends: Moment | None = None


class Watch(Strict):
    """A standing service of an organisation. ``code`` stands in its running numbers (VAKT-2027-0042).

    ``hidden``: leaves no trace in logs and metrics. ``health``: whether health text is kept by the watch or
    refused in favour of a reference. ``alias`` is the sender code that others know it by.
    """

    key: WatchKey
    code: ShortCode
    name: Line
    hidden: bool = False
    health: Literal["reference", "watch"] = "reference"
    posts: Annotated[list[Token], Field(min_length=1, max_length=20)] = ["duty"]
    policy: Token = "standard"
    alias: Alias | None = None

    @property
    def organisation(self) -> str:
        """The key of the watch's organisation."""
        return self.key.partition(".")[0]

    @property
    def sender(self) -> str:
        """The alias, or the key where there is none."""
        return self.alias or self.key


class Policy(Strict):
    """How a watch's people are told, by priority; times in seconds from the chain's start."""

    code: Token
    channels: Annotated[list[Channel], Field(min_length=1)] = [Channel.GATEWAY, Channel.EMAIL]
    rules: Annotated[list[PolicyRules], Field(min_length=1, max_length=4)]


class IncidentType(Strict):
    """A type of incident in the register: ``priority`` and ``told`` are for a report that says nothing.

    ``used_by``: the watches that see the type in the register, all when empty. A card that has been in force
    is changed by raising its version.
    """

    code: Code
    version: Version = 1
    title: Words
    priority: Priority | None = None
    told: list[Told] = []
    questions: Annotated[list[Words], Field(max_length=20)] = []
    card: Card | None = None
    used_by: list[WatchKey] = []


class Report(Strict):
    """A template for situation reports to some receivers, for each organisation or watch in ``where``.

    ``approvals`` is how many must approve a version, ``approvers`` who may (everybody with the role when
    empty). With ``second_person`` nobody approves what he or she has written.
    """

    code: Token
    where: Annotated[list[Who], Field(min_length=1, max_length=400)]
    title: Line
    receivers: Annotated[list[Who], Field(min_length=1, max_length=100)]
    level: Level = Level.NAMED
    notify: list[WatchKey] = []
    priority: Priority = Priority.HIGH
    fields: Annotated[list[ReportField], Field(min_length=1, max_length=30)]
    approvals: Annotated[int, Field(ge=1, le=2)] = 1
    approvers: list[Token] = []
    second_person: bool = True


class Retention(Strict):
    """How long words, or records of deliveries, are kept after an incident was closed.

    A proposal of the file: it is in force once an archive owner has adopted it and another person approved.
    """

    where: Who
    of: Literal["words", "deliveries"] = "words"
    tag: Tag | None = None
    modes: Annotated[list[Mode], Field(min_length=1)] = list(Mode)
    days: Annotated[int, Field(ge=1, le=DAYS_MOST)]
    law: Code


class Person(Strict):
    """A person who can be on duty. ``key`` is used in this file only; facts hold the random ``id``."""

    key: Token
    id: Annotated[str, AfterValidator(_random)]
    name: Line
    organisation: Token
    email: str | None = None
    phone: str | None = None

    @property
    def contact(self) -> Contact:
        """Name and addresses, as they are kept apart from all facts."""
        return Contact(display_name=self.name, email=self.email, phone=self.phone)


class RoleGrant(Strict):
    """Persons who have a role in an organisation or watch."""

    where: Who
    role: Role
    persons: Annotated[list[Token], Field(min_length=1)]
    until: Moment | None = None


class Manning(Strict):
    """Who holds each function of a post, from when; without ``until``, till another takes over."""

    watch: WatchKey
    post: Token = "duty"
    since: Moment
    until: Moment | None = None
    primary: Token
    backup: Token | None = None
    leader: Token | None = None

    @property
    def holders(self) -> dict[DutyFunction, str]:
        """The keys of the persons, by function."""
        named = {
            DutyFunction.PRIMARY: self.primary,
            DutyFunction.BACKUP: self.backup,
            DutyFunction.LEADER: self.leader,
        }
        return {function: person for function, person in named.items() if person}


class Agreement(Strict):
    """The ground for sharing between organisations (R16)."""

    code: Token
    parties: Annotated[list[Token], Field(min_length=2, max_length=200)]
    purpose: Line
    since: Moment
    until: Moment | None = None


class Region(Strict):
    """Who sees what is shared with the region, during a time."""

    code: Token
    name: Line
    members: Annotated[list[Token], Field(min_length=1, max_length=500)]
    since: Moment
    until: Moment | None = None


class Subscription(Strict):
    """An organisation that takes its feed; ``public_from`` are those whose public items it also asks for."""

    organisation: Token
    modes: Annotated[list[Mode], Field(min_length=1)]
    public_from: list[Token] = []
    since: Moment
    until: Moment | None = None


class NamedList(Strict):
    """Receivers that are often named together."""

    code: Token
    owner: Who
    name: Line
    members: Annotated[list[Who], Field(min_length=1, max_length=400)]
