"""The words that people read for the codes of the hub."""

from collections.abc import Mapping
from types import MappingProxyType

from services.cli.texts import say

WORDS: Mapping[str, str] = MappingProxyType(
    {
        "new": "new",
        "acknowledged": "acknowledged",
        "assigned": "assigned",
        "in_progress": "in progress",
        "closed": "closed",
        "open": "waits for an answer",
        "not_sent": "no message has gone out yet",
        "nobody_reached": "nobody was reached",
        "critical": "critical",
        "high": "high",
        "normal": "normal",
        "info": "information only",
        "watch": "own watch",
        "organisation": "own organisation",
        "named": "named receivers",
        "region": "the region",
        "public": "everybody",
        "information": "information",
        "message_in": "message in",
        "message_out": "message out",
        "decision": "decision",
        "task": "task",
        "status": "status",
        "handover": "handover",
        "correction": "correction",
        "incident": "incident",
        "entry": "log entry",
        "state": "new state",
        "shared": "shared wider",
        "warning": "warning",
        "notice": "notice",
        "primary": "primary",
        "backup": "backup",
        "leader": "leader",
    }
)
"""Codes that the verbs show, and the English text that is translated."""


def word(code: str | None, lang: str) -> str | None:
    """The word for a code; the code itself when there is none, so that a newer hub is readable too."""
    return say(WORDS[code], lang) if code and code in WORDS else code
