"""How incidents and heads are read from the archive for one who looks (D13, D20); no read is noted here."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from schemas import running
from schemas.canonical import unseal
from schemas.directory import Directory
from schemas.identifiers import read_ref
from schemas.related import Relations
from services.incidents import moments, view
from services.incidents.around import Near, around, responsible, ties
from services.incidents.kin import Kin, reach_of
from services.incidents.lookups import STOOD, Lookups
from services.incidents.questions import GetQuestion
from services.incidents.view import Filed, Shown, filed
from services.incidents.viewer import Viewer

_PAGE = 200
_NEWEST = 1 << 62


class Showing:
    """Incidents as a viewer sees them; what may not be seen is as if it were not there. Runs in a thread."""

    def __init__(
        self, lookups: Lookups, directories: Mapping[str, Directory], relations: Mapping[str, Relations]
    ) -> None:
        self._lookups = lookups
        self._directories = directories
        self._kin = Kin(lookups, relations)

    def find(self, mode: str, question: GetQuestion, viewer: Viewer) -> Shown | None:
        """The incident that a question names, now or as it stood; None if there is none to be seen."""
        ids, head_needed = self._named(mode, question, viewer)
        for id in ids:
            if question.at is not None:
                shown = self._stood(mode, id, question.at, viewer, head_needed=head_needed)
            else:
                top = self._kin.survivor(mode, id, viewer)
                shown = self.show(mode, top or id, viewer, head_needed=head_needed)
                if shown is not None and top is not None:
                    shown.incident["instead_of"] = id
            if shown is not None and question.order == "recorded":
                moments.in_ledger_order(shown, self._lookups.places_of(mode, shown.entries))
            if shown is not None:
                return shown
        return None

    def open_ones(self, mode: str, viewer: Viewer, most: int) -> tuple[list[Shown], bool]:
        """The newest open incidents as a watch sees them, and whether there are more. Reads are not noted."""
        rows = self.heads(mode, "open", most + 1, viewer)
        found = (self.show(mode, row["id"], viewer, head_needed=True) for row in rows[:most])
        return [shown for shown in found if shown is not None], len(rows) > most

    def show(self, mode: str, id: str, viewer: Viewer, *, head_needed: bool) -> Shown | None:
        """The incident under an id with what is tied to it; ``head_needed``: only where its head is seen."""
        tied = self._kin.tied(mode)
        near = self._kin.near(mode, {id, *kin}, viewer) if (kin := around(id, tied)) else {}
        shown = self._show_alone(mode, id, viewer, near, head_needed=head_needed)
        if shown is None or "ref" not in shown.incident:
            return shown
        shown.incident |= ties(id, tied, near)
        for one in tied.family(id):
            double = self._show_alone(mode, one, viewer, near, head_needed=True) if one in near else None
            if double is not None:
                shown.join(double)
        return shown

    def _show_alone(
        self, mode: str, id: str, viewer: Viewer, near: Near, *, head_needed: bool
    ) -> Shown | None:
        shown = view.show(id, self._filed(mode, id), viewer, head_needed=head_needed, near=near)
        if shown is not None:
            self._number(mode, shown, viewer)
        return shown

    def _stood(self, mode: str, id: str, at: datetime, viewer: Viewer, *, head_needed: bool) -> Shown | None:
        """How it stood by itself: what it is tied to is told of today only."""
        shown = moments.show_at(id, self._filed(mode, id), at, viewer, head_needed=head_needed)
        if shown is not None:
            self._number(mode, shown, viewer)
        return shown

    def _filed(self, mode: str, id: str) -> list[Filed]:
        """What lies under an id; of an exercise that was ended for good nothing is shown any more."""
        rows = [one for row in self._lookups.about(mode, id) if (one := filed(row)) is not None]
        began = {one.place.key: one.fact.time for one in reversed(rows)}
        directory = self._directories[mode]
        gone = {watch for watch, time in began.items() if directory.is_discarded(watch, time)}
        return [one for one in rows if one.place.key not in gone]

    def _named(self, mode: str, question: GetQuestion, viewer: Viewer) -> tuple[list[str], bool]:
        """The ids that a question may mean, and whether its name belongs to the head."""
        if question.id is not None:
            return [question.id], False
        if question.ref is not None:
            ref = read_ref(question.ref)
            return self._seen(self._lookups.by_ref(mode, ref), viewer) if ref else [], True
        parts = running.NUMBER.fullmatch(question.number or "")
        if parts is None:
            return [], True
        code, year, number = parts[1], int(parts[2]), int(parts[3])
        watches = [
            key
            for key, known in viewer.directory.watches.items()
            if known.code == code and viewer.may_count(key)
        ]
        rows = self._lookups.by_number(mode, watches, year, number)
        return self._seen(sorted(rows, key=lambda row: row["watch"] != viewer.watch), viewer), True

    def _seen(self, rows: Sequence[Any], viewer: Viewer) -> list[str]:
        """The ids of the heads that may be seen: into others nothing is looked, which would take its time."""
        return [row["id"] for row in rows if viewer.sees(reach_of(row))]

    def _number(self, mode: str, shown: Shown, viewer: Viewer) -> None:
        owner = shown.incident.get("owner")
        if owner is None or not viewer.may_count(owner):
            return
        for row in self._lookups.by_id(mode, shown.incident["id"]):
            if row["watch"] == owner:
                shown.incident["number"] = _number_of(row, viewer)

    def heads(
        self, mode: str, state: str, limit: int, viewer: Viewer, at: datetime | None = None
    ) -> list[Any]:
        """Heads that may be seen, the newest first, now or as they stood ``at`` a moment."""
        seen: list[Any] = []
        before, moment = _NEWEST, None if at is None else round(at.timestamp() * 1000)
        while len(seen) < limit:
            asked = (mode, state, viewer.watch, before, _PAGE)
            page = self._lookups.heads(*asked) if moment is None else self._lookups.heads_then(*asked, moment)
            visible = [row for row in page if viewer.sees(reach_of(row))]
            if moment is None:
                seen += [row for row in visible if self._kin.stands(mode, row["id"], viewer)]
            else:
                stood = (_as_then(row) for row in visible if row["then_state"] is not None)
                seen += (row for row in stood if viewer.sees(reach_of(row)))
            if len(page) < _PAGE:
                break
            before = page[-1]["sequence"]
        return seen[:limit]


def _number_of(row: Any, viewer: Viewer) -> str | None:
    known = viewer.directory.watches.get(row["watch"])
    return None if known is None else running.written(known.code, row["year"], row["number"])


def _as_then(row: Any) -> dict[Any, Any]:
    """A head as it stood at the moment that was asked for."""
    return {**row, **{name: row[f"then_{name}"] for name in STOOD}}


def as_head(row: Any, viewer: Viewer, held: bool = False) -> dict[str, Any]:
    """A head as the list shows it; number and receivers to the owner's house only. Words may be ``held``."""
    is_house = viewer.is_house_of(row["watch"])
    plain = ("id", "ref", "controller", "state", "type", "priority", "level", "occurred_at", "recorded_at")
    return {
        **{name: row[name] for name in plain},
        "number": _number_of(row, viewer) if viewer.may_count(row["watch"]) else None,
        "owner": row["watch"],
        "responsible": responsible(row["responsible"], row["watch"], viewer),
        "tags": json.loads(row["tags"]),
        "named": json.loads(row["named"]) if is_house else [],
        "municipalities": json.loads(row["municipalities"]),
        "content": None if held or row["sealed"] is None else unseal(bytes(row["sealed"])),
        "erased": bool(row["erased"]),
        "reason_needed": held,
    }
