"""From a message's bytes to its warnings: CAP begins as XML, NVE's as a list, MET's GeoJSON as an object."""

from services.intake import cap, geojson, nve
from services.intake.warning import OfficialWarning, ParseRefused

_MARKS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")
"""What a text may begin with to tell its encoding."""
_BLANKS = b" \t\r\n\x00"


def parse(raw: bytes) -> list[OfficialWarning]:
    """Every warning in the message. Raises ParseRefused."""
    begin = raw
    for mark in _MARKS:
        begin = begin.removeprefix(mark)
    first = begin.lstrip(_BLANKS)[:1]
    if first == b"<":
        return cap.parse(raw)
    if first == b"[":
        return nve.parse(raw)
    if first == b"{":
        return geojson.parse(raw)
    raise ParseRefused("UNKNOWN_FORM")
