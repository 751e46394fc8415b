"""What facts say of an incident beside its log: merge, transfer, place, functions, broken glass. A fold."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from schemas import notifications, relations
from schemas.envelope import Body, Fact
from schemas.vocabulary import IncidentState

if TYPE_CHECKING:
    from services.incidents.fold import Incident


@dataclass(frozen=True, slots=True)
class Transfer:
    """A transfer that waits for its answer: the asking fact, and the watch that was asked."""

    asked: str
    to: str


@dataclass(frozen=True, slots=True)
class Assignment:
    """A function at the incident: who has it, and the fact that ended it."""

    id: str
    function: str
    person: str | None
    watch: str | None
    ended_by: str | None = None


def apply(incident: "Incident", fact: Fact, body: Body | None) -> None:
    """Take in one fact; what does not concern it is passed over."""
    match body:
        case relations.Merged():
            incident.merged, incident.before_merge = body.other, incident.state
            incident.state = IncidentState.CLOSED
        case relations.Unmerged():
            incident.merged, incident.before_merge, incident.state = None, None, body.state
        case notifications.Acknowledged() if incident.before_merge is IncidentState.NEW:
            incident.before_merge = IncidentState.ACKNOWLEDGED
        case relations.Referenced():
            incident.add_item(fact, "reference", body)
        case relations.GlassBroken():
            _break(incident, body)
            incident.add_outcome(fact, is_narrow=True)
        case relations.PlaceChanged():
            incident.places.append(fact.id)
            incident.add_outcome(fact)
        case _:
            _staff(incident, fact, body)


def _staff(incident: "Incident", fact: Fact, body: Body | None) -> None:
    """Who answers for the incident, and who has which function."""
    match body:
        case relations.TransferAsked():
            incident.transfer = Transfer(fact.id, body.to)
            incident.add_outcome(fact)
        case relations.TransferAnswered():
            incident.transfer, incident.responsible = None, body.responsible
            incident.add_outcome(fact)
        case relations.TransferWithdrawn():
            incident.transfer = None
        case relations.FunctionAssigned():
            incident.functions[fact.id] = Assignment(fact.id, body.function, body.person, body.watch)
            incident.add_outcome(fact)
        case relations.FunctionEnded() if body.assignment in incident.functions:
            ended = replace(incident.functions[body.assignment], ended_by=fact.id)
            incident.functions[body.assignment] = ended


def _break(incident: "Incident", body: relations.GlassBroken) -> None:
    item = incident.item(body.entry)
    if item is not None:
        broken = (*item.reach.broken, (body.to, body.until))
        changed = replace(item, reach=replace(item.reach, broken=broken))
        incident.items[item.id] = changed
        incident.reaches.add(changed.reach)
