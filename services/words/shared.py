"""The words that people read for the codes of the hub, and the catalogue that all rooms share."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from services.words.catalogue import Catalogue

SHARED = Catalogue(Path(__file__).parent / "locale", "words")
say = SHARED.say

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
        "strike": "struck",
        "replace": "replaced",
        "transfer_asked": "asks you to take over",
        "transfer_answered": "has declined to take over",
        "glass_broken": "break-glass",
        "incident": "incident",
        "entry": "log entry",
        "state": "new state",
        "shared": "shared wider",
        "warning": "warning",
        "notice": "notice",
        "health": "health",
        "child": "child",
        "person": "person",
        "vuln": "vulnerability",
        "crisis_leader": "crisis leader",
        "chief_doctor": "chief doctor",
        "incident_commander": "incident commander",
        "primary": "first on duty",
        "backup": "backup",
        "leader": "leader",
        "fire": "fire",
        "water.leak": "water leak",
        "sewer": "sewage",
        "flood": "flood",
        "slide": "landslide",
        "storm": "storm",
        "road.closed": "road closed",
        "traffic.accident": "traffic accident",
        "power.out": "power cut",
        "it.outage": "IT outage",
        "alarm.out": "safety alarms out",
        "evacuation": "evacuation",
        "pollution": "pollution",
        "building": "building",
        "request": "request",
        "other": "other",
        "alarm.outage": "safety alarms out",
        "child.placement": "placement of a child",
        "escort.request": "request for escort",
        "event.advice": "advice on an event",
        "landslide": "landslide",
        "power.outage": "power cut",
        "rail.closed": "railway closed",
        "transport.cut": "transport cut off",
        "watch.log": "log of the watch",
        "water.main": "burst water main",
        "water.surface": "surface water",
        "weather.storm": "storm",
        "file_waiting": "not checked yet",
        "file_clean": "checked",
        "file_infected": "holds a virus",
        "file_failed": "not checked: the scanner does not answer",
        "file_unscanned": "not scanned for viruses",
        "roster_gap": "gap in the duty roster",
        "urgent": "urgent",
        "asked": "waits for a second person",
        "in_force": "in force",
        "proposed": "proposed by the centre file",
        "done": "done",
        "words": "words",
        "deliveries": "records of deliveries",
        "duty": "own duty",
        "follow_up": "following up",
        "evaluation": "evaluation",
        "complaint": "complaint",
        "access_request": "request for access",
        "archive": "archiving",
        "audit": "audit",
        "own": "own incident",
        "told": "was told of it",
        "situation_report": "situation report",
        "report_reminder": "reminder of a report",
        "report_missed": "report is missing",
        "draft": "draft",
        "submitted": "waits for approval",
        "locked": "approved and locked",
        "overdue": "overdue",
        "met": "answered",
        "missed": "missed",
        "ended": "ended",
        "nothing_to_report": "nothing to report",
        "report": "situation report",
        "summary": "summary",
        "consequences": "consequences",
        "measures": "measures",
        "prognosis": "outlook",
        "needs": "needs",
        "resources": "resources",
        "weather": "weather",
        "information_to_public": "information to the public",
    }
)
"""Codes that people are shown, and the English text that is translated."""
RANKS: Mapping[str, str] = MappingProxyType({"critical": "P1", "high": "P2", "normal": "P3", "info": ""})
"""How people number the priorities."""


def word(code: str | None, lang: str | None = None) -> str | None:
    """The word for a code; the code itself when there is none, so that a newer hub is readable too."""
    return say(WORDS[code], lang) if code and code in WORDS else code


def priority_word(code: str, lang: str | None = None) -> str:
    """A priority with its number: «P1 kritisk»."""
    return f"{RANKS.get(code, '')} {word(code, lang)}".strip()
