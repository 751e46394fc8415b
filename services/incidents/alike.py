"""Questions that look for incidents: which may be the same, and which have a case number elsewhere.

The hint at a likely duplicate never blocks, and names only incidents whose heads the asking watch may see.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from math import asin, cos, radians, sin, sqrt
from typing import Any

import orjson
from pydantic import Field

from schemas.canonical import unseal
from schemas.relations import Case, SimilarTo
from schemas.subjects import Address
from services.incidents.kin import reach_of
from services.incidents.projection import as_number
from services.incidents.queries import Queries
from services.incidents.questions import GetQuestion, Question
from services.incidents.showing import as_head
from services.incidents.view import is_restricted
from services.incidents.viewer import Viewer
from services.runtime.lasting import in_thread
from services.runtime.reading import Refusal, validate

NEAR_M = 1000
"""Two incidents whose positions lie no further apart, in metres, may be the same."""
NEAR_IN_TIME = timedelta(hours=6)
"""Two incidents that happened within so long of each other may be the same."""
_EARTH_M = 6_371_000
_MOST, _TOLD = 500, 10
_TOLD_OF_CASE = ("id", "ref", "type", "priority", "state", "owner", "references")


class SimilarQuestion(Question, SimilarTo):
    """What may be the same; with ``ref``, as the incident of that ref."""

    ref: str | None = Field(None, max_length=20)


class CaseQuestion(Question, Case):
    """Which incidents bear this case number of another system?"""


class LookingQueries(Queries):
    """The queries of the archive, ``similar`` and ``case`` among them."""

    async def similar(self, body: dict[str, Any], address: Address) -> dict[str, Any]:
        """Open incidents of the same type, near in space and time, the newest first; at most ten."""
        question = validate(SimilarQuestion, orjson.dumps(body))
        viewer = await self.admit(question, address)
        rows = await in_thread(self._similar, address.mode, question, viewer)
        restricted = [
            (row["id"], row["fact"])
            for row in rows
            if is_restricted(reach_of(row), row["tags"] != "[]", viewer)
        ]
        await self.note("similar", question.actor, address.mode, viewer, restricted)
        return {"status": "ok", "incidents": [as_head(row, viewer) for row in rows]}

    async def case(self, body: dict[str, Any], address: Address) -> dict[str, Any]:
        """The incidents with a reference to a case, where the watch may see the reference."""
        question = validate(CaseQuestion, orjson.dumps(body))
        viewer = await self.admit(question, address)
        found = await in_thread(self._of_case, address.mode, question, viewer)
        restricted = [
            (head["id"], one["id"])
            for head, is_own in found
            for one in head["references"]
            if not is_own and one["system"] == question.system
        ]
        await self.note("case", question.actor, address.mode, viewer, restricted)
        return {"status": "ok", "incidents": [head for head, _ in found]}

    def _similar(self, mode: str, asked: SimilarQuestion, viewer: Viewer) -> list[Any]:
        own = None
        if asked.ref is not None:
            shown = self.showing.find(mode, GetQuestion(actor=asked.actor, ref=asked.ref), viewer)
            if shown is None or "ref" not in shown.incident:
                raise Refusal("UNKNOWN_INCIDENT")
            own, asked = shown.incident["id"], _as_asked(shown.incident, asked)
        if asked.type is None:
            raise Refusal("MALFORMED", where=["type"])
        rows = [
            row
            for row in self._lookups.alike(mode, asked.type, viewer.watch, _MOST)
            if viewer.sees(reach_of(row)) and row["id"] != own
        ]
        moved = self._positions(mode, [row["id"] for row in rows])
        at = asked.occurred_at or viewer.directory.now(viewer.watch, viewer.now)
        return [row for row in rows if _is_near(row, moved.get(row["id"]), asked, at)][:_TOLD]

    def _positions(self, mode: str, ids: list[str]) -> dict[str, str]:
        """Where those incidents are that have moved since they were opened."""
        rows: Iterable[Any] = self._lookups.places(mode, ids) if ids else ()
        said = ((row["about"], unseal(bytes(row["sealed"]))) for row in rows if row["sealed"] is not None)
        return {id: content["position"] for id, content in said if content.get("position")}

    def _of_case(self, mode: str, asked: CaseQuestion, viewer: Viewer) -> list[tuple[dict[str, Any], bool]]:
        found: dict[str, tuple[dict[str, Any], bool]] = {}
        for row in self._lookups.by_case(mode, asked.system, as_number(asked.number)):
            shown = self.showing.show(mode, row["incident"], viewer, head_needed=False)
            known = [] if shown is None else shown.incident.get("references", [])
            if shown is not None and any(one["id"] == row["fact"] for one in known):
                is_own = shown.incident.get("owner") == viewer.watch and row["fact"] not in shown.restricted
                told = {name: shown.incident.get(name) for name in _TOLD_OF_CASE}
                found.setdefault(shown.incident["id"], (told, is_own))
        return list(found.values())


def _as_asked(head: dict[str, Any], asked: SimilarQuestion) -> SimilarQuestion:
    """The question that an incident which is there puts."""
    known = {
        "type": head["type"],
        "occurred_at": datetime.fromisoformat(head["occurred_at"]),
        "position": (head.get("location") or head["content"] or {}).get("position"),
        "municipalities": head["municipalities"],
    }
    return asked.model_copy(update=known)


def _is_near(row: Any, moved: str | None, asked: SimilarQuestion, at: datetime) -> bool:
    if abs(datetime.fromisoformat(row["occurred_at"]) - at) > NEAR_IN_TIME:
        return False
    content = {} if row["sealed"] is None else unseal(bytes(row["sealed"]))
    position = moved or content.get("position")
    if position is not None and asked.position is not None:
        return metres(position, asked.position) <= NEAR_M
    return bool(set(asked.municipalities) & set(orjson.loads(row["municipalities"])))


def metres(one: str, other: str) -> float:
    """The way between two positions, "latitude,longitude" in degrees, along the earth's surface."""
    (a, b), (c, d) = ([radians(float(part)) for part in said.split(",")] for said in (one, other))
    half = sin((c - a) / 2) ** 2 + cos(a) * cos(c) * sin((d - b) / 2) ** 2
    return 2 * _EARTH_M * asin(sqrt(min(1.0, max(0.0, half))))
