"""Makes a command of each event, in the hub's own words. Pure."""

import base64
from dataclasses import dataclass, field
from typing import Any

from schemas import entries, incidents, warnings, watch
from schemas.canonical import digest
from schemas.envelope import Request
from schemas.exercise_file import Plan
from schemas.exercise_parts import Event
from schemas.identifiers import new_id

_ITEM = ("level", "tags", "named", "notify")


@dataclass(frozen=True, slots=True)
class Opened:
    """An incident that the exercise has opened; ``head`` is the fact of its opening."""

    id: str
    ref: str
    owner: str
    head: str


@dataclass(slots=True)
class Known:
    """What letters and labels of the file stand for in this run."""

    incidents: dict[str, Opened] = field(default_factory=dict)
    entries: dict[str, str] = field(default_factory=dict)


def command_of(plan: Plan, event: Event, known: Known) -> tuple[Request, dict[str, Any] | None]:
    """The request that a watch sends, and what it types. Raises KeyError for an incident never opened."""
    name, body = event.act or ("", None)
    content = getattr(body, "content", None)
    written = content.model_dump(mode="json", exclude_none=True) if content else {}
    return _MAKERS[name](plan, event, known, body), written or None


def _shared(body: Any) -> dict[str, Any]:
    return {name: getattr(body, name) for name in _ITEM}


def _ref(event: Event, known: Known) -> str:
    return known.incidents[event.incident or ""].ref


def _open(_plan: Plan, _event: Event, _known: Known, body: Any) -> Request:
    return incidents.OpenIncident(
        incident=new_id(),
        type=body.type,
        priority=body.priority,
        municipalities=body.municipalities,
        **_shared(body),
    )


def _entry(_plan: Plan, event: Event, known: Known, body: Any) -> Request:
    return incidents.AddEntry(
        ref=_ref(event, known),
        kind=body.kind,
        priority=body.priority,
        confirmed=body.confirmed,
        channel=body.channel,
        late=body.late,
        decider=body.decider,
        assignee=body.assignee,
        due=body.due,
        asks=body.asks or None,
        **_shared(body),
    )


def _done(_plan: Plan, event: Event, known: Known, body: Any) -> Request:
    return entries.CloseTask(ref=_ref(event, known), entry=known.entries[body.entry])


def _respond(_plan: Plan, event: Event, known: Known, body: Any) -> Request:
    entry = known.entries[body.entry]
    return entries.AnswerRequest(ref=_ref(event, known), entry=entry, answer=body.answer)


def _tick(_plan: Plan, event: Event, known: Known, body: Any) -> Request:
    return entries.TickStep(ref=_ref(event, known), step=body.step)


def _state(_plan: Plan, event: Event, known: Known, body: Any) -> Request:
    return incidents.ChangeState(ref=_ref(event, known), state=body.to)


def _close(_plan: Plan, event: Event, known: Known, _body: Any) -> Request:
    return incidents.CloseIncident(ref=_ref(event, known))


def _correct(_plan: Plan, event: Event, known: Known, body: Any) -> Request:
    entry = known.entries[body.entry]
    return incidents.CorrectEntry(ref=_ref(event, known), entry=entry, manner=body.manner)


def _share(_plan: Plan, event: Event, known: Known, body: Any) -> Request:
    entry = known.entries[body.entry] if body.entry else incidents.HEAD
    ref = _ref(event, known)
    return incidents.ShareWider(ref=ref, entry=entry, level=body.level, named=body.named, notify=body.notify)


def _intake(plan: Plan, event: Event, _known: Known, _body: Any) -> Request:
    raw = plan.message_of(event)
    return warnings.TakeIn(raw=base64.b64encode(raw).decode(), digest=digest(raw))


def _take(_plan: Plan, _event: Event, _known: Known, body: Any) -> Request:
    return watch.TakeOver(post=body.post, function=body.function)


def _release(_plan: Plan, _event: Event, _known: Known, body: Any) -> Request:
    return watch.Release(post=body.post, function=body.function)


def _man(plan: Plan, _event: Event, _known: Known, body: Any) -> Request:
    person = plan.centre.person(body.person)
    return watch.Man(
        watch=body.watch,
        post=body.post,
        function=body.function,
        person=person.id if person else body.person,
        since=body.since,
        until=body.until,
    )


_MAKERS = {
    "open": _open,
    "entry": _entry,
    "state": _state,
    "close": _close,
    "correct": _correct,
    "share": _share,
    "done": _done,
    "respond": _respond,
    "tick": _tick,
    "intake": _intake,
    "take": _take,
    "release": _release,
    "man": _man,
}
