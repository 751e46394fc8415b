"""Questions to the archive: one incident, or a list of heads, as the asking watch may see them (D13, D20)."""

import asyncio
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from schemas import authorisation
from schemas.directory import Directory
from schemas.envelope import Actor, Refused
from schemas.related import Relations
from schemas.subjects import Address
from schemas.vocabulary import SHIFT
from services.incidents.begun import type_told
from services.incidents.kin import reach_of
from services.incidents.lookups import Lookups
from services.incidents.past import Past
from services.incidents.questions import GetQuestion, ListQuestion, Question, Reasoned, SeenQuestion
from services.incidents.reads import Reading
from services.incidents.reasons import CODES, is_long_closed
from services.incidents.showing import Showing, as_head
from services.incidents.store import Store
from services.incidents.view import Shown, is_restricted
from services.incidents.viewer import Viewer
from services.runtime.lasting import in_thread
from services.runtime.projector import Projector
from services.runtime.reading import Refusal, validate

PATIENCE = timedelta(seconds=5)
"""How long an answer waits for a receipt that it must know of."""

CATCH_UP_S = 1.0
"""How long an answer waits for what had been logged before it was asked for."""

WAITING_MOST, CATCHING_MOST = 40, 200
"""How many questions of one watch wait at once, for a receipt and for the log; the door's room is for all."""


