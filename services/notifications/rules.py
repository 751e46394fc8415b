"""One chain: who was told of what, and what became of it. A fold over the chain's facts; nothing else."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from schemas.clock import WALL, Clock
from schemas.envelope import Fact
from schemas.notifications import (
    Acknowledged,
    Declined,
    Escalated,
    Failed,
    NobodyReached,
    PolicyRules,
    Sent,
    Started,
    Step,
)
from schemas.subjects import Place
from schemas.vocabulary import Channel, DutyFunction, Priority

ClockOf = Callable[[str, datetime], Clock]
"""The clock that held for an organisation at a wall time: an exercise has its own."""

ACKNOWLEDGED, NOBODY_REACHED, DISCARDED = "acknowledged", "nobody_reached", "discarded"
"""How a chain ends; the last one with its exercise, without a fact of its own."""


def by_the_wall(organisation: str, at: datetime) -> Clock:
    """The clock of everything that is no exercise."""
    return WALL


@dataclass(slots=True)
class Telling:
    """How it goes with one person: attempts begun, how many were taken by a channel, how many by none."""

    person: str
    function: DutyFunction
    step: int
    begun_at: datetime
    attempts: int = 0
    sent: int = 0
    failed: int = 0
    declined: bool = False

    @property
    def under_way(self) -> bool:
        """True while an attempt has neither been taken nor failed."""
        return self.attempts > self.sent + self.failed


@dataclass(slots=True)
class Chain:
    """The state of one chain. ``place`` is where its facts lie: the incident's birthplace and id.

    Its moments are wall times; the rules see them as ``clock`` tells them.
    """

    id: str
    mode: str
    place: Place
    watch: str
    cause: str
    item: str
    priority: Priority
    type: str
    ref: str | None
    rules: PolicyRules
    channels: list[Channel]
    started_at: datetime
    controller: str
    last_fact: str
    clock_of: ClockOf = by_the_wall
    trace: str | None = None
    step: int = 0
    step_at: datetime = field(init=False)
    reasons: list[str] = field(default_factory=list)
    tellings: dict[str, Telling] = field(default_factory=dict)
    outcome: str | None = None
    ended_at: datetime | None = None
    ended_by: str | None = None

    def __post_init__(self) -> None:
        self.step_at = self.started_at

    @property
    def clock(self) -> Clock:
        """The clock by which this chain's minutes run: that of its birthplace's exercise, or the wall's."""
        return self.clock_of(self.place.org, self.started_at)

    @property
    def steps(self) -> list[Step]:
        """The policy's steps, the earliest first."""
        return sorted(self.rules.steps, key=lambda step: step.after_s)

    def watch_of(self, step: int) -> str:
        """Whose people a step tells."""
        return self.steps[step].watch or self.watch

    def begin(self, person: str, function: DutyFunction, step: int, attempt: int, now: datetime) -> None:
        """Note that a message is about to be sent: it is under way until a channel took it or none did."""
        telling = self.tellings.setdefault(person, Telling(person, function, step, now))
        if attempt > telling.attempts:
            telling.attempts, telling.begun_at = attempt, now

    def settle(self, person: str) -> None:
        """Note that no channel took the message that is under way."""
        telling = self.tellings[person]
        if telling.under_way:
            telling.failed += 1

    def apply(self, fact_id: str, at: datetime, body: Any) -> None:
        """Take in one of the chain's facts, in ledger order; what comes after the end changes nothing."""
        if self.outcome is not None:
            return
        self.last_fact = fact_id
        match body:
            case Sent():
                self._sent(body, at)
            case Failed(person=str() as person, function=DutyFunction() as function):
                self._failed(person, function, body, at)
            case Escalated():
                self.step, self.step_at = body.step, at
                self.reasons.append(body.reason)
            case Declined():
                self._declined(body, at)
            case Acknowledged():
                self._end(ACKNOWLEDGED, at)
                self.ended_by = body.person
            case NobodyReached():
                self._end(NOBODY_REACHED, at)

    def _sent(self, body: Sent, at: datetime) -> None:
        self.begin(body.person, body.function, body.step, body.attempt, at)
        telling = self.tellings[body.person]
        if telling.under_way:
            telling.sent += 1

    def _failed(self, person: str, function: DutyFunction, body: Failed, at: datetime) -> None:
        """An attempt has failed once the last of its channels has; which one that is, ``last`` says."""
        self.begin(person, function, body.step, body.attempt, at)
        if body.last:
            self.settle(person)

    def _declined(self, body: Declined, at: datetime) -> None:
        telling = self.tellings.setdefault(body.person, Telling(body.person, body.function, self.step, at))
        telling.declined = True

    def _end(self, outcome: str, at: datetime) -> None:
        self.outcome, self.ended_at = outcome, at


def begin_chain(fact: Fact, place: Place, started: Started, clock_of: ClockOf = by_the_wall) -> Chain:
    """The chain that a started fact begins."""
    return Chain(
        id=started.chain,
        mode=fact.data.mode,
        place=place,
        watch=started.watch,
        cause=started.cause,
        item=started.item or started.cause,
        priority=started.priority,
        type=started.type,
        ref=started.ref,
        rules=started.rules,
        channels=started.channels,
        started_at=fact.time,
        controller=fact.data.controller,
        last_fact=fact.id,
        clock_of=clock_of,
        trace=fact.data.trace,
    )


def fold(facts: Iterable[tuple[Fact, Place, Any]], clock_of: ClockOf = by_the_wall) -> dict[str, Chain]:
    """The chains that some facts of notifications tell of, by id; facts in ledger order."""
    chains: dict[str, Chain] = {}
    for fact, place, body in facts:
        if isinstance(body, Started):
            chains.setdefault(body.chain, begin_chain(fact, place, body, clock_of))
        elif (chain := chains.get(getattr(body, "chain", ""))) is not None:
            chain.apply(fact.id, fact.time, body)
    return chains
