"""Puts a centre file into force: each entry becomes a command of the authority `centre`, in both modes."""

import asyncio
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from nats.aio.client import Client

from schemas import subjects
from schemas.centre import Centre
from schemas.centre_entries import Entry, entries
from schemas.envelope import Accepted, Actor, Answer, Refused, Request
from schemas.identifiers import new_id
from schemas.incidents import ChangeState
from schemas.people import MakeLink
from schemas.vocabulary import Authentication, IncidentState, Mode
from services.runtime import names
from services.runtime.connect import connect
from services.runtime.edge import AskRefused, Edge, Unanswered
from services.runtime.outbound import build, exchange
from services.runtime.settings import Settings
from services.runtime.watches import announce, load_watches, wait_until_answered

PATIENCE_S = 30.0
FOLDED_S = 20.0
LINK_MINUTES = 10_080
_POLL_S = 0.05
_NOT_YET = ("UNKNOWN_WATCH", "UNKNOWN_POST", "UNKNOWN_PERSON", "NOT_ALLOWED")
"""Refusals that pass once a door has read the facts before."""
_SHUT = ("LEDGER_BEHIND", "LEDGER_UNREACHABLE")

_STAGES = (
    *("organisation", "region agree subscribe type", "establish policy template", "add", "grant", "man"),
    "retention_order delivery_term",
)
"""Verbs in the order in which they need each other; those of one stage are sent side by side."""

Pairs = list[tuple[str, str]]


@dataclass(slots=True)
class Applied:
    """How many entries were taken, and which were refused."""

    accepted: int = 0
    refused: list[tuple[Entry, str]] = field(default_factory=list)


class HubAway(Exception):
    """The hub did not answer while the file was being applied; apply it again."""


def watches_of(centre: Centre) -> Pairs:
    """The pairs of organisation and watch in the file."""
    return [subjects.split_key(watch.key) for watch in centre.watches]


async def apply(settings: Settings, centre: Centre, modes: Sequence[Mode]) -> Applied:
    """Put the file into force; a second time changes nothing. Raises HubAway.

    Returns when every service has read it.
    """
    applied = Applied()
    # Connected first: while the broker takes new watches over, it turns away whoever is just connecting.
    nc = await connect(settings, names.CENTRE)
    try:
        await _announce(settings, centre)
        await asyncio.gather(*(_apply_mode(nc, mode, centre, applied) for mode in modes))
    finally:
        await nc.close()
    await asyncio.gather(*(_wait_until_read(settings, centre, mode) for mode in modes))
    return applied


async def make_links(settings: Settings, centre: Centre) -> dict[str, str]:
    """A one-time sign-in path for each person of the file, by the person's key. Raises HubAway."""
    nc = await connect(settings, names.CENTRE)
    try:
        found: dict[str, str] = {}
        for person in centre.persons:
            request = MakeLink(person=person.id, minutes=LINK_MINUTES)
            answer = await _send(nc, Mode.ACTUAL, request, _centre_actor(person.organisation), new_id())
            if isinstance(answer, Accepted):
                found[person.key] = answer.result["path"]
        return found
    finally:
        await nc.close()


async def _announce(settings: Settings, centre: Centre) -> None:
    """Give new watches their credentials; return when the broker lets the last of them in."""
    known = await asyncio.to_thread(load_watches, settings)
    fresh = [pair for pair in watches_of(centre) if pair not in known]
    if not fresh:
        return
    await asyncio.to_thread(announce, settings, [*known, *fresh])
    for org, watch in fresh:
        subject = subjects.query(Mode.ACTUAL, org, watch, "watch", "duty")
        await wait_until_answered(settings, org, watch, subject, PATIENCE_S)


async def _apply_mode(nc: Client, mode: Mode, centre: Centre, applied: Applied) -> None:
    for rows in _stages(list(entries(centre, mode))):
        await asyncio.gather(*(_apply_row(nc, mode, row, applied) for row in rows))


def _stages(found: Sequence[Entry]) -> Iterator[list[list[Entry]]]:
    """Each stage's entries, in rows of those that are about the same watch or organisation."""
    for verbs in _STAGES:
        rows: dict[str, list[Entry]] = {}
        for entry in found:
            if entry.request.verb in verbs.split():
                rows.setdefault(entry.watch or entry.organisation, []).append(entry)
        yield list(rows.values())


