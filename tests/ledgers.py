"""For tests that write facts: open ledgers, and somebody who answers for an empty archive."""

import asyncio
import contextlib
import io
import logging
import sys
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import NoRespondersError
from nats.js.api import StreamConfig

from schemas import incidents, subjects
from schemas.envelope import Actor
from schemas.identifiers import new_id
from schemas.vocabulary import Authentication, Level, Mode, Priority
from services.runtime import logs, names
from services.runtime.epochs import Gate
from services.runtime.ledger import Draft, Ledger
from tests.hub import Hub

MODE = Mode.EXERCISE
SENDER = Actor(
    person="kari",
    organisation="4601",
    watch="vaktsentral",
    via="test",
    authentication=Authentication.CREDENTIAL,
)


@contextlib.asynccontextmanager
async def empty_archive(hub: Hub) -> AsyncIterator[None]:
    """Answers that the archive has read nothing yet."""
    nc = await hub.connect(names.INCIDENTS_ARCHIVE)

    async def answer(message: Msg) -> None:
        await message.respond(b"{}")

    await nc.subscribe(subjects.mark("*"), cb=answer)
    await nc.flush()
    try:
        yield
    finally:
        await nc.close()


@contextlib.asynccontextmanager
async def open_ledger(hub: Hub, user: str = names.INCIDENTS_LEDGER) -> AsyncIterator[Ledger]:
    """A ledger of a user's, with gates that have looked once."""
    nc = await hub.connect(user)
    marks = hub.settings.home / "marks"
    gates: dict[str, Gate] = {mode: Gate(nc, mode, marks / f"test-{user}-{mode}.json") for mode in Mode}
    for gate in gates.values():
        await gate.open()
    ledger = Ledger(nc, gates)
    await ledger.open()
    try:
        yield ledger
    finally:
        await ledger.close()
        await nc.close()


def opening(id: str | None = None, **more: Any) -> Draft:
    """The draft of an opened incident, guarded against a second opening."""
    incident, command = id or new_id(), new_id()
    place = subjects.Place(MODE, "4601", "vaktsentral", "incidents", incident, "opened")
    body = incidents.Opened(level=Level.WATCH, ref="0000000", type="fire", priority=Priority.NORMAL)
    given: dict[str, Any] = {
        "id": command,
        "place": place,
        "body": body,
        "actor": SENDER,
        "occurred_at": datetime.now(UTC),
        "command": command,
        "controller": "4601",
        "content": {"headline": "Røyk"},
        "guard": subjects.facts_of(MODE, incident, "4601", "vaktsentral"),
    }
    return Draft(**(given | more))


async def shorten_memory(hub: Hub, seconds: float = 0.2) -> None:
    """Make the broker forget message ids after a moment, as it does after an hour."""
    nc = await hub.connect(names.PROVISIONER)
    js = nc.jetstream()
    for stream in (names.ledger(MODE), names.content(MODE)):
        config: StreamConfig = (await js.stream_info(stream)).config
        await js.update_stream(config.evolve(duplicate_window=seconds))
    await nc.close()


async def ask(nc: Client, subject: str, raw: bytes, patience_s: float = 15.0) -> bytes:
    """The answer to a request; asked again while a door that has just been opened is not yet known."""
    for _ in range(20):
        with contextlib.suppress(NoRespondersError):
            return (await nc.request(subject, raw, timeout=patience_s)).data
        await asyncio.sleep(0.05)
    raise NoRespondersError


@contextlib.contextmanager
def logging_to(path: Path) -> Iterator[None]:
    """Send this process's log lines to a file; afterwards to where they went before."""
    handlers, stderr = logging.root.handlers[:], sys.stderr
    with path.open("wb", buffering=0) as file:
        wrapper = sys.stderr = io.TextIOWrapper(file, write_through=True)
        try:
            logs.configure("test", "debug")
            yield
        finally:
            structlog.reset_defaults()
            logging.root.handlers[:] = handlers
            sys.stderr = stderr
            wrapper.detach()
