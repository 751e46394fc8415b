"""What stands on a watch's duty list, and who may stand on it. Pure; ``now`` is an argument.

Names and numbers of the own organisation stand there in full, save those of a hidden watch, which stand on
its own list only: a paper goes astray more easily than a page. Of other organisations it says which watches
are manned, and nothing of hidden ones (D13).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from schemas.directory import Directory
from schemas.duty import Duty
from schemas.people import Contact
from schemas.shifts import Shift
from schemas.vocabulary import DutyFunction, Role
from schemas.watch import Established

AHEAD = timedelta(days=1)
Find = Callable[[str], Contact | None]
"""How a person is reached, if it is known."""


@dataclass(frozen=True, slots=True)
class Line:
    """One place on the list; ``name`` is None when nobody holds it."""

    title: str
    post: str = ""
    function: DutyFunction = DutyFunction.LEADER
    name: str | None = None
    phone: str | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Other:
    """A watch of another organisation."""

    organisation: str
    title: str
    filled: bool


@dataclass(frozen=True, slots=True)
class DutyList:
    """The parts of the list; it holds until the next change that is known, at most a day."""

    title: str
    now: list[Line]
    leaders: list[Line]
    later: list[Line]
    others: list[Other]
    until: datetime


def duty_list(watch: str, directory: Directory, duty: Duty, find: Find, now: datetime) -> DutyList:
    """The list of a watch, its own places first."""
    org = watch.partition(".")[0]
    own = [directory.watches[watch]]
    own += [one for key, one in sorted(directory.watches.items()) if key != watch and _may_stand(one, org)]
    held = [line for one in own for line in _held(one, duty, find, now)]
    later = sorted(
        (line for one in own for line in _later(one, duty, find, now)), key=lambda line: line.since or now
    )
    changes = [line.until for line in held if line.until] + [line.since for line in later if line.since]
    return DutyList(
        directory.watches[watch].title,
        held,
        list(_leaders(org, own, directory, find, now)),
        later,
        list(_others(org, directory, duty, now)),
        min([now + AHEAD, *(moment for moment in changes if moment > now)]),
    )


def _may_stand(established: Established, org: str) -> bool:
    return established.watch.partition(".")[0] == org and not established.hidden


def _held(established: Established, duty: Duty, find: Find, now: datetime) -> Iterator[Line]:
    for post in established.posts:
        for function in DutyFunction:
            manned = duty.holding((established.watch, post, function), now)
            if manned is not None or function is DutyFunction.PRIMARY:
                yield _line(established, post, function, manned, find)


def _later(established: Established, duty: Duty, find: Find, now: datetime) -> Iterator[Line]:
    for (watch, post, function), known in duty.places.items():
        if watch == established.watch and post in established.posts:
            for manned in known:
                if now < manned.since <= now + AHEAD:
                    yield _line(established, post, function, manned, find)


def _line(
    established: Established, post: str, function: DutyFunction, manned: Shift | None, find: Find
) -> Line:
    shown = post if len(established.posts) > 1 else ""
    if manned is None:
        return Line(established.title, shown, function)
    contact = find(manned.person)
    name, phone = (contact.display_name, contact.phone) if contact else ("?", None)
    return Line(established.title, shown, function, name, phone, manned.since, manned.until)


def _leaders(
    org: str, own: list[Established], directory: Directory, find: Find, now: datetime
) -> Iterator[Line]:
    """Who is told when nobody holds a post: leaders of the own watches, then of the whole organisation."""
    known = directory.organisations.get(org)
    titles = {one.watch: one.title for one in own} | {org: known.title if known else org}
    for where, title in titles.items():
        for (person, at, role), granted in directory.roles.items():
            holds = granted.until is None or now < granted.until
            if role is Role.LEADER and at == where and holds and (contact := find(person)) is not None:
                yield Line(title, name=contact.display_name, phone=contact.phone)


def _others(org: str, directory: Directory, duty: Duty, now: datetime) -> Iterator[Other]:
    for key, established in sorted(directory.watches.items()):
        other = key.partition(".")[0]
        if other != org and not established.hidden:
            known = directory.organisations.get(other)
            filled = any(place[2] is DutyFunction.PRIMARY for place, _ in duty.held(key, now))
            yield Other(known.title if known else other, established.title, filled)
