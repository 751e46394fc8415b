"""How a fact is born: content first, then the fact, once, however often it is sent (D3, D16)."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from nats.aio.client import Client

from schemas import subjects
from schemas.canonical import commitment, seal, unseal
from schemas.envelope import Fact
from schemas.identifiers import id_time
from schemas.sharing import content_class
from schemas.vocabulary import ContentClass, Mode
from services.runtime import names
from services.runtime.appender import Ack, Appender, Conflict, Outgoing, Unreachable
from services.runtime.direct import Direct, Stored
from services.runtime.epochs import BEHIND, Gate
from services.runtime.facts import (
    Draft,
    Recorded,
    command_draft,
    fact_of,
    next_id,
    read,
    says_same,
    subject_of,
)

__all__ = ["Draft", "IdTaken", "Ledger", "Recorded", "command_draft", "next_id", "read"]

STALE = timedelta(minutes=30)
_SHARED = (ContentClass.SHARED,)


class IdTaken(Exception):
    """The id stands for another fact already."""


class Ledger:
    """The one way to write facts; also reads them straight back. One per connection."""

    def __init__(self, nc: Client, gates: dict[str, Gate]) -> None:
        self._facts = {mode: Appender(nc) for mode in Mode}
        self._content = {mode: Appender(nc) for mode in Mode}
        self._objects = {mode: Appender(nc) for mode in Mode}
        self.direct = self._direct = Direct(nc)
        self.gates = gates

    async def open(self) -> None:
        """Get ready to read."""
        await self._direct.open()

    async def close(self) -> None:
        """Wait for what is being written."""
        for appender in (*self._facts.values(), *self._content.values(), *self._objects.values()):
            await appender.close()

    async def append(self, draft: Draft, *, resend: bool = False, looked: bool = False) -> Recorded:
        """Store the content and then the fact; returns when both are fsynced.

        The same draft again gives the fact that was stored first. ``looked``: the caller has read the history
        and has not found it there. Raises Conflict when the guard no longer holds, IdTaken when the id stands
        for something else, Unreachable when facts are missing in the ledger, and what the appender raises.
        """
        is_again = resend or self._is_stale(draft)
        if is_again and not looked:
            earlier = await self._find(draft)
            if earlier is not None:
                return earlier
        sealed = await self._keep_content(draft, is_again)
        fact = fact_of(draft, sealed)
        raw = fact.encode()
        try:
            ack = await self._put(draft, raw)
        except Conflict:
            earlier = None if looked else await self._find(draft)
            if earlier is None:
                raise
            return earlier
        if ack.duplicate:
            return await self._known(draft, ack)
        self.gates[draft.place.mode].observe(ack.sequence, raw)
        return Recorded(fact, draft.body, ack.sequence, subject_of(draft), fresh=True)

    async def put_object(self, mode: str, subject: str, raw: bytes, message_id: str) -> None:
        """Store a part of a file, or its description; once, however often. Raises what the appender does."""
        await self._objects[Mode(mode)].append(Outgoing(subject, raw, message_id))

    async def history(self, mode: str, id: str, org: str = "*", watch: str = "*") -> list[Recorded]:
        """Every fact about an id, in order; those that this version cannot read are left out."""
        subject = subjects.facts_of(mode, id, org, watch)
        found = await self._direct.history(names.ledger(mode), subject)
        return [recorded for stored in found if (recorded := read(stored)) is not None]

    async def stored(self, mode: str, id: str, start: int = 1) -> list[Stored]:
        """Every message about an id from sequence ``start`` on, in order; also what cannot be read."""
        return await self._direct.history(names.ledger(mode), subjects.facts_of(mode, id), start)

    async def at(self, mode: str, sequence: int) -> Recorded | None:
        """The fact with that sequence, or None if there is none or it cannot be read."""
        stored = await self._direct.at(names.ledger(mode), sequence)
        return None if stored is None else read(stored)

    async def content_of(self, mode: str, place: subjects.Place, fact: Fact) -> dict[str, Any] | None:
        """What was typed for a fact, or None if it is absent."""
        shared = fact.data.content_class is ContentClass.SHARED
        sealed = await self.sealed_content(mode, place, fact.id, _SHARED if shared else tuple(ContentClass))
        return None if sealed is None else unseal(sealed)

    async def sealed_content(
        self, mode: str, place: subjects.Place, fact_id: str, sorts: Sequence[str] = tuple(ContentClass)
    ) -> bytes | None:
        """The sealed bytes of a fact's content, of the first class that has them, or None.

        A reader without permission on a class leaves it out of ``sorts``: the broker would not answer.
        """
        for sort in sorts:
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

    async def _put(self, draft: Draft, raw: bytes) -> Ack:
        """Into the ledger, unless facts turned out to be missing in it while the command was in hand."""
        if self.gates[draft.place.mode].reason == BEHIND:
            raise Unreachable(draft.id)
        outgoing = Outgoing(subject_of(draft), raw, draft.id, draft.guard, draft.expected)
        return await self._facts[Mode(draft.place.mode)].append(outgoing)

    def _is_stale(self, draft: Draft) -> bool:
        born = id_time(draft.command)
        gate = self.gates[draft.place.mode]
        if born is None or gate.epoch_began is None:
            return True
        return abs(datetime.now(UTC) - born) > STALE or born < gate.epoch_began

    async def _keep_content(self, draft: Draft, resend: bool) -> bytes | None:
        if draft.content is None:
            return None
        mode, place, sort = draft.place.mode, draft.place, content_class(draft.level)
        if resend:
            kept = await self.sealed_content(mode, place, draft.id, (sort,))
            if kept is not None:
                return self._require_words(draft, kept)
        sealed = seal(draft.content)
        subject = subjects.content(mode, place.org, place.watch, sort, draft.id)
        ack = await self._content[Mode(mode)].append(Outgoing(subject, sealed, draft.id))
        if not ack.duplicate:
            return sealed
        kept = await self.sealed_content(mode, place, draft.id, (sort,))
        return self._require_words(draft, kept)

    def _require_words(self, draft: Draft, kept: bytes | None) -> bytes:
        if kept is None or unseal(kept) != draft.content:
            raise IdTaken(draft.id)
        return kept

    async def _known(self, draft: Draft, ack: Ack) -> Recorded:
        """The fact that the broker knew the id of, wherever it lies."""
        found = await self.at(draft.place.mode, ack.sequence)
        if found is None or found.fact.id != draft.id:
            raise IdTaken(draft.id)
        await self._require_same(found, draft)
        return found

    async def _find(self, draft: Draft) -> Recorded | None:
        place = draft.place
        for recorded in await self.history(place.mode, place.id, place.org, place.watch):
            if recorded.fact.id == draft.id:
                await self._require_same(recorded, draft)
                return recorded
        return None

    async def _require_same(self, recorded: Recorded, draft: Draft) -> None:
        """Raises IdTaken unless the stored fact is the draft's: same sender, same codes, same words."""
        if not says_same(recorded, draft) or not await self.holds(draft.place.mode, recorded, draft.content):
            raise IdTaken(draft.id)

    async def holds(self, mode: str, recorded: Recorded, content: dict[str, Any] | None) -> bool:
        """True if this is what was typed for a stored fact, or if what was typed is erased."""
        if content is None or recorded.fact.data.commitment is None:
            return content is None and recorded.fact.data.commitment is None
        place = subjects.parse_place(recorded.subject)
        kept = await self.content_of(mode, place, recorded.fact) if place else None
        return kept is None or kept == content