class Queries:
    """Handlers of ``get``, ``list`` and ``seen``; what may not be seen is answered like what is not there."""

    def __init__(
        self,
        store: Store,
        lookups: Lookups,
        projectors: Mapping[str, Projector],
        directories: Mapping[str, Directory],
        relations: Mapping[str, Relations],
        past: Past | None = None,
    ) -> None:
        self._store = store
        self._lookups = lookups
        self._projectors = projectors
        self._directories = directories
        self._past = past or Past(lookups)
        self.showing = Showing(lookups, directories, relations)
        self._waiting: Counter[str] = Counter()
        self._catching: Counter[str] = Counter()

    async def get(self, body: dict[str, Any], address: Address) -> dict[str, Any]:
        """One incident with its entries and chains. Raises Refusal: UNKNOWN_INCIDENT, REASON_NEEDED.

        ``behind`` says that the archive does not have the receipt yet.
        """
        question = validate(GetQuestion, orjson.dumps(body))
        viewer = await self.admit(question, address)
        behind = not await self._knows(address.mode, question.after)
        shown = await self.read(question, address.mode, viewer, "get")
        told = {
            "status": "ok",
            "behind": behind,
            "incident": shown.incident,
            "entries": shown.entries,
            "chains": shown.chains,
            "tasks": shown.tasks,
            "requests": shown.requests,
            "card": shown.card,
        }
        if question.at is not None and question.actor.person is not None:
            told["duty"] = self._past.duty_of(address.mode, question.at, viewer, told)
        return told

    async def read(self, question: GetQuestion, mode: str, viewer: Viewer, what: str) -> Shown:
        """One incident as the viewer sees it, its restricted items noted as read. Raises Refusal."""
        shown, reason = await self.look(question, mode, viewer)
        items = [(str(shown.incident["id"]), item) for item in shown.restricted] + shown.joined
        await self.note(what, question.actor, mode, viewer, items, reason)
        return shown

    async def look(self, question: GetQuestion, mode: str, viewer: Viewer) -> tuple[Shown, str | None]:
        """One incident as the viewer sees it, and why it may; reads are not noted yet. Raises Refusal."""
        shown = await in_thread(self.showing.find, mode, question, viewer)
        if shown is None:
            raise Refusal("UNKNOWN_INCIDENT")
        return shown, await self.reason_for(question, mode, shown, viewer)

    async def types(self, body: dict[str, Any], address: Address) -> dict[str, Any]:
        """The register of types, as far as it is for the asking watch; by code. Raises Refusal."""
        viewer = await self.admit(validate(Question, orjson.dumps(body)), address)
        known = [one for _, one in sorted(viewer.directory.types.items()) if one.is_for(viewer.watch)]
        return {"status": "ok", "types": [type_told(one, viewer.watch) for one in known]}

    async def listing(self, body: dict[str, Any], address: Address) -> dict[str, Any]:
        """The heads that the watch may see; ``more`` is True when there are older ones."""
        question = validate(ListQuestion, orjson.dumps(body))
        viewer = await self.admit(question, address)
        wanted = (question.state, question.limit + 1, viewer, question.at)
        found = await in_thread(self.showing.heads, address.mode, *wanted)
        rows = found[: question.limit]
        restricted = [
            (row["id"], row["fact"])
            for row in rows
            if is_restricted(reach_of(row), row["tags"] != "[]", viewer)
        ]
        held = set() if question.reason else {row["id"] for row in rows if _is_long_closed(row, viewer)}
        held &= {id for id, _item in restricted}
        shown = [one for one in restricted if one[0] not in held]
        await self.note("list", question.actor, address.mode, viewer, shown, question.reason)
        heads = [as_head(row, viewer, row["id"] in held) for row in rows]
        told = {"status": "ok", "incidents": heads, "more": len(found) > len(rows)}
        if question.at is not None:
            await self._stood_beside(question, question.at, address.mode, viewer, rows, told)
        return told

    def record(self, reading: Reading, items: list[tuple[str, str]]) -> None:
        """Note in the log of reads who read which items, given as incident and item."""
        self._lookups.record(reading, items)

    async def seen(self, body: dict[str, Any], address: Address) -> dict[str, Any]:
        """Note in the log of reads what a live page has shown; tells nothing."""
        question = validate(SeenQuestion, orjson.dumps(body))
        viewer = await self.admit(question, address, fresh=False)
        await self.note("live", question.actor, address.mode, viewer, question.items)
        return {"status": "ok"}

    async def admit(self, question: Question, address: Address, *scopes: str, fresh: bool = True) -> Viewer:
        """Who asks, once the archive has what was logged before; ``scopes`` are a token's that will do.

        ``fresh``: False for what goes on with an earlier answer, or hangs on no log. Raises Refusal.
        """
        actor, mode = question.actor, address.mode
        if actor.key != address.key:
            raise Refusal("WRONG_SENDER")
        if mode not in self._directories:
            raise Refusal("UNKNOWN_TYPE")
        if fresh:
            await self.catch_up(mode, actor.key)
        if question.after is not None:
            await self._wait_for(mode, question.after, actor.key)
        viewer = Viewer(actor.key, self._directories[mode], datetime.now(UTC))
        refused = check_read(actor, viewer.directory, viewer.now, *scopes)
        if refused is not None:
            raise Refusal(refused.code, **refused.parameters)
        return viewer

    async def catch_up(self, mode: str, watch: str) -> bool:
        """Wait for what was logged before this, for at most CATCH_UP_S; True if the archive has it all."""
        if mode not in self._projectors or self._catching[watch] >= CATCHING_MOST:
            return False
        self._catching[watch] += 1
        try:
            return await self._projectors[mode].catch_up(CATCH_UP_S)
        finally:
            self._catching[watch] -= 1

    async def _wait_for(self, mode: str, receipt: str, watch: str) -> None:
        """Wait until the archive has the fact, at most PATIENCE; then answer with what there is."""
        if mode not in self._projectors or self._waiting[watch] >= WAITING_MOST:
            return
        projector = self._projectors[mode]
        self._waiting[watch] += 1
        try:
            async with asyncio.timeout(PATIENCE.total_seconds()):
                seen = projector.sequence
                while not await self._knows(mode, receipt):
                    await projector.moves_on(seen)
                    seen = projector.sequence
        except TimeoutError:
            return
        finally:
            self._waiting[watch] -= 1

    async def _stood_beside(
        self,
        question: ListQuestion,
        at: datetime,
        mode: str,
        viewer: Viewer,
        rows: list[Any],
        told: dict[str, Any],
    ) -> None:
        """How the chains of a past moment's list stood, and who was on duty, which persons only are told."""
        heads = {row["id"]: row["fact"] for row in rows}
        chains = await in_thread(self._past.chains, mode, heads, at, viewer)
        for one in told["incidents"]:
            one["chains"] = chains[one["id"]]
        if question.actor.person is not None:
            told["duty"] = await in_thread(self._past.duty, mode, at, viewer)

    async def _knows(self, mode: str, receipt: str | None) -> bool:
        """True if the archive has the fact; an answer that is read after this knows of it."""
        return receipt is None or await in_thread(self._store.has_fact, mode, receipt)

    async def reason_for(self, question: Reasoned, mode: str, shown: Shown, viewer: Viewer) -> str | None:
        """Why the asker reads: as said now or earlier in the shift, or plain to see. Raises REASON_NEEDED."""
        known = question.reason or shown.ground
        if known is not None or not shown.restricted:
            return known
        person, id = question.actor.person, str(shown.incident["id"])
        if person is not None:
            since = viewer.now - SHIFT
            known = await in_thread(self._lookups.reason_given, mode, person, id, since, CODES)
        if known is None:
            raise Refusal("REASON_NEEDED", reasons=list(CODES))
        return known

    async def note(
        self,
        what: str,
        actor: Actor,
        mode: str,
        viewer: Viewer,
        items: list[tuple[str, str]],
        reason: str | None = None,
    ) -> None:
        """Note what is told before it is: a read that cannot be recorded is not answered."""
        if items:
            now = viewer.now.astimezone().isoformat()
            reading = Reading(mode, now, actor.key, actor.person, actor.machine, actor.via, what, reason)
            await in_thread(self._lookups.record, reading, items)


def check_read(actor: Actor, directory: Directory, now: datetime, *scopes: str) -> Refused | None:
    """Who may read: a person with a role that reads, or a machine whose token has the scope ``read``.

    ``scopes`` are others that will do.
    """
    if actor.person is not None:
        return authorisation.check(actor, authorisation.READ, "read", directory, now)
    if actor.machine is None:
        return Refused(code="PERSON_NEEDED", parameters={"act": "read"})
    token = directory.tokens.get(actor.machine)
    if token is None or now >= token.until or not directory.reaches(token, actor.key):
        return Refused(code="TOKEN_ENDED")
    if actor.key not in directory.watches:
        return Refused(code="UNKNOWN_WATCH", parameters={"watch": actor.key})
    return (
        None
        if {"read", *scopes} & set(token.scope)
        else Refused(code="NOT_ALLOWED", parameters={"act": "read"})
    )


def _is_long_closed(row: Any, viewer: Viewer) -> bool:
    closed_at = row["closed_at"]
    return closed_at is not None and is_long_closed(datetime.fromisoformat(closed_at), viewer.now)
