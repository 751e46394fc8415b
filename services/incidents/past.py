"""What is shown beside a past moment's log and list: how the chains stood, and who was on duty."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any

from schemas.notifications import Started
from services.incidents import moments
from services.incidents.lookups import Lookups
from services.incidents.manning import Manning
from services.incidents.view import Filed, filed
from services.incidents.viewer import Viewer


class Past:
    """Answers from the archive's facts; ``mannings`` are kept per mode."""

    def __init__(self, lookups: Lookups, mannings: Mapping[str, Manning] = MappingProxyType({})) -> None:
        self._lookups = lookups
        self._mannings = mannings

    def chains(
        self, mode: str, heads: Mapping[str, str], at: datetime, viewer: Viewer
    ) -> dict[str, list[dict[str, Any]]]:
        """How the chains of incidents stood whose heads the viewer saw then and sees now; by incident.

        ``heads`` are the ids of the incidents and of the facts that opened them.
        """
        told = _read(self._lookups.telling(mode, heads))
        started = (one.body for one in told if isinstance(one.body, Started))
        items = {item for body in started for item in (body.cause, body.item) if item is not None}
        known = {one.fact.id for one in told}
        told += _read(self._lookups.facts(mode, {*heads.values(), *items} - known))
        by_incident: defaultdict[str, list[Filed]] = defaultdict(list)
        for one in sorted(told, key=lambda one: one.sequence):
            by_incident[one.place.id].append(one)
        return {id: moments.chains_at(id, by_incident[id], at, viewer) for id in heads}

    def duty(
        self, mode: str, at: datetime, viewer: Viewer, only: Collection[str] | None = None
    ) -> list[dict[str, Any]]:
        """Who was on duty, as it was known then; with ``only``, in these watches."""
        known = self._mannings.get(mode)
        return [] if known is None else known.at(at, viewer, only)

    def duty_of(
        self, mode: str, at: datetime, viewer: Viewer, told: Mapping[str, Any]
    ) -> list[dict[str, Any]]:
        """The same for the watches that have to do with an incident, and the viewer's own."""
        head, chains = told["incident"], told["chains"]
        concerned = {head.get("owner"), head.get("responsible"), *(chain["watch"] for chain in chains)}
        return self.duty(mode, at, viewer, {viewer.watch, *(concerned - {None})})


def _read(rows: Sequence[Any]) -> list[Filed]:
    return [one for row in rows if (one := filed(row)) is not None]
