"""Questions to the archive: one incident, or a list of heads, as the asking watch may see them (D13, D20)."""

import asyncio
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

import orjson
from pydantic import Field

from schemas import authorisation, running
from schemas.canonical import unseal
from schemas.directory import Directory
from schemas.envelope import Actor, Moment, Refused, Strict, Token
from schemas.identifiers import read_ref
from schemas.related import Relations
from schemas.subjects import Address
from schemas.vocabulary import SHIFT, ReadReason
from services.incidents import moments
from services.incidents.around import Near, around, responsible, ties
from services.incidents.begun import type_told
from services.incidents.kin import Kin, reach_of
from services.incidents.lookups import STOOD, Lookups
from services.incidents.past import Past
from services.incidents.reads import Reading
from services.incidents.reasons import CODES, is_long_closed
from services.incidents.store import Store
from services.incidents.view import Filed, Shown, filed, is_restricted, show
from services.incidents.viewer import Viewer
from services.runtime.lasting import in_thread
from services.runtime.projector import Projector
from services.runtime.reading import Refusal, validate

PATIENCE = timedelta(seconds=5)
WAITING_MOST = 40
"""How many questions of one watch wait at once; the door's room is for all."""
_PAGE = 200
_NEWEST = 1 << 62


class Question(Strict):
    """What every question says: who asks, and the receipt that the answer must know of."""

    actor: Actor
    after: Token | None = None


class Reasoned(Question):
    """``reason`` is why one reads what is closed, or another watch's and tagged."""

    reason: ReadReason | None = None


class GetQuestion(Reasoned):
    """One incident by one of its names; ``after`` is a receipt that the answer must know of.

    ``at`` asks how it stood, and ``order`` whether entries stand as things happened or were recorded.
    """

    at: Moment | None = None
    order: Literal["occurred", "recorded"] = "occurred"

    ref: str | None = Field(None, max_length=20)
    id: Token | None = None
    number: str | None = Field(None, max_length=90)


class ListQuestion(Question):
    """Heads, the newest first. Without ``reason`` the restricted words of long closed ones are held back.

    ``at`` asks how the list stood at a past moment.
    """

    reason: ReadReason | None = None
    at: Moment | None = None
    state: str = Field("open", pattern="^(open|closed|all)$")
    limit: int = Field(100, ge=1, le=500)


