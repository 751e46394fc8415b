"""The words that leave the hub by SMS and mail, and those of the phone page.

A message says mode, priority, type, reference and link, never what anybody wrote.
"""

from pathlib import Path

from schemas.vocabulary import DutyFunction, Priority
from services.words import shared
from services.words.catalogue import Catalogue

TEXTS = Catalogue(Path(__file__).parent / "locale", "notifications", shared.SHARED)
_ = TEXTS.say


def mode_word(mode: str) -> str:
    """ØVELSE in an exercise, else nothing."""
    return _("EXERCISE") if mode == "exercise" else ""


def priority_word(priority: Priority) -> str:
    """P1 to P3, with the word that people use."""
    return shared.priority_word(priority.value)


def function_word(function: DutyFunction) -> str:
    """What the person is told as."""
    return shared.word(function.value) or ""


def outcome_word(outcome: str) -> str:
    """How a chain ended, for one who did not end it."""
    if outcome == "acknowledged":
        return _("Acknowledged by somebody else")
    return (shared.word(outcome) or "").capitalize()


def type_word(sort: str) -> str:
    """What kind of incident it is."""
    return shared.word(sort) or ""


def subject(mode: str, priority: Priority, ref: str | None, repeated: bool) -> str:
    """The subject of a mail, also the first words of a message."""
    parts = [mode_word(mode), _("repeated") if repeated else "", _("Notification"), priority_word(priority)]
    head = " ".join(part for part in parts if part)
    return f"{head}, ref {ref}" if ref else head


def message(
    mode: str, priority: Priority, sort: str | None, ref: str | None, link: str, repeated: bool
) -> str:
    """The whole text of a message; ``sort`` is the incident's type, left out where it would tell too much."""
    head = subject(mode, priority, ref, repeated)
    return _(
        "{head}{sort}. Answer: {link}", head=head, sort=f", {type_word(sort)}" if sort else "", link=link
    )
