"""Questions to the log of reads of reports, for archive owner and data-protection officer."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any

import orjson
from pydantic import AwareDatetime, Field
from sqlalchemy.engine import Engine

from schemas.authorisation import AUDIT, check, watches_overseen
from schemas.envelope import Actor, Strict, Token
from schemas.subjects import Address
from services.reports import reads
from services.reports.handlers import refuse
from services.reports.noting import who
from services.reports.picture import Picture
from services.reports.reads import Wanted
from services.runtime.lasting import in_thread
from services.runtime.reading import Refusal, validate
from services.runtime.reads import line

_NOTE = {"owner": "", "report": "", "version": 0, "incident": "", "item": "", "reason": None}


class AskReads(Strict):
    """Who read what: of one report, incident or item, by one person, in a period; the newest first.

    ``before`` is the ``position`` of the oldest line that was told already.
    """

    actor: Actor
    report: Token | None = None
    incident: Token | None = None
    item: Token | None = None
    person: Token | None = None
    since: AwareDatetime | None = None
    until: AwareDatetime | None = None
    before: Annotated[int, Field(ge=1)] | None = None
    limit: Annotated[int, Field(ge=1, le=500)] = 200


class Audit:
    """The handler of ``audit``. Looking into the log is a line in it too."""

    def __init__(self, engine: Engine, pictures: Mapping[str, Picture]) -> None:
        self._engine = engine
        self._pictures = pictures

    async def asked(self, body: dict[str, Any], address: Address) -> dict[str, Any]:
        """The lines of the watches over which the asker has the role. Raises Refusal."""
        question, picture = validate(AskReads, orjson.dumps(body)), self._pictures.get(address.mode)
        if picture is None or question.actor.key != address.key:
            raise Refusal("WRONG_SENDER")
        directory, now = picture.directory, datetime.now(UTC)
        refuse(check(question.actor, AUDIT, "audit", directory, now))
        own = watches_overseen(question.actor, directory, now, AUDIT)
        hidden = [key for key in directory.watches if directory.hidden(key) and key not in own]
        names = ("report", "incident", "item", "person", "since", "until", "before")
        wanted = Wanted(address.mode, own, hidden, **{name: getattr(question, name) for name in names})
        found, is_cut = await in_thread(reads.lines, self._engine, wanted, question.limit)
        note = who(question.actor, address.mode, "audit") | _NOTE
        await in_thread(reads.log_of(self._engine).append, [note])
        told = [_line(row, address.org) for row in found]
        return {"status": "ok", "reads": told, "more": is_cut}


def _line(row: dict[str, Any], organisation: str) -> dict[str, Any]:
    about = {"report": row["report"] or None, "version": row["version"] or None, "position": row["position"]}
    return line(row, organisation) | {"owner": row["owner"] or None} | about
