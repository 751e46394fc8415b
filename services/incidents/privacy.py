"""Questions of data protection: who received an incident's items, and what the log holds of one person."""

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from schemas import notifications
from schemas.authorisation import AUDIT, check, watches_overseen
from schemas.canonical import parse
from schemas.envelope import Token
from schemas.sharing import Reach, organisation_may_see
from schemas.subjects import Address
from schemas.vocabulary import Level
from services.incidents import reads
from services.incidents.audit import line
from services.incidents.fold import Item, Log
from services.incidents.lookups import Lookups
from services.incidents.queries import Queries
from services.incidents.questions import GetQuestion, Question
from services.incidents.reads import Wanted
from services.incidents.tables import FACTS
from services.incidents.view import Filed, filed
from services.incidents.viewer import Viewer
from services.runtime.reading import Refusal, validate

MOST = 5000
"""Lines of a report; it says when there are more."""


class PersonQuestion(Question):
    """All that is held of one person."""

    who: Token


class Privacy:
    """The handlers of ``received`` and ``person``; for archive owner and data-protection officer."""

    def __init__(self, engine: Engine, lookups: Lookups, queries: Queries) -> None:
        self._engine = engine
        self._reading = engine.execution_options(isolation_level="AUTOCOMMIT")
        self._lookups = lookups
        self._queries = queries

    async def received(self, body: dict[str, Any], address: Address) -> dict[str, Any]:
        """Who may see each item, was told of it, and has read it. Raises Refusal: UNKNOWN_INCIDENT."""
        question = validate(GetQuestion, orjson.dumps(body))
        viewer = await self._admit(question, address)
        return await asyncio.to_thread(self._received, question, address.mode, viewer)

    async def person(self, body: dict[str, Any], address: Address) -> dict[str, Any]:
        """What a person wrote, is named in and has read, in the watches that the asker oversees."""
        question = validate(PersonQuestion, orjson.dumps(body))
        viewer = await self._admit(question, address)
        return await asyncio.to_thread(self._person, question, address.mode, viewer)

    async def _admit(self, question: Question, address: Address) -> Viewer:
        viewer = await self._queries.admit(question, address)
        refused = check(question.actor, AUDIT, "privacy", viewer.directory, viewer.now)
        if refused is not None:
            raise Refusal(refused.code, **refused.parameters)
        return viewer

    def _received(self, question: GetQuestion, mode: str, viewer: Viewer) -> dict[str, Any]:
        own = watches_overseen(question.actor, viewer.directory, viewer.now, AUDIT)
        rows = self._named(question, mode)
        row = next((row for row in rows if row["watch"] in own), None)
        if row is None:
            raise Refusal("UNKNOWN_INCIDENT")
        found = [one for fact in self._lookups.about(mode, row["id"]) if (one := filed(fact)) is not None]
        log = Log(row["id"])
        for one in found:
            log.take(one.sequence, one.place, one.fact, one.body)
        part, read = log.part(row["watch"]), self._read(question, mode, viewer, incident=row["id"])
        told = _told(found, viewer, part.owner)
        items = [_item(item, read, viewer) for item in part.items.values()]
        about = {"ref": part.ref, "incident": part.id, "owner": part.owner}
        since = {"reads_since": reads.known_since(self._engine, viewer.now)}
        return {"status": "ok", **about, **since, "items": items, "told": sorted(told)}

    def _named(self, question: GetQuestion, mode: str) -> Sequence[Any]:
        if question.id is not None:
            return self._lookups.by_id(mode, question.id)
        return self._lookups.by_ref(mode, question.ref) if question.ref is not None else []

    def _read(self, question: Question, mode: str, viewer: Viewer, **of: Any) -> list[dict[str, Any]]:
        own = watches_overseen(question.actor, viewer.directory, viewer.now, AUDIT)
        hidden = [key for key in viewer.directory.watches if viewer.directory.hidden(key) and key not in own]
        rows, _ = reads.lines(self._engine, replace(Wanted(mode, own, hidden), **of), MOST)
        return [line(row, viewer.organisation, {}) for row in rows]

    def _person(self, question: PersonQuestion, mode: str, viewer: Viewer) -> dict[str, Any]:
        own = watches_overseen(question.actor, viewer.directory, viewer.now, AUDIT)
        others = [key.encode() for key in viewer.directory.watches if viewer.directory.hidden(key)]
        others = [key for key in others if key.decode() not in own]
        rows = self._naming(mode, question.who, own)
        facts = [
            _fact(row, question.who) for row in rows if not any(key in bytes(row["raw"]) for key in others)
        ]
        roles = [
            {"role": role.value, "where": where, "until": held.until and held.until.isoformat()}
            for (person, where, role), held in viewer.directory.roles.items()
            if person == question.who and (where in own or where == viewer.organisation)
        ]
        read = self._read(question, mode, viewer, person=question.who)
        return {
            "status": "ok",
            "person": question.who,
            "roles": roles,
            "facts": facts[:MOST],
            "reads": [one for one in read if one["person"] == question.who],
            "more": len(facts) > MOST,
        }

    def _naming(self, mode: str, person: str, own: Iterable[str]) -> Iterator[Any]:
        """The facts of these watches in whose bytes the person's id stands."""
        wanted = sa.literal(f'"{person}"'.encode())
        place = (
            sa.func.instr(FACTS.c.raw, wanted)
            if self._engine.dialect.name == "sqlite"
            else sa.func.position(wanted.op("IN")(FACTS.c.raw))
        )
        query = sa.select(FACTS.c.id, FACTS.c.about, FACTS.c.watch, FACTS.c.raw)
        query = query.where(FACTS.c.mode == mode, FACTS.c.id.is_not(None), place > 0)
        query = query.where(FACTS.c.watch.in_([*own, *_centres(own)])).order_by(FACTS.c.sequence)
        with self._reading.connect() as connection:
            yield from connection.execute(query.limit(MOST + 1)).mappings()


