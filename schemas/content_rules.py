"""What may never be kept, and what a tag forbids, decided before a byte reaches a disk (R8-R10)."""

import re
from typing import Any

from schemas.envelope import Refused
from schemas.vocabulary import Level, Tag

CAPS: dict[Tag, Level] = {
    Tag.HEALTH: Level.WATCH,
    Tag.CHILD: Level.WATCH,
    Tag.PERSON: Level.ORGANISATION,
    Tag.VULNERABILITY: Level.NAMED,
}
_WORDS = ("headline", "text", "place", "position", "area", "source", "basis")
_OF_PERSONS = frozenset((Tag.HEALTH, Tag.CHILD, Tag.PERSON))
_IDENTITY_NUMBER = re.compile(r"(?<!\d)(\d{6})[\s.–-]?(\d{5})(?!\d)")


def check_item(tags: list[Tag], level: Level, content: dict[str, Any] | None, health: str) -> Refused | None:
    """The reason why an item must not be kept at this level, or None.

    ``health`` is the watch's setting: ``reference`` (default) or ``watch``. Sources: sikkerhetsloven 5-3, 5-4
    (graded), helsepersonelloven 21 (health), scenario events 20, 32 and 40.
    """
    if Tag.GRADED in tags:
        return Refused(code="GRADED_NEVER_STORED")
    for tag in tags:
        if CAPS[tag] < level:
            return Refused(code="LEVEL_ABOVE_CAP", parameters={"tag": tag.value, "cap": CAPS[tag].value})
    written = content or {}
    if Tag.HEALTH in tags and health == "reference" and any(written.get(field) for field in _WORDS):
        return Refused(code="HEALTH_BY_REFERENCE")
    if not _OF_PERSONS.intersection(tags) and any(holds_identity_number(str(v)) for v in written.values()):
        return Refused(code="PERSON_TAG_MISSING")
    return None


def holds_identity_number(text: str) -> bool:
    """True if the text has eleven digits that pass both checks of a Norwegian national identity number."""
    return any(_passes(first + last) for first, last in _IDENTITY_NUMBER.findall(text))


def _passes(digits: str) -> bool:
    values = [int(digit) for digit in digits]
    first = sum(w * v for w, v in zip((3, 7, 6, 1, 8, 9, 4, 5, 2, 1), values, strict=False)) % 11 == 0
    second = sum(w * v for w, v in zip((5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1), values, strict=True)) % 11 == 0
    return first and second
