"""Ids that machines use and the short references that people say aloud."""

import hashlib
import re
import secrets
import time
from datetime import UTC, datetime
from uuid import UUID

TOKEN = re.compile(r"[A-Za-z0-9_-]{1,64}")
_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_UUID7 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
_MISREAD = str.maketrans({"O": "0", "I": "1", "L": "1"})
REF_LENGTH = 6


def new_id(now: datetime | None = None) -> str:
    """A UUIDv7 with a random tail: sortable by time, and telling nothing of how many there are (D13)."""
    milliseconds = int((now.timestamp() if now else time.time()) * 1000)
    value = (milliseconds & ((1 << 48) - 1)) << 80 | 0x7 << 76 | secrets.randbits(12) << 64
    return str(UUID(int=value | 0x2 << 62 | secrets.randbits(62)))


def derived_id(*parts: str) -> str:
    """The same id for the same parts (a UUIDv8 over SHA-256), for what must be born once only."""
    raw = hashlib.sha256("\x1f".join(parts).encode()).digest()[:16]
    value = int.from_bytes(raw) & ~(0xF << 76) & ~(0x3 << 62)
    return str(UUID(int=value | 0x8 << 76 | 0x2 << 62))


def id_time(identifier: str) -> datetime | None:
    """The moment in a UUIDv7, or None if the id carries none; so for one after the year 9999."""
    if not _UUID7.fullmatch(identifier):
        return None
    try:
        return datetime.fromtimestamp(int(identifier[:8] + identifier[9:13], 16) / 1000, UTC)
    except ValueError:
        return None


def new_ref() -> str:
    """A reference to say on the phone: six Crockford characters and a check character (modulo 37).

    A body whose check would be one of Crockford's five extra signs is drawn again: a ref fits an address.
    """
    while True:
        number = secrets.randbits(5 * REF_LENGTH)
        check = number % 37
        if check < 32:
            body = "".join(_CROCKFORD[number >> 5 * place & 31] for place in reversed(range(REF_LENGTH)))
            return body + _CROCKFORD[check]


def read_ref(said: str) -> str | None:
    """The reference a person wrote, with O read as 0 and I or L as 1; None if its check fails."""
    written = said.upper().replace("-", "").replace(" ", "")
    body, check = written[:-1].translate(_MISREAD), written[-1:].translate(_MISREAD)
    if len(body) != REF_LENGTH or any(c not in _CROCKFORD for c in body):
        return None
    return body + check if _check(body) == check else None


def _check(body: str) -> str | None:
    number = 0
    for character in body:
        number = number * 32 + _CROCKFORD.index(character)
    return _CROCKFORD[number % 37] if number % 37 < 32 else None
