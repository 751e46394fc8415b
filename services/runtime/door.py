"""A trade's door: each command and query that reaches it gets an answer, nothing else gets in (D3)."""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import orjson
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.errors import Error as NatsError

from schemas import subjects
from schemas.envelope import Accepted, Answer, Refused, Request
from schemas.identifiers import new_id
from schemas.subjects import COMMAND, Address
from services.runtime import logs, names
from services.runtime.appender import AppendError, Conflict, StreamFull, Unreachable
from services.runtime.connect import connect
from services.runtime.direct import StreamUnreachable
from services.runtime.epochs import UNREACHABLE, Gate
from services.runtime.ledger import IdTaken
from services.runtime.parts import PART, Parts
from services.runtime.reading import LIMIT_BYTES, Received, Refusal, read_command, read_question
from services.runtime.settings import Settings
from services.runtime.slices import Slices
from services.runtime.tracing import is_trace

IN_HAND = 2_000
PATIENCE_S = 10.0
UNKNOWN = "unknown"
_REPLIES = ("_R_.", "_INBOX.")

CommandHandler = Callable[[Received], Awaitable[Answer]]
QueryHandler = Callable[[dict[str, Any], Address], Awaitable[dict[str, Any]]]


@dataclass(frozen=True, slots=True)
class Route:
    """A command that a room takes: its model, its handler, and how large it may be."""

    request: type[Request]
    handle: CommandHandler
    limit: int = LIMIT_BYTES


