"""Where bytes of erased content may still lie, and until when: what nobody can erase at once must be said."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import orjson
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from services.incidents.store import SERVICE
from services.incidents.tables import ERASURES
from services.runtime.database import open_database
from services.runtime.settings import Settings


@dataclass(frozen=True, slots=True)
class Residue:
    """A place that may hold bytes of content erased at ``erased_at``; ``until`` is None if unknown.

    ``where``: ``pending`` (the broker has not erased yet; the archive's WAL neither), ``postgresql-wal``,
    ``raft-log``, ``backup`` and ``quarantine``; ``path`` says which folder.
    """

    where: str
    fact: str
    erased_at: str
    until: str | None = None
    path: str | None = None


def residues(settings: Settings) -> list[Residue]:
    """Every place known, for every erasure; an empty list when nothing is left anywhere."""
    engine = open_database(settings, SERVICE)
    try:
        with engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
            rows = list(connection.execute(sa.select(ERASURES).order_by(ERASURES.c.erased_at)).mappings())
        oldest_wal = _oldest_wal(engine)
    finally:
        engine.dispose()
    found = []
    for row in rows:
        fact, erased_at, done_at = row["fact"], row["erased_at"], row["done_at"]
        if done_at is None:
            found.append(Residue("pending", fact, erased_at))
        if oldest_wal is not None and oldest_wal < datetime.fromisoformat(done_at or erased_at):
            found.append(Residue("postgresql-wal", fact, erased_at))
        if settings.replicas > 1:
            found.append(Residue("raft-log", fact, erased_at))
        found += _backups(settings.home / "backups", fact, erased_at)
        found += _quarantines(settings.home / "quarantine", fact, erased_at)
    return found


def _oldest_wal(engine: Engine) -> datetime | None:
    """When the oldest WAL segment that PostgreSQL keeps was written; None for SQLite, long ago if unknown."""
    if engine.dialect.name != "postgresql":
        return None
    try:
        with engine.connect() as connection:
            query = sa.text("select min(modification) from pg_ls_waldir()")
            return connection.execute(query).scalar()
    except sa.exc.DBAPIError:
        return datetime.min.replace(tzinfo=UTC)


def _backups(folder: Path, fact: str, erased_at: str) -> list[Residue]:
    """Backups made before the erasure, until the end that was given them."""
    found = []
    for path in sorted(folder.glob("*.json")):
        noted = orjson.loads(path.read_bytes())
        is_older = datetime.fromisoformat(noted["made_at"]) <= datetime.fromisoformat(erased_at)
        ended = noted["until"] is not None and datetime.fromisoformat(noted["until"]) < datetime.now(UTC)
        if is_older and not ended:
            found.append(Residue("backup", fact, erased_at, noted["until"], noted["folder"]))
    return found


def _quarantines(folder: Path, fact: str, erased_at: str) -> list[Residue]:
    """Stream folders that a repair set aside before the erasure, until somebody removes them."""
    moment = datetime.fromisoformat(erased_at).timestamp()
    older = (path for path in sorted(folder.glob("*")) if path.stat().st_mtime <= moment)
    return [Residue("quarantine", fact, erased_at, path=str(path)) for path in older]
