"""What happens to a file once it is attached: scanned for viruses, and copied without hidden data for others.

The log has the file before, and waits for nobody: a scanner that fails leaves it kept and marked, and is
asked again. What came of it is a fact; what is not done at the end of a process is done at the next start.
"""

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime

from schemas import subjects
from schemas.attachments import AttachmentChecked, SharedCopy
from schemas.envelope import Actor
from schemas.identifiers import derived_id
from schemas.vocabulary import Authentication
from services.incidents import limits
from services.incidents.fold import Incident, Item
from services.incidents.picture import Logs, Picture, Waiting
from services.incidents.scanner import NONE, scan
from services.incidents.stripping import STRIPPABLE, NotStripped, stripped
from services.runtime import logs
from services.runtime.appender import Conflict
from services.runtime.ledger import Draft, Ledger
from services.runtime.objects import Object, Tally, stored_parts

RETRY_S = 60.0
"""How soon a scanner that did not answer is asked again."""
_TRIES = 5
_ACTOR = "screening"


class Screening:
    """Goes through what is attached, one file at a time."""

    def __init__(self, ledger: Ledger, pictures: Mapping[str, Picture], scanner: str) -> None:
        self._ledger = ledger
        self._pictures = pictures
        self._scanner = scanner
        self._logs = Logs(ledger)
        self._settled: set[str] = set()

    async def run(self) -> None:
        """For ever; a file that cannot be gone through now is tried again."""
        while True:
            for mode, picture in self._pictures.items():
                picture.arrived.clear()
                for fact, waiting in list(picture.files.items()):
                    await self._try(mode, fact, waiting)
            await self._wait()

    async def _wait(self) -> None:
        waits = [asyncio.create_task(picture.arrived.wait()) for picture in self._pictures.values()]
        try:
            await asyncio.wait(waits, timeout=RETRY_S, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in waits:
                one.cancel()

    async def _try(self, mode: str, fact: str, waiting: Waiting) -> None:
        if fact in self._settled:
            return
        try:
            await self._screen(mode, fact, waiting)
        except Exception as fault:
            logs.get(mode=mode).error("screening.failed", exc_info=fault)

    async def _screen(self, mode: str, fact: str, waiting: Waiting) -> None:
        part, item = await self._look(mode, fact, waiting)
        if item is None or part is None:
            return
        original = Object(mode, waiting.body.object)
        outcome = await scan(self._scanner, self._parts(original))
        may_share = outcome == "clean" or (outcome == "unscanned" and self._scanner == NONE)
        shared = await self._copy(original, fact, waiting.body.media_type) if may_share else None
        said = AttachmentChecked(attachment=fact, outcome=outcome, shared=shared)
        if outcome != "failed":
            self._settled.add(fact)
        if item.checked is None or (item.checked.outcome, shared) != (outcome, None):
            await self._say(mode, waiting, said)

    async def _look(self, mode: str, fact: str, waiting: Waiting) -> tuple[Incident | None, Item | None]:
        """The log and the file's item as they are now; no item when it is erased or done with."""
        part = (await self._logs.look(mode, waiting.incident)).parts.get(waiting.owner)
        item = None if part is None else part.items.get(fact)
        is_open = item is not None and not item.erased and (item.checked is None or not item.checked.shared)
        if part is None or limits.is_discarded(part, self._pictures[mode].directory):
            return part, None
        return part, item if is_open else None

    async def _say(self, mode: str, waiting: Waiting, said: AttachmentChecked) -> None:
        """Append the fact, unless the file was erased meanwhile: then nothing must name a new copy."""
        for _ in range(_TRIES):
            part, item = await self._look(mode, said.attachment, waiting)
            if part is None or item is None:
                return
            with contextlib.suppress(Conflict):
                await self._ledger.append(_draft(mode, waiting, part, said))
                return

    async def _copy(self, original: Object, fact: str, media_type: str) -> SharedCopy | None:
        """Make the copy for others; None when none can be made."""
        if media_type not in STRIPPABLE:
            return None
        copy, tally = Object(original.mode, f"{original.name}-s{secrets.token_hex(4)}"), Tally()
        try:
            async with contextlib.aclosing(stripped(self._parts(original), media_type)) as pieces:
                async for piece in pieces:
                    await self._ledger.put_object(copy.mode, copy.parts, piece, copy.part_id(tally.chunks))
                    tally.add(piece)
        except NotStripped:
            logs.get(mode=original.mode).warning("screening.not_stripped")
            return None
        said = copy.describe(fact, tally.size, tally.chunks, tally.digest)
        await self._ledger.put_object(copy.mode, copy.description, said, copy.part_id(-1))
        return SharedCopy(object=copy.name, chunks=tally.chunks)

    async def _parts(self, one: Object) -> AsyncIterator[bytes]:
        async for stored in stored_parts(self._ledger.direct, one):
            yield stored.data


def _draft(mode: str, waiting: Waiting, part: Incident, said: AttachmentChecked) -> Draft:
    org, watch = subjects.split_key(waiting.owner)
    way = derived_id("checked", said.attachment, said.outcome, str(said.shared is not None))
    actor = Actor(
        machine=_ACTOR, organisation=org, watch=watch, via="hub", authentication=Authentication.SERVICE
    )
    return Draft(
        id=way,
        place=subjects.Place(mode, org, watch, said.trade, waiting.incident, said.name),
        body=said,
        actor=actor,
        occurred_at=datetime.now(UTC),
        command=way,
        controller=part.controller,
        guard=subjects.facts_of(mode, waiting.incident, org, watch),
        expected=part.sequence,
        not_before=part.recorded_at,
    )
