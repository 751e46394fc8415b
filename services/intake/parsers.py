"""From the bytes of a message to the warnings in it: CAP if it begins as XML, NVE's if it begins as JSON."""

from services.intake import cap, nve
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
    if first in (b"[", b"{"):
        return nve.parse(raw)
    raise ParseRefused("UNKNOWN_FORM")
