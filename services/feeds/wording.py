"""An item as it stands in a feed: what a receiver may know of it now. Pure."""

import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from schemas.directory import Directory
from schemas.relations import Merged, Unmerged
from schemas.sharing import organisation_may_see
from services.feeds.share import Head, Item, Kind, may_have

THREAD_LENGTH = 32
_DIGITS_MOST = 18
"""No feed is longer, and a table's integer holds it."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of a subscriber's feed with all that it stands for; ``head_item`` decides who sees the head.

    ``into`` is what the incident was merged into, and ``into_item`` decides who may know of it.
    """

    subscriber: str
    n: int
    kind: Kind
    item: Item
    about: Item
    head: Head | None = None
    head_item: Item | None = None
    into: Head | None = None
    into_item: Item | None = None


def position(epoch: str, n: int) -> str:
    """A place in one subscriber's feed: gap-free within the epoch."""
    return f"{epoch}.{n}"


def read_position(text: str | None) -> tuple[str, int]:
    """Epoch and number of a position; ('', 0) if it is none."""
    epoch, _, number = (text or "").rpartition(".")
    is_number = number.isascii() and number.isdigit() and len(number) <= _DIGITS_MOST
    return (epoch, int(number)) if epoch and is_number else ("", 0)


def is_open(entry: Entry, directory: Directory, now: datetime) -> bool:
    """True if the row may be given out as it is, with its content; otherwise it is a notice."""
    if entry.kind == "notice" or entry.item.erased or entry.item.recalled:
        return False
    return may_have(entry.item, entry.about, entry.subscriber, directory, now)


def as_item(
    entry: Entry,
    mode: str,
    epoch: str,
    content: dict[str, Any] | None,
    directory: Directory,
    now: datetime,
    secret: bytes,
) -> dict[str, Any]:
    """The row as JSON; a notice when its content was erased or its receiver may see it no longer."""
    known = _head_is_seen(entry, directory, now)
    common = {
        "position": position(epoch, entry.n),
        "id": entry.item.fact,
        "thread": _thread(entry, mode, secret, anew=not known and directory.hidden(entry.item.home)),
        "entry": entry.item.entry,
        "mode": mode,
    }
    if not is_open(entry, directory, now):
        notice = "erased" if entry.item.erased else "recalled"
        return common | {"kind": "notice", "notice": notice, "content": None}
    told = _facts(entry) | _head(entry if known else None, entry.item) | {"content": content}
    return common | told | _change(entry, mode, secret, directory, now)


def _facts(entry: Entry) -> dict[str, Any]:
    item = entry.item
    found = {
        "kind": entry.kind,
        "owner": item.author,
        "level": entry.about.level.value,
        "tags": list(item.tags),
        "occurred_at": item.occurred_at,
        "recorded_at": item.recorded_at,
    }
    return found | ({} if item.codes is None else {"codes": item.codes})


def _change(entry: Entry, mode: str, secret: bytes, directory: Directory, now: datetime) -> dict[str, Any]:
    """What a merge is told as: who may not see the other incident learns of a new state, and no more."""
    codes = entry.item.codes or {}
    if codes.get("change") not in (Merged.name, Unmerged.name):
        return {}
    if (
        entry.into is None
        or entry.into_item is None
        or not organisation_may_see(entry.into_item.reach, entry.subscriber, directory, now)
    ):
        return {"codes": None}
    thread = _named_thread(mode, entry.subscriber, entry.into.incident, secret)
    return {"codes": codes | {"other": {"ref": entry.into.ref, "thread": thread}}}


def _head(entry: Entry | None, item: Item) -> dict[str, Any]:
    """What belongs to the incident's head, for those who may see it; a warning is its own head."""
    if entry is None or entry.head is None or entry.head_item is None:
        return {
            "ref": None,
            "type": item.type,
            "priority": item.priority,
            "state": item.state if item.kind == "warning" else None,
            "municipalities": list(item.municipalities),
        }
    return {
        "ref": entry.head.ref,
        "type": entry.head_item.type,
        "priority": item.priority or entry.head_item.priority,
        "state": item.state or entry.head.state,
        "municipalities": list(entry.head_item.municipalities),
    }


def _head_is_seen(entry: Entry, directory: Directory, now: datetime) -> bool:
    if entry.head_item is None:
        return False
    return organisation_may_see(entry.head_item.reach, entry.subscriber, directory, now)


def _thread(entry: Entry, mode: str, secret: bytes, *, anew: bool) -> str:
    """What belongs together, for this receiver alone: two receivers cannot compare theirs (D20).

    ``anew``: not even the items of one incident are tied together, since its watch is hidden.
    """
    what = entry.about.fact if anew or entry.item.incident is None else entry.item.incident
    return _named_thread(mode, entry.subscriber, what, secret)


def _named_thread(mode: str, subscriber: str, what: str, secret: bytes) -> str:
    named = "\x1f".join((mode, subscriber, what)).encode()
    return hmac.new(secret, named, hashlib.sha256).hexdigest()[:THREAD_LENGTH]
