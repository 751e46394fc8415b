"""What an edge could not send: one small SQLite file per watch, kept until the hub has answered (D9)."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from schemas import subjects

if TYPE_CHECKING:
    from services.runtime.settings import Settings

_TABLE = """CREATE TABLE IF NOT EXISTS kept (
    place INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    subject TEXT NOT NULL,
    payload BLOB NOT NULL,
    kept_at TEXT NOT NULL,
    reason TEXT NOT NULL
)"""
_PATIENCE_S = 5.0


@dataclass(frozen=True, slots=True)
class Row:
    """A command that waits: its id, where it goes, its exact bytes, since when, and why it was kept."""

    id: str
    subject: str
    payload: bytes
    kept_at: datetime
    reason: str


class Spool:
    """One watch's commands that wait, in the order they were typed.

    The file is readable by its owner only, each write is fsynced, and a removed row leaves no byte behind.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def keep(self, id: str, subject: str, payload: bytes, reason: str) -> None:
        """Keep a command; on disk when this returns. The same id again changes nothing."""
        row = (id, subject, payload, datetime.now(UTC).isoformat(), reason)
        with self._open() as database:
            database.execute(
                "INSERT OR IGNORE INTO kept (id, subject, payload, kept_at, reason) VALUES (?, ?, ?, ?, ?)",
                row,
            )

    def rows(self) -> list[Row]:
        """All that waits, oldest first."""
        if not self.path.exists():
            return []
        with self._open() as database:
            found = database.execute("SELECT id, subject, payload, kept_at, reason FROM kept ORDER BY place")
            return [
                Row(id, subject, payload, datetime.fromisoformat(kept_at), reason)
                for id, subject, payload, kept_at, reason in found
            ]

    def count(self) -> int:
        """How many wait."""
        if not self.path.exists():
            return 0
        with self._open() as database:
            return int(database.execute("SELECT count(*) FROM kept").fetchone()[0])

    def remove(self, id: str) -> None:
        """Take out what was answered, without a trace in the file or its log."""
        with self._open() as database:
            database.execute("DELETE FROM kept WHERE id = ?", (id,))
            database.commit()
            database.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        self._make_private()
        database = sqlite3.connect(self.path, timeout=_PATIENCE_S)
        try:
            database.execute("PRAGMA journal_mode=WAL")
            database.execute("PRAGMA synchronous=FULL")
            database.execute("PRAGMA secure_delete=ON")
            database.execute(_TABLE)
            yield database
            database.commit()
        finally:
            database.close()

    def _make_private(self) -> None:
        """SQLite gives its log the rights of the file, so the file is made first, for its owner only."""
        if not self.path.exists():
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            os.close(os.open(self.path, os.O_CREAT | os.O_RDWR, 0o600))


def spool_of(settings: "Settings", watch_key: str) -> Spool:
    """The spool of one watch. Raises BadToken if the key is none."""
    org, watch = subjects.split_key(watch_key)
    return Spool(_folder(settings) / f"{org}.{watch}.db")


def every_spool(settings: "Settings") -> dict[str, Spool]:
    """The key of each watch that ever kept something, and its spool."""
    return {path.stem: Spool(path) for path in sorted(_folder(settings).glob("*.*.db"))}


async def resend_all(settings: "Settings") -> int:
    """Send what every watch's spool holds; how many were answered. A hub that does not answer is no error."""
    import asyncio

    from services.runtime.edge import Edge

    answered = 0
    for key, spool in every_spool(settings).items():
        if not await asyncio.to_thread(spool.count):
            continue
        edge = await Edge.open(settings, key, via="spool")
        try:
            answered += len(await edge.resend())
        finally:
            await edge.close()
    return answered


def _folder(settings: "Settings") -> Path:
    return settings.home / "spool"
