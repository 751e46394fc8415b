"""Commands and facts of what is kept how long: standing orders of retention, and legal holds.

An order erases without anybody asking again, so it takes two persons as each erasure does (D16): the archive
owner and another one. They belong to the trade ``incidents``; an order lies under an id of its own.
"""

from typing import Annotated

from pydantic import Field

from schemas.envelope import Body, Code, Request, Token, WatchKey
from schemas.incidents import TRADE, OnIncident
from schemas.vocabulary import Tag

DAYS_MOST = 40_000
DELIVERY_DAYS_LEAST = 30
"""A feed is followed up to 7 days back: what is not fetched yet is no old record."""


class OrderRetention(Request):
    """Order that content be erased so many days after an incident was closed; it needs a second person.

    ``where`` is a watch, or an organisation for its watches that are not hidden; without ``tag`` it is for
    all items. The narrowest order holds: of the watch before the organisation, with a tag before without.
    """

    trade = TRADE
    verb = "retention_order"
    order: Token
    where: Token | WatchKey
    tag: Tag | None = None
    days: Annotated[int, Field(ge=1, le=DAYS_MOST)]
    law: Code


class OrderDeliveryTerm(Request):
    """Order how long the records of deliveries are kept; it needs a second person too.

    They are who was given what in a feed, and which messages went to whom: so many days after an incident was
    closed, or after the last that was written in it. ``where`` is as in an order of retention.
    """

    trade = TRADE
    verb = "delivery_term"
    order: Token
    where: Token | WatchKey
    days: Annotated[int, Field(ge=DELIVERY_DAYS_LEAST, le=DAYS_MOST)]
    law: Code


class AdoptRetention(Request):
    """Make an order that the centre file proposed one's own, as archive owner; another person approves it."""

    trade = TRADE
    verb = "retention_adopt"
    order: Token


class ApproveRetention(Request):
    """A second person approves an order; from then on it erases."""

    trade = TRADE
    verb = "retention_approve"
    order: Token


class EndRetention(Request):
    """End an order; what it has erased stays erased."""

    trade = TRADE
    verb = "retention_end"
    order: Token


class PlaceHold(OnIncident):
    """Nothing of the incident is erased until the hold is lifted, on order or on request."""

    trade = TRADE
    verb = "hold"
    ground: Code


class LiftHold(OnIncident):
    """Lift the hold; orders of retention take effect again."""

    trade = TRADE
    verb = "hold_lift"


class RetentionOrdered(Body):
    """Retention was ordered; it erases nothing before it is approved."""

    trade = TRADE
    name = "retention_ordered"
    where: str
    tag: Tag | None = None
    days: int
    law: str


class RetentionApproved(Body):
    """The order is in force."""

    trade = TRADE
    name = "retention_approved"


class RetentionEnded(Body):
    """The order is no longer in force."""

    trade = TRADE
    name = "retention_ended"


class DeliveryTermOrdered(Body):
    """A term for the records of deliveries was ordered; nothing goes before it is approved."""

    trade = TRADE
    name = "delivery_term_ordered"
    where: str
    days: int
    law: str


class DeliveriesErased(Body):
    """The term of an incident's records of deliveries is over: services let go of who was sent what.

    What was said of it in the log itself stays there.
    """

    trade = TRADE
    name = "deliveries_erased"
    order: str
    law: str
    asked_by: str


class RetentionAdopted(Body):
    """An archive owner made a proposal of the centre file his or her order; it waits for another person."""

    trade = TRADE
    name = "retention_adopted"


class HoldPlaced(Body):
    """Nothing of the incident may be erased."""

    trade = TRADE
    name = "hold_placed"
    ground: str


class HoldLifted(Body):
    """Erasure is possible again."""

    trade = TRADE
    name = "hold_lifted"


COMMANDS = (
    OrderRetention,
    OrderDeliveryTerm,
    AdoptRetention,
    ApproveRetention,
    EndRetention,
    PlaceHold,
    LiftHold,
)
FACTS = (
    RetentionOrdered,
    DeliveryTermOrdered,
    RetentionAdopted,
    RetentionApproved,
    RetentionEnded,
    DeliveriesErased,
    HoldPlaced,
    HoldLifted,
)
