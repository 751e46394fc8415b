"""Open incidents as they stand on paper: what matters first, and no more than a page can hold. Pure."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from schemas.directory import Directory
from schemas.vocabulary import IncidentState, Priority
from services.incidents.view import Shown

ENTRIES = 12
"""Log entries of one incident on paper, the newest."""
CHARACTERS = 1200
_RANK = {priority.value: place for place, priority in enumerate(Priority)}


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the log; ``text`` is None when it is erased."""

    at: datetime
    kind: str
    text: str | None
    struck: bool


@dataclass(frozen=True, slots=True)
class ToDo:
    """An open task, or a request that a watch has not answered; ``text`` is None when it is erased.

    ``who`` is a watch; a person's name is not kept here, so it is empty for a person's task.
    """

    text: str | None
    who: str
    due: datetime | None = None


@dataclass(frozen=True, slots=True)
class OpenIncident:
    """One incident; ``more`` is how many older entries are left out, ``title`` the type's by language."""

    ref: str
    number: str | None
    priority: str
    state: str
    type: str
    owner: str
    at: datetime
    headline: str | None
    place: str | None
    text: str | None
    told: list[dict[str, Any]] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    more: int = 0
    title: dict[str, str | None] | None = None
    to_do: list[ToDo] = field(default_factory=list)


def as_printed(shown: Iterable[Shown], directory: Directory) -> list[OpenIncident]:
    """Those that nobody has acknowledged first, then by priority, then the newest."""
    return [_printed(one, directory) for one in sorted(shown, key=_order)]


def _order(one: Shown) -> tuple[bool, int, float]:
    head = one.incident
    age = -datetime.fromisoformat(head["occurred_at"]).timestamp()
    return head["state"] != IncidentState.NEW.value, _RANK.get(head["priority"], 0), age


def _printed(one: Shown, directory: Directory) -> OpenIncident:
    head = one.incident
    content: dict[str, Any] = head["content"] or {}
    headline = content.get("headline")
    return OpenIncident(
        ref=head["ref"],
        number=head["number"],
        priority=head["priority"],
        state=head["state"],
        type=head["type"],
        owner=_title(head["owner"], directory),
        at=datetime.fromisoformat(head["occurred_at"]),
        headline=None if head["erased"] else _cut(headline or content.get("text") or head["type"]),
        place=content.get("place"),
        text=_cut(content["text"]) if headline and content.get("text") else None,
        told=[
            {"watch": _title(chain["watch"], directory), "outcome": _outcome(chain)} for chain in one.chains
        ],
        entries=[_entry(entry) for entry in one.entries[-ENTRIES:]],
        more=max(0, len(one.entries) - ENTRIES),
        title=head.get("type_title"),
        to_do=list(_to_do(one, directory)),
    )


def _to_do(one: Shown, directory: Directory) -> Iterator[ToDo]:
    """What waits for somebody, tasks first."""
    said = {entry["id"]: _entry(entry).text for entry in one.entries}
    for task in one.tasks:
        if task["done_by"] is None:
            due = datetime.fromisoformat(task["due"]) if task["due"] else None
            watch = task["assignee"] if "." in (task["assignee"] or "") else ""
            yield ToDo(said.get(task["entry"]), _title(watch, directory), due)
    for request in one.requests:
        for asked in request["asked"]:
            if asked["answer"] is None:
                yield ToDo(said.get(request["entry"]), _title(asked["watch"], directory))


def _entry(entry: dict[str, Any]) -> Entry:
    content: dict[str, Any] = entry["content"] or {}
    said = content.get("text") or content.get("headline") or ""
    return Entry(
        datetime.fromisoformat(entry["occurred_at"]),
        entry.get("state") or entry["kind"],
        None if entry["erased"] else _cut(said),
        bool(entry["corrected_by"]),
    )


def _outcome(chain: dict[str, Any]) -> str:
    is_waiting = chain["outcome"] == "open" and not chain["sent"]
    return "not_sent" if is_waiting else str(chain["outcome"])


def _title(watch: str, directory: Directory) -> str:
    known = directory.watches.get(watch)
    return known.title if known else watch


def _cut(text: str) -> str:
    return text if len(text) <= CHARACTERS else f"{text[:CHARACTERS]} …"
