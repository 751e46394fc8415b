"""Erasing what is kept no longer: each night by the orders in force, by facts that name them."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from nats.aio.client import Client
from sqlalchemy.engine import Engine

from schemas import incidents, records, reports, subjects
from schemas.directory import Directory
from schemas.envelope import Actor, Body
from schemas.identifiers import derived_id
from schemas.subjects import Place
from schemas.vocabulary import Authentication, Mode
from services.incidents import reads
from services.incidents.fold import Incident, Log
from services.incidents.kept_fold import Order
from services.incidents.lookups import Lookups
from services.incidents.report_terms import Report
from services.incidents.retention_reports import PassedReport, ReportTerms
from services.incidents.tables import CONTENT, FACTS, INCIDENTS
from services.incidents.terms_kept import Due, DueDeliveries, due, due_deliveries
from services.incidents.view import filed
from services.runtime import logs
from services.runtime.appender import Appender, Conflict, Outgoing
from services.runtime.database import reading
from services.runtime.facts import Draft, fact_of, subject_of
from services.words.norway import OSLO

GROUND = "retention"
_LOOK_S = 60.0
_PAGE = 200


@dataclass(frozen=True, slots=True)
class Passed:
    """An incident of which something is due: words of items, or its records of deliveries."""

    incident: Incident
    items: list[Due]
    deliveries: DueDeliveries | None = None


class Retention:
    """What is due, and its erasure."""

    def __init__(self, engine: Engine, lookups: Lookups, directories: Mapping[str, Directory]) -> None:
        self._engine = engine
        self._reading = reading(engine)
        self._lookups = lookups
        self._directories = directories
        self._reports = ReportTerms(self._reading, lookups, directories, self._log)

    async def keep(self, enter: Callable[[], Awaitable[Client]], hour: int, reads_days: int) -> None:
        """Once each night, for ever: erase what is due, and let old lines of the log of reads go.

        ``enter`` connects as the user that may write that something is erased, and nothing else.
        """
        done: date | None = None
        while hour >= 0:
            local = datetime.now(OSLO)
            if local.hour == hour and local.date() != done:
                try:
                    await self._night(enter, reads_days)
                    done = local.date()
                except Exception as fault:
                    logs.get().error("retention.not_done", exc_info=fault)
            await asyncio.sleep(_LOOK_S)

    async def _night(self, enter: Callable[[], Awaitable[Client]], reads_days: int) -> None:
        nc = await enter()
        try:
            for mode in self._directories:
                await self.erase(nc, mode, datetime.now(UTC))
        finally:
            await nc.close()
        term = datetime.now(UTC) - timedelta(days=reads_days)
        await asyncio.to_thread(reads.forget_before, self._engine, term)

    async def erase(self, nc: Client, mode: str, now: datetime) -> int:
        """Write a fact for all that is due; how many. What changes meanwhile waits a night."""
        appender, count = Appender(nc), 0
        try:
            for passed in await asyncio.to_thread(lambda: list(self.due(mode, now))):
                drafts = list(_drafts(mode, passed, now))
                count += await _erase(appender, mode, passed.incident, drafts)
            for gone in await asyncio.to_thread(lambda: list(self.due_reports(mode, now))):
                drafts = list(_report_drafts(mode, gone, now))
                count += await _erase(appender, mode, gone.report, drafts)
        finally:
            await appender.close()
        if count:
            logs.get(mode=mode).info("retention.done")
        return count

    def orders(self, mode: str) -> list[Order]:
        """Every order of a mode."""
        said = (records.RetentionOrdered, records.DeliveryTermOrdered)
        given = [FACTS.c.subject.like(f"{subjects.ROOT}.{mode}.%.{one.trade}.%.{one.name}") for one in said]
        query = sa.select(FACTS.c.about).where(FACTS.c.mode == mode, FACTS.c.id.is_not(None), sa.or_(*given))
        with self._reading.connect() as connection:
            ids = list(connection.execute(query.order_by(FACTS.c.sequence)).scalars())
        parts = (part for id in ids for part in self._log(mode, id).parts.values())
        return [part.order for part in parts if part.order is not None]

    def due(self, mode: str, now: datetime) -> Iterator[Passed]:
        """What is due in a mode, the oldest incident first."""
        directory = self._directories[mode]
        orders = [order for order in self.orders(mode) if order.is_in_force]
        if not orders:
            return
        soonest = now - timedelta(days=min(order.said.days for order in orders))
        for row in self._closed(mode, with_deliveries=any(order.of_deliveries for order in orders)):
            closed_at = datetime.fromisoformat(row["closed_at"])
            if closed_at > soonest:
                continue
            incident = self._log(mode, row["id"]).part(row["watch"])
            hidden = directory.hidden(row["watch"])
            found = list(due(incident, orders, closed_at, now, hidden=hidden))
            if found:  # neighbours are told of that first, and have time to hear it
                yield Passed(incident, found)
            elif deliveries := due_deliveries(incident, orders, closed_at, now, hidden=hidden):
                yield Passed(incident, [], deliveries)

    def due_reports(self, mode: str, now: datetime) -> Iterator[PassedReport]:
        """The situation reports of which words are due."""
        orders = [order for order in self.orders(mode) if order.is_in_force and not order.of_deliveries]
        if orders:
            yield from self._reports.due(mode, orders, now)

    def _closed(self, mode: str, *, with_deliveries: bool) -> Iterator[Any]:
        """Closed incidents of which words may be due, or records of deliveries."""
        of = sa.and_(FACTS.c.mode == INCIDENTS.c.mode, FACTS.c.about == INCIDENTS.c.id)
        both = sa.and_(
            CONTENT.c.mode == FACTS.c.mode, CONTENT.c.fact == FACTS.c.id, sa.not_(CONTENT.c.erased)
        )
        has_words = sa.select(CONTENT.c.fact).select_from(FACTS.join(CONTENT, both)).where(of).exists()
        has_more = sa.or_(has_words, _is_last(records.DeliveriesErased.name).is_not(True))
        query = sa.select(INCIDENTS).where(INCIDENTS.c.mode == mode, INCIDENTS.c.closed_at.is_not(None))
        query = query.where(has_more if with_deliveries else has_words)
        query = query.order_by(INCIDENTS.c.sequence).limit(_PAGE)
        after = 0
        while True:
            with self._reading.connect() as connection:
                page = connection.execute(query.where(INCIDENTS.c.sequence > after)).mappings().all()
            if not page:
                return
            yield from page
            after = page[-1]["sequence"]

    def _log(self, mode: str, id: str) -> Log:
        log = Log(id)
        for row in self._lookups.about(mode, id):
            one = filed(row)
            if one is not None:
                log.take(one.sequence, one.place, one.fact, one.body)
        return log


def _is_last(name: str) -> sa.ScalarSelect[bool]:
    """Whether the newest fact in an incident's log is of that name."""
    of = (
        FACTS.c.mode == INCIDENTS.c.mode,
        FACTS.c.about == INCIDENTS.c.id,
        FACTS.c.watch == INCIDENTS.c.watch,
    )
    newest = sa.select(FACTS.c.subject.endswith(f".{name}", autoescape=True)).where(*of)
    return newest.order_by(FACTS.c.sequence.desc()).limit(1).correlate(INCIDENTS).scalar_subquery()


