"""The words of the pages: English texts and codes are the keys, bokmål is what people read (locale/nb)."""

from collections.abc import Mapping
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from schemas.refusals import REFUSALS

LANGUAGE = "nb"
CATALOGUE = Path(__file__).parent / "locale" / LANGUAGE / "LC_MESSAGES" / "desk.po"
OSLO = ZoneInfo("Europe/Oslo")

WORDS: Mapping[str, str] = {
    "new": "new",
    "acknowledged": "acknowledged",
    "assigned": "assigned",
    "in_progress": "in progress",
    "closed": "closed",
    "open": "open",
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
    "nobody_reached": "nobody was reached",
    "health": "health",
    "child": "child",
    "person": "person",
    "vuln": "vulnerability",
    "primary": "primary",
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
}
"""Codes that pages show, and the English text that is translated."""


@cache
def catalogue() -> Mapping[str, str]:
    """English to bokmål."""
    from babel.messages.pofile import read_po

    with CATALOGUE.open("rb") as file:
        return {str(one.id): str(one.string) for one in read_po(file) if one.id and one.string}


def say(text: str, **parameters: Any) -> str:
    """A text in bokmål."""
    return catalogue().get(text, text).format_map(parameters) if parameters else catalogue().get(text, text)


def word(code: str | None) -> str:
    """The word for a code; the code itself when there is none."""
    return say(WORDS[code]) if code and code in WORDS else code or ""


def sentence(code: str) -> str:
    """What a refusal means."""
    return catalogue().get(code) or REFUSALS.get(code, code)


def clock(text: str | None) -> str:
    """The time of day in Norway, hours and minutes."""
    return moment(text)[11:16]


def moment(text: str | None) -> str:
    """A time as Norwegian watches write it: 24 h, in Norway; as it was sent when no calendar there has it."""
    if not text:
        return ""
    try:
        return datetime.fromisoformat(text).astimezone(OSLO).strftime("%d.%m.%Y %H:%M:%S")
    except OverflowError:
        return text
