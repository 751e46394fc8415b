"""What must hold in an exercise file before anything is played: every name leads somewhere, time runs on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from schemas import register
from schemas.centre_check import Found
from schemas.exercise_parts import ON_INCIDENT, SENT, Event
from schemas.vocabulary import Role

if TYPE_CHECKING:
    from schemas.centre import Centre
    from schemas.exercise_file import Exercise


def problems(exercise: Exercise, centre: Centre, folder: Path) -> Found:
    """Every problem in the file, in the order of the checks."""
    yield from _order(exercise)
    for index, event in enumerate(exercise.events):
        yield from _act(event, index, folder)
        yield from _sender(event, index, centre)
        yield from _names(event, index, centre)
        yield from _answers(event, index)
    yield from _incidents(exercise)
    yield from _markers(exercise, centre)
    yield from _reports(exercise, centre)


def person_for(event: Event, centre: Centre) -> str | None:
    """The key of the person who acts for the sender: as named, else primary then, else an operator."""
    if event.person is not None:
        return event.person
    watch = centre.watch(event.sender or "")
    if watch is None:
        return None
    for manning in reversed(centre.manning):
        is_then = manning.since <= event.at and (manning.until is None or event.at < manning.until)
        if manning.watch == watch.key and is_then:
            return manning.primary
    return next(_operators(centre, watch.key), None)


def _operators(centre: Centre, watch: str) -> Iterator[str]:
    where = (watch, watch.partition(".")[0])
    for role in centre.roles:
        if role.where in where and role.role in (Role.OPERATOR, Role.LEADER):
            yield from role.persons


def _order(exercise: Exercise) -> Found:
    about, seen = exercise.exercise, set[str]()
    if about.ends <= about.starts:
        yield "ENDS_BEFORE_START", ("exercise", "ends"), "it ends before it begins"
    last = about.starts
    for index, event in enumerate(exercise.events):
        if event.no in seen:
            yield "STANDS_TWICE", ("events", index, "no"), f"{event.no} stands twice"
        seen.add(event.no)
        if event.at < last:
            yield "TIME_GOES_BACK", ("events", index, "at"), f"{event.no} comes before the event above it"
        if event.at > about.ends:
            yield "AFTER_THE_END", ("events", index, "at"), f"{event.no} comes after the exercise has ended"
        last = max(last, event.at)


def _act(event: Event, index: int, folder: Path) -> Found:
    if not event.acts and event.needs is None and not (event.gaps or event.overdue):
        yield "NOTHING_TO_DO", ("events", index, "no"), f"{event.no} has no act, and says not what it needs"
    if len(event.acts) > 1:
        named = " and ".join(name for name, _ in event.acts)
        yield "SEVERAL_ACTS", ("events", index, event.acts[1][0]), f"{event.no} has several acts: {named}"
    if event.cut is not None and event.cut.until <= event.at:
        yield "ENDS_BEFORE_START", ("events", index, "cut", "until"), "it ends before it begins"
    if event.intake is not None:
        place = ("events", index, "intake")
        if (event.intake.file is None) == (event.intake.message is None):
            yield "FILE_OR_MESSAGE", place, "an intake has a file or a message, and one of them only"
        if event.intake.file is not None and not (folder / event.intake.file).is_file():
            yield "NO_FILE", (*place, "file"), f"there is no file {event.intake.file}"


def _sender(event: Event, index: int, centre: Centre) -> Found:
    place = ("events", index, "sender")
    watch = centre.watch(event.sender) if event.sender is not None else None
    if event.sender is not None and watch is None:
        yield "UNKNOWN_WATCH", place, f"there is no watch {event.sender}"
    if event.act is None or event.act[0] not in SENT:
        return
    if event.sender is None:
        yield "SENDER_MISSING", ("events", index, "no"), f"{event.no} has an act and no sender"
    elif watch is not None:
        person = person_for(event, centre)
        if person is None:
            yield "NOBODY_THERE", place, f"nobody may act for {event.sender}"
        elif centre.person(person) is None:
            yield "UNKNOWN_PERSON", ("events", index, "person"), f"there is no person {person}"
    if event.man is not None and centre.person(event.man.person) is None:
        yield "UNKNOWN_PERSON", ("events", index, "man", "person"), f"there is no person {event.man.person}"


def _names(event: Event, index: int, centre: Centre) -> Found:
    """Watches and organisations that the centre does not have, and municipalities that nobody has."""
    for field in ("gaps", "delivered", "not_delivered", "seen_by", "not_seen_by"):
        yield from _known(centre, ("events", index, field), getattr(event, field))
    for section in ("answers", "escalates"):
        yield from _known(centre, ("events", index, section), [one.watch for one in getattr(event, section)])
    if event.act is None:
        return
    name, body = event.act
    place = ("events", index, name)
    for field in ("named", "notify", "asks"):
        yield from _known(centre, (*place, field), getattr(body, field, ()))
    for field in ("organisation", "watch", "assignee"):
        wanted = getattr(body, field, None)
        yield from _known(centre, (*place, field), [wanted] if wanted else [])
    for number in getattr(body, "municipalities", ()):
        if register.successors(number) != (number,):
            yield "UNKNOWN_MUNICIPALITY", (*place, "municipalities"), f"{number} is no municipality number"


def _known(centre: Centre, place: tuple[int | str, ...], names: Iterable[str]) -> Found:
    for name in names:
        if "." in name and not any(watch.key == name for watch in centre.watches):
            yield "UNKNOWN_WATCH", place, f"there is no watch {name}"
        elif "." not in name and centre.organisation(name) is None:
            yield "UNKNOWN_ORGANISATION", place, f"there is no organisation {name}"


def _answers(event: Event, index: int) -> Found:
    told = {*event.notified, *event.gaps, *event.overdue}
    for section in ("answers", "escalates"):
        seen: set[str] = set()
        for one in getattr(event, section):
            if one.watch not in told:
                yield "NOT_TOLD", ("events", index, section), f"{event.no} does not tell {one.watch}"
            if one.watch in seen:
                yield "STANDS_TWICE", ("events", index, section), f"{one.watch} stands twice"
            seen.add(one.watch)


def _incidents(exercise: Exercise) -> Found:
    """Letters and labels: given once, and before anything refers to them."""
    letters: set[str] = set()
    labels: dict[str, str] = {}
    for index, event in enumerate(exercise.events):
        if event.act is None or event.act[0] not in ON_INCIDENT:
            continue
        yield from _letter(event, index, letters)
        yield from _label(event, index, labels)
        if event.open is not None and event.incident is not None:
            letters.add(event.incident)
        if event.entry is not None and event.entry.label is not None:
            labels[event.entry.label] = event.incident or ""


def _reports(exercise: Exercise, centre: Centre) -> Found:
    """Templates and persons that the centre has, and wheels that were begun before."""
    wheels: set[str] = set()
    templates = {report.code for report in centre.reports}
    for index, event in enumerate(exercise.events):
        place = ("events", index)
        if event.wheel is not None:
            yield from _known(centre, (*place, "wheel", "reporters"), event.wheel.reporters)
            yield from _known(centre, (*place, "wheel", "receiver"), [event.wheel.receiver])
            wheels.add(event.wheel.label)
        told = [one.wheel for one in (event.nothing, event.deadline) if one is not None]
        for label in (label for label in told if label not in wheels):
            yield "UNKNOWN_LABEL", (*place, "no"), f"no wheel {label} is begun before {event.no}"
        yield from _known(centre, (*place, "deadline"), event.overdue)
        if event.report is not None and event.report.template not in templates:
            yield "UNKNOWN_TEMPLATE", (*place, "report", "template"), f"no template {event.report.template}"
        for key in event.report.approvers if event.report else ():
            if centre.person(key) is None:
                yield "UNKNOWN_PERSON", (*place, "report", "approvers"), f"there is no person {key}"


def _letter(event: Event, index: int, opened: set[str]) -> Found:
    place, letter = ("events", index, "incident"), event.incident
    if letter is None:
        yield "LETTER_MISSING", ("events", index, "no"), f"{event.no} does not say which incident it is about"
    elif event.open is not None and letter in opened:
        yield "STANDS_TWICE", place, f"incident {letter} is opened twice"
    elif event.open is None and letter not in opened:
        yield "NOT_OPENED", place, f"incident {letter} is not opened before {event.no}"


def _label(event: Event, index: int, labels: dict[str, str]) -> Found:
    for name in ("correct", "share", "done", "respond"):
        body = getattr(event, name)
        wanted = body.entry if body else None
        if wanted is not None and labels.get(wanted) != event.incident:
            reason = f"incident {event.incident} has no entry {wanted} before {event.no}"
            yield "UNKNOWN_LABEL", ("events", index, name, "entry"), reason
    if event.entry is not None and event.entry.label in labels:
        place = ("events", index, "entry", "label")
        yield "STANDS_TWICE", place, f"{event.entry.label} stands twice"


def _markers(exercise: Exercise, centre: Centre) -> Found:
    events, seen = {event.no: event for event in exercise.events}, set[str]()
    for index, marker in enumerate(exercise.markers):
        if marker.id in seen:
            yield "STANDS_TWICE", ("markers", index, "id"), f"{marker.id} stands twice"
        seen.add(marker.id)
        event = events.get(marker.event)
        if event is None:
            yield "UNKNOWN_EVENT", ("markers", index, "event"), f"there is no event {marker.event}"
        elif not any(marker.text in str(value) for value in _written(event)):
            place = ("markers", index, "text")
            yield "NOT_PLANTED", place, f"{marker.id} does not stand in event {marker.event}"
        yield from _known(centre, ("markers", index, "stays_in"), marker.stays_in)


def _written(event: Event) -> Iterator[object]:
    content = getattr(event.act[1], "content", None) if event.act else None
    if content is not None:
        yield from content.model_dump(exclude_none=True).values()
