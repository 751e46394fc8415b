"""The words of the papers about incidents; bokmål is the source."""

from collections.abc import Mapping
from typing import Any

from services.runtime.paper.page import _

_PRIORITIES = {
    "critical": _("P1 kritisk"),
    "high": _("P2 høy"),
    "normal": _("P3 normal"),
    "info": _("Informasjon"),
}
_STATES = {
    "new": _("ikke kvittert"),
    "acknowledged": _("kvittert"),
    "assigned": _("tildelt"),
    "in_progress": _("under arbeid"),
    "closed": _("avsluttet"),
}
_KINDS = {
    "information": _("Opplysning"),
    "message_in": _("Melding inn"),
    "message_out": _("Melding ut"),
    "decision": _("Beslutning"),
    "task": _("Oppgave"),
    "status": _("Status"),
    "handover": _("Vaktskifte"),
    "correction": _("Retting"),
} | _STATES
_OUTCOMES = {
    "open": _("venter på svar"),
    "not_sent": _("ingen melding er gått ut ennå"),
    "acknowledged": _("kvittert"),
    "nobody_reached": _("INGEN NÅDD – ring"),
}


def _word_in(words: Mapping[str, str]) -> Any:
    """The word for a code; the code itself when there is none, so that a newer hub is readable too."""
    return lambda code: words.get(code, code)


PRINTED: Mapping[str, Any] = {
    "priority_word": _word_in(_PRIORITIES),
    "state_word": _word_in(_STATES),
    "kind_word": _word_in(_KINDS),
    "outcome_word": _word_in(_OUTCOMES),
}
"""What the templates call."""
