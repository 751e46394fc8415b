"""Erasing content everywhere: noted outside the tables, nulled by the projector, deleted at the broker (D16).

Each step may be repeated, and what is not done is done at the next start.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import orjson
import sqlalchemy as sa
from nats.aio.client import Client
from sqlalchemy.engine import Engine

from schemas.vocabulary import ContentClass
from services.incidents import files
from services.incidents.content import subject_of
from services.incidents.searchable import Searchable
from services.incidents.store import SERVICE
from services.incidents.tables import CONTENT, ERASURES, ITEMS, PARTS, WORDS
from services.incidents.term_index import term_index
from services.runtime import logs, names
from services.runtime.credentials import write_durably
from services.runtime.database import open_database
from services.runtime.direct import Direct
from services.runtime.lasting import in_thread
from services.runtime.objects import Object, delete_message, delete_object
from services.runtime.settings import Settings

FOLDER = "erasures"


class EraseFailed(Exception):
    """A reader did not let bytes go; the erasure stays pending."""


class Register:
    """The ids of erased content in HOME/erasures, outside every backup: a restore must heed them.

    A file holds one id under its own name, or all that ended with an exercise.
    """

    def __init__(self, home: Path) -> None:
        self._folder = home / FOLDER

    def write(self, mode: str, fact: str, erased_at: str) -> None:
        """Note an id; it lies on disk when this returns."""
        path = self._folder / f"{fact}.json"
        if not path.exists():
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_durably(path, orjson.dumps({"fact": fact, "mode": mode, "erased_at": erased_at}))

    def write_all(self, mode: str, name: str, facts: Sequence[str], erased_at: str) -> None:
        """Note many ids at once under a name of their own; they lie on disk when this returns."""
        path = self._folder / f"{name}.json"
        if facts and not path.exists():
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_durably(path, orjson.dumps({"facts": facts, "mode": mode, "erased_at": erased_at}))

    def ids(self) -> frozenset[str]:
        """The ids of all content that must never come back."""
        return frozenset(self.times())

    def times(self) -> dict[str, str]:
        """When each content was erased, by id."""
        noted = (orjson.loads(path.read_bytes()) for path in sorted(self._folder.glob("*.json")))
        return {fact: one["erased_at"] for one in noted for fact in one.get("facts") or [one["fact"]]}


@dataclass(frozen=True, slots=True)
class Pending:
    """An erasure that the broker has not done yet."""

    mode: str
    fact: str
    watch: str


class Eraser:
    """Deletes the content messages of erased facts; the only one who may delete anything at the broker."""

    def __init__(self, nc: Client, direct: Direct, engine: Engine) -> None:
        self._nc = nc
        self._direct = direct
        self._engine = engine
        self.files = asyncio.Lock()
        """Held while a file's bytes are deleted or put back: what is erased is never put back."""

    async def pending(self) -> list[Pending]:
        """Whose content is gone from the tables, and not yet from everywhere."""
        return await in_thread(_pending, self._engine)

    async def erase(self, pending: list[Pending]) -> None:
        """Do these, and note that they are done. Raises NotDeleted when the broker refuses, EraseFailed."""
        for one in pending:
            await self._delete(one)
            async with self.files:
                for name in await in_thread(files.objects_of, self._engine, one.mode, one.fact):
                    await self.delete_object(Object(one.mode, name))
        if pending:
            await in_thread(wipe_traces, self._engine)
            await in_thread(_note_done, self._engine, pending)
            logs.get(count=len(pending)).info("erasure.done")

    async def _delete(self, one: Pending) -> None:
        """Delete every message on the content's subjects, the newest first, until there is none."""
        places = [subject_of(one.mode, one.watch, sort.value, one.fact) for sort in ContentClass]
        stream = names.content(one.mode)
        while found := await self._direct.newest_of(stream, places):
            for stored in found:
                await delete_message(self._nc, stream, stored.sequence)

    async def delete_object(self, one: Object) -> None:
        """Delete a file's parts and its description, until there is none. Raises NotDeleted."""
        await delete_object(self._nc, self._direct, one)


def forget(settings: Settings) -> int:
    """Take what the register names out of a restored archive; the count of what was still in it.

    They become pending again, so that the next start deletes what the broker may have of them.
    """
    engine, erased = open_database(settings, SERVICE), Register(settings.home).ids()
    now, count = datetime.now(UTC).astimezone().isoformat(), 0
    searchable = Searchable(engine)
    try:
        with engine.begin() as connection:
            for fact in sorted(erased):
                where = sa.and_(
                    CONTENT.c.fact == fact, sa.or_(sa.not_(CONTENT.c.erased), CONTENT.c.sealed.is_not(None))
                )
                for row in connection.execute(sa.select(CONTENT).where(where)).mappings().all():
                    known = sa.and_(ERASURES.c.mode == row["mode"], ERASURES.c.fact == fact)
                    connection.execute(sa.delete(ERASURES).where(known))
                    values = {name: row[name] for name in ("mode", "fact", "watch", "sequence")}
                    connection.execute(sa.insert(ERASURES), {**values, "erased_at": now, "done_at": None})
                    searchable.erase(connection, row["mode"], fact)
                    count += 1
                    files.erase(connection, row["mode"], [fact])
                cleared = {"sealed": None, "erased": True, "missing": False}
                connection.execute(sa.update(CONTENT).where(where).values(**cleared))
        wipe_traces(engine)
    finally:
        engine.dispose()
    return count


def wipe_traces(engine: Engine) -> None:
    """Remove the erased bytes from the database's own files, as far as it lets us.

    SQLite: the WAL is written into the file, where freed pages are zeroed, and emptied. PostgreSQL: the
    table is written anew; its WAL keeps the bytes until the segments are reused. Raises EraseFailed when a
    reader holds the WAL.
    """
    with engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
        term_index(engine).tidy(connection)
        if engine.dialect.name == "sqlite":
            busy = connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").scalar()
            if busy:
                raise EraseFailed("the WAL is in use")
        else:
            for table in (CONTENT, ITEMS, WORDS, PARTS):
                connection.exec_driver_sql(f"VACUUM (FULL) {table.name}")


def _pending(engine: Engine) -> list[Pending]:
    query = sa.select(ERASURES.c.mode, ERASURES.c.fact, ERASURES.c.watch).where(ERASURES.c.done_at.is_(None))
    with engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
        return [Pending(*row) for row in connection.execute(query)]


def _note_done(engine: Engine, pending: list[Pending]) -> None:
    done_at = datetime.now(UTC).astimezone().isoformat()
    with engine.begin() as connection:
        for one in pending:
            key = sa.and_(ERASURES.c.mode == one.mode, ERASURES.c.fact == one.fact)
            connection.execute(sa.update(ERASURES).where(key).values(done_at=done_at))
