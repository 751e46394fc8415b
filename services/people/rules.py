"""The rules of people: whose they are, who may give which role, which secrets hold. Times are arguments."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from schemas import people
from schemas.authorisation import ADMINISTER, is_centre
from schemas.directory import Directory
from schemas.envelope import Actor, Refused
from schemas.vocabulary import Mode, Role

SESSION = timedelta(hours=12)
"""A session's absolute end: a shift, and no more."""
ENDING = frozenset(
    one.verb for one in (people.Revoke, people.RevokeSessions, people.RevokeToken, people.Forget)
)
"""Acts that take access away and give none."""
SAME_SIGN_IN = timedelta(minutes=1)
"""How long the very command that spent a link gets its session again."""


@dataclass(slots=True)
class Register:
    """Which person and machine belongs to which organisation; a fold of facts in ledger order."""

    homes: dict[str, str] = field(default_factory=dict)
    forgotten: set[str] = field(default_factory=set)
    newest: dict[str, str] = field(default_factory=dict)
    machines: dict[str, str] = field(default_factory=dict)
    tokens: dict[str, people.TokenIssued] = field(default_factory=dict)

    def apply(self, fact_id: str, owner: str, body: Any) -> None:
        """Take in one fact that was born in the watch ``owner``."""
        match body:
            case people.Added():
                self.homes[body.person] = owner.partition(".")[0]
                self.newest[body.person] = fact_id
            case people.Forgotten():
                self.forgotten.add(body.person)
            case people.TokenIssued():
                self.machines[body.machine] = owner.partition(".")[0]
                self.tokens[body.machine] = body
            case people.TokenRevoked():
                self.tokens.pop(body.machine, None)

    def knows(self, person: str) -> bool:
        """True if the person was taken in, and not forgotten."""
        return person in self.homes and person not in self.forgotten

    def of(self, organisation: str) -> list[str]:
        """The organisation's persons."""
        return [person for person, home in self.homes.items() if home == organisation and self.knows(person)]


def check_person(register: Register, person: str) -> Refused | None:
    """Refuse a person who is not known, or is forgotten."""
    return None if register.knows(person) else Refused(code="UNKNOWN_PERSON")


def check_own(register: Register, person: str, organisation: str) -> Refused | None:
    """Refuse a person of another organisation as if nobody were known by that id."""
    own = register.knows(person) and register.homes[person] == organisation
    return None if own else Refused(code="UNKNOWN_PERSON")


def check_new(register: Register, person: str, actor: Actor) -> Refused | None:
    """Taken in or changed is a new id, or a person of the own organisation; the centre moves people."""
    if person in register.forgotten:
        return Refused(code="UNKNOWN_PERSON")
    home = register.homes.get(person)
    if person in register.machines or (home not in (None, actor.organisation) and not is_centre(actor)):
        return Refused(code="ID_TAKEN")
    return None


def check_machine(register: Register, machine: str, organisation: str) -> Refused | None:
    """Refuse a machine's id that stands for a person, or for another organisation's machine."""
    other = register.machines.get(machine, organisation) != organisation
    is_taken = other or machine in register.homes
    return Refused(code="MACHINE_TAKEN", parameters={"machine": machine}) if is_taken else None


def check_place(directory: Directory, actor: Actor, where: str, act: str, now: datetime) -> Refused | None:
    """Nobody decides over more than he or she administers: an organisation, or one watch of it.

    In a hidden watch only its own leaders decide; access to it is also ended by those of the organisation.
    """
    if is_centre(actor):
        return None
    own = where.partition(".")[0] == actor.organisation
    if own and _may(directory, act)(actor.person or "", where, now, *ADMINISTER):
        return None
    return Refused(code="NOT_ALLOWED", parameters={"act": act})


def check_over(
    directory: Directory, actor: Actor, person: str, roles: tuple[Role, ...], act: str, now: datetime
) -> Refused | None:
    """Nobody signs in, locks out, changes or forgets a person with a role beyond what he or she administers.

    A role in another organisation is the whole organisation's matter; one in a hidden watch that watch's own,
    save to end access.
    """
    if is_centre(actor):
        return None
    own = actor.organisation
    for (holder, where, _), granted in directory.roles.items():
        has_ended = granted.until is not None and granted.until <= directory.now(where, now)
        if holder != person or has_ended:
            continue
        place = where if _lies_in(where, own) else own
        if not _may(directory, act)(actor.person or "", place, now, *roles):
            return Refused(code="NOT_ALLOWED", parameters={"act": act})
    return None


def check_end(actor: Actor, until: datetime | None, now: datetime) -> Refused | None:
    """Refuse an end that is past; the centre file may hold what once was."""
    past = until is not None and until <= now
    return Refused(code="BAD_PERIOD") if past and not is_centre(actor) else None


def sign_in_modes(mode: str) -> list[str]:
    """Modes whose links and sessions hold in this one: an exercise never makes one that holds in earnest."""
    return sorted({mode, Mode.ACTUAL.value})


def ended_modes(mode: str) -> list[str]:
    """Modes whose sessions end when a person is locked out in this one."""
    return [one.value for one in Mode] if mode == Mode.ACTUAL else [mode]


def seen_by(register: Register, directory: Directory, watch: str) -> set[str]:
    """Persons whose names a watch may know: its organisation's, and whoever has a role there that it sees."""
    guests = {granted.person for granted in _roles_seen(directory, watch) if register.knows(granted.person)}
    return guests | set(register.of(watch.partition(".")[0]))


def roles_of(directory: Directory, person: str, watch: str) -> list[people.Granted]:
    """A person's roles in the organisation of the asking watch; those in a hidden watch it alone is told."""
    return [granted for granted in _roles_seen(directory, watch) if granted.person == person]


def fold(history: Iterable[tuple[str, str, Any]]) -> Register:
    """The register of what the facts (id, owner, body) say."""
    register = Register()
    for fact_id, owner, body in history:
        register.apply(fact_id, owner, body)
    return register


def _roles_seen(directory: Directory, watch: str) -> Iterator[people.Granted]:
    for granted in directory.roles.values():
        is_open = granted.where == watch or not directory.hidden(granted.where)
        if is_open and _lies_in(granted.where, watch.partition(".")[0]):
            yield granted


def _may(directory: Directory, act: str) -> Callable[..., bool]:
    return directory.rules_over if act in ENDING else directory.has_role


def _lies_in(where: str, organisation: str) -> bool:
    return where.partition(".")[0] == organisation