async def _erase(appender: Appender, mode: str, part: Incident | Report, drafts: Iterable[Draft]) -> int:
    """How many facts were written.

    Each follows the one before it: what anybody adds meanwhile, such as a hold, ends it.
    """
    org, watch = subjects.split_key(part.owner)
    sequence, guard = part.sequence, subjects.facts_of(mode, part.id, org, watch)
    count = 0
    for draft in drafts:
        raw = fact_of(draft, None).encode()
        try:
            ack = await appender.append(Outgoing(subject_of(draft), raw, draft.id, guard, sequence))
        except Conflict:
            break
        count, sequence = count + 1, ack.sequence
    return count


def _drafts(mode: str, passed: Passed, now: datetime) -> Iterator[Draft]:
    """The facts that say what is erased."""
    part = passed.incident
    for item in passed.items:
        order, id = item.order, derived_id("retention", item.item)
        erased = incidents.Erased(
            fact=item.item, ground=GROUND, law=order.said.law, asked_by=order.by, order=order.id
        )
        yield _draft(mode, part, id, erased, now)
    if (gone := passed.deliveries) is not None:
        id = derived_id("deliveries", part.owner, part.id, str(part.sequence))
        said = records.DeliveriesErased(order=gone.order.id, law=gone.order.said.law, asked_by=gone.order.by)
        yield _draft(mode, part, id, said, now)


def _report_drafts(mode: str, passed: PassedReport, now: datetime) -> Iterator[Draft]:
    """The facts that say which words of a report are erased, one for each order."""
    for words in passed.words:
        order, facts = words.order, list(words.facts)
        said = reports.ReportErased(
            report=passed.report.id,
            facts=facts,
            ground=GROUND,
            law=order.said.law,
            asked_by=order.by,
            order=order.id,
        )
        yield _draft(mode, passed.report, derived_id("retention", *facts), said, now)


def _draft(mode: str, part: Incident | Report, id: str, body: Body, now: datetime) -> Draft:
    org, watch = subjects.split_key(part.owner)
    actor = Actor(
        machine=GROUND,
        organisation=org,
        watch=watch,
        via=GROUND,
        authentication=Authentication.SERVICE,
    )
    place = Place(Mode(mode), org, watch, body.trade, part.id, body.name)
    return Draft(id, place, body, actor, now, id, part.controller, not_before=part.recorded_at)
