"""The only place where XML from outside is read: no DTD, no entities, limits on size, depth and number."""

from io import BytesIO
from typing import Any

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import ParseError, iterparse

from services.intake.warning import MAX_BYTES, ParseRefused

MAX_DEPTH = 16
MAX_ELEMENTS = 50_000


def read(raw: bytes) -> Any:
    """The root element. Refuses what is too large, too deep, not XML, or brings a DTD."""
    if len(raw) > MAX_BYTES:
        raise ParseRefused("TOO_LARGE", limit=MAX_BYTES)
    try:
        return _grow(raw)
    except DefusedXmlException:
        raise ParseRefused("DTD_FORBIDDEN") from None
    except (ParseError, ValueError, LookupError):
        raise ParseRefused("NOT_XML") from None


def _grow(raw: bytes) -> Any:
    root, depth, count = None, 0, 0
    for event, element in iterparse(BytesIO(raw), events=("start", "end"), forbid_dtd=True):
        root = element if root is None else root
        depth += 1 if event == "start" else -1
        count += event == "start"
        if depth > MAX_DEPTH:
            raise ParseRefused("TOO_DEEP", limit=MAX_DEPTH)
        if count > MAX_ELEMENTS:
            raise ParseRefused("TOO_MANY_ELEMENTS", limit=MAX_ELEMENTS)
    return root
