"""An incident as it stood at a past moment, and in the order of the ledger. Pure.

What was known then is told by the ledger's order, never by a clock alone. Who may see it is decided by what
may be seen today, and what has been erased since stays erased.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from services.incidents.view import Filed, Shown, chains_of, show
from services.incidents.viewer import Viewer


def known_at(found: list[Filed], at: datetime) -> list[Filed]:
    """The facts that were in the ledger at a moment: all up to the last that was recorded by then."""
    known = [place for place, one in enumerate(found, 1) if one.fact.recorded_at <= at]
    return found[: known[-1]] if known else []


def show_at(id: str, found: list[Filed], at: datetime, viewer: Viewer, *, head_needed: bool) -> Shown | None:
    """What the viewer sees of how it stood: shared with it then, and still to be seen today."""
    today = show(id, found, viewer, head_needed=head_needed)
    then = show(id, known_at(found, at), viewer, head_needed=head_needed)
    if today is None or then is None:
        return None
    seen = {entry["id"] for entry in today.entries}
    then.entries = [entry for entry in then.entries if entry["id"] in seen]
    chains = {chain["chain"] for chain in today.chains}
    then.chains = [chain for chain in then.chains if chain["chain"] in chains]
    if "ref" not in today.incident:
        then.incident, then.card = {"id": id}, None
    then.restricted = [item for item in then.restricted if item in {*seen, *today.restricted}]
    then.ground = today.ground
    return then if "ref" in then.incident or then.entries or then.chains else None


def chains_at(id: str, found: list[Filed], at: datetime, viewer: Viewer) -> list[dict[str, Any]]:
    """How the chains of an incident stood whose head is seen: shown then, and still to be seen today."""
    seen = {chain["chain"] for chain in chains_of(id, found, viewer)}
    return [chain for chain in chains_of(id, known_at(found, at), viewer) if chain["chain"] in seen]


def in_ledger_order(shown: Shown, places: Mapping[str, int]) -> None:
    """Put the entries in the order in which they were recorded; ``places`` are sequences by fact id.

    ``skew`` marks each that says it was recorded before one that stands above it: a clock was set back.
    """
    shown.entries.sort(key=lambda entry: places[entry["id"]])
    newest: datetime | None = None
    for entry in shown.entries:
        recorded = datetime.fromisoformat(entry["recorded_at"])
        entry["skew"] = newest is not None and recorded < newest
        newest = recorded if newest is None else max(newest, recorded)
