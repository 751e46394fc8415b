"""Who was on duty at a past moment, as it was known then: a fold over manning facts that keeps them all.

As with the log, what was known is told by the ledger's order. Whoever is forgotten since stays forgotten, and
what a watch may not be told of today it is not told of the past either.
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from schemas.duty import Duty, picture
from schemas.envelope import Fact
from schemas.people import Forgotten
from schemas.watch import Established, Manned, Released
from services.incidents.viewer import Viewer


@dataclass(slots=True)
class Manning:
    """The manning facts of one mode, in ledger order: when each was recorded, its watch, its body."""

    facts: list[tuple[datetime, str, Established | Manned | Released]] = field(default_factory=list)
    forgotten: list[Forgotten] = field(default_factory=list)

    def apply(self, fact: Fact, body: Any) -> None:
        """Take in one fact, in ledger order; others than manning facts are passed over."""
        match body:
            case Established() | Manned() | Released():
                self.facts.append((fact.recorded_at, fact.data.owner, body))
            case Forgotten():
                self.forgotten.append(body)

    def at(self, at: datetime, viewer: Viewer, only: Collection[str] | None = None) -> list[dict[str, Any]]:
        """A row for each place, as the viewer may see it; with ``only``, of these watches.

        ``at`` is a moment of the wall's clock; shifts are those of the viewer's own, which an exercise has.
        """
        duty, watches = Duty(), dict[str, Established]()
        for _, owner, body in self._known(at):
            duty.apply(owner, body)
            if isinstance(body, Established):
                watches[body.watch] = body
        for gone in self.forgotten:
            duty.apply("", gone)
        seen = {
            key: one
            for key, one in watches.items()
            if (only is None or key in only) and (key == viewer.watch or not viewer.directory.hidden(key))
        }
        return list(picture(duty, seen, viewer.watch, viewer.directory.now(viewer.watch, at)))

    def _known(self, at: datetime) -> list[tuple[datetime, str, Established | Manned | Released]]:
        known = [place for place, (recorded, _, _) in enumerate(self.facts, 1) if recorded <= at]
        return self.facts[: known[-1]] if known else []