class Door:
    """Hears the commands and queries of one trade on a connection that can do nothing but answer."""

    def __init__(
        self,
        settings: Settings,
        user: str,
        trade: str,
        commands: tuple[Route, ...] = (),
        queries: Mapping[str, QueryHandler] | None = None,
        gates: Mapping[str, Gate] | None = None,
        never: Mapping[str, str] | None = None,
    ) -> None:
        """``never``: verbs that nobody has and some will try, with the code that says why."""
        self._settings = settings
        self._user = user
        self._nc: Client | None = None
        self._subscriptions: list[Subscription] = []
        self._trade = trade
        self._commands = {route.request.verb: route for route in commands}
        self._queries = dict(queries or {})
        self._gates = dict(gates or {})
        self._never = dict(never or {})
        self._room = asyncio.Semaphore(IN_HAND)
        self._parts = Parts()
        self._tasks: set[asyncio.Task[None]] = set()
        self._slices = Slices()
        self.dropped = 0

    async def start(self) -> None:
        """Subscribe, and return when the broker has the subscriptions."""
        nc = self._nc = await connect(self._settings, self._user)
        for sort, wanted in ((subjects.COMMAND, self._commands), (subjects.QUERY, self._queries)):
            if wanted:
                pattern = f"{subjects.ROOT}.{sort}.*.*.*.{self._trade}.*"
                self._subscriptions.append(
                    await nc.subscribe(pattern, queue=self._user, cb=partial(self._on_message, nc))
                )
        await nc.flush()

    async def stop(self) -> None:
        """Take in no more, answer what is in hand, close."""
        nc = self._nc
        if nc is None:
            return
        with contextlib.suppress(NatsError, OSError):  # the broker may be gone already
            for subscription in self._subscriptions:
                await subscription.unsubscribe()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=PATIENCE_S)
        await nc.close()

    async def _on_message(self, nc: Client, raw: Msg) -> None:
        address = subjects.parse_address(raw.subject)
        if address is None or address.trade != self._trade or not raw.reply.startswith(_REPLIES):
            self.dropped += 1
            logs.get(count=self.dropped).warning("door.dropped")
            return
        await self._room.acquire()
        task = asyncio.get_running_loop().create_task(self._answer(nc, address, raw))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        await self._slices.one_more()

    async def _answer(self, nc: Client, address: Address, asked: Msg) -> None:
        began, said = time.perf_counter(), dict[str, str]()
        try:
            answer = await self._handle(address, asked.data, said)
        finally:
            self._room.release()
        raw = self._written(address, answer)
        try:
            await nc.publish(asked.reply, raw)
        except (NatsError, OSError) as fault:  # who asked hears nothing, and asks again
            line = logs.get(org=address.org, watch=address.watch, trade=self._trade)
            line.error("door.not_answered", error_type=type(fault).__qualname__)
            return
        await asyncio.sleep(0)  # the answer is on its way before its line is written
        _log(self._nameable(address), answer, began, said)

    def _written(self, address: Address, answer: Answer | dict[str, Any] | bytes) -> bytes:
        """The answer's bytes; of what is larger than a message, where the rest is to be had."""
        if isinstance(answer, bytes):
            return answer
        if isinstance(answer, dict):
            return self._parts.first(address.key, orjson.dumps(answer))
        return answer.model_dump_json().encode()

    def _nameable(self, address: Address) -> Address:
        """The address as it may be logged: a verb or mode that the sender made up could be any text (D24)."""
        known = self._commands if address.sort == COMMAND else {PART, *self._queries}
        if address.verb in known and address.mode in names.MODES:
            return address
        verb = address.verb if address.verb in known else UNKNOWN
        return replace(address, verb=verb, mode=address.mode if address.mode in names.MODES else UNKNOWN)

    async def _handle(
        self, address: Address, body: bytes, said: dict[str, str]
    ) -> Answer | dict[str, Any] | bytes:
        """The answer; ``said`` takes up what its log line says beside."""
        try:
            if address.sort == COMMAND:
                return await self._take_command(address, body, said)
            if address.verb == PART:
                return self._parts.part(address.key, read_question(body))
            query = self._queries.get(address.verb)
            if query is None:
                raise Refusal("UNKNOWN_TYPE")
            return await query(read_question(body or b"{}"), address)
        except Refusal as refusal:
            return refusal.refused
        except Exception as fault:
            return _explain(fault, address, said)

    async def _take_command(self, address: Address, body: bytes, said: dict[str, str]) -> Answer:
        route = self._commands.get(address.verb)
        if route is None:
            raise Refusal(self._never.get(address.verb, "UNKNOWN_TYPE"))
        gate = self._gates.get(address.mode)
        if gate is None:
            raise Refusal("UNKNOWN_TYPE")
        received = read_command(body, route.request, address, route.limit)
        if is_trace(received.command.data.trace):
            said["trace_id"] = received.command.data.trace
        if gate.reason is not None:
            raise Refusal(gate.reason)
        answer = await route.handle(received)
        said |= received.said
        return answer


def _explain(fault: Exception, address: Address, said: dict[str, str]) -> Refused:
    match fault:
        case IdTaken():
            return Refused(code="ID_TAKEN")
        case StreamFull():
            return Refused(code="LEDGER_FULL")
        case Unreachable() | StreamUnreachable() | Conflict():
            return Refused(code=UNREACHABLE)
    number = new_id()
    code = str(fault.args[0]) if isinstance(fault, AppendError) and fault.args else None
    logs.get(org=address.org, watch=address.watch, trade=address.trade, verb=address.verb).error(
        "door.fault", request=number, code=code, exc_info=fault, **said
    )
    return Refused(code="INTERNAL", parameters={"fault": number})


def _log(
    address: Address, answer: Answer | dict[str, Any] | bytes, began: float, said: dict[str, str]
) -> None:
    outcome = answer.status if isinstance(answer, Accepted | Refused) else "answered"
    ids: dict[str, Any] = {}
    if isinstance(answer, Accepted):
        ids = {"command": answer.id}
    elif isinstance(answer, Refused):
        ids = {"code": answer.code}
    logs.get(mode=address.mode, org=address.org, watch=address.watch).info(
        f"{address.sort}.{outcome}",
        trade=address.trade,
        verb=address.verb,
        duration_ms=int((time.perf_counter() - began) * 1000),
        **ids,
        **said,
    )
