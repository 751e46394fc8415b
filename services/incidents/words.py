"""The words of the papers about incidents."""

from collections.abc import Callable, Mapping

from services.runtime.paper.page import _
from services.words.languages import spoken
from services.words.shared import priority_word, word


def kind_word(kind: str) -> str:
    """What kind of entry it is, as the first word of a line."""
    return (word(kind) or "").capitalize()


def outcome_word(outcome: str) -> str:
    """How telling somebody ended, or what it waits for."""
    return _("NOBODY REACHED – call") if outcome == "nobody_reached" else word(outcome) or ""


def type_word(code: str, title: Mapping[str, str | None] | None) -> str:
    """What the register calls a type, else the shipped word for its code."""
    known = (title or {}).get(spoken()) or (title or {}).get("nb")
    return known or word(code) or code


PRINTED: Mapping[str, Callable[..., str | None]] = {
    "priority_word": priority_word,
    "word": word,
    "kind_word": kind_word,
    "type_word": type_word,
    "outcome_word": outcome_word,
}
"""What the templates call."""
