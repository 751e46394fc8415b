"""What facts say of orders of retention and of holds. A fold."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from schemas import records
from schemas.envelope import Body, Fact
from schemas.vocabulary import Tag

if TYPE_CHECKING:
    from services.incidents.fold import Incident


@dataclass(frozen=True, slots=True)
class Order:
    """An order of retention as it stands: what was ordered, by whom, and who approved it.

    ``by`` is empty for a proposal of the centre file that no archive owner has adopted yet.
    """

    id: str
    owner: str
    said: records.RetentionOrdered | records.DeliveryTermOrdered
    by: str
    approved_by: str | None = None
    is_ended: bool = False

    @property
    def is_in_force(self) -> bool:
        """True if it erases."""
        return self.approved_by is not None and not self.is_ended

    @property
    def of_deliveries(self) -> bool:
        """True if it is about the records of deliveries, and not about words."""
        return isinstance(self.said, records.DeliveryTermOrdered)

    @property
    def tag(self) -> Tag | None:
        """The tag that it is for; None for all."""
        return self.said.tag if isinstance(self.said, records.RetentionOrdered) else None


def take(incident: "Incident", fact: Fact, body: Body | None) -> None:
    """Take in a fact of an order or of a hold; others are passed over."""
    match body:
        case records.RetentionOrdered() | records.DeliveryTermOrdered() if incident.order is None:
            by = fact.data.actor.person or ""
            incident.order = Order(incident.id, incident.owner, body, by)
        case records.RetentionAdopted() if incident.order is not None:
            incident.order = replace(incident.order, by=fact.data.actor.person or "")
        case records.RetentionApproved() if incident.order is not None:
            incident.order = replace(incident.order, approved_by=fact.data.actor.person)
        case records.RetentionEnded() if incident.order is not None:
            incident.order = replace(incident.order, is_ended=True)
        case records.DeliveriesErased():
            incident.deliveries_erased = incident.sequence
        case records.HoldPlaced():
            incident.held = body.ground
        case records.HoldLifted():
            incident.held = None
