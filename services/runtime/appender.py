"""Writing to one stream: one by one while it is quiet, in atomic batches when many wait (D3)."""

import asyncio
import contextlib
import secrets
from collections import deque
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any

import orjson
from nats.aio.client import Client
from nats.errors import Error as NatsError

from services.runtime.slices import Slices

BATCH_FROM = 16
BATCH_MOST = 200
SINGLES_IN_FLIGHT = 16
TIMEOUT_S, BATCH_TIMEOUT_S = 1.0, 1.5
"""A request that a dying broker took with it is sent again soon: with its id, once too often does no harm."""
TRIES = 8

WRONG_LAST = 10071
FULL = (10047, 10077, 10023)
_NO_ANSWER = (NatsError, TimeoutError, OSError, ValueError, TypeError, KeyError)
"""None came, or one that says nothing of what was stored."""


class AppendError(Exception):
    """The stream did not take a message."""


class Conflict(AppendError):
    """Something else was written on the guarded subject first, or this very message, before."""


class StreamFull(AppendError):
    """No room is left; what was written before is safe."""


class Unreachable(AppendError):
    """No answer came. The message may or may not be stored: send it again with the same id."""


class Rejected(AppendError):
    """The broker refused the message; ``args[0]`` is its error code."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message to be stored: its id, and what the last sequence under ``guard`` must be."""

    subject: str
    payload: bytes
    message_id: str
    guard: str | None = None
    expected: int = 0

    def headers(self) -> dict[str, str]:
        """The NATS headers that carry id and expectation."""
        headers = {"Nats-Msg-Id": self.message_id}
        if self.guard is not None:
            headers["Nats-Expected-Last-Subject-Sequence"] = str(self.expected)
            headers["Nats-Expected-Last-Subject-Sequence-Subject"] = self.guard
        return headers


@dataclass(frozen=True, slots=True)
class Ack:
    """Stored and fsynced. ``duplicate`` if the broker knew the id."""

    sequence: int
    duplicate: bool = False


_Waiting = tuple[Outgoing, "asyncio.Future[Ack]"]


class Appender:
    """One per process and stream. Never waits for more messages than already wait.

    One batch at a time: a batch costs the broker much the same whatever its size, and the next one grows
    while this one is out.
    """

    def __init__(self, nc: Client) -> None:
        self._nc = nc
        self._waiting: deque[_Waiting] = deque()
        self._singles = 0
        self._is_batch_out = False
        self._tasks: set[asyncio.Task[None]] = set()

    async def append(self, outgoing: Outgoing) -> Ack:
        """Store a message; returns after the fsynced acknowledgement.

        Raises Conflict, StreamFull, Unreachable or Rejected.
        """
        future: asyncio.Future[Ack] = asyncio.get_running_loop().create_future()
        self._waiting.append((outgoing, future))
        self._pump()
        return await future

    async def close(self) -> None:
        """Wait for what is under way."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    def _pump(self) -> None:
        while self._waiting:
            if self._is_batch_out:
                return
            if len(self._waiting) >= BATCH_FROM:
                many = [self._waiting.popleft() for _ in range(min(BATCH_MOST, len(self._waiting)))]
                self._is_batch_out = True
                self._run(self._batch(many))
            elif self._singles < SINGLES_IN_FLIGHT:
                self._singles += 1
                self._run(self._single(self._waiting.popleft()))
            else:
                return

    def _run(self, work: "Coroutine[Any, Any, None]") -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _single(self, waiting: _Waiting) -> None:
        try:
            await self._settle(waiting)
        finally:
            self._singles -= 1
            self._pump()

    async def _batch(self, many: list[_Waiting]) -> None:
        try:
            last = await self._commit([outgoing for outgoing, _ in many])
        finally:
            self._is_batch_out = False
            self._pump()
        if last is None:
            await asyncio.gather(*(self._settle(waiting) for waiting in many))
            return
        slices = Slices()
        for place, (_, future) in enumerate(many):
            _answer(future, Ack(last - len(many) + 1 + place))
            await slices.one_more()

    async def _settle(self, waiting: _Waiting) -> None:
        outgoing, future = waiting
        try:
            _answer(future, await self._publish(outgoing))
        except Exception as fault:
            if not future.done():
                future.set_exception(fault)

    async def _publish(self, outgoing: Outgoing) -> Ack:
        headers = outgoing.headers()
        for attempt in range(TRIES):
            if attempt:
                await asyncio.sleep(0.1 * attempt)
            try:
                reply = await self._nc.request(
                    outgoing.subject, outgoing.payload, timeout=TIMEOUT_S, headers=headers
                )
                return _read_ack(reply.data)
            except _NO_ANSWER:
                continue
        raise Unreachable(outgoing.message_id)

    async def _commit(self, many: list[Outgoing]) -> int | None:
        """Write all or none; the last one's sequence, or None if none was stored or no answer came."""
        batch = secrets.token_hex(8)
        for place, outgoing in enumerate(many, start=1):
            headers = outgoing.headers() | {"Nats-Batch-Id": batch, "Nats-Batch-Sequence": str(place)}
            with contextlib.suppress(*_NO_ANSWER):
                if place < len(many):
                    await self._nc.publish(outgoing.subject, outgoing.payload, headers=headers)
                    continue
                headers["Nats-Batch-Commit"] = "1"
                reply = await self._nc.request(
                    outgoing.subject, outgoing.payload, timeout=BATCH_TIMEOUT_S, headers=headers
                )
                answer = orjson.loads(reply.data)
                return int(answer["seq"]) if answer.get("count") == len(many) else None
        return None


def _answer(future: "asyncio.Future[Ack]", ack: Ack) -> None:
    if not future.done():
        future.set_result(ack)


def _read_ack(raw: bytes) -> Ack:
    answer = orjson.loads(raw)
    error = answer.get("error")
    if error is None:
        return Ack(int(answer["seq"]), bool(answer.get("duplicate")))
    code = int(error.get("err_code", 0))
    if code == WRONG_LAST:
        raise Conflict(code)
    if code in FULL:
        raise StreamFull(code)
    raise Rejected(code)
