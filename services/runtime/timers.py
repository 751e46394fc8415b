"""Timers that the broker keeps: precise, and only a cache of what a service's own table says (D7).

A timer has a key, one moment, and fires once on ``samvirke.timer.<mode>.fired.<key>``. Who hears it looks at
the state again before acting, and arms anew what is missing: a lost stream loses no deadline.
"""

import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

import orjson
from nats.aio.client import Client
from nats.errors import Error as NatsError

from schemas import subjects
from services.runtime import names
from services.runtime.appender import WRONG_LAST
from services.runtime.direct import Direct

KEPT = "3600s"
"""How long fired and cancelled timers stay in the stream."""
_TIMEOUT_S = 3.0


class TimerFailed(Exception):
    """The broker did not take a timer; arm it again later. ``args[0]`` is its code, 0 for no answer."""


@dataclass(frozen=True, slots=True)
class Key:
    """A timer's name within its mode."""

    mode: str
    name: str


@dataclass(frozen=True, slots=True)
class _Armed:
    at: datetime
    sequence: int


class Timers:
    """Arms and cancels over one connection, and remembers what it has armed."""

    def __init__(self, nc: Client) -> None:
        self._nc = nc
        self._direct = Direct(nc)
        self._armed: dict[Key, _Armed] = {}

    async def open(self) -> None:
        """Get ready to look for what is missing."""
        await self._direct.open()

    async def arm(self, key: Key, at: datetime, cause: str, *, again: bool = False) -> None:
        """Let the timer fire at ``at`` instead of any earlier moment; ``cause`` is the fact that asks for it.

        ``again`` arms what was lost, though it was armed for the same moment before. Raises TimerFailed.
        """
        known = self._armed.get(key)
        if known is not None and known.at == at and not again:
            return
        written = at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        headers = {
            "Nats-Msg-Id": "-".join((key.name, cause, written, *([secrets.token_hex(4)] if again else []))),
            "Nats-Schedule": f"@at {written}",
            "Nats-Schedule-Target": subjects.timer(key.mode, "fired", key.name),
            "Nats-Schedule-TTL": KEPT,
        }
        sequence = await self._publish(subjects.timer(key.mode, "set", key.name), headers)
        self._armed[key] = _Armed(at, sequence)

    async def cancel(self, key: Key) -> bool:
        """Stop the timer if it is still armed; False when it was not, or has fired. Raises TimerFailed."""
        known = self._armed.pop(key, None)
        if known is None:
            return False
        armed = subjects.timer(key.mode, "set", key.name)
        headers = {
            "Nats-Schedule-Next": "purge",
            "Nats-Scheduler": armed,
            "Nats-Expected-Last-Subject-Sequence": str(known.sequence),
            "Nats-Expected-Last-Subject-Sequence-Subject": armed,
            "Nats-TTL": KEPT,
        }
        try:
            await self._publish(subjects.timer(key.mode, "cancelled", key.name), headers)
        except TimerFailed as failed:
            if failed.args[0] != WRONG_LAST:
                raise
            return False
        return True

    def fired(self, key: Key) -> None:
        """Note that the timer has fired: it is armed no more."""
        self._armed.pop(key, None)

    async def missing(self, keys: Iterable[Key]) -> list[Key]:
        """Those of the keys that the broker has no timer for. Raises StreamUnreachable."""
        wanted = {subjects.timer(key.mode, "set", key.name): key for key in keys}
        found = await self._direct.newest_of(names.TIMERS, list(wanted))
        there = {stored.subject for stored in found}
        return [key for subject, key in wanted.items() if subject not in there]

    async def _publish(self, subject: str, headers: dict[str, str]) -> int:
        try:
            reply = await self._nc.request(subject, b"{}", timeout=_TIMEOUT_S, headers=headers)
        except (NatsError, TimeoutError, OSError):
            raise TimerFailed(0) from None
        answer = orjson.loads(reply.data)
        if "error" in answer:
            raise TimerFailed(int(answer["error"].get("err_code", 0)))
        return int(answer["seq"])