async def _apply_row(nc: Client, mode: Mode, row: Sequence[Entry], applied: Applied) -> None:
    """One after another: where two speak of the same thing, the later one wins."""
    for entry in row:
        await _apply_one(nc, mode, entry, applied)


async def _apply_one(nc: Client, mode: Mode, entry: Entry, applied: Applied) -> None:
    actor = _centre_actor(entry.organisation, entry.watch)
    content = entry.content.model_dump(mode="json", exclude_none=True) if entry.content else None
    answer = await _send(nc, mode, entry.request, actor, entry.id, content)
    if isinstance(answer, Refused):
        applied.refused.append((entry, answer.code))
    else:
        applied.accepted += 1


async def _send(
    nc: Client,
    mode: Mode,
    request: Request,
    actor: Actor,
    id: str,
    content: dict[str, object] | None = None,
) -> Answer:
    """Send until it is answered; a refusal that may only be early is asked once more. Raises HubAway."""
    deadline, early = time.monotonic() + PATIENCE_S, time.monotonic() + FOLDED_S
    while True:
        answer = await exchange(nc, build(mode, request, actor, content, None, id))
        if isinstance(answer, Accepted):
            return answer
        code = answer if isinstance(answer, str) else answer.code
        waits = isinstance(answer, str) or code in _SHUT or (code in _NOT_YET and time.monotonic() < early)
        if not waits and isinstance(answer, Refused):
            return answer
        if time.monotonic() > deadline:
            raise HubAway(code)
        await asyncio.sleep(_POLL_S)


def _centre_actor(organisation: str, on_behalf_of: str | None = None) -> Actor:
    return Actor(
        machine="centre",
        organisation=organisation,
        watch=subjects.CENTRE,
        via="cli",
        authentication=Authentication.SERVICE,
        on_behalf_of=on_behalf_of,
    )


async def _wait_until_read(settings: Settings, centre: Centre, mode: Mode) -> None:
    """Return when the services know the file's last entries, or after FOLDED_S all the same."""
    if not centre.manning:
        return
    manning = centre.manning[-1]
    person = centre.person(manning.primary)
    if person is None:
        return
    org, watch = subjects.split_key(manning.watch)
    actor = Actor(
        person=person.id,
        organisation=org,
        watch=watch,
        via="cli",
        authentication=Authentication.CREDENTIAL,
    )
    edge = await Edge.open(settings, manning.watch, "cli")
    try:
        for trade, what in KNOWN_WHEN:
            await _until_known(edge, mode, trade, what, actor)
    finally:
        await edge.close()
    await _until_door_knows(settings, mode, actor)


KNOWN_WHEN = (
    *(("watch", "duty"), ("notifications", "chains")),
    *(("incidents", "list"), ("reports", "templates")),
)
"""Questions that each room answers once it knows the centre."""


async def _until_known(edge: Edge, mode: Mode, trade: str, what: str, actor: Actor) -> None:
    known: dict[str, dict[str, Any]] = {"chains": {"open": True}, "list": {"state": "open", "limit": 1}}
    parameters = known.get(what, {})
    deadline = time.monotonic() + FOLDED_S
    while time.monotonic() < deadline:
        try:
            await edge.ask(mode, trade, what, actor, **parameters)
            return
        except AskRefused as refused:
            if refused.code not in _NOT_YET:
                return
        except Unanswered:
            pass
        await asyncio.sleep(_POLL_S)


async def _until_door_knows(settings: Settings, mode: Mode, actor: Actor) -> None:
    """Ask the log's door to move an incident that does not exist: it says so once it knows the sender."""
    nc = await connect(settings, actor.key)
    deadline = time.monotonic() + FOLDED_S
    try:
        while time.monotonic() < deadline:
            request = ChangeState(incident=new_id(), state=IncidentState.ACKNOWLEDGED)
            answer = await exchange(nc, build(mode, request, actor))
            if isinstance(answer, Refused) and answer.code not in (*_NOT_YET, *_SHUT):
                return
            await asyncio.sleep(_POLL_S)
    finally:
        await nc.close()
