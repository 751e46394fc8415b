"""Where what a person or machine typed enters the hub: checked, sent, and kept when nobody answers (D9)."""

import asyncio
import time
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from nats.aio.client import Client
from nats.errors import Error as NatsError

from schemas import subjects
from schemas.envelope import Accepted, Actor, Answer, Refused, Request
from services.runtime import logs, tracing
from services.runtime.connect import BrokerRefused, BrokerUnreachable, address, connect
from services.runtime.outbound import NO_ANSWER, Outbound, build, check, exchange
from services.runtime.parts import whole
from services.runtime.settings import Settings
from services.runtime.spool import Row, Spool, spool_of

PATIENCE_S = 2.0
"""How long a call waits for a broker that does not answer."""
ASK_S = 10.0
NOT_CONNECTED = "NOT_CONNECTED"
KEPT_FOR = frozenset({"LEDGER_BEHIND", "LEDGER_UNREACHABLE", "LEDGER_FULL", "INTERNAL"})
"""Refusals that may pass: the same command is sent again later."""

_ANSWERS_HOLD_SECRETS = frozenset({"people.link", "people.signin", "people.signout", "people.token"})
_RETRY_S = 1.0
_NOW_TRIES = 3


class Unanswered(Exception):
    """The hub did not answer a question in time; ask again."""


class AskRefused(Exception):
    """The hub refused a question; ``code`` and ``parameters`` say why."""

    def __init__(self, code: str, parameters: dict[str, Any]) -> None:
        super().__init__(code)
        self.code = code
        self.parameters = parameters


@dataclass(frozen=True, slots=True)
class Kept:
    """The command lies in the spool under its id and will be sent again; ``reason`` is a code."""

    id: str
    reason: str