class SeenQuestion(Question):
    """Incidents and items that a page of the asking watch has shown to a person."""

    items: Annotated[list[tuple[Token, Token]], Field(max_length=500)]


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
        self._kin = Kin(lookups, relations)
        self._waiting: Counter[str] = Counter()

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
        shown = await in_thread(self._find, mode, question, viewer)
        if shown is None:
            raise Refusal("UNKNOWN_INCIDENT")
        return shown, await self.reason_for(question, mode, shown, viewer)

    async def types(self, body: dict[str, Any], address: Address) -> dict[str, Any]:
        """The register of types, as far as it is for the asking watch; by code. Raises Refusal."""
        viewer = await self.admit(validate(Question, orjson.dumps(body)), address)
        known = [one for _, one in sorted(viewer.directory.types.items()) if one.is_for(viewer.watch)]
        return {"status": "ok", "types": [type_told(one, viewer.watch) for one in known]}

    async def listing(self, body: dict[str, Any], address: Address) -> dict[str, Any]:
        """The heads that the watch may see."""
        question = validate(ListQuestion, orjson.dumps(body))
        viewer = await self.admit(question, address)
        wanted = (question.state, question.limit, viewer, question.at)
        rows = await in_thread(self._heads, address.mode, *wanted)
        restricted = [
            (row["id"], row["fact"])
            for row in rows
            if is_restricted(reach_of(row), row["tags"] != "[]", viewer)
        ]
        held = set() if question.reason else {row["id"] for row in rows if _is_long_closed(row, viewer)}
        held &= {id for id, _item in restricted}
        shown = [one for one in restricted if one[0] not in held]
        await self.note("list", question.actor, address.mode, viewer, shown, question.reason)
        told = {"status": "ok", "incidents": [as_head(row, viewer, row["id"] in held) for row in rows]}
        if question.at is not None:
            await self._stood_beside(question, question.at, address.mode, viewer, rows, told)
        return told

    def open_ones(self, mode: str, viewer: Viewer, most: int) -> tuple[list[Shown], bool]:
        """The newest open incidents as a watch sees them, and whether there are more. Reads are not noted."""
        rows = self._heads(mode, "open", most + 1, viewer)
        found = (self._show(mode, row["id"], viewer, head_needed=True) for row in rows[:most])
        return [shown for shown in found if shown is not None], len(rows) > most

    def record(self, reading: Reading, items: list[tuple[str, str]]) -> None:
        """Note in the log of reads who read which items, given as incident and item."""
        self._lookups.record(reading, items)

    async def seen(self, body: dict[str, Any], address: Address) -> dict[str, Any]:
        """Note in the log of reads what a live page has shown; tells nothing."""
        question = validate(SeenQuestion, orjson.dumps(body))
        viewer = await self.admit(question, address)
        await self.note("live", question.actor, address.mode, viewer, question.items)
        return {"status": "ok"}

    async def admit(self, question: Question, address: Address, *scopes: str) -> Viewer:
        """Who asks, once the archive has what they know of; ``scopes`` are a token's that will do.

        Raises Refusal.
        """
        actor, mode = question.actor, address.mode
        if actor.key != address.key:
            raise Refusal("WRONG_SENDER")
        if mode not in self._directories:
            raise Refusal("UNKNOWN_TYPE")
        if question.after is not None:
            await self._wait_for(mode, question.after, actor.key)
        viewer = Viewer(actor.key, self._directories[mode], datetime.now(UTC))
        refused = check_read(actor, viewer.directory, viewer.now, *scopes)
        if refused is not None:
            raise Refusal(refused.code, **refused.parameters)
        return viewer

    async def _wait_for(self, mode: str, receipt: str, watch: str) -> None:
        """Wait until the archive has the fact, at most PATIENCE; then answer with what there is."""
        projector = self._projectors[mode]
        if self._waiting[watch] >= WAITING_MOST:
            return
        self._waiting[watch] += 1
        try:
            async with asyncio.timeout(PATIENCE.total_seconds()), projector.moved:
                while not await self._knows(mode, receipt):
                    await projector.moved.wait()
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

    def _find(self, mode: str, question: GetQuestion, viewer: Viewer) -> Shown | None:
        ids, head_needed = self._named(mode, question, viewer)
        for id in ids:
            if question.at is not None:
                shown = self._stood(mode, id, question.at, viewer, head_needed=head_needed)
            else:
                top = self._kin.survivor(mode, id, viewer)
                shown = self._show(mode, top or id, viewer, head_needed=head_needed)
                if shown is not None and top is not None:
                    shown.incident["instead_of"] = id
            if shown is not None and question.order == "recorded":
                moments.in_ledger_order(shown, self._lookups.places_of(mode, shown.entries))
            if shown is not None:
                return shown
        return None

    def _show(self, mode: str, id: str, viewer: Viewer, *, head_needed: bool) -> Shown | None:
        tied = self._kin.tied(mode)
        near = self._kin.near(mode, {id, *kin}, viewer) if (kin := around(id, tied)) else {}
        shown = self._show_alone(mode, id, viewer, near, head_needed=head_needed)
        if shown is None or "ref" not in shown.incident:
            return shown
        shown.incident |= ties(id, tied, near)
        for one in tied.family(id):
            double = self._show_alone(mode, one, viewer, near, head_needed=True) if one in near else None
            if double is not None:
                shown.join(double)
        return shown

    def _show_alone(
        self, mode: str, id: str, viewer: Viewer, near: Near, *, head_needed: bool
    ) -> Shown | None:
        shown = show(id, self._filed(mode, id), viewer, head_needed=head_needed, near=near)
        if shown is not None:
            self._number(mode, shown, viewer)
        return shown

    def _stood(self, mode: str, id: str, at: datetime, viewer: Viewer, *, head_needed: bool) -> Shown | None:
        """How it stood by itself: what it is tied to is told of today only."""
        shown = moments.show_at(id, self._filed(mode, id), at, viewer, head_needed=head_needed)
        if shown is not None:
            self._number(mode, shown, viewer)
        return shown

    def _filed(self, mode: str, id: str) -> list[Filed]:
        """What lies under an id; of an exercise that was ended for good nothing is shown any more."""
        rows = [one for row in self._lookups.about(mode, id) if (one := filed(row)) is not None]
        began = {one.place.key: one.fact.time for one in reversed(rows)}
        directory = self._directories[mode]
        gone = {watch for watch, time in began.items() if directory.is_discarded(watch, time)}
        return [one for one in rows if one.place.key not in gone]

    def _named(self, mode: str, question: GetQuestion, viewer: Viewer) -> tuple[list[str], bool]:
        """The ids that a question may mean, and whether its name belongs to the head."""
        if question.id is not None:
            return [question.id], False
        if question.ref is not None:
            ref = read_ref(question.ref)
            return self._seen(self._lookups.by_ref(mode, ref), viewer) if ref else [], True
        parts = running.NUMBER.fullmatch(question.number or "")
        if parts is None:
            return [], True
        code, year, number = parts[1], int(parts[2]), int(parts[3])
        watches = [
            key
            for key, known in viewer.directory.watches.items()
            if known.code == code and viewer.may_count(key)
        ]
        rows = self._lookups.by_number(mode, watches, year, number)
        return self._seen(sorted(rows, key=lambda row: row["watch"] != viewer.watch), viewer), True

    def _seen(self, rows: Sequence[Any], viewer: Viewer) -> list[str]:
        """The ids of the heads that may be seen: into others nothing is looked, which would take its time."""
        return [row["id"] for row in rows if viewer.sees(reach_of(row))]

    def _number(self, mode: str, shown: Shown, viewer: Viewer) -> None:
        owner = shown.incident.get("owner")
        if owner is None or not viewer.may_count(owner):
            return
        for row in self._lookups.by_id(mode, shown.incident["id"]):
            if row["watch"] == owner:
                shown.incident["number"] = _number_of(row, viewer)

    def _heads(
        self, mode: str, state: str, limit: int, viewer: Viewer, at: datetime | None = None
    ) -> list[Any]:
        seen: list[Any] = []
        before, moment = _NEWEST, None if at is None else round(at.timestamp() * 1000)
        while len(seen) < limit:
            asked = (mode, state, viewer.watch, before, _PAGE)
            page = self._lookups.heads(*asked) if moment is None else self._lookups.heads_then(*asked, moment)
            visible = [row for row in page if viewer.sees(reach_of(row))]
            if moment is None:
                seen += [row for row in visible if self._kin.stands(mode, row["id"], viewer)]
            else:
                stood = (as_then(row) for row in visible if row["then_state"] is not None)
                seen += (row for row in stood if viewer.sees(reach_of(row)))
            if len(page) < _PAGE:
                break
            before = page[-1]["sequence"]
        return seen[:limit]

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


