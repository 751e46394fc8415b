"""Commands and facts of telling people on duty, until one of them has acknowledged."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from schemas.envelope import Body, Code, Request, Strict, Token, WatchKey
from schemas.identifiers import derived_id
from schemas.vocabulary import Channel, DutyFunction, Priority, Role

TRADE = "notifications"


class Step(Strict):
    """Whom to tell ``after_s`` seconds from the start: a function of ``watch`` (own watch when None).

    With ``role``, all who have that role over the watch are told in place of those on duty.
    """

    after_s: Annotated[int, Field(ge=0, le=86_400)]
    function: DutyFunction
    watch: WatchKey | None = None
    role: Role | None = None


class PolicyRules(Strict):
    """What a watch's chain does for one priority; ``repeat`` is for a watch with one person on duty.

    ``end_s`` is when the chain ends with nobody reached, in seconds from its start.
    """

    priority: Priority
    steps: Annotated[list[Step], Field(min_length=1, max_length=10)]
    end_s: Annotated[int, Field(ge=1, le=86_400)] | None = None
    repeat: Annotated[int, Field(ge=0, le=10)] = 3


class SetPolicy(Request):
    """Set how one watch's people are told; the whole policy at once."""

    trade = TRADE
    verb = "policy"
    watch: WatchKey
    rules: Annotated[list[PolicyRules], Field(min_length=1, max_length=4)]
    channels: Annotated[list[Channel], Field(min_length=1)] = [Channel.GATEWAY, Channel.EMAIL]


class Acknowledge(Request):
    """A named person on duty has it; the chain ends. Never by a machine."""

    trade = TRADE
    verb = "ack"
    chain: Token


class Decline(Request):
    """A named person on duty cannot; the next step is taken at once."""

    trade = TRADE
    verb = "decline"
    chain: Token


class _OfChain(Body):
    trade: ClassVar[str] = TRADE
    chain: str
    watch: str


class PolicySet(Body):
    """A watch's policy; the latest holds."""

    trade = TRADE
    name = "policy_set"
    watch: str
    rules: list[PolicyRules]
    channels: list[Channel]


class Started(_OfChain):
    """A watch is to be told of ``cause``; the policy's rules for the priority are frozen in.

    ``item`` is the fact that the watch is told about, which an act of wider sharing is not itself.
    """

    name = "started"
    cause: str
    item: str | None = None
    priority: Priority
    type: str
    ref: str | None = None
    rules: PolicyRules
    channels: list[Channel]


class Sent(_OfChain):
    """A message to one person was taken by a channel; ``repeated`` when it may have gone before."""

    name = "sent"
    step: int
    person: str
    function: DutyFunction
    channel: Channel
    attempt: int = 1
    repeated: bool = False
    receipt: str | None = None


class Failed(_OfChain):
    """A channel did not take the message, for the reason ``code``; ``last`` when no other channel is left."""

    name = "failed"
    step: int
    person: str | None = None
    function: DutyFunction | None = None
    channel: Channel | None = None
    attempt: int = 1
    code: Code
    last: bool = True


class Escalated(_OfChain):
    """The chain went on to another step. Others than the paged watch see function and outcome only."""

    name = "escalated"
    step: int
    function: DutyFunction
    reason: Literal["no_answer", "declined", "nobody_on_duty", "not_sent"]


class Acknowledged(_OfChain):
    """Told: a named person on duty has it."""

    name = "acknowledged"
    cause: str
    person: str
    function: DutyFunction


class Declined(_OfChain):
    """A named person on duty could not."""

    name = "declined"
    person: str
    function: DutyFunction


class NobodyReached(_OfChain):
    """The chain ended without an answer; shown to all who may see the incident, by ``priority``."""

    name = "nobody_reached"
    cause: str
    priority: Priority | None = None


def chain_id(cause: str, watch: str) -> str:
    """The id of the chain by which a fact is told to a watch: there is one only."""
    return derived_id(cause, watch)


def reference_of(chain: str, step: int, person: str, attempt: int) -> str:
    """What a gateway hears of a message, to know one that is sent again: the same for the same attempt."""
    return derived_id(chain, str(step), person, str(attempt))


COMMANDS = (SetPolicy, Acknowledge, Decline)
FACTS = (PolicySet, Started, Sent, Failed, Escalated, Acknowledged, Declined, NobodyReached)
