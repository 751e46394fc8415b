"""What a fact tells a watch about: how urgent it is, and how much of the incident that watch may know."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from schemas.attachments import Attached
from schemas.directory import Directory
from schemas.envelope import Body, Fact
from schemas.incidents import HEAD, Corrected, EntryAdded, Opened, SharedWider
from schemas.relations import Referenced, TransferAnswered, TransferAsked
from schemas.reports import (
    MISSED,
    RECALLED,
    REMINDER,
    REPORT,
    Approved,
    DeadlineMissed,
    DeadlineReminded,
    Recalled,
)
from schemas.sharing import Reach, may_see
from schemas.vocabulary import Priority

UNATTACHED = "entry"
"""What an item is called towards those who may not see its incident's head (D20)."""

OF_INCIDENTS = (
    *(Opened, EntryAdded, Attached, Corrected, SharedWider),
    *(Referenced, TransferAsked, TransferAnswered),
)
"""Facts about incidents that name those who are to be told."""
OF_REPORTS = (Approved, Recalled, DeadlineReminded, DeadlineMissed)
"""Facts about reports that somebody is told of: a new version, its recall, a reminder, a missed deadline."""

Past = Sequence[tuple[Fact, Body | None]]
"""An incident's facts in ledger order."""


@dataclass(frozen=True, slots=True)
class Matter:
    """What is said in a message; ``ref`` is None where the head may not be seen, ``item`` what is told of."""

    item: str
    priority: Priority
    type: str
    ref: str | None


@dataclass(frozen=True, slots=True)
class _Head:
    id: str
    body: Opened
    reach: Reach


def addressees(body: Body | None) -> list[str]:
    """The watches that a fact asks to have told, each once."""
    if isinstance(body, (*OF_INCIDENTS, *OF_REPORTS)):
        return list(dict.fromkeys(body.notify))
    return []


def matter(fact: Fact, body: Body, past: Past, watch: str, directory: Directory, now: datetime) -> Matter:
    """What a watch is told of a fact; ``past`` holds the incident's facts, and is not used for an opening."""
    if isinstance(body, Opened):
        return Matter(fact.id, body.priority, body.type, body.ref)
    if isinstance(body, OF_REPORTS):
        return _of_report(fact, body)
    head = _head(past)
    item, own = _item(fact, body, past, head)
    if head is None or not may_see(head.reach, watch, directory, now):
        return Matter(item, own or Priority.NORMAL, UNATTACHED, None)
    type = body.name if isinstance(body, TransferAsked | TransferAnswered) else head.body.type
    return Matter(item, own or head.body.priority, type, head.body.ref)


def _of_report(fact: Fact, body: Body) -> Matter:
    match body:
        case DeadlineReminded():
            return Matter(fact.id, Priority.NORMAL, REMINDER, None)
        case DeadlineMissed():
            return Matter(fact.id, Priority.HIGH, MISSED, None)
    type = RECALLED if isinstance(body, Recalled) else REPORT
    return Matter(fact.id, getattr(body, "priority", None) or Priority.HIGH, type, None)


def _item(fact: Fact, body: Body, past: Past, head: _Head | None) -> tuple[str, Priority | None]:
    """The item that is told of, and its own priority."""
    match body:
        case EntryAdded():
            return fact.id, body.priority
        case TransferAsked() | TransferAnswered():
            return (head.id, head.body.priority) if head else (fact.id, None)
        case SharedWider(entry=entry) if entry == HEAD:
            return (head.id, head.body.priority) if head else (fact.id, None)
        case SharedWider(entry=entry):
            entries = (one for known, one in past if known.id == entry and isinstance(one, EntryAdded))
            found = next(entries, None)
            return entry, found.priority if found else None
        case _:
            return fact.id, Priority.NORMAL


def _head(past: Past) -> _Head | None:
    """The incident's head and how wide it is shared by now."""
    head: _Head | None = None
    for fact, body in past:
        if isinstance(body, Opened) and head is None:
            head = _Head(fact.id, body, Reach(fact.data.owner, body.level, tuple(body.named)))
        elif isinstance(body, SharedWider) and body.entry == HEAD and head is not None:
            named = (*head.reach.named, *body.named)
            head = _Head(
                head.id, head.body, Reach(head.reach.owner, max(head.reach.level, body.level), named)
            )
    return head
