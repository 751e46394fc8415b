"""Noting who reads which restricted report before it is told, and asking for a reason where one is needed."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy.engine import Engine

from schemas.envelope import Actor
from schemas.vocabulary import SHIFT, ReadReason
from services.reports import reads
from services.reports.documents import Read, Reader
from services.reports.picture import Head
from services.reports.reads import CODES, Item
from services.runtime.lasting import in_thread
from services.runtime.reading import Refusal


class Noting:
    """Writes the room's log of reads."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def note(
        self, what: str, actor: Actor, head: Head, reader: Reader, read: Read, reason: ReadReason | None
    ) -> None:
        """Keep who reads which restricted items of a version; a read that cannot be kept is not answered.

        Raises Refusal: REASON_NEEDED.
        """
        items = reads.restricted(read.items, reader.watch)
        if not items:
            return
        said = await self._reason(actor, head, reader, read, items, reason)
        about = {"report": head.report, "version": read.told["version"], "reason": said}
        rows = [
            who(actor, head.place.mode, what)
            | about
            | {"owner": one.reach.owner, "incident": one.incident, "item": one.item}
            for one in items
        ]
        await in_thread(reads.log_of(self._engine).append, rows)

    async def _reason(
        self,
        actor: Actor,
        head: Head,
        reader: Reader,
        read: Read,
        items: Sequence[Item],
        reason: ReadReason | None,
    ) -> str:
        """Why the asker reads: as said now or earlier in the shift, or plain to see."""
        is_told = reader.is_inside or reads.is_receiver(read.reach, reader.watch)
        known = reason or reads.ground(items, reader.watch, is_told=is_told)
        if known is not None:
            return known.value
        given = None
        if actor.person is not None:
            asked = (head.place.mode, actor.person, head.report, reader.now - SHIFT)
            given = await in_thread(reads.reason_given, self._engine, *asked)
        if given is None:
            raise Refusal("REASON_NEEDED", reasons=list(CODES))
        return given


def who(actor: Actor, mode: str, what: str) -> dict[str, Any]:
    """Who reads, how and when, as it stands in a line."""
    return {
        "mode": mode,
        "read_at": datetime.now(UTC).astimezone().isoformat(),
        "watch": actor.key,
        "person": actor.person,
        "machine": actor.machine,
        "via": actor.via,
        "what": what,
    }
