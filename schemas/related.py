"""How incidents hang together, as a fold over the facts that tie them: parents, links and merges. Pure.

Each fact is applied once, in ledger order. A newer tie that would close a ring breaks the older one that it
meets: the door cannot refuse a ring through an incident that the sender may not see without telling of it.
"""

import sys
from dataclasses import dataclass, field
from typing import Any

from schemas.relations import Linked, Merged, ParentSet, Unlinked, Unmerged

NAMES = tuple(body.name for body in (ParentSet, Linked, Unlinked, Merged, Unmerged))
"""The facts that are folded here."""


@dataclass(slots=True)
class Relations:
    """The ties of one mode, by the ids of the incidents. Only incidents that have one are in here."""

    parents: dict[str, str] = field(default_factory=dict)
    merged: dict[str, str] = field(default_factory=dict)
    links: dict[str, set[str]] = field(default_factory=dict)
    below: dict[str, set[str]] = field(default_factory=dict)
    """The children of each parent."""
    doubles: dict[str, set[str]] = field(default_factory=dict)
    """The incidents that were merged straight into each."""
    left: dict[str, str] = field(default_factory=dict)
    """From under which parent each was taken last."""

    def apply(self, body: Any) -> None:
        """Take in one fact's body; what ties nothing is passed over."""
        match body:
            case ParentSet():
                if body.parent is None and body.incident in self.parents:
                    self.left[body.incident] = self.parents[body.incident]
                _move(self.parents, self.below, body.incident, body.parent)
            case Merged():
                _move(self.merged, self.doubles, body.incident, body.other)
            case Unmerged():
                _move(self.merged, self.doubles, body.incident, None)
            case Linked():
                self._link(body.incident, body.other)
            case Unlinked():
                self._unlink(body.incident, body.other)

    def survivor(self, id: str) -> str:
        """What is gone on with in the place of an incident: itself, unless it was merged."""
        while id in self.merged:
            id = self.merged[id]
        return id

    def line(self, id: str) -> list[str]:
        """What an incident was merged into, the nearest first, itself left out."""
        found = []
        while id in self.merged:
            id = self.merged[id]
            found.append(id)
        return found

    def family(self, id: str) -> list[str]:
        """All that was merged into an incident, also by way of others, in a fixed order."""
        found: list[str] = []
        for one in sorted(self.doubles.get(id, ())):
            found += [one, *self.family(one)]
        return found

    def ancestors(self, id: str) -> list[str]:
        """The parent, its parent and so on."""
        found = []
        while id in self.parents:
            id = self.parents[id]
            found.append(id)
        return found

    def linked(self, one: str, other: str) -> bool:
        """True if the two have to do with each other."""
        return other in self.links.get(one, ())

    def _link(self, one: str, other: str) -> None:
        if one != other:
            self.links.setdefault(sys.intern(one), set()).add(other)
            self.links.setdefault(sys.intern(other), set()).add(one)

    def _unlink(self, one: str, other: str) -> None:
        for of, gone in ((one, other), (other, one)):
            self.links.get(of, set()).discard(gone)
            if not self.links.get(of):
                self.links.pop(of, None)


def _move(up: dict[str, str], down: dict[str, set[str]], id: str, to: str | None) -> None:
    """Hang ``id`` under ``to``, or under nothing; itself is no place to hang."""
    _loosen(up, down, id)
    if to is None or to == id:
        return
    last, above = to, up.get(to)
    while above is not None and above != id:
        last, above = above, up.get(above)
    if above == id:
        _loosen(up, down, last)
    up[id] = to
    down.setdefault(to, set()).add(id)


def _loosen(up: dict[str, str], down: dict[str, set[str]], id: str) -> None:
    former = up.pop(id, None)
    if former is not None:
        down[former].discard(id)
        if not down[former]:
            del down[former]
