"""When the time of words, and of records of deliveries, is over: the narrowest order in force decides. Pure.

A hold stops all.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from schemas.vocabulary import Tag
from services.incidents.fold import Incident
from services.incidents.kept_fold import Order


@dataclass(frozen=True, slots=True)
class Due:
    """An item whose content is to be erased, by which order, and since when."""

    item: str
    tags: tuple[Tag, ...]
    order: Order
    since: datetime


@dataclass(frozen=True, slots=True)
class DueDeliveries:
    """That the records of deliveries of an incident are to go, by which order, and since when."""

    order: Order
    since: datetime


def order_for(
    orders: Iterable[Order], watch: str, tags: Iterable[Tag], *, hidden: bool, of_deliveries: bool = False
) -> Order | None:
    """The order that holds for an item of a watch; of two as narrow, the one with the shorter term."""
    held = set(tags)
    fitting = [
        order
        for order in orders
        if order.is_in_force
        and order.of_deliveries == of_deliveries
        and (order.said.where == watch or (order.said.where == watch.partition(".")[0] and not hidden))
        and (order.tag is None or order.tag in held)
    ]
    return min(fitting, key=_rank, default=None)


def due(
    incident: Incident, orders: Iterable[Order], closed_at: datetime | None, now: datetime, *, hidden: bool
) -> Iterator[Due]:
    """What of an incident is to be erased now; nothing of one that is open or held."""
    if closed_at is None or incident.held is not None:
        return
    known = list(orders)
    for item in incident.items.values():
        if item.erased or item.commitment is None:
            continue
        order = order_for(known, incident.owner, item.tags, hidden=hidden)
        if order is None:
            continue
        since = closed_at + timedelta(days=order.said.days)
        if since <= now:
            yield Due(item.id, item.tags, order, since)


def due_deliveries(
    incident: Incident, orders: Iterable[Order], closed_at: datetime | None, now: datetime, *, hidden: bool
) -> DueDeliveries | None:
    """Whether who was sent what of an incident is to be forgotten now: it counts from its last fact."""
    is_there = incident.sequence > incident.deliveries_erased
    if closed_at is None or incident.held is not None or not is_there:
        return None
    order = order_for(orders, incident.owner, (), hidden=hidden, of_deliveries=True)
    if order is None:
        return None
    since = max(closed_at, incident.recorded_at or closed_at) + timedelta(days=order.said.days)
    return DueDeliveries(order, since) if since <= now else None


def _rank(order: Order) -> tuple[bool, bool, int, str]:
    return "." not in order.said.where, order.tag is None, order.said.days, order.id
