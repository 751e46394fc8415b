"""The rules of the incident log: what a command leads to, or why it is refused. Pure, with ``now`` given."""

from collections.abc import Iterator
from typing import Any, Literal

from schemas import attachments, entries, incidents
from schemas.authorisation import APPROVE_ERASURE, ERASE
from schemas.envelope import Body, Refused, Request
from schemas.identifiers import derived_id
from schemas.sharing import Reach, content_class
from schemas.vocabulary import IncidentState
from services.incidents import defaults, limits, retaining
from services.incidents.fold import Incident, Item
from services.incidents.limits import Case
from services.incidents.verdict import Decided, Verdict

LEADS_TO: dict[type[Request], type[Body]] = {
    incidents.OpenIncident: incidents.Opened,
    incidents.AddEntry: incidents.EntryAdded,
    attachments.AttachFile: attachments.Attached,
    incidents.ChangeState: incidents.StateChanged,
    incidents.CloseIncident: incidents.StateChanged,
    incidents.CorrectEntry: incidents.Corrected,
    incidents.ShareWider: incidents.SharedWider,
    incidents.AskErasure: incidents.ErasureAsked,
    incidents.ApproveErasure: incidents.Erased,
    entries.CloseTask: incidents.EntryAdded,
    entries.AnswerRequest: incidents.EntryAdded,
    entries.TickStep: incidents.EntryAdded,
    **retaining.LEADS_TO,
}


def open_incident(case: Case[incidents.OpenIncident], ref: str) -> Verdict:
    """An incident is born in its sender's watch. Entries may have come before it; another opening may not."""
    request, part = case.request, case.log.part(case.actor.key)
    refused = limits.reporting(case) or limits.codes(request.type) or limits.writable(case, part)
    if refused is not None:
        return refused
    if case.log.opened is not None:
        return Refused(code="ID_TAKEN")
    said = request.model_dump(exclude={"incident"}) | defaults.filled(case)
    body = incidents.Opened(ref=ref, **said)
    return Decided(part, body, case.content, request.level)


def add_entry(case: Case[incidents.AddEntry]) -> Verdict:
    """A line in the log whatever the incident's state (D4).

    Unattached in the sender's own watch if it sees no such incident; whether there is one changes nothing.
    """
    request = case.request
    seen = limits.visible(case.log, case.actor.key, case.directory, case.now)
    part = seen or case.log.part(case.actor.key)
    refused = (
        limits.reporting(case)
        or limits.entry_form(case)
        or limits.codes(request.channel, request.decider, request.assignee)
        or limits.writable(case, part)
    )
    if refused is not None:
        return refused
    said = request.model_dump(exclude={"incident", "ref"}) | limits.filled(case)
    body = incidents.EntryAdded(incident=case.log.id, mark=_mark(seen), **said)
    return Decided(part, body, case.content, request.level, guarded=False)


def change_state(case: Case[incidents.ChangeState]) -> Verdict:
    """The responsible watch moves its incident; nothing becomes new again."""
    incident = limits.responsible(case, "state")
    if isinstance(incident, Refused):
        return incident
    if incident.merged is not None:
        return Refused(code="ALREADY_MERGED")
    if case.request.state is incident.state:
        return Refused(code="SAME_STATE")
    if case.request.state is IncidentState.NEW:
        return Refused(code="NOT_ALLOWED", parameters={"act": "state.new"})
    return Decided(incident, incidents.StateChanged(state=case.request.state, former=incident.state))


def close_incident(case: Case[incidents.CloseIncident]) -> Verdict:
    """The responsible watch closes its incident; the words reach as far as the head does."""
    incident = limits.responsible(case, "close")
    if isinstance(incident, Refused):
        return incident
    if incident.state is IncidentState.CLOSED:
        return Refused(code="ALREADY_CLOSED")
    head = incident.items[incident.head]
    refused = limits.wordable(case, incident, head)
    if refused is not None:
        return refused
    body = incidents.StateChanged(state=IncidentState.CLOSED, former=incident.state)
    return Decided(incident, body, case.content, head.reach.level)


def correct_entry(case: Case[incidents.CorrectEntry]) -> Verdict:
    """Its author, or the owner of the log, strikes or replaces an item; its holders get the correction."""
    found = limits.item_of(case, "correct")
    if isinstance(found, Refused):
        return found
    part, item = found
    if case.actor.key not in (item.author, part.owner):
        return Refused(code="NOT_ALLOWED", parameters={"act": "correct"})
    if item.corrected_by is not None:
        return Refused(code="ALREADY_CORRECTED")
    if item.id in part.pending.strikes:
        return Refused(code="STRIKE_STANDS")
    if case.request.manner == "replace" and not limits.has_words(case.content):
        return Refused(code="CONTENT_NEEDED")
    refused = limits.wordable(case, part, item)
    if refused is not None:
        return refused
    body = incidents.Corrected(
        entry=item.id,
        manner=case.request.manner,
        level=item.reach.level,
        tags=list(item.tags),
        named=limits.named_with_author(item, item.reach.level),
        notify=list(item.notify),
    )
    return Decided(part, body, case.content, item.reach.level)


