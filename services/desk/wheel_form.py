"""What the form of the reporting wheel says, and how a wheel's rhythm is told. Pure."""

from collections.abc import Mapping
from typing import Any

import orjson

from schemas.identifiers import derived_id
from schemas.reports import BeginWheel
from services.desk import texts
from services.desk.texts import in_norway
from services.runtime.reading import Refusal, validate

REMIND_MIN, ESCALATE_MIN = 15, 15
"""Minutes before a deadline that a form proposes for the reminder, and after it until it is missed."""
_DIGITS_MOST = 5


def begun(form: Mapping[str, str], id: str, incident: str | None) -> BeginWheel:
    """The command that asks for reports; its wheel's id follows from the command's. Raises Refusal."""
    first, daily = in_norway(form.get("first", "")), form.get("daily", "").replace(",", " ").split()
    hours = _number(form, "every")
    every = None if hours is None else hours * 3600
    fields = {
        "wheel": derived_id("wheel", id),
        "incident": incident,
        "receiver": form.get("receiver"),
        "template": form.get("template"),
        "reporters": form.get("reporters", "").replace(",", " ").split(),
        "moments": [first] if first and every is None and not daily else None,
        "daily": daily,
        "every_s": every,
        "first": first if every is not None else None,
        "remind_s": -60 * (_number(form, "remind") or 0),
        "escalate_s": 60 * (_number(form, "escalate") or 0),
    }
    given = {name: value for name, value in fields.items() if value or value == 0}
    return validate(BeginWheel, orjson.dumps(given))


def rhythm(wheel: Mapping[str, Any]) -> str:
    """When a wheel asks, in words."""
    if wheel["every_s"]:
        hours = f"{wheel['every_s'] / 3600:g}"
        return texts.say("every {hours} h from {time}", hours=hours, time=texts.moment(wheel["first"])[:16])
    if wheel["daily"]:
        return texts.say("each day at {times}", times=", ".join(wheel["daily"]))
    return ", ".join(texts.moment(one)[:16] for one in wheel["moments"])


def _number(form: Mapping[str, str], name: str) -> int | None:
    said = form.get(name, "")
    if not said:
        return None
    if not (said.isascii() and said.isdigit() and len(said) <= _DIGITS_MOST):
        raise Refusal("MALFORMED", where=[name])
    return int(said)
