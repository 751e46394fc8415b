"""What a viewer sees of tasks, requests for resources and the action card of an incident. Pure.

Each is made of entries that the viewer may see: one that ended by an entry out of sight stands open. Persons
are named to their own house, a hidden watch to itself and to who wrote to it (D13).
"""

from collections.abc import Callable
from typing import Any

from schemas.incident_types import Card, TypeSet
from schemas.incidents import EntryAdded
from services.incidents.fold import Incident, Item
from services.incidents.viewer import Viewer

Entry = dict[str, Any]


def tasks_of(part: Incident, viewer: Viewer) -> list[Entry]:
    """The tasks, in the order in which they were written; ``done_by`` is the entry that closed one."""
    return [
        {
            "entry": task.entry,
            "assignee": _assignee(task.assignee, item, viewer),
            "due": task.due.isoformat() if task.due else None,
            "done_by": part.pending.closed_by(task.entry, _seen(part, viewer)),
        }
        for task in part.pending.tasks.values()
        if (item := _standing(part, task.entry, viewer)) is not None
    ]


def requests_of(part: Incident, viewer: Viewer) -> list[Entry]:
    """The requests for resources, with what each watch that was asked has answered."""
    found = []
    for entry, asked in part.pending.requests.items():
        item = _standing(part, entry, viewer)
        if item is not None:
            told = [watch for watch in asked if _names(watch, item, viewer)]
            answers = [_answer(part, entry, watch, viewer) for watch in told]
            is_open = any(one["answer"] is None for one in answers)
            found.append({"entry": entry, "open": is_open, "asked": answers})
    return found


def card_of(incident: Incident, viewer: Viewer) -> Entry | None:
    """The action card as it was at the opening, with its ticks; for the house and who answers for it."""
    if incident.card is None or not (
        viewer.is_house_of(incident.owner) or viewer.watch == incident.responsible
    ):
        return None
    card: Card | None = viewer.directory.cards.get((incident.type, incident.card))
    if card is None:
        return None
    seen, ticked_by = _seen(incident, viewer), incident.pending.ticked_by
    steps = [
        {"code": step.code, "text": step.text.model_dump(), "done_by": ticked_by(step.code, seen)}
        for step in card.steps
    ]
    return {"version": card.version, "steps": steps}


def said_of(body: EntryAdded, item: Item, viewer: Viewer) -> Entry:
    """What an entry says besides its words, as the viewer may know it."""
    is_function = body.decider is not None and "-" not in body.decider
    return {
        "late": bool(body.late),
        "decider": body.decider if is_function or _is_house(item, viewer) else None,
        "assignee": None if body.assignee is None else _assignee(body.assignee, item, viewer),
        "due": None if body.due is None else body.due.isoformat(),
        "closes": body.closes,
        "asks": [watch for watch in body.asks or [] if _names(watch, item, viewer)],
        "answers": body.answers,
        "answer": body.answer,
        "step": body.step,
    }


def type_told(known: TypeSet, watch: str) -> Entry:
    """A type as a watch sees it: whom its own reports tell, not whom others' do."""
    told = known.model_dump(mode="json", exclude={"told", "used_by"})
    return told | {"notify": known.told_by(watch)}


def _answer(part: Incident, entry: str, watch: str, viewer: Viewer) -> Entry:
    given = part.pending.answer_of(entry, watch, _seen(part, viewer))
    return {"watch": watch, "answer": given and given.answer, "by": given and given.entry}


def _standing(part: Incident, entry: str, viewer: Viewer) -> Item | None:
    item = part.items.get(entry)
    return item if item and viewer.sees(item.reach) and not part.pending.is_struck(entry) else None


def _seen(part: Incident, viewer: Viewer) -> Callable[[str], bool]:
    return lambda entry: entry in part.items and viewer.sees(part.items[entry].reach)


def _assignee(assignee: str, item: Item, viewer: Viewer) -> str | None:
    named = _names(assignee, item, viewer) if "." in assignee else _is_house(item, viewer)
    return assignee if named else None


def _is_house(item: Item, viewer: Viewer) -> bool:
    """True if the viewer's house owns the log or wrote the entry: persons are named there."""
    return viewer.is_house_of(item.reach.owner) or viewer.is_house_of(item.author)


def _names(watch: str, item: Item, viewer: Viewer) -> bool:
    return viewer.watch in (watch, item.author) or not viewer.directory.hidden(watch)
