"""Reacting to facts and timers, at least once, on durable consumers of the provisioner (D6).

What fails is delivered again after a growing delay. What can never be handled is parked: a reason and the
place where it lies, never its bytes (D24).
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from faststream import AckPolicy
from faststream.nats import JStream, NatsBroker, PullSub
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.js.errors import NotFoundError

from schemas import subjects
from services.runtime import logs, names
from services.runtime.appender import AppendError
from services.runtime.connect import connect, faststream_options
from services.runtime.direct import StreamUnreachable
from services.runtime.lasting import lasting
from services.runtime.settings import Settings

DELAY_S, DELAY_MOST_S = 0.2, 5.0
TRIES = 10
"""A message that still fails for an unknown reason after so many deliveries is parked."""

STARTING, CONSUMER_GONE = "STARTING", "CONSUMER_GONE"
UNREADABLE, HOPELESS = "UNREADABLE", "HOPELESS"
_PASSING = (AppendError, StreamUnreachable, NatsError, TimeoutError, OSError)
_FETCH, _FETCH_S = 64, 1.0
_WATCH_S = 2.0
_TIMEOUT_S = 5.0


class Unreadable(Exception):
    """The message can never be handled, however often it is delivered; ``args[0]`` is a reason code."""


@dataclass(frozen=True, slots=True)
class Delivered:
    """One delivery of a message; ``attempt`` counts from 1."""

    stream: str
    sequence: int
    subject: str
    data: bytes
    attempt: int


@dataclass(frozen=True, slots=True)
class Source:
    """A durable consumer, the subjects that it hears, and what is done with each of its messages."""

    stream: str
    durable: str
    subject: str
    handle: Callable[[Delivered], Awaitable[None]]


def delay_s(attempt: int) -> float:
    """Seconds until the next attempt after this one, which counts from 1."""
    return min(DELAY_S * 2.0 ** min(attempt, 10), DELAY_MOST_S)


def reason_to_park(fault: Exception, attempt: int) -> str | None:
    """The code under which a message is parked that failed so; None if it is to be tried again."""
    if isinstance(fault, Unreadable):
        return str(fault.args[0])
    return HOPELESS if attempt >= TRIES and not isinstance(fault, _PASSING) else None


async def park(nc: Client, service: str, delivered: Delivered, code: str, epoch: int = 0) -> bool:
    """Note where a message lies that was not handled, and why; False if the note was not stored.

    ``epoch`` is the ledger's; streams that are written anew by nobody have only the one, 0.
    """
    place = {"code": code, "stream": delivered.stream, "epoch": epoch, "sequence": delivered.sequence}
    headers = {"Nats-Msg-Id": f"{delivered.stream}-{epoch}-{delivered.sequence}"}
    subject = subjects.parked(_mode(delivered.subject), service)
    try:
        await nc.jetstream(timeout=_TIMEOUT_S).publish(subject, orjson.dumps(place), headers=headers)
    except (NatsError, TimeoutError, OSError):
        return False
    logs.get(**place).error("reaction.parked")
    return True


def note_failure(delivered: Delivered, fault: Exception) -> None:
    """Say in the log that a message was not handled this time."""
    line = logs.get(stream=delivered.stream, sequence=delivered.sequence, attempt=delivered.attempt)
    line.warning("reaction.failed", error_type=type(fault).__qualname__, exc_info=fault)


class Reaction:
    """FastStream subscribers on some durable consumers, and a watchdog that sees when one is gone."""

    def __init__(self, settings: Settings, user: str, service: str, sources: Sequence[Source]) -> None:
        self._settings = settings
        self._user = user
        self._service = service
        self._sources = tuple(sources)
        self._broker: NatsBroker | None = None
        self._nc: Client | None = None
        self._watchdog: asyncio.Task[None] | None = None
        self.reason: str | None = STARTING
        self.pending = 0

    async def start(self) -> None:
        """React from now on; returns when the subscriptions stand."""
        self._nc = nc = await connect(self._settings, self._user)
        await self._look(nc)
        if self.reason is None:
            await self._subscribe()
        self._watchdog = lasting(self._watch(nc), f"{self._service}.watchdog")

    async def stop(self) -> None:
        """Finish what is being handled, and close; what was not acknowledged is delivered again."""
        if self._watchdog is not None:
            self._watchdog.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._watchdog
        await self._unsubscribe()
        if self._nc is not None:
            await self._nc.close()

    async def _subscribe(self) -> None:
        options = faststream_options(self._settings, self._user)
        del options["closed_cb"]  # the watchdog sees a lost connection and begins anew
        broker = NatsBroker(**options, apply_types=False, decoder=_as_bytes)
        for source in self._sources:
            subscriber = broker.subscriber(
                source.subject,
                stream=JStream(source.stream, declare=False),
                durable=source.durable,
                pull_sub=PullSub(batch_size=_FETCH, timeout=_FETCH_S),
                ack_policy=AckPolicy.MANUAL,
                inbox_prefix=f"{names.inbox(self._user)}.".encode(),
                no_reply=True,
            )
            subscriber(self._handler(broker, source))
        self._broker = broker
        await broker.start()
        await broker.config.connection_state.connection.flush()

    def _handler(self, broker: NatsBroker, source: Source) -> Callable[[Any], Awaitable[None]]:
        async def handle(_body: Any) -> None:
            await self._react(source, broker.context.get_local("message").raw_message)

        return handle

    async def _unsubscribe(self) -> None:
        broker, self._broker = self._broker, None
        if broker is not None:
            await broker.stop()

    async def _react(self, source: Source, raw: Msg) -> None:
        """Handle one message and acknowledge it, have it again later, or park it."""
        delivered = _delivered(raw)
        try:
            await source.handle(delivered)
        except Exception as fault:
            await self._retry_or_park(raw, delivered, fault)
            return
        await raw.ack()

    async def _retry_or_park(self, raw: Msg, delivered: Delivered, fault: Exception) -> None:
        note_failure(delivered, fault)
        code = reason_to_park(fault, delivered.attempt)
        if code is not None and self._nc and await park(self._nc, self._service, delivered, code):
            await raw.term()
            return
        await raw.nak(delay=delay_s(delivered.attempt))

    async def _watch(self, nc: Client) -> None:
        """Stop pulling from a consumer that is gone, which would spin, and begin anew when it is back."""
        while True:
            await asyncio.sleep(_WATCH_S)
            try:
                await self._look(nc)
                if self.reason is not None or self._is_closed():
                    await self._unsubscribe()
                if self.reason is None and self._broker is None:
                    await self._subscribe()
            except Exception as fault:
                logs.get(user=self._user).error("reaction.watchdog", exc_info=fault)

    def _is_closed(self) -> bool:
        """True if the subscribers' connection is closed for good, other than by us."""
        return self._broker is not None and self._broker.config.connection_state.connection.is_closed

    async def _look(self, nc: Client) -> None:
        js, reason, pending = nc.jetstream(timeout=_TIMEOUT_S), None, 0
        for source in self._sources:
            try:
                info = await js.consumer_info(source.stream, source.durable)
                pending += info.num_pending or 0
            except NotFoundError:
                reason = CONSUMER_GONE
                logs.get(stream=source.stream, consumer=source.durable, code=reason).error("reaction.gone")
            except (NatsError, TimeoutError, OSError):
                return
        self.reason, self.pending = reason, pending


def _delivered(raw: Msg) -> Delivered:
    place = raw.metadata
    return Delivered(place.stream, place.sequence.stream, raw.subject, raw.data, place.num_delivered)


async def _as_bytes(message: Any) -> Any:
    return message.body


def _mode(subject: str) -> str:
    """The mode in a fact's or a timer's subject."""
    parts = subject.split(".")
    return parts[2] if len(parts) > 2 and parts[1] == "timer" else parts[1]
