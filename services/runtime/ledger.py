"""How a fact is born: content first, then the fact, once, however often it is sent (D3, D16)."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from nats.aio.client import Client

from schemas import subjects
from schemas.canonical import commitment, seal, unseal
from schemas.catalogue import read_body
from schemas.envelope import Actor, Body, Command, Fact
from schemas.identifiers import id_time
from schemas.sharing import content_class
from schemas.vocabulary import ContentClass, Level, Mode
from services.runtime import names
from services.runtime.appender import Ack, Appender, Conflict, Outgoing
from services.runtime.direct import Direct, Stored
from services.runtime.epochs import Gate

STALE = timedelta(minutes=30)


class IdTaken(Exception):
    """The id stands for another fact already."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A fact to be: where it lies, its body, what was typed, and whom it follows.

    ``guard`` is the filter whose last sequence must still be ``expected``; None for what is never refused.
    """

    id: str
    place: subjects.Place
    body: Body
    actor: Actor
    occurred_at: datetime
    command: str
    controller: str
    content: dict[str, Any] | None = None
    level: Level = Level.WATCH
    trace: str | None = None
    guard: str | None = None
    expected: int = 0
    not_before: datetime | None = None


@dataclass(frozen=True, slots=True)
class Recorded:
    """A fact in the ledger; ``fresh`` is False when an earlier sending had stored it."""

    fact: Fact
    body: Body | None
    sequence: int
    subject: str
    fresh: bool = False


class Ledger:
    """The one way to write facts; also reads them straight back. One per connection."""

    def __init__(self, nc: Client, gates: dict[str, Gate]) -> None:
        self._facts = {mode: Appender(nc) for mode in Mode}
        self._content = {mode: Appender(nc) for mode in Mode}
        self._direct = Direct(nc)
        self.gates = gates

    async def open(self) -> None:
        """Get ready to read."""
        await self._direct.open()

    async def close(self) -> None:
        """Wait for what is being written."""
        for appender in (*self._facts.values(), *self._content.values()):
            await appender.close()

    async def append(self, draft: Draft, *, resend: bool = False) -> Recorded:
        """Store the content and then the fact; returns when both are fsynced.

        The same draft again gives the fact that was stored first. Raises Conflict when the guard no longer
        holds, IdTaken when the id stands for something else, and what the appender raises.
        """
        if resend or self._is_stale(draft):
            earlier = await self._find(draft)
            if earlier is not None:
                return earlier
        sealed = await self._keep_content(draft, resend)
        fact = _fact(draft, sealed)
        raw = fact.encode()
        outgoing = Outgoing(_subject(draft), raw, draft.id, draft.guard, draft.expected)
        try:
            ack = await self._facts[Mode(draft.place.mode)].append(outgoing)
        except Conflict:
            earlier = await self._find(draft)
            if earlier is None:
                raise
            return earlier
        if ack.duplicate:
            return await self._known(draft, ack)
        self.gates[draft.place.mode].observe(ack.sequence, raw)
        return Recorded(fact, draft.body, ack.sequence, outgoing.subject, fresh=True)

    async def history(self, mode: str, id: str, org: str = "*", watch: str = "*") -> list[Recorded]:
        """Every fact about an id, in order; those that this version cannot read are left out."""
        subject = subjects.facts_of(mode, id, org, watch)
        found = await self._direct.history(names.ledger(mode), subject)
        return [recorded for stored in found if (recorded := _read(stored)) is not None]

    async def content_of(self, mode: str, place: subjects.Place, fact: Fact) -> dict[str, Any] | None:
        """What was typed for a fact, or None if it is absent."""
        sealed = await self.sealed_content(mode, place, fact.id)
        return None if sealed is None else unseal(sealed)

    async def sealed_content(self, mode: str, place: subjects.Place, fact_id: str) -> bytes | None:
        """The sealed bytes of a fact's content, of whichever class, or None."""
        for sort in (ContentClass.WATCH, ContentClass.SHARED):
            subject = subjects.content(mode, place.org, place.watch, sort, fact_id)
            found = await self._direct.last(names.content(mode), subject)
            if found is not None:
                return found.data
        return None

    async def copy_content(self, mode: str, place: subjects.Place, fact_id: str) -> str | None:
        """Put a fact's content under class ``shared`` too; its commitment, or None if there is no content."""
        sealed = await self.sealed_content(mode, place, fact_id)
        if sealed is None:
            return None
        subject = subjects.content(mode, place.org, place.watch, ContentClass.SHARED, fact_id)
        await self._content[Mode(mode)].append(Outgoing(subject, sealed, f"{fact_id}-shared"))
        return commitment(sealed)

    def _is_stale(self, draft: Draft) -> bool:
        born = id_time(draft.command)
        gate = self.gates[draft.place.mode]
        if born is None or gate.epoch_began is None:
            return True
        return abs(datetime.now(UTC) - born) > STALE or born < gate.epoch_began

    async def _keep_content(self, draft: Draft, resend: bool) -> bytes | None:
        if draft.content is None:
            return None
        mode, place = draft.place.mode, draft.place
        if resend:
            kept = await self.sealed_content(mode, place, draft.id)
            if kept is not None and unseal(kept) == draft.content:
                return kept
        sealed = seal(draft.content)
        subject = subjects.content(mode, place.org, place.watch, content_class(draft.level), draft.id)
        ack = await self._content[Mode(mode)].append(Outgoing(subject, sealed, draft.id))
        if not ack.duplicate:
            return sealed
        kept = await self.sealed_content(mode, place, draft.id)
        if kept is None or unseal(kept) != draft.content:
            raise IdTaken(draft.id)
        return kept

    async def _known(self, draft: Draft, ack: Ack) -> Recorded:
        found = await self._find(draft)
        if found is None:
            raise IdTaken(draft.id)
        return found

    async def _find(self, draft: Draft) -> Recorded | None:
        place = draft.place
        for recorded in await self.history(place.mode, place.id, place.org, place.watch):
            if recorded.fact.id == draft.id:
                if not _same(recorded, draft):
                    raise IdTaken(draft.id)
                return recorded
        return None


