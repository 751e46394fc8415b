"""The words that leave the hub by SMS and mail, and those of the phone page; bokmål is the source.

A message says mode, priority, type, reference and link, never what anybody wrote.
"""

import gettext
from pathlib import Path

from schemas.vocabulary import DutyFunction, Priority

LOCALE = Path(__file__).parent / "locale"
DOMAIN = "notifications"

_ = gettext.translation(DOMAIN, LOCALE, languages=["nb"], fallback=True).gettext


def mode_word(mode: str) -> str:
    """ØVELSE in an exercise, else nothing."""
    return _("ØVELSE") if mode == "exercise" else ""


def priority_word(priority: Priority) -> str:
    """P1 to P3, with the word that people use."""
    return {
        Priority.CRITICAL: _("P1 kritisk"),
        Priority.HIGH: _("P2 høy"),
        Priority.NORMAL: _("P3 normal"),
        Priority.INFO: _("Informasjon"),
    }[priority]


def function_word(function: DutyFunction) -> str:
    """What the person is told as."""
    return {
        DutyFunction.PRIMARY: _("vakthavende"),
        DutyFunction.BACKUP: _("bakvakt"),
        DutyFunction.LEADER: _("leder"),
    }[function]


def outcome_word(outcome: str) -> str:
    """How a chain ended, for one who did not end it."""
    return {"acknowledged": _("Kvittert av en annen"), "nobody_reached": _("Ingen nådd")}.get(
        outcome, outcome
    )


def subject(mode: str, priority: Priority, ref: str | None, repeated: bool) -> str:
    """The subject of a mail, also the first words of a message."""
    parts = [mode_word(mode), _("gjentatt") if repeated else "", _("Varsel"), priority_word(priority)]
    head = " ".join(part for part in parts if part)
    return f"{head}, ref {ref}" if ref else head


def message(
    mode: str, priority: Priority, sort: str | None, ref: str | None, link: str, repeated: bool
) -> str:
    """The whole text of a message; ``sort`` is the incident's type, left out where it would tell too much."""
    head = subject(mode, priority, ref, repeated)
    return _("{head}{sort}. Svar: {link}").format(head=head, sort=f", {sort}" if sort else "", link=link)
