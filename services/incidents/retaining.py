"""The rules of orders of retention and of holds: who may give, approve and end them. Pure."""

from typing import Any

from schemas import records
from schemas.authorisation import APPROVE_ERASURE, ERASE, is_centre
from schemas.envelope import Body, Refused, Request
from schemas.vocabulary import Role
from services.incidents import limits
from services.incidents.fold import Incident
from services.incidents.kept_fold import Order
from services.incidents.limits import Case
from services.incidents.verdict import Decided, Verdict

LEADS_TO: dict[type[Request], type[Body]] = {
    records.OrderRetention: records.RetentionOrdered,
    records.OrderDeliveryTerm: records.DeliveryTermOrdered,
    records.AdoptRetention: records.RetentionAdopted,
    records.ApproveRetention: records.RetentionApproved,
    records.EndRetention: records.RetentionEnded,
    records.PlaceHold: records.HoldPlaced,
    records.LiftHold: records.HoldLifted,
}


def order_retention(case: Case[records.OrderRetention]) -> Verdict:
    """The archive owner of a watch or organisation orders how long words are kept; the centre proposes."""
    return _order(case, records.RetentionOrdered)


def order_delivery_term(case: Case[records.OrderDeliveryTerm]) -> Verdict:
    """The same for the records of who was sent what."""
    return _order(case, records.DeliveryTermOrdered)


def adopt_retention(case: Case[records.AdoptRetention]) -> Verdict:
    """An archive owner takes on what the centre file proposed: a file is nobody who could answer for it."""
    found = _ordered(case, ERASE, "retention_adopt")
    if isinstance(found, Refused):
        return found
    part, order = found
    return Refused(code="SAME_STATE") if order.by else Decided(part, records.RetentionAdopted())


def approve_retention(case: Case[records.ApproveRetention]) -> Verdict:
    """Another person than the one who ordered approves."""
    found = _ordered(case, APPROVE_ERASURE, "retention_approve")
    if isinstance(found, Refused):
        return found
    part, order = found
    if not order.by:
        return Refused(code="ORDER_PROPOSED")
    if order.by == case.actor.person:
        return Refused(code="SECOND_PERSON_NEEDED")
    if order.approved_by is not None:
        return Refused(code="SAME_STATE")
    return Decided(part, records.RetentionApproved())


def end_retention(case: Case[records.EndRetention]) -> Verdict:
    """One person is enough to erase less."""
    found = _ordered(case, APPROVE_ERASURE, "retention_end")
    return found if isinstance(found, Refused) else Decided(found[0], records.RetentionEnded())


def place_hold(case: Case[records.PlaceHold]) -> Verdict:
    """Whoever may approve an erasure may stop all of an incident."""
    part = _held_part(case, "hold")
    if isinstance(part, Refused):
        return part
    refused = limits.codes(case.request.ground)
    if refused is not None:
        return refused
    if part.held is not None:
        return Refused(code="SAME_STATE")
    return Decided(part, records.HoldPlaced(ground=case.request.ground))


def lift_hold(case: Case[records.LiftHold]) -> Verdict:
    """The hold ends by a named person's act, never by itself."""
    part = _held_part(case, "hold_lift")
    if isinstance(part, Refused):
        return part
    return Refused(code="SAME_STATE") if part.held is None else Decided(part, records.HoldLifted())


def _order(case: Case[Any], fact: type[Body]) -> Verdict:
    request, part = case.request, case.log.part(case.actor.key)
    refused = _check_order(case) or limits.codes(request.law)
    if refused is not None:
        return refused
    if case.log.parts:
        return Refused(code="ID_TAKEN")
    return Decided(part, fact(**request.model_dump(exclude={"order"})))


def _check_order(case: Case[Any]) -> Refused | None:
    """The centre's authority proposes for its own organisation; a person orders by role."""
    where, act = case.request.where, "retention_order"
    if not is_centre(case.actor):
        return _check(case, where, ERASE, act)
    if "." in where and where not in case.directory.watches:
        return Refused(code="UNKNOWN_WATCH", parameters={"watch": where})
    is_own = where.partition(".")[0] == case.actor.organisation
    return None if is_own else Refused(code="NOT_ALLOWED", parameters={"act": act})


def _check(case: Case[Any], where: str, roles: tuple[Role, ...], act: str) -> Refused | None:
    """A watch's order takes a role over that watch, its organisation's one in the acting watch."""
    person, organisation = case.actor.person, where.partition(".")[0]
    if person is None:
        return Refused(code="PERSON_NEEDED", parameters={"act": act})
    if "." in where and where not in case.directory.watches:
        return Refused(code="UNKNOWN_WATCH", parameters={"watch": where})
    watch = where if "." in where else case.actor.key
    is_own = organisation == case.actor.organisation and not case.directory.hidden(case.actor.key)
    if (is_own or where == case.actor.key) and case.directory.has_role(person, watch, case.now, *roles):
        return None
    return Refused(code="NOT_ALLOWED", parameters={"act": act})


def _ordered(case: Case[Any], roles: tuple[Role, ...], act: str) -> tuple[Incident, Order] | Refused:
    found = ((part, part.order) for part in case.log.parts.values() if part.order is not None)
    part, order = next(found, (None, None))
    if part is None or order is None or part.controller != case.actor.organisation or order.is_ended:
        return Refused(code="UNKNOWN_ORDER")
    refused = _check(case, order.said.where, roles, act)
    if refused is not None:
        is_hidden = case.directory.hidden(order.said.where)
        return Refused(code="UNKNOWN_ORDER") if is_hidden else refused
    return part, order


def _held_part(case: Case[Any], act: str) -> Incident | Refused:
    if case.actor.person is None:
        return Refused(code="PERSON_NEEDED", parameters={"act": act})
    parts = limits.parts_under(case.log, case.actor, APPROVE_ERASURE, case.directory, case.now)
    found = next((part for part in parts if part.ref is not None), None)
    if found is not None:
        return found
    if limits.visible(case.log, case.actor.key, case.directory, case.now) is None:
        return Refused(code="UNKNOWN_INCIDENT")
    return Refused(code="NOT_ALLOWED", parameters={"act": act})
