"""The question ``statistics``: how much happened and how long it took, without persons (D13)."""

from collections.abc import Iterator
from dataclasses import asdict
from datetime import date, datetime, time, timedelta
from typing import Any

import orjson
import sqlalchemy as sa
from pydantic import Field
from sqlalchemy.engine import Engine

from schemas.subjects import Address
from services.incidents.figures import Groups, Happened, by_group, groups, times
from services.incidents.queries import Queries
from services.incidents.questions import Question
from services.incidents.tables import INCIDENTS
from services.incidents.viewer import Viewer
from services.runtime.lasting import in_thread
from services.runtime.reading import Refusal, validate
from services.words.norway import OSLO, norwegian

_PAGE = 1000
_DAY = r"^\d{4}-\d{2}-\d{2}$"


class StatisticsQuestion(Question):
    """Whole days in Norway: from the first, to and with the last. Shorter spans would tell single cases."""

    first: str = Field(pattern=_DAY)
    last: str = Field(pattern=_DAY)


class Statistics:
    """The handler: the own house's open watches together; a hidden watch is told of itself alone."""

    def __init__(self, engine: Engine, queries: Queries) -> None:
        self._reading = engine.execution_options(isolation_level="AUTOCOMMIT")
        self._queries = queries

    async def asked(self, body: dict[str, Any], address: Address) -> dict[str, Any]:
        """Figures by type, watch and hour, and the times. Raises Refusal: BAD_PERIOD among others."""
        question = validate(StatisticsQuestion, orjson.dumps(body))
        viewer = await self._queries.admit(question, address)
        try:
            since, until = _days(question)
        except (ValueError, OverflowError):
            raise Refusal("MALFORMED", where=["first", "last"]) from None
        if until <= since:
            raise Refusal("BAD_PERIOD")
        return await in_thread(self._count, address.mode, watches_of(viewer), since, until)

    def _count(self, mode: str, watches: list[str], since: datetime, until: datetime) -> dict[str, Any]:
        happened = [_happened(row) for row in self._rows(mode, watches, since, until)]
        types = groups(one.type for one in happened)
        told = [one.told for one in happened if one.told is not None]
        closed = [one.closed for one in happened if one.closed is not None]
        return {
            "status": "ok",
            "total": sum(types.named.values()) + types.rest or None,
            "by_type": _shown(types),
            "by_watch": _shown(groups(one.watch for one in happened)),
            "by_hour": _shown(groups(f"{one.hour:02}" for one in happened)),
            "to_acknowledge": asdict(times(told)),
            "to_close": asdict(times(closed)),
            "to_acknowledge_by_type": _each(by_group(happened, types, "told")),
            "to_close_by_type": _each(by_group(happened, types, "closed")),
        }

    def _rows(self, mode: str, watches: list[str], since: datetime, until: datetime) -> Iterator[Any]:
        where = (INCIDENTS.c.mode == mode, INCIDENTS.c.watch.in_(watches))
        names = ("sequence", "type", "watch", "occurred_at", "recorded_at", "acknowledged_at", "closed_at")
        query = sa.select(*(INCIDENTS.c[name] for name in names)).where(*where)
        after = 0
        while True:
            page = query.where(INCIDENTS.c.sequence > after).order_by(INCIDENTS.c.sequence).limit(_PAGE)
            with self._reading.connect() as connection:
                rows = connection.execute(page).mappings().all()
            if not rows:
                return
            yield from (row for row in rows if since <= _time(row["recorded_at"]) < until)
            after = rows[-1]["sequence"]


def watches_of(viewer: Viewer) -> list[str]:
    """Whose incidents are counted: a hidden watch's own alone, else those of the house not hidden."""
    if viewer.directory.hidden(viewer.watch):
        return [viewer.watch]
    return [key for key in viewer.directory.watches if viewer.is_house_of(key) and viewer.may_count(key)]


def _days(question: StatisticsQuestion) -> tuple[datetime, datetime]:
    first, last = date.fromisoformat(question.first), date.fromisoformat(question.last)
    return _midnight(first), _midnight(last + timedelta(days=1))


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), OSLO)


def _happened(row: Any) -> Happened:
    recorded = _time(row["recorded_at"])
    spans = [
        None if row[name] is None else max(_time(row[name]) - recorded, timedelta())
        for name in ("acknowledged_at", "closed_at")
    ]
    hour = norwegian(_time(row["occurred_at"])).hour
    return Happened(row["type"], row["watch"], hour, spans[0], spans[1])


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _shown(found: Groups) -> dict[str, Any]:
    named = [{"name": name, "count": count} for name, count in found.named.items()]
    return {"groups": named, "rest": found.rest or None}


def _each(found: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"type": name, **asdict(one)} for name, one in found.items()]
