"""Chains and people for tests of the rules: times in seconds from a chain's start."""

from datetime import UTC, datetime, timedelta
from typing import Any

from schemas.directory import Directory
from schemas.duty import Duty
from schemas.envelope import Body
from schemas.notifications import Acknowledged, Declined, Escalated, Failed, NobodyReached, PolicyRules, Sent
from schemas.people import Granted
from schemas.subjects import Place
from schemas.vocabulary import Channel, DutyFunction, Priority, Role
from schemas.watch import Established, Manned
from services.notifications.escalation import End, Escalate, OnDuty, Tell, Wait, next_action
from services.notifications.policy import default_rules
from services.notifications.rules import Chain

START = datetime(2027, 1, 15, 5, 49, tzinfo=UTC)
WATCH, COORDINATOR = "4628.vakt", "4628.samvirke"
PRIMARY, BACKUP, LEADER = DutyFunction


def at(seconds: float) -> datetime:
    """A moment of the chain."""
    return START + timedelta(seconds=seconds)


def people(leaders: str = "", **manned: str) -> OnDuty:
    """Who is on duty all the time: ``primary="kari"``, ``coordinator`` elsewhere; leaders by role."""
    duty, directory = Duty(), Directory()
    for watch in (WATCH, COORDINATOR):
        directory.apply(Established(watch=watch, code="X", title="Vakt", posts=["duty"]))
    for leader in leaders.split():
        directory.apply(Granted(person=leader, role=Role.LEADER, where=WATCH))
    for function, person in manned.items():
        watch = COORDINATOR if function == "coordinator" else WATCH
        held = PRIMARY if function == "coordinator" else DutyFunction(function)
        duty.apply(watch, Manned(post="duty", function=held, person=person, since=at(-3600)))
    return OnDuty(duty, directory)


def chain(priority: Priority = Priority.CRITICAL, rules: PolicyRules | None = None) -> Chain:
    """A chain that has just started."""
    return Chain(
        id="c1",
        mode="exercise",
        place=Place("exercise", "110-vest", "main", "notifications", "i1", "started"),
        watch=WATCH,
        cause="f1",
        item="f1",
        priority=priority,
        type="landslide",
        ref="7K2M9QX",
        rules=rules or default_rules(priority, COORDINATOR) or PolicyRules(priority=priority, steps=[]),
        channels=[Channel.GATEWAY, Channel.EMAIL],
        started_at=START,
        controller="110-vest",
        last_fact="f1",
    )


class Play:
    """Drives a chain through time as the service would, and writes down what happened when."""

    def __init__(self, played: Chain, on_duty: OnDuty, *, dead: set[str] | None = None) -> None:
        self.chain = played
        self.people = on_duty
        self.dead = dead or set()
        self.told: list[tuple[float, str]] = []
        self.moves: list[tuple[float, int, str]] = []
        self.now = 0.0

    def until(self, seconds: float) -> "Play":
        """Let time pass to a moment, unless the chain ends before."""
        while self.chain.outcome is None:
            match next_action(self.chain, self.people, at(self.now)):
                case Tell(many):
                    for one in many:
                        self._tell(one.person, one.function, one.step, one.attempt)
                case Escalate(step, function, reason):
                    self.moves.append((self.now, step, reason))
                    self.take(Escalated, step=step, function=function, reason=reason)
                case End():
                    self.take(NobodyReached, cause="f1")
                case Wait(moment):
                    wanted = (moment - START).total_seconds()
                    if wanted > seconds:
                        break
                    assert wanted > self.now, "a wait must lie ahead"
                    self.now = wanted
        self.now = max(self.now, seconds) if self.chain.outcome is None else self.now
        return self

    def take(self, body: type[Body], **fields: Any) -> None:
        """Let one of the chain's facts happen now."""
        self.chain.apply("f", at(self.now), body.model_validate({"chain": "c1", "watch": WATCH, **fields}))

    def acknowledge(self, person: str) -> None:
        """Somebody has it."""
        self.take(Acknowledged, cause="f1", person=person, function=PRIMARY)

    def decline(self, person: str) -> None:
        """Somebody cannot."""
        self.take(Declined, person=person, function=PRIMARY)

    def _tell(self, person: str, function: DutyFunction, step: int, attempt: int) -> None:
        self.chain.begin(person, function, step, attempt, at(self.now))
        about = {"step": step, "person": person, "function": function, "attempt": attempt}
        if person in self.dead or "*" in self.dead:
            self.take(Failed, **about, channel=Channel.GATEWAY, code="TIMEOUT", last=False)
            self.take(Failed, **about, channel=Channel.EMAIL, code="TIMEOUT", last=True)
        else:
            self.told.append((self.now, person))
            self.take(Sent, **about, channel=Channel.GATEWAY)
