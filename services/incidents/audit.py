"""Questions to the log of reads, for those who answer for it: archive owner and data-protection officer."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated, Any

import orjson
from pydantic import Field
from sqlalchemy.engine import Engine

from schemas.authorisation import AUDIT, check, watches_overseen
from schemas.directory import Directory
from schemas.envelope import Actor, Moment, Strict, Token
from schemas.identifiers import read_ref
from schemas.subjects import Address
from services.incidents import reads
from services.incidents.lookups import Lookups
from services.incidents.reads import Reading, Wanted
from services.runtime.lasting import in_thread
from services.runtime.reading import Refusal, validate
from services.runtime.reads import line as told

_NOTE = "audit"
_NONE = "-"
"""No incident has this id."""


class AuditQuestion(Strict):
    """Who read what: of one incident, one item, by one person, in a period; the newest first."""

    actor: Actor
    incident: Token | None = None
    ref: str | None = Field(None, max_length=20)
    item: Token | None = None
    person: Token | None = None
    since: Moment | None = None
    until: Moment | None = None
    limit: Annotated[int, Field(ge=1, le=500)] = 200


class Audit:
    """The handler of ``audit``. Looking into the log is a line in it too."""

    def __init__(self, engine: Engine, lookups: Lookups, directories: Mapping[str, Directory]) -> None:
        self._engine = engine
        self._lookups = lookups
        self._directories = directories

    async def asked(self, body: dict[str, Any], address: Address) -> dict[str, Any]:
        """The lines that the asker may see. Raises Refusal."""
        question = validate(AuditQuestion, orjson.dumps(body))
        directory = self._directories.get(address.mode)
        if directory is None or question.actor.key != address.key:
            raise Refusal("WRONG_SENDER")
        now = datetime.now(UTC)
        refused = check(question.actor, AUDIT, "audit", directory, now)
        if refused is not None:
            raise Refusal(refused.code, **refused.parameters)
        wanted = _wanted(question, address.mode, directory, now)
        if question.ref is not None:
            wanted = await in_thread(self._named, question.ref, wanted)
        found, is_cut = await in_thread(self._find, question, wanted)
        await self._note(question.actor, address.mode, now)
        return {"status": "ok", "reads": found, "more": is_cut, "incident": wanted.incident}

    def _named(self, ref: str, wanted: Wanted) -> Wanted:
        """The same of one incident; of none where no overseen watch has one of that ref."""
        known = self._lookups.by_ref(wanted.mode, read_ref(ref) or "")
        own = [row["id"] for row in known if row["watch"] in wanted.watches]
        return replace(wanted, incident=own[0] if own else _NONE)

    def _find(self, question: AuditQuestion, wanted: Wanted) -> tuple[list[dict[str, Any]], bool]:
        rows, is_cut = reads.lines(self._engine, wanted, question.limit)
        ids = {row["incident"] for row in rows if row["owner"] in wanted.watches}
        refs = self._lookups.refs(wanted.mode, ids)
        return [line(row, question.actor.organisation, refs) for row in rows], is_cut

    async def _note(self, actor: Actor, mode: str, now: datetime) -> None:
        read_at = now.astimezone().isoformat()
        reading = Reading(mode, read_at, actor.key, actor.person, None, actor.via, _NOTE)
        await in_thread(reads.append, self._engine, reading, [("", "")])


def _wanted(question: AuditQuestion, mode: str, directory: Directory, now: datetime) -> Wanted:
    """Lines of the watches over which the asker has the role; of another hidden watch there are none."""
    own = watches_overseen(question.actor, directory, now, AUDIT)
    hidden = [key for key in directory.watches if directory.hidden(key) and key not in own]
    names = ("incident", "item", "person", "since", "until")
    return Wanted(mode, own, hidden, **{name: getattr(question, name) for name in names})


def line(row: Mapping[str, Any], organisation: str, refs: Mapping[str, str]) -> dict[str, Any]:
    """A line as it is told."""
    return told(row, organisation) | {"ref": refs.get(row["incident"])}
