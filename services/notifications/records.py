"""How a chain is written down: the hub's own facts, and the rows that outlive a crash."""

from datetime import UTC, datetime

from schemas import subjects
from schemas.clock import Clock
from schemas.envelope import Actor, Body
from schemas.notifications import Started, reference_of
from schemas.subjects import Place
from schemas.vocabulary import Authentication
from services.notifications import store
from services.notifications.escalation import ToTell
from services.notifications.rules import Chain
from services.notifications.store import ChainRow, DeliveryRow
from services.runtime.ledger import Draft


def draft_of(
    mode: str,
    place: Place,
    started: Started | Chain,
    controller: str,
    identity: str,
    body: Body,
    trace: str | None,
    clock: Clock,
) -> Draft:
    """A fact by the hub itself in a chain, on behalf of the watch that is told; it occurs by ``clock``."""
    org, code = subjects.split_key(started.watch)
    actor = Actor(
        machine=Started.trade,
        organisation=org,
        watch=code,
        via=Started.trade,
        authentication=Authentication.SERVICE,
    )
    at = Place(mode, place.org, place.watch, body.trade, place.id, body.name)
    now = clock.time(datetime.now(UTC).astimezone())
    return Draft(identity, at, body, actor, now, started.cause, controller, trace=trace)


def row_of(chain: Chain) -> ChainRow:
    """The row of an open chain."""
    return ChainRow(
        chain=chain.id,
        mode=chain.mode,
        org=chain.place.org,
        owner=chain.place.watch,
        incident=chain.place.id,
        watch=chain.watch,
        item=chain.item,
        started_at=store.milliseconds(chain.started_at),
    )


def delivery_of(chain: Chain, told: ToTell, now: datetime) -> DeliveryRow:
    """The row of a message about to be sent; its id is the reference that the channels see."""
    return DeliveryRow(
        delivery=reference_of(chain.id, told.step, told.person, told.attempt),
        chain=chain.id,
        person=told.person,
        function=told.function,
        step=told.step,
        attempt=told.attempt,
        begun_at=store.milliseconds(now),
    )
