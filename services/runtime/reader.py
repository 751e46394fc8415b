"""Reading a stream in order, from a place of one's own, without acknowledgements (D5)."""

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

import orjson
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.errors import Error as NatsError

from services.runtime import logs

HEARTBEAT_S = 1.0
_SILENCE_S = 3.0
_POLL_S = 0.05
_INACTIVE_S = 30
_REQUEST_S = 5.0


@dataclass(frozen=True, slots=True)
class Message:
    """One message in stream order; ``pending`` counts those behind it."""

    sequence: int
    subject: str
    data: bytes
    pending: int


class Reader:
    """An ordered push consumer that starts again at its own place after a gap, silence or reconnect.

    ``name`` is fixed, so the broker can hold the grant to it; one reader of a name runs at a time.
    """

    def __init__(self, nc: Client, stream: str, name: str, filters: Sequence[str], start: int) -> None:
        self._nc = nc
        self._stream = stream
        self._name = name
        self._filters = list(filters)
        self.next = start
        self._waiting: deque[Msg] = deque()
        self._arrived = asyncio.Event()
        self._subscription: Subscription | None = None
        self._consumed = 0
        self._reconnects = 0
        self._is_at_end = False
        self._caught_up = False

    async def batches(self, most: int = 500) -> AsyncIterator[list[Message]]:
        """What has arrived, in order, at most ``most`` at once.

        The reader has caught up with the last message that has ``pending`` 0, or with an empty list, which
        comes when there is nothing to read, or nothing more.
        """
        while True:
            if self._subscription is None and not await self._begin():
                await asyncio.sleep(_POLL_S * 4)
                continue
            batch = await self._take(most)
            if batch is None:
                await self._end()
            elif batch or self._is_at_end:
                self._caught_up = self._caught_up or not batch or batch[-1].pending == 0
                self._is_at_end = False
                yield batch

    async def close(self) -> None:
        """Stop reading."""
        await self._end()

    async def _begin(self) -> bool:
        self._waiting.clear()
        self._consumed = 0
        self._reconnects = self._nc.stats["reconnects"]
        inbox = self._nc.new_inbox()
        try:
            self._subscription = await self._nc.subscribe(inbox, cb=self._on_message)
            await self._request(f"DELETE.{self._stream}.{self._name}", b"")
            answer = await self._request(*self._creation(inbox))
        except Exception as fault:
            logs.get(stream=self._stream, consumer=self._name).warning(
                "reader.not_started", error_type=type(fault).__qualname__
            )
            await self._end()
            return False
        if "error" in answer:
            code = answer["error"].get("err_code", 0)
            logs.get(stream=self._stream, consumer=self._name).warning("reader.refused", code=code)
            await self._end()
            return False
        self._is_at_end = answer.get("num_pending", 0) == 0
        self._caught_up = False
        return True

    def _creation(self, inbox: str) -> tuple[str, bytes]:
        config: dict[str, object] = {
            "name": self._name,
            "deliver_subject": inbox,
            "deliver_policy": "by_start_sequence",
            "opt_start_seq": self.next,
            "ack_policy": "none",
            "max_deliver": 1,
            "flow_control": True,
            "idle_heartbeat": int(HEARTBEAT_S * 1e9),
            "inactive_threshold": int(_INACTIVE_S * 1e9),
            "mem_storage": True,
            "num_replicas": 1,
        }
        verb = f"CREATE.{self._stream}.{self._name}"
        if len(self._filters) == 1:
            config["filter_subject"] = self._filters[0]
            verb = f"{verb}.{self._filters[0]}"
        else:
            config["filter_subjects"] = self._filters
        request = {"stream_name": self._stream, "config": config, "action": "create"}
        return verb, orjson.dumps(request)

    async def _request(self, verb: str, body: bytes) -> dict[str, dict[str, int]]:
        reply = await self._nc.request(f"$JS.API.CONSUMER.{verb}", body, timeout=_REQUEST_S)
        answer: dict[str, dict[str, int]] = orjson.loads(reply.data)
        return answer

    async def _take(self, most: int) -> list[Message] | None:
        """Messages in order; an empty list when there are none yet; None when reading must start anew."""
        if not self._waiting and not self._is_at_end and not await self._wait():
            return None
        batch: list[Message] = []
        while self._waiting and len(batch) < most:
            message = self._waiting.popleft()
            if message.headers and message.headers.get("Status") == "100":
                await self._answer_flow(message)
                if self._missed(message):
                    return batch or None
                self._is_at_end = _is_idle(message) and not (self._caught_up or batch or self._waiting)
                continue
            place = _place(message)
            if place.consumer_sequence != self._consumed + 1:
                return batch or None
            self._consumed += 1
            self.next = place.sequence + 1
            batch.append(Message(place.sequence, message.subject, message.data, place.pending))
        return batch

    async def _wait(self) -> bool:
        """Wait for something; False after a reconnect or too long a silence."""
        deadline = asyncio.get_running_loop().time() + _SILENCE_S
        while asyncio.get_running_loop().time() < deadline:
            self._arrived.clear()
            if self._waiting:
                return True
            try:
                async with asyncio.timeout(_POLL_S * 4):
                    await self._arrived.wait()
                return True
            except TimeoutError:
                if self._nc.stats["reconnects"] != self._reconnects:
                    return False
        return False

    async def _answer_flow(self, message: Msg) -> None:
        reply = message.reply or (message.headers or {}).get("Nats-Consumer-Stalled", "")
        if reply:
            with contextlib.suppress(NatsError, OSError):  # silence follows, and the reader begins anew
                await self._nc.publish(reply)

    def _missed(self, heartbeat: Msg) -> bool:
        """True if the broker has sent more than has arrived, with nothing left on the way."""
        sent = (heartbeat.headers or {}).get("Nats-Last-Consumer")
        return sent is not None and int(sent) > self._consumed and not self._waiting

    async def _on_message(self, message: Msg) -> None:
        self._waiting.append(message)
        self._arrived.set()

    async def _end(self) -> None:
        subscription, self._subscription = self._subscription, None
        if subscription is not None and self._nc.is_connected:
            with contextlib.suppress(NatsError, OSError):
                await subscription.unsubscribe()


def _is_idle(heartbeat: Msg) -> bool:
    """True if the broker has nothing more to send, and does not wait for the reader."""
    headers = heartbeat.headers or {}
    return "Nats-Last-Consumer" in headers and "Nats-Consumer-Stalled" not in headers


@dataclass(frozen=True, slots=True)
class _Place:
    sequence: int
    consumer_sequence: int
    pending: int


def _place(message: Msg) -> _Place:
    """``$JS.ACK.<stream>.<consumer>.<delivered>.<sequence>.<consumer sequence>.<time>.<pending>``."""
    parts = message.reply.split(".")
    return _Place(int(parts[-4]), int(parts[-3]), int(parts[-1]))
