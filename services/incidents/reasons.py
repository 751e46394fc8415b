"""When a reader is asked for a reason, and which reasons there are. Pure.

A reason is asked for what is closed, and for another watch's tagged items, never of who was told of the
incident, is named for it or wrote in it; any code opens at once, so no reason stands in the way at night.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime

from schemas import incidents
from schemas.envelope import Body, Fact
from schemas.vocabulary import SHIFT, IncidentState, ReadGround, ReadReason
from services.incidents.fold import Incident, Item

OWN, TOLD, SHARED = (one.value for one in ReadGround)

CODES = tuple(reason.value for reason in ReadReason)


def ground(
    incident: Incident | None,
    restricted: Iterable[Item],
    closed_at: datetime | None,
    watch: str,
    now: datetime,
) -> str | None:
    """Why the watch reads these restricted items without being asked; None if it must give a reason.

    ``closed_at`` is when the incident was closed, None while it is open.
    """
    if is_long_closed(closed_at, now):
        return None
    others = [item for item in restricted if watch not in (item.reach.owner, item.author)]
    if not others:
        return OWN
    if incident is not None and _was_told(incident, watch):
        return TOLD
    return None if any(item.tags for item in others) else SHARED


def is_long_closed(closed_at: datetime | None, now: datetime) -> bool:
    """True if it was closed a shift ago or more: who worked with it has gone home."""
    return closed_at is not None and now - closed_at >= SHIFT


def closed_at(facts: Sequence[tuple[str, Fact, Body]], incident: Incident | None) -> datetime | None:
    """When the incident was closed, None while it is open; each fact with its birthplace, in ledger order."""
    if incident is None or incident.state is not IncidentState.CLOSED:
        return None
    times = (
        fact.recorded_at
        for owner, fact, body in reversed(facts)
        if owner == incident.owner
        and isinstance(body, incidents.StateChanged)
        and body.state is IncidentState.CLOSED
    )
    return next(times, None)


def _was_told(incident: Incident, watch: str) -> bool:
    """True if an item of it is addressed to the watch, names it or its house, or was written by it."""
    house = watch.partition(".")[0]
    return any(
        watch in (*item.notify, *item.reach.named, item.author) or house in item.reach.named
        for item in incident.items.values()
    )
