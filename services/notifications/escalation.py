"""Who is told next in a chain, and when. Pure: the chain, who is on duty, and ``now`` are arguments.

``now`` is the time of the chain's own clock. Times follow the steps of the policy that was frozen in when the
chain started. A step that a decline, a dead channel or an empty post brings on earlier moves the later ones
along: whoever is told has the whole time that the policy gives.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from schemas.directory import Directory
from schemas.duty import Duty
from schemas.vocabulary import DutyFunction, Role
from services.notifications.policy import LAST_WAIT_S
from services.notifications.rules import Chain, Telling

ON_POST = (DutyFunction.PRIMARY, DutyFunction.BACKUP)
RETRY_S, RETRY_MOST_S = 15, 240
"""A message that no channel took is tried again after this many seconds, then after twice as many."""

Reason = Literal["no_answer", "declined", "nobody_on_duty", "not_sent"]
NO_ANSWER: Reason = "no_answer"
DECLINED: Reason = "declined"
NOT_SENT: Reason = "not_sent"
NOBODY: Reason = "nobody_on_duty"


@dataclass(frozen=True, slots=True)
class ToTell:
    """One person to be told now; ``attempt`` counts from 1."""

    person: str
    function: DutyFunction
    step: int
    attempt: int


@dataclass(frozen=True, slots=True)
class Tell:
    """Tell these persons now, all at once."""

    people: tuple[ToTell, ...]


@dataclass(frozen=True, slots=True)
class Escalate:
    """Go on to another step, and why."""

    step: int
    function: DutyFunction
    reason: Reason


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing is to be done before ``until``, unless somebody answers or the manning changes."""

    until: datetime


@dataclass(frozen=True, slots=True)
class End:
    """Nobody was reached."""


Action = Tell | Escalate | Wait | End


@dataclass(frozen=True, slots=True)
class OnDuty:
    """Who can be told: the manning, and the leaders by role for a post without a leader on duty."""

    duty: Duty
    directory: Directory

    def of(self, chain: Chain, step: int, now: datetime) -> tuple[str, ...]:
        """The persons whom a step tells now, those who declined left out."""
        wanted = chain.steps[step]
        watch = chain.watch_of(step)
        if wanted.role is not None:
            found = self._by_role(watch, wanted.role, now)
        elif watch != chain.watch:
            found = self._anyone(watch, wanted.function, now)
        elif wanted.function is DutyFunction.LEADER:
            found = self._leaders(watch, now)
        else:
            found = self.duty.holders(watch, wanted.function, now)
            if not found and step == 0 and self._is_leaders_turn(chain, now):
                found = self._leaders(watch, now)
        return tuple(person for person in found if not _has_declined(chain, person))

    def on_post(self, watch: str, now: datetime) -> set[str]:
        """The persons who hold the watch now, as primary or backup."""
        return {person for function in ON_POST for person in self.duty.holders(watch, function, now)}

    def function_of(self, chain: Chain, person: str, watch: str, now: datetime) -> DutyFunction | None:
        """As what a person of ``watch`` answers a chain: as told, as on duty, by role, or not at all."""
        if person in chain.tellings:
            return chain.tellings[person].function
        if any(step.role is not None for step in chain.steps):
            return None
        for (_, _, function), manned in self.duty.held(watch, now):
            if manned.person == person:
                return function
        if self.directory.had_role(person, watch, now, Role.LEADER):
            return DutyFunction.LEADER
        is_operator = self.directory.had_role(person, watch, now, Role.OPERATOR)
        return DutyFunction.PRIMARY if is_operator else None

    def _is_leaders_turn(self, chain: Chain, now: datetime) -> bool:
        """True if nobody holds the watch and no later step would tell its leader."""
        has_leader = any(step.function is DutyFunction.LEADER for step in chain.steps)
        return not has_leader and not self.on_post(chain.watch, now)

    def _leaders(self, watch: str, now: datetime) -> tuple[str, ...]:
        return self.duty.holders(watch, DutyFunction.LEADER, now) or self._by_role(watch, Role.LEADER, now)

    def _by_role(self, watch: str, wanted: Role, now: datetime) -> tuple[str, ...]:
        """Who has the role in the watch, else in its organisation; of a hidden watch none but its own."""
        is_apart = wanted is Role.DPO and self.directory.hidden(watch)
        for where in (watch,) if is_apart else (watch, watch.partition(".")[0]):
            found = [
                granted.person
                for (_, place, role), granted in self.directory.roles.items()
                if place == where and role is wanted and (granted.until is None or now < granted.until)
            ]
            if found:
                return tuple(found)
        return ()

    def _anyone(self, watch: str, function: DutyFunction, now: datetime) -> tuple[str, ...]:
        """Another watch is asked for whoever is nearest to the function that the step names."""
        for wanted in (function, *ON_POST):
            found = self.duty.holders(watch, wanted, now)
            if found:
                return found
        return self._leaders(watch, now)


