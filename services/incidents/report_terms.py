"""When the time of a situation report's own words is over. Pure.

A report counts from the last that was done with it, and from the closing of every incident that it is about
or refers to. While one of these is open or on hold, all of it stays.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from schemas import reports
from schemas.envelope import Fact
from schemas.vocabulary import Tag
from services.incidents.kept_fold import Order
from services.incidents.terms_kept import order_for


@dataclass(slots=True)
class Report:
    """A report as its facts tell: which of them hold words still, by their tags, and what it is about.

    ``sequence`` and ``recorded_at`` are those of the newest fact; ``done_at`` is when it was last written,
    handed on, approved or recalled.
    """

    id: str
    owner: str
    controller: str = ""
    sequence: int = 0
    recorded_at: datetime | None = None
    done_at: datetime | None = None
    words: dict[str, tuple[Tag, ...]] = field(default_factory=dict)
    incidents: set[str] = field(default_factory=set)

    def take(self, sequence: int, fact: Fact, body: Any) -> None:
        """Take in a fact, in ledger order."""
        self.sequence, self.recorded_at, self.controller = sequence, fact.recorded_at, fact.data.controller
        match body:
            case reports.Drafted() | reports.Approved():
                if fact.data.commitment is not None:
                    self.words[fact.id] = tuple(body.tags)
                self.incidents.update(one.incident for one in body.entries)
                self.incidents.update([body.incident] if body.incident else [])
                self.done_at = fact.recorded_at
            case reports.Submitted() | reports.Recalled():
                self.done_at = fact.recorded_at
            case reports.ReportErased():
                for gone in body.facts:
                    self.words.pop(gone, None)


@dataclass(frozen=True, slots=True)
class DueWords:
    """Facts of a report whose words are to be erased, by one order, and since when."""

    order: Order
    since: datetime
    facts: tuple[str, ...]


def due_words(
    report: Report,
    orders: Collection[Order],
    closings: Iterable[datetime | None],
    now: datetime,
    *,
    hidden: bool,
) -> list[DueWords]:
    """What of a report is to be erased now, order by order.

    ``closings`` are when its incidents were closed, with None for one that is open or on hold.
    """
    ended = list(closings)
    if report.done_at is None or None in ended:
        return []
    last = max([report.done_at, *(moment for moment in ended if moment is not None)])
    found: dict[str, DueWords] = {}
    for fact, tags in report.words.items():
        order = order_for(orders, report.owner, tags, hidden=hidden)
        if order is None or (since := last + timedelta(days=order.said.days)) > now:
            continue
        before = found.get(order.id)
        found[order.id] = DueWords(order, since, (*(before.facts if before else ()), fact))
    return list(found.values())
