"""The rules of what ends something in the log: a task, a request for resources, a step of an action card.

Pure, with ``now`` given. What ends something reaches as far as that does, so that whoever knows of it learns
how it ended; what an action card says is for the house of the incident and for who answers for it.
"""

from typing import Any

from schemas import entries, incidents
from schemas.envelope import Refused
from schemas.incident_types import Card
from schemas.vocabulary import EntryKind, Level
from services.incidents import limits
from services.incidents.fold import Incident, Item
from services.incidents.limits import Case
from services.incidents.verdict import Decided, Verdict


def close_task(case: Case[entries.CloseTask]) -> Verdict:
    """A task is done, once: its assignee, who wrote it and the owner of the log may say so."""
    found = limits.item_of(case, "done")
    if isinstance(found, Refused):
        return found
    part, item = found
    task = part.pending.tasks.get(item.id)
    if task is None or part.pending.is_struck(item.id):
        return Refused(code="NOT_A_TASK")
    actor = case.actor
    if task.assignee not in (actor.key, actor.person) and actor.key not in (item.author, part.owner):
        return Refused(code="NOT_ALLOWED", parameters={"act": "done"})
    if part.pending.closed_by(item.id) is not None:
        return Refused(code="ALREADY_DONE")
    return _ending(case, part, item, kind=EntryKind.STATUS, closes=item.id)


def answer_request(case: Case[entries.AnswerRequest]) -> Verdict:
    """A watch that was asked answers, once, and who asked is told; who declines says why (event 28)."""
    found = limits.item_of(case, "answer")
    if isinstance(found, Refused):
        return found
    part, item = found
    asked, sender = part.pending.requests.get(item.id), case.actor.key
    if asked is None or part.pending.is_struck(item.id):
        return Refused(code="NOT_A_REQUEST")
    if sender not in asked:
        return Refused(code="NOT_ADDRESSED")
    if part.pending.answer_of(item.id, sender) is not None:
        return Refused(code="ALREADY_ANSWERED")
    answer = case.request.answer
    if answer == "decline" and not limits.has_words(case.content):
        return Refused(code="CONTENT_NEEDED")
    is_other = item.author != sender and item.author in case.directory.watches
    notify = [item.author] if is_other else []
    told = {"answers": item.id, "answer": answer, "notify": notify}
    return _ending(case, part, item, kind=EntryKind.MESSAGE_IN, **told)


def tick_step(case: Case[entries.TickStep]) -> Verdict:
    """A step of the bound version of the action card is done; a tick is taken back by striking its entry."""
    refused = limits.acting(case, "tick")
    if refused is not None:
        return refused
    incident = limits.of_head(case)
    if incident is None:
        return Refused(code="UNKNOWN_INCIDENT")
    card, step = card_of(case, incident), case.request.step
    if card is None or step not in [one.code for one in card.steps]:
        return Refused(code="UNKNOWN_STEP")
    if incident.pending.ticked_by(step) is not None:
        return Refused(code="ALREADY_DONE")
    head = incident.items[incident.head]
    refused = limits.wordable(case, incident, head)
    if refused is not None:
        return refused
    level = min(head.reach.level, Level.ORGANISATION, key=lambda level: level.rank)
    body = _entry(incident, level, head, kind=EntryKind.STATUS, step=step)
    return Decided(incident, body, case.content, level)


def card_of(case: Case[Any], incident: Incident) -> Card | None:
    """The action card of the incident, for its own house and the watch that answers for it."""
    sender = case.actor
    if incident.card is None or not (
        sender.organisation == incident.controller or sender.key == incident.responsible
    ):
        return None
    return case.directory.cards.get((incident.type, incident.card))


def _ending(case: Case[Any], part: Incident, item: Item, **told: Any) -> Verdict:
    refused = limits.wordable(case, part, item)
    if refused is not None:
        return refused
    return Decided(part, _entry(part, item.reach.level, item, **told), case.content, item.reach.level)


def _entry(part: Incident, level: Level, item: Item, **told: Any) -> incidents.EntryAdded:
    """An entry beside ``item``; its author in another organisation has it too, also by feed."""
    named = limits.named_with_author(item, level) if level is item.reach.level else []
    return incidents.EntryAdded(
        incident=part.id, level=level, tags=list(item.tags), named=named, **{"notify": []} | told
    )
