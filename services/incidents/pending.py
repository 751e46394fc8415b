"""What an entry began and another one ends: tasks, requests for resources, steps of the action card. Pure.

What is struck counts no longer: a struck task is gone, and what a struck entry ended is open again.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

from schemas.incidents import EntryAdded
from schemas.vocabulary import EntryKind

Seen = Callable[[str], bool]
"""Whether the entry with that id counts for who asks."""


@dataclass(frozen=True, slots=True)
class Task:
    """Who is to do what the entry says, a watch or a person, and by when."""

    entry: str
    assignee: str
    due: datetime | None


@dataclass(frozen=True, slots=True)
class Answered:
    """What a watch answered, in which entry."""

    entry: str
    watch: str
    answer: str


def _all(_entry: str) -> bool:
    return True


@dataclass(slots=True)
class Pending:
    """Of one part of a log, in ledger order; ``strikes`` are what each striking correction struck."""

    tasks: dict[str, Task] = field(default_factory=dict)
    requests: dict[str, tuple[str, ...]] = field(default_factory=dict)
    strikes: dict[str, str] = field(default_factory=dict)
    _closings: dict[str, list[str]] = field(default_factory=dict)
    _answers: dict[str, list[Answered]] = field(default_factory=dict)
    _ticks: dict[str, list[str]] = field(default_factory=dict)

    def take(self, entry: str, author: str, body: EntryAdded) -> None:
        """Take in an entry of ``author``'s watch."""
        if body.kind is EntryKind.TASK:
            self.tasks[entry] = Task(entry, body.assignee or author, body.due)
        if body.asks:
            self.requests[entry] = tuple(body.asks)
        if body.closes is not None:
            self._closings.setdefault(body.closes, []).append(entry)
        if body.answers is not None and body.answer is not None:
            self._answers.setdefault(body.answers, []).append(Answered(entry, author, body.answer))
        if body.step is not None:
            self._ticks.setdefault(body.step, []).append(entry)

    def strike(self, entry: str, correction: str) -> None:
        """Take in that an entry was struck."""
        self.strikes[correction] = entry

    def is_struck(self, entry: str) -> bool:
        """True if the entry counts no longer."""
        return entry in self.strikes.values()

    def closed_by(self, task: str, seen: Seen = _all) -> str | None:
        """The entry that closed a task first, or None while it is open."""
        return self._first(self._closings.get(task, ()), seen)

    def answer_of(self, request: str, watch: str, seen: Seen = _all) -> Answered | None:
        """What a watch has answered to a request, or None while it has not."""
        found = (one for one in self._answers.get(request, ()) if one.watch == watch)
        return next((one for one in found if not self.is_struck(one.entry) and seen(one.entry)), None)

    def ticked_by(self, step: str, seen: Seen = _all) -> str | None:
        """The entry that ticked a step of the action card first, or None while it is to be done."""
        return self._first(self._ticks.get(step, ()), seen)

    def endings_of(self, entry: str) -> Iterator[str]:
        """The entries that end what the entry began, struck ones too."""
        yield from self._closings.get(entry, ())
        yield from (one.entry for one in self._answers.get(entry, ()))

    def _first(self, entries: list[str] | tuple[str, ...], seen: Seen) -> str | None:
        return next((one for one in entries if not self.is_struck(one) and seen(one)), None)
