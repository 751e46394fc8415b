"""The register of municipalities: numbers, names, counties and when they hold.

Names are ambiguous and change; a number with a date is not. The rows lie in data/municipalities.csv, whose
head says what each column means. Credit: Kartverket (CC BY 4.0) and Statistics Norway (SSB).
"""

import csv
import unicodedata
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.resources import files


@dataclass(frozen=True, slots=True)
class Municipality:
    """A municipality number and what it stood for; ``now`` is empty while the number is in use.

    ``valid_from`` is None when the number is older than 2018, ``valid_to`` is its last day.
    """

    number: str
    name: str
    county: str
    county_name: str
    valid_from: date | None
    valid_to: date | None
    now: tuple[str, ...]

    def holds(self, on: date) -> bool:
        """True if the number was in use that day."""
        return (self.valid_from or date.min) <= on <= (self.valid_to or date.max)

    @property
    def forms(self) -> tuple[str, ...]:
        """The name as a whole and in each language: «Trondheim - Tråante», «Trondheim», «Tråante»."""
        parts = tuple(self.name.split(" - "))
        return (self.name, *parts) if len(parts) > 1 else parts


@cache
def everyone() -> tuple[Municipality, ...]:
    """Every row of the register, in the order of the numbers."""
    text = (files("schemas") / "data" / "municipalities.csv").read_text(encoding="utf-8")
    lines = (line for line in text.splitlines() if not line.startswith("#"))
    return tuple(_municipality(row) for row in csv.DictReader(lines))


def _municipality(row: dict[str, str]) -> Municipality:
    return Municipality(
        number=row["number"],
        name=row["name"],
        county=row["county"],
        county_name=row["county_name"],
        valid_from=date.fromisoformat(row["valid_from"]) if row["valid_from"] else None,
        valid_to=date.fromisoformat(row["valid_to"]) if row["valid_to"] else None,
        now=tuple(row["now"].split()),
    )


@cache
def _numbers() -> dict[str, Municipality]:
    return {municipality.number: municipality for municipality in everyone()}


def by_number(number: str, on: date) -> Municipality | None:
    """The municipality with this number that day, or None."""
    found = _numbers().get(number)
    return found if found and found.holds(on) else None


def search(name: str) -> tuple[Municipality, ...]:
    """All that have or had this name, in any of its languages, whatever the case of the letters."""
    wanted = _plain(name)
    return tuple(m for m in everyone() if any(_plain(form) == wanted for form in m.forms))


def _plain(name: str) -> str:
    return " ".join(unicodedata.normalize("NFC", name).casefold().split())


def successors(number: str) -> tuple[str, ...]:
    """The numbers in use now for that number's area; itself while it is in use, empty when it is unknown."""
    found = _numbers().get(number)
    if found is None:
        return ()
    return found.now or (number,)


def predecessors(number: str) -> tuple[str, ...]:
    """The former numbers whose area, or part of it, the number in use took over."""
    return tuple(m.number for m in everyone() if number in m.now)


def county_members(county: str, on: date) -> tuple[str, ...]:
    """The numbers of a county's municipalities that day, sorted; empty when the county is unknown."""
    return tuple(m.number for m in everyone() if m.county == county and m.holds(on))
