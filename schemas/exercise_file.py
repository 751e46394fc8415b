"""The exercise file: what is played on a hub, in TOML or YAML, taken as a whole or refused as a whole."""

import re
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from schemas import centre, centre_text, exercise_check
from schemas.centre import Centre
from schemas.centre_text import CentreRefused, CentreText, Place, Problem
from schemas.envelope import Strict
from schemas.exercise_parts import About, Event, Marker

__all__ = ["Exercise", "Plan", "load"]

_SHAPES = {"missing": "FIELD_MISSING", "extra_forbidden": "FIELD_UNKNOWN"}


class Exercise(Strict):
    """Everything in an exercise file; events stand in the order of their times."""

    exercise: About
    events: list[Event]
    markers: list[Marker] = []


@dataclass(frozen=True, slots=True)
class Plan:
    """An exercise that can be played: its file, and the centre of those who take part."""

    path: Path
    exercise: Exercise
    centre: Centre

    def message_of(self, event: Event) -> bytes:
        """The official message that an event takes in; nothing when it takes in none."""
        intake = event.intake
        if intake is None or intake.message is not None:
            return (intake.message or "").encode() if intake else b""
        return (self.path.parent / (intake.file or "")).read_bytes()


def load(path: Path) -> Plan:
    """The exercise in a file ending in .toml, .yaml or .yml, with its centre.

    Raises CentreRefused with every problem found in the file, or else in the centre's.
    """
    text = centre_text.read(path)
    try:
        exercise = Exercise.model_validate_json(text.as_json())
    except ValidationError as error:
        raise CentreRefused(
            [
                _problem(text, _SHAPES.get(found["type"], "FIELD_BAD"), found["loc"], found["msg"])
                for found in error.errors()
            ]
        ) from None
    there = path.parent / exercise.exercise.centre
    if not there.is_file():
        place = ("exercise", "centre")
        raise CentreRefused(
            [_problem(text, "NO_FILE", place, f"there is no file {exercise.exercise.centre}")]
        )
    known = centre.load(there)
    found = [
        _problem(text, code, place, reason)
        for code, place, reason in exercise_check.problems(exercise, known, path.parent)
    ]
    if found:
        raise CentreRefused(found)
    return Plan(path, exercise, known)


def _problem(text: CentreText, code: str, place: Place, reason: str) -> Problem:
    return Problem(code, text.where(place), _line(text, place), reason)


def _line(text: CentreText, place: Place) -> int | None:
    """The line of the innermost field that can be found in its section's item."""
    index = next((part for part in place if isinstance(part, int)), 0)
    start = text.starts.get((str(place[0]), index)) if place else None
    if start is None:
        return None
    end = min((line for line in text.starts.values() if line > start), default=len(text.lines) + 1)
    for field in reversed([part for part in place[1:] if isinstance(part, str)]):
        key = re.compile(rf"[\s-]*(?:{re.escape(field)}\s*[=:]|\[+[a-z_.]*\.{re.escape(field)}\]+)")
        for number in range(start, end):
            if key.match(text.lines[number - 1]):
                return number
    return start
