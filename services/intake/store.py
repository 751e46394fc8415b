"""The one table of the intake: official messages, byte for byte as they were sent (I5)."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Engine
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel

SERVICE = "intake"
_PAGE = 500


class _Table(SQLModel, registry=registry()):
    """Own registry: each service knows its own tables only."""


class RawRow(_Table, table=True):
    """A message under the SHA-256 of its bytes; both times with offset, in RFC 3339."""

    __tablename__ = "raw"
    digest: str = Field(primary_key=True)
    mode: str
    fetched_at: str
    recorded_at: str
    message: bytes


RAW: sa.Table = _Table.metadata.tables["raw"]


@dataclass(frozen=True, slots=True)
class Raw:
    """A message; ``fetched_at`` is said by whoever fetched it, ``recorded_at`` set when it came here."""

    digest: str
    mode: str
    fetched_at: datetime
    recorded_at: datetime
    message: bytes


class Store:
    """Keeps each message once, for ever, save those of an exercise that was ended for good."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def keep(self, raw: Raw) -> bool:
        """Commit a message; False when the same bytes were kept before, which changes nothing."""
        row = {
            "digest": raw.digest,
            "mode": raw.mode,
            "fetched_at": raw.fetched_at.isoformat(),
            "recorded_at": raw.recorded_at.isoformat(),
            "message": raw.message,
        }
        if self.find(raw.digest) is not None:
            return False
        try:
            with self._engine.begin() as connection:
                connection.execute(sa.insert(RAW), row)
        except sa.exc.IntegrityError:
            return False
        return True

    def find(self, digest: str) -> Raw | None:
        """The message with that SHA-256, or None."""
        with self._engine.connect() as connection:
            row = connection.execute(sa.select(RAW).where(RAW.c.digest == digest)).mappings().first()
        if row is None:
            return None
        times = {name: datetime.fromisoformat(row[name]) for name in ("fetched_at", "recorded_at")}
        return Raw(row["digest"], row["mode"], message=bytes(row["message"]), **times)

    def drop(self, mode: str, digests: Iterable[str]) -> int:
        """Delete messages of a mode, and their bytes from the database's own files; how many there were."""
        wanted, count = sorted(digests), 0
        with self._engine.begin() as connection:
            for start in range(0, len(wanted), _PAGE):
                these = RAW.c.digest.in_(wanted[start : start + _PAGE])
                count += connection.execute(sa.delete(RAW).where(RAW.c.mode == mode, these)).rowcount
        if count:
            with self._engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
                is_file = self._engine.dialect.name == "sqlite"
                connection.exec_driver_sql(
                    "PRAGMA wal_checkpoint(TRUNCATE)" if is_file else "VACUUM (FULL) raw"
                )
        return count

    def count(self, mode: str, digests: Iterable[str]) -> int:
        """How many of these messages of a mode are kept."""
        wanted = sorted(digests)
        pages = (wanted[start : start + _PAGE] for start in range(0, len(wanted), _PAGE))
        query = sa.select(sa.func.count()).select_from(RAW).where(RAW.c.mode == mode)
        with self._engine.connect() as connection:
            return sum(
                int(connection.execute(query.where(RAW.c.digest.in_(page))).scalar_one()) for page in pages
            )

    def close(self) -> None:
        """Give the connections back."""
        self._engine.dispose()