def _centres(own: Iterable[str]) -> set[str]:
    """Where the facts of a house's people lie that the centre wrote."""
    return {f"{watch.partition('.')[0]}.centre" for watch in own}


def _fact(row: Any, person: str) -> dict[str, Any]:
    """Which fact, and whether the person made it or is named in it; what was written is not repeated."""
    fact = parse(bytes(row["raw"]))
    is_author = fact["data"]["actor"].get("person") == person
    return {
        "id": row["id"],
        "type": fact["type"],
        "about": row["about"],
        "watch": row["watch"],
        "recorded_at": fact["time"],
        "as": "author" if is_author else "named",
        "has_content": "commitment" in fact["data"],
    }


def _told(found: list[Filed], viewer: Viewer, owner: str) -> set[str]:
    """The watches that were paged; a hidden one is known to itself and to who paged it."""
    watches = {one.body.watch for one in found if isinstance(one.body, notifications.Started)}
    return {key for key in watches if not viewer.directory.hidden(key) or key == owner}


def _item(item: Item, read: list[dict[str, Any]], viewer: Viewer) -> dict[str, Any]:
    lines = (
        {key: one[key] for key in ("watch", "person", "read_at", "what")}
        for one in read
        if one["item"] == item.id
    )
    return {
        "item": item.id,
        "kind": item.kind,
        "level": item.reach.level.value,
        "tags": [tag.value for tag in item.tags],
        "erased": item.erased,
        "public": item.reach.level is Level.PUBLIC,
        "organisations": _organisations(item.reach, viewer),
        "read": list(lines),
    }


def _organisations(reach: Reach, viewer: Viewer) -> list[str]:
    """Those outside the owner's house that may see it now."""
    others = viewer.directory.organisations.keys() | {
        key.partition(".")[0] for key in viewer.directory.watches
    }
    return sorted(
        one
        for one in others - {reach.organisation}
        if organisation_may_see(reach, one, viewer.directory, viewer.now)
    )
