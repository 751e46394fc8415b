"""What of an incident's log a report may refer to, and who may see it. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from schemas.directory import Directory
from schemas.envelope import Fact, Refused
from schemas.incidents import HEAD, TRADE, Corrected, EntryAdded, Erased, Opened, SharedWider
from schemas.records import HoldLifted, HoldPlaced
from schemas.sharing import Reach, may_see, organisation_may_see
from schemas.subjects import Place
from schemas.vocabulary import Tag


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry, or the incident's head: its fact, where that lies, and who may see it by now.

    ``correction`` is the fact by which it was struck or replaced.
    """

    fact: Fact
    place: Place
    reach: Reach
    kind: str
    tags: tuple[Tag, ...] = ()
    correction: tuple[Fact, Place, str] | None = None
    erased: bool = False


def entries_of(history: Iterable[tuple[Fact, Place, Any]]) -> dict[str, Entry]:
    """The entries of an incident by the id of their fact; its facts in ledger order."""
    found: dict[str, Entry] = {}
    head = ""
    for fact, place, body in history:
        if place.trade != TRADE:
            continue
        match body:
            case Opened() | EntryAdded():
                head = fact.id if isinstance(body, Opened) and not head else head
                found.setdefault(fact.id, _entry(fact, place, body))
            case SharedWider():
                _widen(found, head if body.entry == HEAD else body.entry, body)
            case Corrected() if body.entry in found:
                correction = (fact, place, body.manner)
                found[body.entry] = replace(found[body.entry], correction=correction)
            case Erased() if body.fact in found:
                found[body.fact] = replace(found[body.fact], erased=True)
    return found


def _entry(fact: Fact, place: Place, body: Opened | EntryAdded) -> Entry:
    author = fact.data.actor.key
    reach = Reach(place.key, body.level, tuple(body.named), None if author == place.key else author)
    kind = body.kind.value if isinstance(body, EntryAdded) else body.name
    return Entry(fact, place, reach, kind, tuple(body.tags))


def _widen(found: dict[str, Entry], entry: str, body: SharedWider) -> None:
    if entry in found:
        reach = found[entry].reach
        wider = replace(reach, level=max(reach.level, body.level), named=(*reach.named, *body.named))
        found[entry] = replace(found[entry], reach=wider)


def is_held(history: Iterable[tuple[Place, Any]]) -> bool:
    """True if nothing of an incident may be erased; its facts in ledger order, each with its place."""
    held = set()
    for place, body in history:
        match body:
            case HoldPlaced():
                held.add(place.key)
            case HoldLifted():
                held.discard(place.key)
    return bool(held)


def check_receivers(
    entries: Iterable[Entry], receivers: Sequence[str], directory: Directory, now: datetime
) -> Refused | None:
    """Why entries cannot go into a report by reference: a receiver may not see one of them (D20)."""
    for entry in entries:
        for receiver in receivers:
            if not receiver_may_see(entry.reach, receiver, directory, now):
                told = {"entry": entry.fact.id, "receiver": receiver}
                return Refused(code="RECEIVER_CANNOT_SEE", parameters=told)
    return None


def receiver_may_see(reach: Reach, receiver: str, directory: Directory, now: datetime) -> bool:
    """True if a receiver, a watch or an organisation as a whole, may see an item now."""
    see = may_see if "." in receiver else organisation_may_see
    return see(reach, receiver, directory, now)
