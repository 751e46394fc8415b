"""Erasing what is kept no longer: each night by the orders in force, previewed, one fact for each content."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import orjson
import sqlalchemy as sa
from nats.aio.client import Client
from sqlalchemy.engine import Engine

from schemas import incidents, subjects
from schemas.authorisation import APPROVE_ERASURE
from schemas.directory import Directory
from schemas.envelope import Actor
from schemas.identifiers import derived_id
from schemas.subjects import Address, Place
from schemas.vocabulary import Authentication, Mode
from services.incidents import reads
from services.incidents.fold import Incident, Log
from services.incidents.kept_fold import Order
from services.incidents.lookups import Lookups
from services.incidents.queries import Queries, Question
from services.incidents.tables import CONTENT, FACTS, INCIDENTS
from services.incidents.terms_kept import Due, due
from services.incidents.view import filed
from services.runtime import logs
from services.runtime.appender import Appender, Conflict, Outgoing
from services.runtime.facts import Draft, fact_of, subject_of
from services.runtime.reading import Refusal, validate
from services.words.norway import OSLO

GROUND = "retention"
MOST = 500
"""Items in a preview; it says when there are more."""

_LOOK_S = 60.0
_PAGE = 200


@dataclass(frozen=True, slots=True)
class Passed:
    """An incident of which something is due."""

    incident: Incident
    items: list[Due]


class Retention:
    """What is due, and its erasure."""

    def __init__(self, engine: Engine, lookups: Lookups, directories: Mapping[str, Directory]) -> None:
        self._engine = engine
        self._reading = engine.execution_options(isolation_level="AUTOCOMMIT")
        self._lookups = lookups
        self._directories = directories

    async def keep(self, enter: Callable[[], Awaitable[Client]], hour: int, reads_days: int) -> None:
        """Once each night, for ever: erase what is due, and let old lines of the log of reads go.

        ``enter`` connects as the user that may write ``erased`` and nothing else.
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
        """Write a fact for each content that is due; how many. What changes meanwhile waits a night."""
        appender, count = Appender(nc), 0
        try:
            for passed in await asyncio.to_thread(lambda: list(self.due(mode, now))):
                count += await _erase(appender, mode, passed, now)
        finally:
            await appender.close()
        if count:
            logs.get(mode=mode).info("retention.done")
        return count

    def orders(self, mode: str) -> list[Order]:
        """Every order of a mode."""
        given = FACTS.c.subject.like(f"{subjects.ROOT}.{mode}.%.{incidents.TRADE}.%.retention_ordered")
        query = sa.select(FACTS.c.about).where(FACTS.c.mode == mode, FACTS.c.id.is_not(None), given)
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
        for row in self._closed(mode):
            closed_at = datetime.fromisoformat(row["closed_at"])
            if closed_at > soonest:
                continue
            incident = self._log(mode, row["id"]).part(row["watch"])
            hidden = directory.hidden(row["watch"])
            found = list(due(incident, orders, closed_at, now, hidden=hidden))
            if found:
                yield Passed(incident, found)

    def _closed(self, mode: str) -> Iterator[Any]:
        """Closed incidents of which some content is there still."""
        of = sa.and_(FACTS.c.mode == INCIDENTS.c.mode, FACTS.c.about == INCIDENTS.c.id)
        both = sa.and_(
            CONTENT.c.mode == FACTS.c.mode, CONTENT.c.fact == FACTS.c.id, sa.not_(CONTENT.c.erased)
        )
        has_words = sa.select(CONTENT.c.fact).select_from(FACTS.join(CONTENT, both)).where(of).exists()
        query = sa.select(INCIDENTS).where(INCIDENTS.c.mode == mode, INCIDENTS.c.closed_at.is_not(None))
        query = query.where(has_words).order_by(INCIDENTS.c.sequence).limit(_PAGE)
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


class RetentionQueries:
    """The handler of ``retention``: the orders, and what they would erase now."""

    def __init__(self, retention: Retention, queries: Queries) -> None:
        self._retention = retention
        self._queries = queries

    async def asked(self, body: dict[str, Any], address: Address) -> dict[str, Any]:
        """Orders and preview of the watches over which the asker may approve erasure. Raises Refusal."""
        question = validate(Question, orjson.dumps(body))
        viewer = await self._queries.admit(question, address)
        person, directory = question.actor.person, viewer.directory
        may = {
            key
            for key in directory.watches
            if person is not None
            and viewer.is_house_of(key)
            and directory.has_role(person, key, viewer.now, *APPROVE_ERASURE)
        }
        if not may:
            raise Refusal("NOT_ALLOWED", act="retention")
        return await asyncio.to_thread(self._told, address.mode, address.org, may, viewer.now)

    def _told(self, mode: str, organisation: str, may: set[str], now: datetime) -> dict[str, Any]:
        orders = [order for order in self._retention.orders(mode) if order.said.where in {organisation, *may}]
        found = [
            {
                "ref": passed.incident.ref,
                "incident": passed.incident.id,
                "watch": passed.incident.owner,
                "item": item.item,
                "tags": [tag.value for tag in item.tags],
                "order": item.order.id,
                "since": item.since.isoformat(),
            }
            for passed in self._retention.due(mode, now)
            if passed.incident.owner in may
            for item in passed.items
        ]
        return {
            "status": "ok",
            "orders": [_order(order) for order in orders],
            "due": found[:MOST],
            "more": len(found) > MOST,
        }


def _order(order: Order) -> dict[str, Any]:
    said = order.said.model_dump(mode="json")
    state = "ended" if order.is_ended else "in_force" if order.is_in_force else "asked"
    return {"order": order.id, **said, "state": state, "by": order.by, "approved_by": order.approved_by}


async def _erase(appender: Appender, mode: str, passed: Passed, now: datetime) -> int:
    """Each fact follows the one before it: what anybody adds meanwhile, such as a hold, ends it."""
    part = passed.incident
    org, watch = subjects.split_key(part.owner)
    sequence, guard = part.sequence, subjects.facts_of(mode, part.id, org, watch)
    for count, item in enumerate(passed.items):
        draft = _draft(mode, part, item, now)
        raw = fact_of(draft, None).encode()
        try:
            ack = await appender.append(Outgoing(subject_of(draft), raw, draft.id, guard, sequence))
        except Conflict:
            return count
        sequence = ack.sequence
    return len(passed.items)


def _draft(mode: str, part: Incident, item: Due, now: datetime) -> Draft:
    org, watch = subjects.split_key(part.owner)
    order, id = item.order, derived_id("retention", item.item)
    body = incidents.Erased(
        fact=item.item, ground=GROUND, law=order.said.law, asked_by=order.by, order=order.id
    )
    actor = Actor(
        machine=GROUND,
        organisation=org,
        watch=watch,
        via=GROUND,
        authentication=Authentication.SERVICE,
    )
    place = Place(Mode(mode), org, watch, incidents.TRADE, part.id, body.name)
    return Draft(id, place, body, actor, now, id, part.controller, not_before=part.recorded_at)
