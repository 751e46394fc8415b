"""Situation reports and deadlines in a playing: who writes, approves, and is told when one is due."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC
from typing import TYPE_CHECKING

from schemas.envelope import Accepted, Answer, Request
from schemas.exercise_parts import Event
from schemas.identifiers import derived_id, new_id
from schemas.notifications import Step, chain_id
from schemas.reports import (
    ApproveReport,
    BeginWheel,
    DeadlineMissed,
    DeadlineReminded,
    DraftReport,
    NothingToReport,
    ReportEntry,
    SubmitReport,
    deadline_id,
)
from schemas.vocabulary import DutyFunction, Mode
from services.cli.player.tellings import SILENT, Telling, answers_of

if TYPE_CHECKING:
    from services.cli.player.play import Player

REMINDED = [Step(after_s=0, function=DutyFunction.PRIMARY)]
MISSED = [Step(after_s=0, function=one) for one in (DutyFunction.PRIMARY, DutyFunction.LEADER)]


@dataclass(frozen=True, slots=True)
class Begun:
    """A wheel that the exercise has begun, and the watch whose it is."""

    id: str
    owner: str


@dataclass(slots=True)
class Reports:
    """What the labels of reports and wheels stand for in this run."""

    wheels: dict[str, Begun] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)


async def send(player: Player, event: Event) -> Answer:
    """Do what an event says of reports or deadlines; the last answer. Raises KeyError for unknown labels."""
    watch, person = player.sender(event)
    if event.report is not None:
        return await _report(player, event, watch, person)
    request = _wheel(player, event) if event.wheel is not None else _nothing(player, event)
    answer = await player.hub.send(watch, person, request, None, event.at)
    if isinstance(answer, Accepted) and event.wheel is not None:
        player.reports.wheels[event.wheel.label] = Begun(answer.subject, watch)
    return answer


async def _report(player: Player, event: Event, watch: str, person: str) -> Answer:
    """Write it, hand it on, and let each approver approve it; a refusal on the way is the answer."""
    said = event.report
    if said is None:
        raise KeyError(event.no)
    report = player.reports.labels.setdefault(said.label or event.no, new_id())
    incident = player.known.incidents[event.incident].id if said.quotes and event.incident else ""
    entries = [
        ReportEntry(field=code, incident=incident, entry=player.known.entries[label])
        for code, labels in said.quotes.items()
        for label in labels
    ]
    request: Request = DraftReport(report=report, template=said.template, entries=entries)
    content = {"headline": said.headline, "words": said.words}
    content = {key: value for key, value in content.items() if value}
    answer = await player.hub.send(watch, person, request, content or None, event.occurred_at or event.at)
    if isinstance(answer, Accepted):
        answer = await player.hub.send(watch, person, SubmitReport(report=report), None, event.at)
    for key in said.approvers:
        known = player.plan.centre.person(key)
        if not isinstance(answer, Accepted) or known is None:
            return answer
        approval = ApproveReport(report=report, digest=answer.result["digest"])
        answer = await player.hub.send(watch, known.id, approval, None, event.at)
    return answer


def _wheel(player: Player, event: Event) -> Request:
    asked = event.wheel
    if asked is None:
        raise KeyError(event.no)
    opened = player.known.incidents.get(event.incident or "")
    fields = {name: getattr(asked, name) for name in type(asked).model_fields if name != "label"}
    return BeginWheel(wheel=new_id(), incident=opened.id if opened else None, **fields)


def _nothing(player: Player, event: Event) -> Request:
    if event.nothing is None:
        raise KeyError(event.no)
    return NothingToReport(wheel=player.reports.wheels[event.nothing.wheel].id)


def tellings(player: Player, event: Event, index: int) -> Iterator[Telling]:
    """The chains that a deadline starts: a reminder, or that it was missed."""
    said = event.deadline
    begun = player.reports.wheels.get(said.wheel) if said else None
    if said is None or begun is None:
        return
    after_s = player.plan.exercise.exercise.acknowledge_after_s
    due = said.due.astimezone(UTC).isoformat()
    for place, watch in enumerate(event.overdue):
        is_reminder = watch in said.reminds
        fact = DeadlineReminded if is_reminder else DeadlineMissed
        deadline = deadline_id(begun.id, watch, due)
        cause = derived_id(fact.name, Mode.EXERCISE, f"{begun.owner}.{begun.id}", deadline)
        answers = answers_of(event, watch, "primary")
        steps = REMINDED if is_reminder else MISSED
        telling = Telling(event, (index, place), watch, answers, steps, answers.after_s or after_s)
        telling.chain, telling.incident = chain_id(cause, watch), begun.id
        if answers.act == "silent":
            telling.state = SILENT
        yield telling
