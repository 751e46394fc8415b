"""The rules of who answers for an incident, who does what there, and where it is. Pure."""

from dataclasses import replace
from typing import Any

from schemas import incidents, relations
from schemas.envelope import Body, Refused, Request
from schemas.sharing import may_see
from schemas.vocabulary import Level
from services.incidents import limits, log
from services.incidents.fold import Incident
from services.incidents.limits import Case
from services.incidents.verdict import Decided, Verdict

LEADS_TO: dict[type[Request], type[Body]] = {
    relations.ChangePlace: relations.PlaceChanged,
    relations.AssignFunction: relations.FunctionAssigned,
    relations.EndFunction: relations.FunctionEnded,
    relations.AddReference: relations.Referenced,
    relations.AskTransfer: relations.TransferAsked,
    relations.AnswerTransfer: relations.TransferAnswered,
    relations.WithdrawTransfer: relations.TransferWithdrawn,
}
_WHERE = ("position", "area", "place")


def is_repeated(request: Any, body: Body | None) -> bool:
    """True if a stored fact is what the request led to, so that it was only sent again."""
    if not isinstance(body, LEADS_TO[type(request)]):
        return False
    if isinstance(body, relations.TransferAnswered):
        return bool(body.accepted is request.accept)
    said, done = request.model_dump(exclude={"incident", "ref"}), body.model_dump()
    return all(done.get(name) == value for name, value in said.items())


def change_place(case: Case[relations.ChangePlace]) -> Verdict:
    """The responsible watch says anew where the incident is; what was said before stays readable."""
    content = case.content or {}
    incident = _working(case, "place")
    if isinstance(incident, Refused):
        return incident
    if case.request.municipalities is None and not any(content.get(field) for field in _WHERE):
        return Refused(code="CONTENT_NEEDED")
    body = relations.PlaceChanged(municipalities=case.request.municipalities)
    return _with_head(case, incident, body)


def assign(case: Case[relations.AssignFunction]) -> Verdict:
    """A person, a watch or an outsider has a function from now on; an outsider's name is content."""
    request = case.request
    incident = _working(case, "assign")
    if isinstance(incident, Refused):
        return incident
    if request.watch is not None and request.watch not in case.directory.watches:
        return Refused(code="UNKNOWN_WATCH", parameters={"watch": request.watch})
    if request.person is None and request.watch is None and not (case.content or {}).get("text"):
        return Refused(code="CONTENT_NEEDED")
    refused = limits.codes(request.function)
    if refused is not None:
        return refused
    body = relations.FunctionAssigned(function=request.function, person=request.person, watch=request.watch)
    return _with_head(case, incident, body)


def end_function(case: Case[relations.EndFunction]) -> Verdict:
    """Somebody has a function no longer."""
    incident = _working(case, "unassign")
    if isinstance(incident, Refused):
        return incident
    found = incident.functions.get(case.request.assignment)
    if found is None or found.ended_by is not None:
        return Refused(code="UNKNOWN_ENTRY")
    return Decided(incident, relations.FunctionEnded(assignment=found.id))


def add_reference(case: Case[relations.AddReference]) -> Verdict:
    """A case number of another system, by anyone who may write in the log; it is an item of its own (R10)."""
    request = case.request
    refused = limits.acting(case, "reference")
    if refused is not None:
        return refused
    incident = limits.visible(case.log, case.actor.key, case.directory, case.now)
    if incident is None:
        return Refused(code="UNKNOWN_INCIDENT")
    if not (case.content or {}).get("reference"):
        return Refused(code="CONTENT_NEEDED")
    refused = limits.codes(request.system) or limits.writable(case, incident)
    if refused is not None:
        return refused
    said = request.model_dump(exclude={"incident", "ref"})
    return Decided(incident, relations.Referenced(**said), case.content, request.level, guarded=False)


def ask_transfer(case: Case[relations.AskTransfer]) -> Verdict:
    """The responsible watch asks another; until that accepts, it answers for the incident itself (D19)."""
    to = case.request.to
    incident = _working(case, "transfer")
    if isinstance(incident, Refused):
        return incident
    if to == incident.responsible:
        return Refused(code="SAME_STATE")
    if incident.transfer is not None:
        return Refused(code="TRANSFER_WAITS")
    head = incident.items[incident.head]
    if to not in case.directory.watches:
        return Refused(code="UNKNOWN_WATCH", parameters={"watch": to})
    if not may_see(head.reach, to, case.directory, case.now):
        return Refused(code="ADDRESSEE_CANNOT_SEE", parameters={"watch": to})
    return _with_head(case, incident, relations.TransferAsked(to=to, notify=[to]))


def share_first(case: Case[relations.AskTransfer]) -> Verdict | None:
    """The share by which the watch that is asked comes to see the head, within its caps; None if it does.

    Nothing of a hidden watch is shared by the way: any share opens to the house too, so it is its own act.
    """
    to, incident = case.request.to, limits.of_head(case)
    if incident is None or incident.responsible != case.actor.key or to not in case.directory.watches:
        return None
    head = incident.items[incident.head]
    if incident.transfer is not None or may_see(head.reach, to, case.directory, case.now):
        return None
    if case.directory.hidden(incident.owner):
        return None
    is_house = to.partition(".")[0] == incident.controller
    least = Level.ORGANISATION if is_house else Level.NAMED
    level = max(head.reach.level, least, key=lambda level: level.rank)
    named = [] if is_house else [to]
    request = incidents.ShareWider(incident=incident.id, level=level, named=named)
    return log.share_wider(replace(case, request=request))  # type: ignore[arg-type]


def answer_transfer(case: Case[relations.AnswerTransfer]) -> Verdict:
    """Only the watch that was asked answers; to decline it says why."""
    incident = _asked(case, "transfer_answer")
    if isinstance(incident, Refused):
        return incident
    transfer, is_taken = incident.transfer, case.request.accept
    if transfer is None or transfer.to != case.actor.key:
        return Refused(code="NO_TRANSFER")
    if not is_taken and not (case.content or {}).get("text"):
        return Refused(code="CONTENT_NEEDED")
    body = relations.TransferAnswered(
        asked=transfer.asked,
        accepted=is_taken,
        former=incident.responsible,
        responsible=case.actor.key if is_taken else incident.responsible,
        notify=[] if is_taken else [incident.responsible],
    )
    return _with_head(case, incident, body)


def withdraw_transfer(case: Case[relations.WithdrawTransfer]) -> Verdict:
    """Who asked asks no longer."""
    incident = _working(case, "transfer_withdraw")
    if isinstance(incident, Refused):
        return incident
    if incident.transfer is None:
        return Refused(code="NO_TRANSFER")
    return Decided(incident, relations.TransferWithdrawn(asked=incident.transfer.asked))


def _working(case: Case[Any], act: str) -> Incident | Refused:
    """The incident, if the sender's watch answers for it, and it stands for itself."""
    incident = limits.responsible(case, act)
    if isinstance(incident, Incident) and incident.merged is not None:
        return Refused(code="ALREADY_MERGED")
    return incident


def _asked(case: Case[Any], act: str) -> Incident | Refused:
    refused = limits.acting(case, act)
    if refused is not None:
        return refused
    return limits.of_head(case) or Refused(code="UNKNOWN_INCIDENT")


def _with_head(case: Case[Any], incident: Incident, body: Body) -> Verdict:
    """A fact whose words reach as far as the head does."""
    head = incident.items[incident.head]
    refused = limits.wordable(case, incident, head)
    return refused or Decided(incident, body, case.content, head.reach.level)