def _same(recorded: Recorded, draft: Draft) -> bool:
    """True if the stored fact says what the draft says, save for what the door itself adds."""
    drawn = {"ref", "mark", "former"}
    stored = {k: v for k, v in recorded.fact.data.body.items() if k not in drawn}
    wanted = draft.body.model_dump(mode="json", exclude_none=True)
    return recorded.fact.type == draft.body.type_name() and stored == {
        k: v for k, v in wanted.items() if k not in drawn
    }


def _subject(draft: Draft) -> str:
    place = draft.place
    return subjects.fact(place.mode, place.org, place.watch, place.trade, place.id, place.fact)


def _fact(draft: Draft, sealed: bytes | None) -> Fact:
    now = datetime.now(UTC).astimezone()
    if draft.not_before is not None:
        now = max(now, draft.not_before)
    data = Fact.Data(
        mode=Mode(draft.place.mode),
        owner=draft.place.key,
        controller=draft.controller,
        actor=draft.actor,
        occurred_at=draft.occurred_at,
        command=draft.command,
        trace=draft.trace,
        commitment=None if sealed is None else commitment(sealed),
        content_class=None if sealed is None else content_class(draft.level),
        body=draft.body.model_dump(mode="json", exclude_none=True),
    )
    return Fact(
        id=draft.id,
        source=f"/{draft.actor.organisation}/{draft.actor.watch}",
        type=draft.body.type_name(),
        subject=draft.place.id,
        time=now,
        data=data,
    )


def _read(stored: Stored) -> Recorded | None:
    try:
        fact = Fact.model_validate_json(stored.data)
        return Recorded(fact, read_body(fact), stored.sequence, stored.subject)
    except ValueError:
        return None


def command_draft(command: Command, mode: str, owner: str, id: str, body: Body, **more: Any) -> Draft:
    """The draft of a command's first fact, which takes the command's id."""
    org, watch = subjects.split_key(owner)
    place = subjects.Place(mode, org, watch, body.trade, id, body.name)
    defaults: dict[str, Any] = {
        "id": command.id,
        "actor": command.data.actor,
        "occurred_at": command.data.occurred_at,
        "command": command.id,
        "controller": org,
        "trace": command.data.trace,
    }
    return Draft(place=place, body=body, **(defaults | more))


def next_id(command_id: str, index: int) -> str:
    """The id of a command's further facts (D3)."""
    return f"{command_id}-{index}"
