"""What the register of types fills in where the sender says nothing. Pure; ``now`` is an argument.

The log never says no: a type that is not in the register has no defaults, and an addressee who may not see
the incident is left out.
"""

from typing import Any

from schemas import incident_types, incidents
from schemas.authorisation import is_centre
from schemas.content_rules import holds_identity_number
from schemas.directory import Directory
from schemas.envelope import Actor, Refused
from schemas.incident_types import TypeSet
from schemas.sharing import Reach, may_see
from schemas.vocabulary import Priority
from services.incidents.limits import Case


def filled(case: Case[incidents.OpenIncident]) -> dict[str, Any]:
    """Priority, addressees and card version of a new incident, as the sender or else the register says."""
    request = case.request
    known = case.directory.type_for(case.actor.key, request.type)
    priority = request.priority or (known and known.priority) or Priority.NORMAL
    card = known.card.version if known and known.card else None
    notify = request.notify
    if notify is None:
        notify = _told(known, case) if known else []
    return {"priority": priority, "notify": notify, "card": card}


def _told(known: TypeSet, case: Case[incidents.OpenIncident]) -> list[str]:
    reach = Reach(case.actor.key, case.request.level, tuple(case.request.named))
    return [
        watch
        for watch in known.told_by(case.actor.key)
        if watch in case.directory.watches and may_see(reach, watch, case.directory, case.now)
    ]


def set_type(actor: Actor, request: incident_types.SetType, directory: Directory) -> TypeSet | Refused:
    """A type for the register; the centre's act. A card that is in use is changed by a new version only."""
    if not is_centre(actor):
        return Refused(code="NOT_ALLOWED", parameters={"act": "type"})
    if any(holds_identity_number(text) for text in _texts(request)):
        return Refused(code="PERSON_TAG_MISSING")
    if request.card is not None:
        known = directory.cards.get((request.type, request.card.version))
        if known is not None and known != request.card:
            return Refused(code="VERSION_TAKEN", parameters={"version": request.card.version})
    return TypeSet(**request.model_dump())


def _texts(request: incident_types.SetType) -> list[str]:
    steps = [step.text for step in request.card.steps] if request.card else []
    words = [request.title, *request.questions, *steps]
    return [request.type, *(text for one in words for text in (one.nb, one.nn, one.en) if text)]