def next_action(chain: Chain, people: OnDuty, now: datetime) -> Action:
    """What is to be done now in a chain that has not ended."""
    due = (*_untold(chain, people, now), *_again(chain, people, now))
    if due:
        return Tell(due)
    following = _following(chain, people, now)
    if following is None:
        return End() if _is_hopeless(chain) or now >= _end(chain) else Wait(_next_moment(chain, people, now))
    reason = _reason_to_go_on(chain, following, now)
    if reason is not None:
        return Escalate(following, chain.steps[following].function, reason)
    return Wait(_next_moment(chain, people, now))


def _untold(chain: Chain, people: OnDuty, now: datetime) -> tuple[ToTell, ...]:
    """Those whom the steps so far should have told: at a change of shift the new holder is told too."""
    found: dict[str, ToTell] = {}
    for step in range(chain.step + 1):
        for person in people.of(chain, step, now):
            if person not in chain.tellings:
                found.setdefault(person, ToTell(person, chain.steps[step].function, step, attempt=1))
    return tuple(found.values())


def _again(chain: Chain, people: OnDuty, now: datetime) -> tuple[ToTell, ...]:
    moments = ((telling, _again_at(chain, telling, people, now)) for telling in chain.tellings.values())
    return tuple(
        ToTell(telling.person, telling.function, telling.step, telling.attempts + 1)
        for telling, at in moments
        if at is not None and at <= now
    )


def _again_at(chain: Chain, telling: Telling, people: OnDuty, now: datetime) -> datetime | None:
    """When one person is told once more: no channel took it, or nobody else holds the watch."""
    if telling.under_way or telling.declined:
        return None
    if telling.sent == 0:
        wait = min(RETRY_S * 2 ** max(telling.failed - 1, 0), RETRY_MOST_S)
        return chain.clock.time(telling.begun_at) + timedelta(seconds=wait)
    is_alone = people.on_post(chain.watch, now) == {telling.person} and telling.function in ON_POST
    if not is_alone or telling.step != chain.step or telling.attempts > chain.rules.repeat:
        return None
    return chain.clock.time(telling.begun_at) + _window(chain, people, now) / (chain.rules.repeat + 1)


def _window(chain: Chain, people: OnDuty, now: datetime) -> timedelta:
    """How long the present step lasts when nobody answers."""
    following = _following(chain, people, now)
    return (_end(chain) if following is None else _step_time(chain, following)) - _here(chain)


def _following(chain: Chain, people: OnDuty, now: datetime) -> int | None:
    """The next step that would tell somebody who was not told before, or None."""
    for step in range(chain.step + 1, len(chain.steps)):
        if any(person not in chain.tellings for person in people.of(chain, step, now)):
            return step
    return None


def _reason_to_go_on(chain: Chain, following: int, now: datetime) -> Reason | None:
    here = [telling for telling in chain.tellings.values() if telling.step == chain.step]
    if not here or _is_unmanned(chain):
        return NOBODY
    if all(telling.declined for telling in here):
        return DECLINED
    if all(_is_unsent(telling) for telling in here if not telling.declined):
        return NOT_SENT
    return NO_ANSWER if now >= _step_time(chain, following) else None


def _is_unmanned(chain: Chain) -> bool:
    """True if nobody held the watch, so that leader and coordinator are told at once."""
    is_on_post = chain.watch_of(chain.step) == chain.watch and chain.steps[chain.step].function in ON_POST
    return bool(chain.reasons) and set(chain.reasons) == {NOBODY} and not is_on_post


def _is_unsent(telling: Telling) -> bool:
    return telling.sent == 0 and telling.failed > 0 and not telling.under_way


def _is_hopeless(chain: Chain) -> bool:
    """True if there is nobody at all to wait for."""
    return all(telling.declined for telling in chain.tellings.values())


def _has_declined(chain: Chain, person: str) -> bool:
    return person in chain.tellings and chain.tellings[person].declined


def _here(chain: Chain) -> datetime:
    """When the present step was taken."""
    return chain.clock.time(chain.step_at)


def _step_time(chain: Chain, step: int) -> datetime:
    return _here(chain) + timedelta(seconds=chain.steps[step].after_s - chain.steps[chain.step].after_s)


def _end(chain: Chain) -> datetime:
    last = chain.steps[-1].after_s
    end_s = max(chain.rules.end_s or last + LAST_WAIT_S, last)
    return _here(chain) + timedelta(seconds=end_s - chain.steps[chain.step].after_s)


def _next_moment(chain: Chain, people: OnDuty, now: datetime) -> datetime:
    following = _following(chain, people, now)
    moments = [_end(chain) if following is None else _step_time(chain, following)]
    again = (_again_at(chain, telling, people, now) for telling in chain.tellings.values())
    return min([*moments, *(at for at in again if at is not None)])


def concerns(chain: Chain, watch: str) -> bool:
    """True if the watch is told in this chain: its own people, or those of a step that was reached."""
    return watch == chain.watch or watch in {chain.watch_of(step) for step in range(chain.step + 1)}
