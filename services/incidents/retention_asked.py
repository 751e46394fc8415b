"""The question of retention: the orders, and what they would erase now; nothing is erased by looking."""

import asyncio
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import orjson

from schemas.authorisation import APPROVE_ERASURE
from schemas.subjects import Address
from services.incidents.kept_fold import Order
from services.incidents.queries import Queries
from services.incidents.questions import Question
from services.incidents.retention import Passed, Retention
from services.incidents.retention_reports import PassedReport
from services.runtime.reading import Refusal, validate

MOST = 500
"""Lines in a preview; it says when there are more."""
_WORDS, _DELIVERIES = "words", "deliveries"


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
            one
            for passed in self._retention.due(mode, now)
            if passed.incident.owner in may
            for one in _due(passed)
        ]
        found += [
            one
            for passed in self._retention.due_reports(mode, now)
            if passed.report.owner in may
            for one in _due_words(passed)
        ]
        return {
            "status": "ok",
            "orders": [_order(order) for order in orders],
            "due": found[:MOST],
            "more": len(found) > MOST,
        }


def _order(order: Order) -> dict[str, Any]:
    said = {"tag": None, **order.said.model_dump(mode="json")}
    waits = "asked" if order.by else "proposed"
    state = "ended" if order.is_ended else "in_force" if order.is_in_force else waits
    about = {"order": order.id, "of": _DELIVERIES if order.of_deliveries else _WORDS, **said, "state": state}
    return about | {"by": order.by or None, "approved_by": order.approved_by}


def _due(passed: Passed) -> Iterator[dict[str, Any]]:
    """What of an incident is due, line by line."""
    part = passed.incident
    about = {"ref": part.ref, "incident": part.id, "report": None, "watch": part.owner}
    for item in passed.items:
        tags = [tag.value for tag in item.tags]
        when = {"order": item.order.id, "since": item.since.isoformat()}
        yield about | {"of": _WORDS, "item": item.item, "tags": tags} | when
    if (gone := passed.deliveries) is not None:
        when = {"order": gone.order.id, "since": gone.since.isoformat()}
        yield about | {"of": _DELIVERIES, "item": None, "tags": []} | when


def _due_words(passed: PassedReport) -> Iterator[dict[str, Any]]:
    """What of a report is due, line by line."""
    report = passed.report
    about = {"ref": None, "incident": None, "report": report.id, "watch": report.owner, "of": _WORDS}
    for due in passed.words:
        for fact in due.facts:
            tags = [tag.value for tag in report.words[fact]]
            yield about | {
                "item": fact,
                "tags": tags,
                "order": due.order.id,
                "since": due.since.isoformat(),
            }
