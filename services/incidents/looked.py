"""What a search looks for, and what an item must be marked with for it. Pure."""

import json
from dataclasses import dataclass
from typing import Any

from services.incidents.terms import SUBSTRING_LEAST, box_marks, period_marks, type_marks, words_of


@dataclass(frozen=True, slots=True)
class Looked:
    """What is looked for; times are milliseconds since 1970."""

    words: tuple[str, ...] = ()
    organisation: str | None = None
    watch: str | None = None
    type: str | None = None
    states: tuple[str, ...] = ()
    priority: str | None = None
    since: int | None = None
    until: int | None = None
    person: str | None = None
    municipality: str | None = None
    box: tuple[float, float, float, float] | None = None

    @property
    def of_head(self) -> bool:
        """True if something is asked of the incident as it is now."""
        return bool(self.states or self.type or self.priority or self.municipality)

    def fits(self, head: Any) -> bool:
        """True if all that is asked of the incident holds of the row of its head; nothing does of None."""
        if not self.of_head:
            return True
        return (
            head is not None
            and (not self.states or head["state"] in self.states)
            and self.type in (None, head["type"])
            and self.priority in (None, head["priority"])
            and (self.municipality is None or self.municipality in json.loads(head["municipalities"]))
        )

    @property
    def of_owner(self) -> bool:
        """True if it is asked whose log it is."""
        return bool(self.organisation or self.watch)

    def is_in(self, content: dict[str, Any] | None) -> bool:
        """True if a content holds every word, whole or inside a longer one."""
        there = words_of(content) if self.words else set()
        return all(
            word in there or (len(word) >= SUBSTRING_LEAST and any(word in one for one in there))
            for word in self.words
        )

    def marks(self) -> list[list[str]]:
        """What an item must be marked with, one of each list."""
        found = []
        if self.organisation is not None:
            found.append([f"o:{self.organisation}"])
        if self.watch is not None:
            found.append([f"w:{self.watch}"])
        if self.person is not None:
            found.append([f"@{self.person}"])
        if self.type is not None:
            found.append(type_marks(self.type))
        period = (
            period_marks(self.since, self.until)
            if self.since is not None and self.until is not None
            else None
        )
        if period is not None:
            found.append(period)
        cells = box_marks(*self.box) if self.box is not None else None
        if cells:
            found.append(cells)
        return found
