"""Which other incidents stand with one, as far as a watch sees them; read from the archive."""

import json
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from schemas.related import Relations
from schemas.sharing import Reach
from schemas.vocabulary import Level
from services.incidents.around import Near, brief
from services.incidents.lookups import Lookups

if TYPE_CHECKING:
    from services.incidents.viewer import Viewer


class Kin:
    """Looks up the heads that the ties of a mode lead to."""

    def __init__(self, lookups: Lookups, relations: Mapping[str, Relations]) -> None:
        self._lookups = lookups
        self._relations = relations

    def tied(self, mode: str) -> Relations:
        """The ties of a mode."""
        return self._relations[mode]

    def near(self, mode: str, ids: Collection[str], viewer: "Viewer") -> Near:
        """The incidents of these whose heads the viewer may see, in short."""
        rows = self._lookups.by_ids(mode, ids) if ids else []
        return {row["id"]: brief(row) for row in rows if viewer.sees(reach_of(row))}

    def survivor(self, mode: str, id: str, viewer: "Viewer") -> str | None:
        """What an incident was merged into, if the viewer may see both heads; else it stands for itself."""
        line = self._relations[mode].line(id)
        near = self.near(mode, {id, *line}, viewer) if line else {}
        return next((one for one in reversed(line) if one in near and id in near), None)

    def stands(self, mode: str, id: str, viewer: "Viewer") -> bool:
        """False for a duplicate of which the viewer sees what it was merged into."""
        return id not in self._relations[mode].merged or self.survivor(mode, id, viewer) is None


def reach_of(row: Any) -> Reach:
    """Who may see the head in a row of the archive."""
    broken = tuple((watch, datetime.fromisoformat(until)) for watch, until in json.loads(row["broken"]))
    return Reach(row["watch"], Level(row["level"]), tuple(json.loads(row["named"])), broken=broken)
