"""Reads single fields of a CAP element; what is missing, repeated or out of the list is refused."""

import re
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from services.intake.warning import ParseRefused, moment

NAMESPACE = "{urn:oasis:names:tc:emergency:cap:1.2}"
NAME = re.compile(r"[^\s,<&]{1,200}")
CODE = re.compile(r"[A-Za-z0-9_.:-]{1,80}")


def pairs(parent: Any, name: str) -> list[tuple[str, str]]:
    """Every name and value of ``parameter``, ``geocode`` or ``eventCode``."""
    found = parent.findall(f"{NAMESPACE}{name}")
    return [(one(element, "valueName") or "", one(element, "value") or "") for element in found]


def code(values: Iterable[str]) -> str | None:
    """The first value that can stand as a code."""
    return next((value for value in values if CODE.fullmatch(value)), None)


def time(parent: Any, name: str) -> datetime | None:
    """The time in the field, or None without one."""
    text = one(parent, name)
    return moment(text, name) if text else None


def named(parent: Any, name: str) -> str:
    """An identifier or sender: no white space, comma, < or &."""
    text = needed(parent, name)
    if not NAME.fullmatch(text):
        raise ParseRefused("BAD_VALUE", field=name)
    return text


def among(parent: Any, name: str, allowed: tuple[str, ...]) -> str:
    """The field's word, which must be one of ``allowed``."""
    text = needed(parent, name)
    if text not in allowed:
        raise ParseRefused("BAD_VALUE", field=name)
    return text


def needed(parent: Any, name: str) -> str:
    """The field's text, which must be there."""
    text = one(parent, name)
    if not text:
        raise ParseRefused("FIELD_MISSING", field=name)
    return text


def one(parent: Any, name: str) -> str | None:
    """The text of the only child with this name, without the white space around it; None if there is none."""
    found = parent.findall(f"{NAMESPACE}{name}")
    if len(found) > 1:
        raise ParseRefused("FIELD_REPEATED", field=name)
    return (found[0].text or "").strip() if found else None
