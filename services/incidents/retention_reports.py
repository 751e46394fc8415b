"""Situation reports whose words are due: what the archive knows of them and of their incidents."""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from schemas import reports, subjects
from schemas.directory import Directory
from services.incidents.fold import Log
from services.incidents.kept_fold import Order
from services.incidents.lookups import Lookups
from services.incidents.report_terms import DueWords, Report, due_words
from services.incidents.tables import CONTENT, FACTS
from services.incidents.view import filed


@dataclass(frozen=True, slots=True)
class PassedReport:
    """A report of which words are due."""

    report: Report
    words: list[DueWords]


class ReportTerms:
    """Finds the reports that orders of retention reach. ``log_of`` reads an incident's log."""

    def __init__(
        self,
        reading: Engine,
        lookups: Lookups,
        directories: Mapping[str, Directory],
        log_of: Callable[[str, str], Log],
    ) -> None:
        self._reading = reading
        self._lookups = lookups
        self._directories = directories
        self._log_of = log_of

    def due(self, mode: str, orders: Collection[Order], now: datetime) -> Iterator[PassedReport]:
        """What is due in a mode by these orders."""
        for watch, id in self._written(mode):
            report = self._report(mode, watch, id)
            closings = [self._closing(mode, incident) for incident in sorted(report.incidents)]
            hidden = self._directories[mode].hidden(watch)
            if words := due_words(report, orders, closings, now, hidden=hidden):
                yield PassedReport(report, words)

    def _written(self, mode: str) -> list[tuple[str, str]]:
        """The reports that have words still: birthplace and id."""
        both = sa.and_(CONTENT.c.mode == FACTS.c.mode, CONTENT.c.fact == FACTS.c.id)
        query = sa.select(FACTS.c.watch, FACTS.c.about).distinct().select_from(CONTENT.join(FACTS, both))
        query = query.where(CONTENT.c.mode == mode, sa.not_(CONTENT.c.erased))
        query = query.where(FACTS.c.subject.like(f"{subjects.ROOT}.{mode}.%.{reports.TRADE}.%"))
        with self._reading.connect() as connection:
            found = connection.execute(query.order_by(FACTS.c.watch, FACTS.c.about))
            return [(row.watch, row.about) for row in found]

    def _report(self, mode: str, watch: str, id: str) -> Report:
        report = Report(id, watch)
        for row in self._lookups.about(mode, id):
            one = filed(row)
            if one is not None and one.place.key == watch:
                report.take(one.sequence, one.fact, one.body)
        return report

    def _closing(self, mode: str, incident: str) -> datetime | None:
        """When an incident was closed wherever it lies; None while it is open or on hold somewhere."""
        heads = self._lookups.by_id(mode, incident)
        is_held = any(part.held is not None for part in self._log_of(mode, incident).parts.values())
        if is_held or not all(head["closed_at"] for head in heads):
            return None
        moments = [datetime.fromisoformat(head["closed_at"]) for head in heads]
        return max(moments, default=datetime.min.replace(tzinfo=UTC))