def _number_of(row: Any, viewer: Viewer) -> str | None:
    known = viewer.directory.watches.get(row["watch"])
    return None if known is None else running.written(known.code, row["year"], row["number"])


def _is_long_closed(row: Any, viewer: Viewer) -> bool:
    closed_at = row["closed_at"]
    return closed_at is not None and is_long_closed(datetime.fromisoformat(closed_at), viewer.now)


def as_then(row: Any) -> dict[Any, Any]:
    """A head as it stood at the moment that was asked for."""
    return {**row, **{name: row[f"then_{name}"] for name in STOOD}}


def as_head(row: Any, viewer: Viewer, held: bool = False) -> dict[str, Any]:
    """A head as the list shows it; number and receivers to the owner's house only. Words may be ``held``."""
    is_house = viewer.is_house_of(row["watch"])
    plain = ("id", "ref", "controller", "state", "type", "priority", "level", "occurred_at", "recorded_at")
    return {
        **{name: row[name] for name in plain},
        "number": _number_of(row, viewer) if viewer.may_count(row["watch"]) else None,
        "owner": row["watch"],
        "responsible": responsible(row["responsible"], row["watch"], viewer),
        "tags": json.loads(row["tags"]),
        "named": json.loads(row["named"]) if is_house else [],
        "municipalities": json.loads(row["municipalities"]),
        "content": None if held or row["sealed"] is None else unseal(bytes(row["sealed"])),
        "erased": bool(row["erased"]),
        "reason_needed": held,
    }
