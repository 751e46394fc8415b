"""The outer form of every message: CloudEvents 1.0 attributes, and the hub's own record under ``data``."""

from datetime import datetime
from typing import Annotated, Any, ClassVar, Literal

from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetPydanticSchema,
    StringConstraints,
    WithJsonSchema,
)
from pydantic_core import CoreSchema, core_schema

from schemas.canonical import canonical
from schemas.vocabulary import Authentication, ContentClass, Mode

Token = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
WatchKey = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}\.[A-Za-z0-9_-]{1,64}$")]
Code = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.:-]{1,80}$")]
Municipality = Annotated[str, StringConstraints(pattern=r"^[0-9]{4}$")]
Digest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
_NO_CONTROLS = r"^[^\x00-\x08\x0b-\x1f\x7f-\x9f]*$"
Line = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f-\x9f]*$", max_length=300)]
Text = Annotated[str, StringConstraints(pattern=_NO_CONTROLS, max_length=20_000)]
_WRITTEN = core_schema.str_schema(pattern=r"^(19|20|21)[0-9]{2}-")
_READ = core_schema.datetime_schema(tz_constraint="aware", strict=False)


def _moment(known: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
    in_json = core_schema.chain_schema([_WRITTEN, _READ])
    return core_schema.json_or_python_schema(in_json, handler(known))


Moment = Annotated[
    AwareDatetime,
    GetPydanticSchema(_moment),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
"""A time that somebody says, with its offset, in the years 1900 to 2199.

A number is none: it would be read as seconds since 1970. Nor is a year in which no calendar of Norway ends.
"""


_ALIKE = ConfigDict(frozen=True, hide_input_in_errors=True, defer_build=True)
"""A model is built when it is first used: each process uses some of them only."""


class Strict(BaseModel):
    """What comes in: unknown fields are refused, since dropping them would lose what somebody wrote."""

    model_config = ConfigDict(extra="forbid", strict=True, **_ALIKE)


class Tolerant(BaseModel):
    """What is read back: fields from a newer version are passed over."""

    model_config = ConfigDict(extra="ignore", **_ALIKE)


class Body(Tolerant):
    """A fact's own part. ``trade`` and ``name`` give its type."""

    trade: ClassVar[str]
    name: ClassVar[str]

    @classmethod
    def type_name(cls) -> str:
        """The message type, ending in its version."""
        return f"samvirke.{cls.trade}.{cls.name}.v1"


class Request(Strict):
    """A command's own part. ``trade`` and ``verb`` give its type; ``content`` is the model of its text."""

    trade: ClassVar[str]
    verb: ClassVar[str]
    content_model: ClassVar[type[Strict] | None] = None

    @classmethod
    def type_name(cls) -> str:
        """The message type, ending in its version."""
        return f"samvirke.{cls.trade}.{cls.verb}.v1"


class Actor(Strict):
    """Who acts: a person or a machine, in a post, from a watch, known by some proof."""

    person: Token | None = None
    machine: Token | None = None
    post: Token | None = None
    organisation: Token
    watch: Token
    via: Token
    authentication: Authentication
    on_behalf_of: WatchKey | None = None

    @property
    def key(self) -> str:
        """The key of the actor's watch."""
        return f"{self.organisation}.{self.watch}"


class Command(Strict):
    """A request as it reaches a door; ``data`` holds the record."""

    class Data(Strict):
        """Who asks what, when it happened, and whether it was sent before."""

        actor: Actor
        occurred_at: Moment
        resend: bool = False
        trace: Token | None = None
        body: dict[str, Any]
        content: dict[str, Any] | None = None

    specversion: Literal["1.0"] = "1.0"
    id: Token
    source: Annotated[str, StringConstraints(max_length=200)]
    type: Code
    time: Moment
    datacontenttype: Literal["application/json"] = "application/json"
    data: Data


class Fact(Tolerant):
    """Something that happened, as it lies in the ledger for ever.

    ``time`` is recorded_at (D14); ``subject`` is the id that the fact is about.
    """

    class Data(Tolerant):
        """Actor, owner and controller (D19), the commitment to its content (D16) and the trade's body."""

        mode: Mode
        owner: str
        controller: str
        actor: Actor
        occurred_at: AwareDatetime
        command: str
        trace: str | None = None
        commitment: str | None = None
        content_class: ContentClass | None = None
        body: dict[str, Any]

    specversion: str = "1.0"
    id: str
    source: str
    type: str
    subject: str
    time: AwareDatetime
    datacontenttype: str = "application/json"
    data: Data

    @property
    def recorded_at(self) -> datetime:
        """When the door took it in."""
        return self.time

    def encode(self) -> bytes:
        """The exact bytes that are stored and hashed."""
        return canonical(self.model_dump(mode="json", exclude_none=True))


class Accepted(Tolerant):
    """The command's fact lies fsynced in the ledger. ``receipt`` goes into ``after=``."""

    status: Literal["accepted"] = "accepted"
    id: str
    subject: str
    ref: str | None = None
    receipt: str
    result: dict[str, Any] = Field(default_factory=dict)


class Refused(Tolerant):
    """The command changed nothing; ``code`` says why and ``parameters`` what it hangs on."""

    status: Literal["refused"] = "refused"
    code: str
    parameters: dict[str, Any] = Field(default_factory=dict)


Answer = Accepted | Refused
