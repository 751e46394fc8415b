"""When content's time is over: the narrowest order in force decides, a hold stops all. Pure."""

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


def order_for(orders: Iterable[Order], watch: str, tags: Iterable[Tag], *, hidden: bool) -> Order | None:
    """The order that holds for an item of a watch; of two as narrow, the one with the shorter term."""
    held = set(tags)
    fitting = [
        order
        for order in orders
        if order.is_in_force
        and (order.said.where == watch or (order.said.where == watch.partition(".")[0] and not hidden))
        and (order.said.tag is None or order.said.tag in held)
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


def _rank(order: Order) -> tuple[bool, bool, int, str]:
    said = order.said
    return "." not in said.where, said.tag is None, said.days, order.id
