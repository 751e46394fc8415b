"""The rules of what ties incidents: parents, links, merges. Pure, with ``now`` given in the case.

A tie is one fact about two incidents. It lies in the log of the one that fewer may see, so that nothing in
the other's log tells of it; whoever may see both heads is shown it with both.
"""

from typing import Any

from schemas import relations
from schemas.envelope import Body, Refused, Request
from schemas.vocabulary import IncidentState
from services.incidents import limits
from services.incidents.fold import Incident
from services.incidents.limits import Case
from services.incidents.verdict import Decided, Verdict

LEADS_TO: dict[type[Request], type[Body]] = {
    relations.SetParent: relations.ParentSet,
    relations.LinkIncidents: relations.Linked,
    relations.UnlinkIncidents: relations.Unlinked,
    relations.MergeIncident: relations.Merged,
    relations.UnmergeIncident: relations.Unmerged,
}

_OTHER = {"where": "other"}


def is_repeated(request: Request, body: Body | None) -> bool:
    """True if a stored fact is what the request led to, so that it was only sent again."""
    return isinstance(body, LEADS_TO[type(request)])


def set_parent(case: Case[relations.SetParent]) -> Verdict:
    """An incident is put under another by who answers for one of them (scenario event 31)."""
    found = _both(case, "parent")
    if isinstance(found, Refused):
        return found if names_other(case.request) or found.parameters != _OTHER else _free(case)
    child, parent = found
    if case.actor.key not in (child.responsible, parent.responsible):
        return Refused(code="NOT_ALLOWED", parameters={"act": "parent"})
    body = relations.ParentSet(incident=child.id, owner=child.owner)
    if not names_other(case.request):
        return Decided(_home(case, child, parent), body)
    if case.relations.parents.get(child.id) == parent.id:
        return Refused(code="ALREADY_TIED")
    if child.id == parent.id:
        return Refused(code="TIED_TO_ITSELF")
    if _closes_ring(case, child.id, parent.id):
        return Refused(code="CIRCULAR_PARENTS")
    body = body.model_copy(update={"parent": parent.id, "parent_owner": parent.owner})
    return Decided(_home(case, child, parent), body)


def link(case: Case[relations.LinkIncidents]) -> Verdict:
    """Who sees both may say that they have to do with each other."""
    found = _both(case, "link")
    if isinstance(found, Refused):
        return found
    one, other = found
    if one.id == other.id:
        return Refused(code="TIED_TO_ITSELF")
    if case.relations.linked(one.id, other.id):
        return Refused(code="ALREADY_TIED")
    return Decided(_home(case, one, other), relations.Linked(**_named(one, other)))


def unlink(case: Case[relations.UnlinkIncidents]) -> Verdict:
    """Who sees both may say that they have nothing to do with each other after all."""
    found = _both(case, "unlink")
    if isinstance(found, Refused):
        return found
    one, other = found
    if not case.relations.linked(one.id, other.id):
        return Refused(code="NOT_TIED")
    return Decided(_home(case, one, other), relations.Unlinked(**_named(one, other)))


def merge(case: Case[relations.MergeIncident]) -> Verdict:
    """Who answers for a duplicate merges it into one that is open and that it sees.

    Nothing moves: each item keeps its place, its level and its readers. Who answers for what stays as it was.
    """
    double = limits.responsible(case, "merge")
    if isinstance(double, Refused):
        return double
    into = limits.head_seen(case.other, case)
    if into is None:
        return Refused(code="UNKNOWN_INCIDENT", parameters=_OTHER)
    if double.id == into.id:
        return Refused(code="TIED_TO_ITSELF")
    if double.merged is not None:
        return Refused(code="ALREADY_MERGED")
    if into.state is IncidentState.CLOSED:
        return Refused(code="ALREADY_CLOSED", parameters=_OTHER)
    if case.directory.hidden(into.owner) and into.owner != double.owner:
        return Refused(code="NOT_ALLOWED", parameters={"act": "merge"})
    return Decided(double, relations.Merged(**_named(double, into), former=double.state))


def unmerge(case: Case[relations.UnmergeIncident]) -> Verdict:
    """Who answers for the duplicate, or for what it was merged into, undoes it: it stands as before."""
    refused = limits.acting(case, "unmerge")
    if refused is not None:
        return refused
    double, into = limits.of_head(case), limits.head_seen(case.other, case)
    if double is None:
        return Refused(code="UNKNOWN_INCIDENT")
    if case.actor.key not in (double.responsible, None if into is None else into.responsible):
        return Refused(code="NOT_ALLOWED", parameters={"act": "unmerge"})
    if double.merged is None or case.other is None:
        return Refused(code="NOT_MERGED")
    owner = double.owner if case.other.opened is None else case.other.opened.owner
    body = relations.Unmerged(
        incident=double.id,
        owner=double.owner,
        other=double.merged,
        other_owner=owner,
        state=double.before_merge or IncidentState.NEW,
    )
    return Decided(double, body)


def names_other(request: Any) -> bool:
    """True if the command names a second incident."""
    return request.other is not None or request.other_ref is not None


def _both(case: Case[Any], act: str) -> tuple[Incident, Incident] | Refused:
    """Both incidents, if the sender sees both heads."""
    refused = limits.acting(case, act)
    if refused is not None:
        return refused
    one, other = limits.of_head(case), limits.head_seen(case.other, case)
    if one is None:
        return Refused(code="UNKNOWN_INCIDENT")
    return (one, other) if other is not None else Refused(code="UNKNOWN_INCIDENT", parameters=_OTHER)


def _free(case: Case[Any]) -> Refused:
    """Whether there is no parent, or one that the sender may not see, is answered alike."""
    incident = case.log.opened
    if incident is None or case.actor.key != incident.responsible:
        return Refused(code="NOT_ALLOWED", parameters={"act": "parent"})
    return Refused(code="NOT_TIED")


def _closes_ring(case: Case[Any], child: str, parent: str) -> bool:
    """True if the parent lies under the child, as far as the sender may see."""
    line = case.relations.ancestors(parent)
    return child in line and case.seen.issuperset(line[: line.index(child)])


def _named(one: Incident, other: Incident) -> dict[str, str]:
    return {"incident": one.id, "owner": one.owner, "other": other.id, "other_owner": other.owner}


def _home(case: Case[Any], one: Incident, other: Incident) -> Incident:
    """In whose log the tie lies: a hidden watch's before all, then the sender's own, then the first's."""
    for is_narrow in (case.directory.hidden, lambda owner: owner == case.actor.key):
        for incident in (one, other):
            if is_narrow(incident.owner):
                return incident
    return one
