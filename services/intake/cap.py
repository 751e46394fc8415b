"""Reads a CAP 1.2 message, such as MET's: both language blocks become one warning.

Where blocks differ, the gravest level, the earliest start and the latest end hold for the whole message,
so that nobody is told less than the sender said.

Times: CAP 1.2 wants a numeric offset and calls ``Z`` invalid. ``Z`` can mean one thing only, and a warning
refused is a warning unheard, so it is read as +00:00. A time without any offset could mean several and is
refused.

Places: the municipality numbers (parameter or geocode ``MunicipalityId``, or ``administrativeId`` with
``municipality:``) decide. A county (``administrativeId`` with ``county:46``) says only that a part of it is
touched, so it stands for its municipalities only where the message names none. Polygons are handed on
unchanged.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from schemas.warnings import WarningText
from services.intake import fields, places
from services.intake.warning import ENDS, SEVERITIES, OfficialWarning, ParseRefused, moment, text_of
from services.intake.xml import read

STATUSES: dict[str, Any] = {"Actual": "actual", "Exercise": "exercise", "Test": "test"}
KINDS = ("Alert", "Update", "Cancel")
URGENCIES = ("Immediate", "Expected", "Future", "Past", "Unknown")
CERTAINTIES = ("Observed", "Likely", "Possible", "Unlikely", "Unknown")
RESPONSES = ("Shelter", "Evacuate", "Prepare", "Execute", "Avoid", "Monitor", "Assess", "AllClear", "None")
MET_SENDER = re.compile(r"(?:.+@met\.no|urn:oid:2\.49\.0\.0\.578\.0)")
UNKNOWN_LEVEL = 2
"""Awareness where the message says neither level nor severity: yellow, since green would silence it."""


@dataclass(frozen=True, slots=True)
class _Info:
    """One ``info`` block."""

    severity: str
    urgency: str
    certainty: str
    responses: tuple[str, ...]
    event: str | None
    event_code: str | None
    awareness: int
    effective: datetime | None
    onset: datetime | None
    expires: datetime | None
    event_ends: datetime | None
    municipalities: frozenset[str]
    counties: frozenset[str]
    text: WarningText
    polygons: tuple[str, ...]


def parse(raw: bytes) -> list[OfficialWarning]:
    """The one warning in a CAP message of at most 2 MiB. Raises ParseRefused."""
    alert = read(raw)
    if alert.tag != f"{fields.NAMESPACE}alert":
        raise ParseRefused("NOT_CAP")
    if fields.needed(alert, "scope") != "Public":
        raise ParseRefused("NOT_PUBLIC")
    kind = fields.among(alert, "msgType", KINDS)
    infos = [_info(element) for element in alert.findall(f"{fields.NAMESPACE}info")]
    if not infos and kind != "Cancel":
        raise ParseRefused("FIELD_MISSING", field="info")
    return [_warning(alert, kind, infos)]


def _warning(alert: Any, kind: str, infos: list[_Info]) -> OfficialWarning:
    sender, key = fields.named(alert, "sender"), fields.named(alert, "identifier")
    sent = fields.time(alert, "sent") or moment("", "sent")
    replaces = references(fields.one(alert, "references") or "", key)
    if kind == "Cancel" and not replaces:
        raise ParseRefused("FIELD_MISSING", field="references")
    gravest = max(infos, key=lambda info: info.awareness, default=None)
    level = gravest.awareness if gravest else 1
    return OfficialWarning(
        source="met" if MET_SENDER.fullmatch(sender) else sender,
        key=key,
        thread=replaces[0] if replaces else key,
        replaces=replaces,
        kind=_kind(kind, infos),
        status=STATUSES[fields.among(alert, "status", tuple(STATUSES))],
        awareness=level,
        quiet=level == 1 and _kind(kind, infos) not in ENDS,
        sent=sent,
        texts=tuple(info.text for info in infos),
        polygons=tuple(dict.fromkeys(polygon for info in infos for polygon in info.polygons)),
        **_what(gravest),
        **_when(infos, sent),
        **_where(infos, sent),
    )


def _kind(kind: str, infos: list[_Info]) -> Any:
    if kind != "Cancel" and all("AllClear" in info.responses for info in infos):
        return "all_clear"
    return kind.lower()


def _what(gravest: _Info | None) -> dict[str, Any]:
    if gravest is None:
        return {}
    return {
        "event": gravest.event,
        "event_code": gravest.event_code,
        "severity": gravest.severity,
        "urgency": gravest.urgency,
        "certainty": gravest.certainty,
        "response": gravest.responses[0] if gravest.responses else None,
    }


def _when(infos: list[_Info], sent: datetime) -> dict[str, Any]:
    return {
        "effective": min((info.effective for info in infos if info.effective), default=sent),
        "onset": min((info.onset for info in infos if info.onset), default=None),
        "expires": max((info.expires for info in infos if info.expires), default=None),
        "event_ends": max((info.event_ends for info in infos if info.event_ends), default=None),
    }


def _where(infos: list[_Info], sent: datetime) -> dict[str, Any]:
    numbers = {number for info in infos for number in info.municipalities}
    counties = {county for info in infos for county in info.counties}
    return {
        "municipalities": places.touched(numbers, counties, sent.date()),
        "counties": tuple(sorted(counties or {number[:2] for number in numbers})),
    }


def _info(info: Any) -> _Info:
    values = fields.pairs(info, "parameter") + [
        pair for area in info.findall(f"{fields.NAMESPACE}area") for pair in fields.pairs(area, "geocode")
    ]
    codes = fields.pairs(info, "eventCode")
    severity = fields.among(info, "severity", (*SEVERITIES, "Unknown"))
    ends = [value for name, value in values if name == "eventEndingTime" and value]
    return _Info(
        severity=severity,
        urgency=fields.among(info, "urgency", URGENCIES),
        certainty=fields.among(info, "certainty", CERTAINTIES),
        responses=_responses(info),
        event=fields.code(value for name, value in codes if name == "eventType")
        or fields.code([fields.needed(info, "event")]),
        event_code=fields.code(value for _, value in codes if value.startswith("OET-")),
        awareness=awareness(values, severity),
        effective=fields.time(info, "effective"),
        onset=fields.time(info, "onset"),
        expires=fields.time(info, "expires"),
        event_ends=moment(ends[0], "eventEndingTime") if ends else None,
        municipalities=frozenset(places.municipalities(values)),
        counties=frozenset(places.counties(values)),
        text=_text(info, values),
        polygons=tuple(
            places.polygons(
                element.text for element in info.iterfind(f"{fields.NAMESPACE}area/{fields.NAMESPACE}polygon")
            )
        ),
    )


def _text(info: Any, values: list[tuple[str, str]]) -> WarningText:
    areas = [fields.one(area, "areaDesc") or "" for area in info.findall(f"{fields.NAMESPACE}area")]
    return text_of(
        fields.one(info, "language") or "en-US",
        {
            "headline": fields.one(info, "headline") or fields.one(info, "event"),
            "description": fields.one(info, "description"),
            "instruction": fields.one(info, "instruction"),
            "consequence": "\n".join(value for name, value in values if name == "consequences"),
            "area": "\n".join(area for area in areas if area),
            "web": fields.one(info, "web"),
        },
    )


def awareness(values: places.Values, severity: str) -> int:
    """The level 1 to 4 that the message says, else that of its severity. Raises ParseRefused."""
    said = [value for name, value in values if name == "awareness_level"]
    if not said:
        return SEVERITIES.index(severity) + 1 if severity in SEVERITIES else UNKNOWN_LEVEL
    if said[0][:1] not in ("1", "2", "3", "4"):
        raise ParseRefused("BAD_VALUE", field="awareness_level")
    return int(said[0][0])


def _responses(info: Any) -> tuple[str, ...]:
    found = tuple((element.text or "").strip() for element in info.findall(f"{fields.NAMESPACE}responseType"))
    if any(response not in RESPONSES for response in found):
        raise ParseRefused("BAD_VALUE", field="responseType")
    return found


def references(text: str, own: str) -> tuple[str, ...]:
    """The identifiers in «sender,identifier,sent …», oldest first. Raises ParseRefused."""
    found = []
    for reference in text.split():
        parts = reference.split(",")
        if len(parts) != 3 or not fields.NAME.fullmatch(parts[1]) or parts[1] == own:
            raise ParseRefused("BAD_VALUE", field="references")
        found.append((moment(parts[2], "references"), parts[1]))
    return tuple(dict.fromkeys(identifier for _, identifier in sorted(found)))