class Edge:
    """One watch's way to the hub. Lives through a lost broker; several tasks may share it."""

    def __init__(self, settings: Settings, watch_key: str, via: str, health: str = "reference") -> None:
        self.watch_key = watch_key
        self.via = via
        self.spool: Spool = spool_of(settings, watch_key)
        self._settings = settings
        self._health = health
        self._nc: Client | None = None
        self._tried_at = float("-inf")
        self._connecting = asyncio.Lock()
        self._resending = asyncio.Lock()

    @classmethod
    async def open(cls, settings: Settings, watch_key: str, via: str, health: str = "reference") -> "Edge":
        """An edge for the watch ``<org>.<watch>``, connected if the broker answers within PATIENCE_S.

        ``health`` is what the watch keeps of health text: a command that it would not keep is never spooled.
        Raises BadToken if the key is none.
        """
        edge = cls(settings, watch_key, via, health)
        await edge._connection()
        return edge

    async def close(self) -> None:
        """Leave the broker; what lies in the spool stays there."""
        if self._nc is not None:
            await self._nc.close()
            self._nc = None

    @property
    def connected(self) -> bool:
        """True while the broker answers."""
        return self._nc is not None and self._nc.is_connected

    async def send(
        self,
        mode: str,
        request: Request,
        actor: Actor,
        content: dict[str, Any] | None = None,
        occurred_at: datetime | None = None,
        command_id: str | None = None,
    ) -> Accepted | Refused | Kept:
        """Check, send, and keep for later what the hub could not take in now.

        What waits already goes first, so that nothing overtakes what it hangs on. The command belongs to the
        trace that an HTTP request in hand has brought, else it begins one.
        """
        if actor.key != self.watch_key:
            return Refused(code="WRONG_SENDER")
        began = time.perf_counter()
        outbound = build(mode, request, actor, content, occurred_at, command_id, tracing.asked.get())
        answer = await self._send(outbound, request, content)
        self._log(outbound, request, answer, began)
        return answer

    async def _send(
        self, outbound: Outbound, request: Request, content: dict[str, Any] | None
    ) -> Accepted | Refused | Kept:
        refused = check(outbound, request, content)
        if refused is not None:
            return refused
        if not await self._is_clear():
            return await self._keep(outbound, request, content, NOT_CONNECTED)
        answer = await self._exchange(outbound)
        if isinstance(answer, str):
            return await self._keep(outbound, request, content, answer)
        if isinstance(answer, Refused) and answer.code in KEPT_FOR:
            return await self._keep(outbound, request, content, answer.code, answer)
        return answer

    async def send_now(
        self, mode: str, request: Request, actor: Actor, content: dict[str, Any] | None = None
    ) -> Answer:
        """Send what is too large to be kept here: it is stored now, or LEDGER_UNREACHABLE is the answer.

        Sent again under the same id when no answer comes: its door stores it once.
        """
        outbound = build(mode, request, actor, content, trace=tracing.asked.get())
        for _ in range(_NOW_TRIES):
            answer = await self._exchange(outbound)
            if not isinstance(answer, str):
                return answer
        return Refused(code="LEDGER_UNREACHABLE")

    def _log(
        self, outbound: Outbound, request: Request, answer: Accepted | Refused | Kept, began: float
    ) -> None:
        """One line for the outcome, where it is known that the watch may leave one (D13)."""
        if not logs.may_name(self.watch_key):
            return
        org, watch = subjects.split_key(self.watch_key)
        match answer:
            case Accepted():
                outcome, why = "accepted", {}
            case Refused():
                outcome, why = "refused", {"code": answer.code}
            case Kept():
                outcome, why = "kept", {"reason": answer.reason}
        logs.get(org=org, watch=watch, trade=request.trade, verb=request.verb).info(
            f"edge.{outcome}",
            command=outbound.id,
            duration_ms=int((time.perf_counter() - began) * 1000),
            trace_id=outbound.trace,
            **why,
        )

    async def resend(self) -> list[tuple[str, Answer]]:
        """Send what is kept, in order, marked as a resend; the ids that got an answer, and the answers.

        Stops at the first one that nobody answers. A command on which the hub stumbles stays, and the
        next ones go.
        """
        answered, _ = await self._drain()
        return answered

    async def _drain(self) -> tuple[list[tuple[str, Answer]], bool]:
        """What was answered, and True if nothing is left that a later command could overtake."""
        answered: list[tuple[str, Answer]] = []
        async with self._resending:
            for row in await asyncio.to_thread(self.spool.rows):
                answer = await self._exchange(_again(row))
                if isinstance(answer, str) or _is_shut(answer):
                    return answered, False
                if isinstance(answer, Refused) and answer.code in KEPT_FOR:
                    continue
                await asyncio.to_thread(self.spool.remove, row.id)
                answered.append((row.id, answer))
        return answered, True

    async def ask(
        self, mode: str, trade: str, what: str, actor: Actor, /, **parameters: Any
    ) -> dict[str, Any]:
        """The hub's answer to a question. Raises AskRefused, or Unanswered."""
        org, watch = subjects.split_key(self.watch_key)
        given = {key: value for key, value in parameters.items() if value is not None}
        body = {"actor": actor.model_dump(mode="json", exclude_none=True), **given}
        nc = await self._connection()
        if nc is None:
            raise Unanswered(NOT_CONNECTED)
        try:
            subject = subjects.query(mode, org, watch, trade, what)
            reply = await nc.request(subject, orjson.dumps(body), timeout=ASK_S)
            found: dict[str, Any] = await whole(nc, subject, reply.data, ASK_S)
        except (NatsError, TimeoutError, OSError, ValueError):
            raise Unanswered(NO_ANSWER) from None
        if found.get("status") == "refused":
            raise AskRefused(found["code"], found.get("parameters", {}))
        return found

    async def _is_clear(self) -> bool:
        """True if the broker answers and nothing older waits for it."""
        if await self._connection() is None:
            return False
        if not await asyncio.to_thread(self.spool.count):
            return True
        _, clear = await self._drain()
        return clear

    async def _keep(
        self,
        outbound: Outbound,
        request: Request,
        content: dict[str, Any] | None,
        reason: str,
        refused: Refused | None = None,
    ) -> Kept | Refused:
        """Into the spool, unless the text must not lie on this disk or the answer would hold a secret."""
        secret = f"{request.trade}.{request.verb}" in _ANSWERS_HOLD_SECRETS
        if secret or check(outbound, request, content, self._health) is not None:
            return refused or Refused(code="LEDGER_UNREACHABLE", parameters={"id": outbound.id})
        await asyncio.to_thread(self.spool.keep, outbound.id, outbound.subject, outbound.payload, reason)
        return Kept(outbound.id, reason)

    async def _exchange(self, outbound: Outbound) -> Answer | str:
        """The door's answer, or the code of why there is none."""
        nc = await self._connection()
        return NOT_CONNECTED if nc is None else await exchange(nc, outbound)

    async def _connection(self) -> Client | None:
        """The connection while the broker answers; a lost one heals by itself."""
        async with self._connecting:
            if self._nc is None and time.monotonic() - self._tried_at > _RETRY_S:
                try:
                    patience_s = PATIENCE_S if address(self._settings) else 0.0
                    self._nc = await connect(self._settings, self.watch_key, patience_s=patience_s)
                except (BrokerUnreachable, BrokerRefused, NatsError, OSError):
                    self._nc = None
                self._tried_at = time.monotonic()
        return self._nc if self.connected else None


def _again(row: Row) -> Outbound:
    command = orjson.loads(row.payload)
    command["data"]["resend"] = True
    return Outbound(row.id, row.subject, orjson.dumps(command))


def _is_shut(refused: Answer) -> bool:
    return isinstance(refused, Refused) and refused.code in KEPT_FOR and refused.code != "INTERNAL"
