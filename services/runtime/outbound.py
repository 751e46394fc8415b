"""A command on its way to a door: how it is built, what is checked before it leaves, and how it is sent."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson
from nats.aio.client import Client
from nats.errors import Error as NatsError
from pydantic import TypeAdapter

from schemas import subjects
from schemas.content_rules import check_item
from schemas.envelope import Actor, Answer, Command, Refused, Request
from schemas.identifiers import new_id
from schemas.vocabulary import Level
from services.runtime.reading import LIMIT_BYTES, Refusal, read_command
from services.runtime.tracing import new_trace

SEND_S = 5.0
WARNING_BYTES = 3 * 1024 * 1024
NO_ANSWER = "NO_ANSWER"

CHUNK_COMMAND_BYTES = 192 * 1024
"""A part of a file in base64, with what stands around it."""

_LIMITS = {"warnings.take": WARNING_BYTES, "incidents.chunk": CHUNK_COMMAND_BYTES}
_ANSWER: TypeAdapter[Answer] = TypeAdapter(Answer)


@dataclass(frozen=True, slots=True)
class Outbound:
    """A command ready to be sent: its id, its subject and its bytes."""

    id: str
    subject: str
    payload: bytes
    trace: str | None = None


def build(
    mode: str,
    request: Request,
    actor: Actor,
    content: dict[str, Any] | None = None,
    occurred_at: datetime | None = None,
    command_id: str | None = None,
    trace: str | None = None,
) -> Outbound:
    """The command as it goes over the wire; times without an offset are refused by its model (ValueError).

    ``trace`` is the trace id that it belongs to; without one it begins a new trace.
    """
    now = datetime.now(UTC)
    command = Command(
        id=command_id or new_id(now),
        source=f"/{actor.organisation}/{actor.watch}",
        type=request.type_name(),
        time=now,
        data=Command.Data(
            actor=actor,
            occurred_at=occurred_at or now,
            body=request.model_dump(mode="json", exclude_none=True),
            content=content or None,
            trace=trace or new_trace(),
        ),
    )
    subject = subjects.command(mode, actor.organisation, actor.watch, request.trade, request.verb)
    payload = orjson.dumps(command.model_dump(mode="json", exclude_none=True))
    return Outbound(command.id, subject, payload, command.data.trace)


def check(
    outbound: Outbound, request: Request, content: dict[str, Any] | None, health: str | None = None
) -> Refused | None:
    """What a door would refuse without knowing more than the command: its form, its size, its content.

    With ``health``, a watch's setting, it also judges what only that watch's door can know; so before a disk.
    """
    address = subjects.parse_address(outbound.subject)
    if address is None:
        return Refused(code="MALFORMED", parameters={"where": ["subject"]})
    limit = _LIMITS.get(f"{request.trade}.{request.verb}", LIMIT_BYTES)
    try:
        read_command(outbound.payload, type(request), address, limit)
    except Refusal as refusal:
        return refusal.refused
    if not hasattr(request, "tags") and health is None:
        return None
    tags, level = getattr(request, "tags", []), getattr(request, "level", Level.WATCH)
    return check_item(tags, level, content, health or "watch")


async def exchange(nc: Client, outbound: Outbound, timeout_s: float = SEND_S) -> Answer | str:
    """Send one command and read the answer; NO_ANSWER means that it may have been stored none the less."""
    try:
        reply = await nc.request(outbound.subject, outbound.payload, timeout=timeout_s)
        return _ANSWER.validate_json(reply.data)
    except (NatsError, TimeoutError, OSError, ValueError):
        return NO_ANSWER
