"""What belongs to an exercise that is ended for good, and who may end it. Pure; ``now`` is an argument.

An exercise lies in the archives of all houses that took part. Each decides over its own share, with two
persons as over every erasure (D16); a house without an archive owner is seen to by the house that led the
exercise. A hidden watch sees to its own (D13).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from schemas.authorisation import ERASE
from schemas.clock import Run
from schemas.directory import Directory
from schemas.envelope import Actor, Refused
from schemas.exercise import Discarded
from schemas.vocabulary import Role


@dataclass(frozen=True, slots=True)
class Share:
    """What took place in some houses and watches during one exercise."""

    exercise: str
    where: tuple[str, ...]
    directory: Directory

    @classmethod
    def of(cls, body: Discarded, directory: Directory) -> "Share":
        """What a fact has ended for good."""
        return cls(body.exercise, tuple(body.where), directory)

    def holds(self, watch: str, recorded_at: datetime) -> bool:
        """True if what was recorded in the watch then is part of it; an incident goes by its opening."""
        if not any(self.directory.lies_in(watch, where) for where in self.where):
            return False
        run = self.directory.exercises.of(watch.partition(".")[0], recorded_at)
        return run is not None and run.id == self.exercise


def may_end(
    actor: Actor, run: Run, where: str, roles: tuple[Role, ...], directory: Directory, now: datetime
) -> bool:
    """True if a person may have a say with one of ``roles`` over a share of an exercise."""
    person = actor.person or ""
    if "." in where:
        return where == actor.key and directory.has_role(person, where, now, *roles)
    if directory.hidden(actor.key):
        return False
    is_seen_to = directory.has_anybody(where, now, *ERASE)
    house = where if is_seen_to else run.led_by.partition(".")[0]
    return directory.has_house_role(person, house, now, *roles)


def check_end(
    actor: Actor,
    run: Run,
    shares: Iterable[str],
    roles: tuple[Role, ...],
    directory: Directory,
    now: datetime,
) -> Refused | None:
    """Refuse unless a person may have that say over each of the shares, and each took part."""
    if actor.person is None:
        return Refused(code="PERSON_NEEDED", parameters={"act": "discard"})
    for where in shares:
        organisation, dot, _ = where.partition(".")
        if organisation not in run.organisations or (dot and where != actor.key):
            return Refused(code="UNKNOWN_WATCH", parameters={"watch": where})
        if not may_end(actor, run, where, roles, directory, now):
            return Refused(code="HOUSE_ROLE_NEEDED", parameters={"organisation": where})
    return None


def shares_of(
    actor: Actor, run: Run, roles: tuple[Role, ...], directory: Directory, now: datetime
) -> list[str]:
    """The shares over which the person may have that say."""
    named = [actor.key] if directory.hidden(actor.key) else list(run.organisations)
    return [
        where
        for where in named
        if where.partition(".")[0] in run.organisations and may_end(actor, run, where, roles, directory, now)
    ]