def share_wider(case: Case[incidents.ShareWider]) -> Verdict:
    """A named person raises an item's level, within what its tags allow; former receivers stay (R8, R9)."""
    found = limits.item_of(case, "share")
    if isinstance(found, Refused):
        return found
    part, item = found
    refused = limits.raisable(case, part, item)
    if refused is not None:
        return refused
    named = tuple(dict.fromkeys((*item.reach.named, *case.request.named)))
    return _raise(part, item, Reach(part.owner, case.request.level, named), case.request.notify)


def raise_followers(part: Incident, entry: str) -> Iterator[tuple[int, Decided]]:
    """What corrects or ends an item is raised to where that is now, so that nobody holds the old word alone.

    With the head goes the newest word about where the incident is. Each with its place in the row, from 1 on:
    the corrections first, in the order in which they were made.
    """
    item = part.item(entry)
    if item is None:
        return
    for number, follower in enumerate(_followers(part, item), 1):
        if follower.reach.level < item.reach.level or not set(item.reach.named) <= set(follower.reach.named):
            yield number, _raise(part, follower, item.reach, [], guarded=False)


def _followers(part: Incident, item: Item) -> Iterator[Item]:
    correction = item
    while correction.corrected_by is not None:
        correction = part.items[correction.corrected_by]
        yield correction
    for ending in part.pending.endings_of(item.id):
        yield part.items[ending]
    place = part.items.get(part.places[-1]) if part.places and item.kind == "head" else None
    if place is not None:
        yield place


def ask_erasure(case: Case[incidents.AskErasure]) -> Verdict:
    """The archive owner asks, on a ground in law; nothing is erased yet (D16)."""
    found = limits.erasable(case, "erase_ask", ERASE)
    if isinstance(found, Refused):
        return found
    part, item = found
    refused = limits.codes(case.request.ground, case.request.law)
    if refused is not None:
        return refused
    body = incidents.ErasureAsked(fact=item.id, ground=case.request.ground, law=case.request.law)
    return Decided(part, body)


def approve_erasure(case: Case[incidents.ApproveErasure]) -> Verdict:
    """Another person than the one who asked approves; this is the fact that erases."""
    found = limits.erasable(case, "erase_approve", APPROVE_ERASURE)
    if isinstance(found, Refused):
        return found
    part, item = found
    if item.asked is None:
        return Refused(code="NOT_ASKED")
    if item.asked.person == case.actor.person:
        return Refused(code="SECOND_PERSON_NEEDED")
    asked = item.asked
    body = incidents.Erased(fact=item.id, ground=asked.ground, law=asked.law, asked_by=asked.person)
    return Decided(part, body)


def is_repeated(request: Any, body: Body | None, part: Incident) -> bool:
    """True if a stored fact is what the request led to, so that it was only sent again."""
    if not isinstance(body, LEADS_TO[type(request)]):
        return False
    if isinstance(request, incidents.CloseIncident):
        return body.model_dump()["state"] is IncidentState.CLOSED
    said, done = request.model_dump(exclude={"ref", "entry", "notify"}), body.model_dump()
    if not set(getattr(request, "notify", None) or ()) <= set(done.get("notify", ())):
        return False
    if isinstance(request, incidents.ShareWider):
        done["named"] = [name for name in done["named"] if name in request.named]
    if any(done.get(name, value) != value for name, value in said.items() if value is not None):
        return False
    entry = getattr(request, "entry", None)
    item = part.item(entry) if entry else None
    return entry is None or (item is not None and _target(body) in (item.id, entry))


def unattached_id(sender: str, ref: str) -> str:
    """Under which id a watch's entries to a ref lie that it cannot see: its own, telling nothing."""
    return derived_id("unattached", sender, ref)


def _target(body: Body) -> str | None:
    names = ("entry", "fact", "closes", "answers")
    return next((found for name in names if (found := getattr(body, name, None))), None)


def _raise(part: Incident, item: Item, reach: Reach, notify: list[str], *, guarded: bool = True) -> Decided:
    is_copied = content_class(reach.level) is not content_class(item.reach.level)
    body = incidents.SharedWider(
        entry=incidents.HEAD if item.kind == "head" else item.id,
        level=reach.level,
        named=list(reach.named),
        notify=notify,
        commitment=None if item.erased else item.commitment,
    )
    copies = item.id if is_copied and body.commitment is not None else None
    return Decided(part, body, guarded=guarded, copies=copies)


def _mark(seen: Incident | None) -> Literal["closed", "unattached"] | None:
    if seen is None:
        return "unattached"
    return "closed" if seen.state is IncidentState.CLOSED and seen.merged is None else None
