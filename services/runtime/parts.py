"""Answers that no message holds: kept for a moment where they were given, and fetched part by part.

A log of many long entries is such an answer: whoever may write there could make it unreadable for everybody.
"""

import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

import orjson
from nats.aio.client import Client

from schemas.envelope import Refused
from schemas.identifiers import new_id
from services.runtime.reading import Refusal

PART = "part"
"""The question for a part, which every room that answers questions knows."""
PART_BYTES = 1024 * 1024
KEPT_S = 30.0
KEPT_BYTES_MOST = 64 * 1024 * 1024
_STATUS = "parts"


@dataclass(frozen=True, slots=True)
class _Kept:
    watch: str
    until: float
    raw: bytes


class Parts:
    """What one door has answered and nobody has fetched yet; the oldest gives way."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, _Kept] = OrderedDict()

    def first(self, watch: str, raw: bytes) -> bytes:
        """What a watch is answered at once: the whole, or in how many parts it may be fetched."""
        if len(raw) <= PART_BYTES:
            return raw
        if len(raw) > KEPT_BYTES_MOST:
            refused = Refused(code="TOO_LARGE", parameters={"limit": KEPT_BYTES_MOST})
            return refused.model_dump_json().encode()
        self._make_room(len(raw))
        id = new_id()
        self._kept[id] = _Kept(watch, time.monotonic() + KEPT_S, raw)
        return orjson.dumps({"status": _STATUS, "id": id, "parts": -(-len(raw) // PART_BYTES)})

    def part(self, watch: str, asked: dict[str, Any]) -> bytes:
        """One part. Raises Refusal for what is not kept, or is another watch's."""
        id, number = asked.get("id"), asked.get("number")
        kept = self._kept.get(id) if isinstance(id, str) else None
        if kept is None or kept.watch != watch or type(number) is not int or number < 0:
            raise Refusal("MALFORMED", where=["id", "number"])
        return kept.raw[number * PART_BYTES : (number + 1) * PART_BYTES]

    def _make_room(self, size: int) -> None:
        now, left = time.monotonic(), sum(len(one.raw) for one in self._kept.values())
        for id, one in list(self._kept.items()):
            if one.until > now and left + size <= KEPT_BYTES_MOST:
                return
            del self._kept[id]
            left -= len(one.raw)


async def whole(nc: Client, subject: str, raw: bytes, timeout_s: float) -> Any:
    """The answer that ``raw`` is or stands for; ``subject`` is that of the question.

    Raises what a request does, and ValueError when it is no longer to be had.
    """
    found = orjson.loads(raw)
    if not isinstance(found, dict) or found.get("status") != _STATUS:
        return found
    about = f"{subject.rpartition('.')[0]}.{PART}"
    parts = []
    for number in range(found["parts"]):
        asked = orjson.dumps({"id": found["id"], "number": number})
        parts.append((await nc.request(about, asked, timeout=timeout_s)).data)
    return orjson.loads(b"".join(parts))
