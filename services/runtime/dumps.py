"""One service's tables as files, and back: SQLite by its online backup, PostgreSQL table by table."""

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from services.runtime.database import MIGRATIONS, engine_for, migrate
from services.runtime.settings import Settings

_VERSION = sa.text("SELECT version_num FROM alembic_version")
_CURSOR = sa.text("SELECT mode, sequence FROM cursor")


class Source(Protocol):
    """A service's tables."""

    @property
    def service(self) -> str:
        """Whose they are."""
        ...

    def exists(self) -> bool:
        """True if there are any."""
        ...

    def version(self) -> str:
        """The revision of the tables."""
        ...

    def cursors(self) -> dict[str, int]:
        """How far the service has read each mode's ledger; empty for one that reads none."""
        ...

    def dump(self, folder: Path) -> dict[str, int]:
        """Copy the tables as they are at one moment into the folder; the cursors in the copy."""
        ...

    def load(self, folder: Path, version: str) -> bool:
        """Put the copy of that revision back, and bring it to the newest; False if there are some already."""
        ...


def sources(settings: Settings) -> list[Source]:
    """Every service that has tables now."""
    found = [source(settings, service) for service in _services()]
    return [one for one in found if one.exists()]


def source(settings: Settings, service: str) -> Source:
    """One service's tables, wherever the settings say that they are."""
    if settings.database_url.get_secret_value():
        return _Postgres(settings, service)
    return _Sqlite(settings, service)


def _services() -> Iterable[str]:
    return sorted(path.parent.name for path in MIGRATIONS.glob("*/migrations"))


@dataclass(frozen=True, slots=True)
class _Sqlite:
    settings: Settings
    service: str

    @property
    def path(self) -> Path:
        return self.settings.home / "db" / f"{self.service}.db"

    def exists(self) -> bool:
        return self.path.exists()

    def version(self) -> str:
        with closing(sqlite3.connect(self.path)) as connection:
            return str(connection.execute(_VERSION.text).fetchone()[0])

    def cursors(self) -> dict[str, int]:
        return _sqlite_cursors(self.path)

    def dump(self, folder: Path) -> dict[str, int]:
        copy = folder / "db" / self.path.name
        copy.parent.mkdir(mode=0o700, exist_ok=True)
        with closing(sqlite3.connect(self.path)) as live, closing(sqlite3.connect(copy)) as target:
            live.backup(target)
            target.execute("PRAGMA journal_mode=DELETE")
        return _sqlite_cursors(copy)

    def load(self, folder: Path, version: str) -> bool:
        if self.exists():
            return False
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        part = self.path.with_suffix(".part")
        with (
            closing(sqlite3.connect(folder / "db" / self.path.name)) as copy,
            closing(sqlite3.connect(part)) as new,
        ):
            copy.backup(new)
        part.replace(self.path)
        _migrated(self.settings, self.service)
        return True


@dataclass(frozen=True, slots=True)
class _Postgres:
    settings: Settings
    service: str

    def exists(self) -> bool:
        with _Opened(self.settings, self.service) as engine:
            return bool(_tables(engine))

    def version(self) -> str:
        with _Opened(self.settings, self.service) as engine, engine.connect() as connection:
            return str(connection.execute(_VERSION).scalar())

    def cursors(self) -> dict[str, int]:
        with _Opened(self.settings, self.service) as engine, engine.connect() as connection:
            return _postgres_cursors(connection, _tables(engine))

    def dump(self, folder: Path) -> dict[str, int]:
        place = folder / "db" / self.service
        place.mkdir(mode=0o700, parents=True)
        with _Opened(self.settings, self.service) as engine:
            tables = _tables(engine)
            moment = engine.execution_options(isolation_level="REPEATABLE READ")
            with moment.connect() as connection:
                for name, columns in tables.items():
                    _copy_out(connection, name, columns, place / f"{name}.copy")
                return _postgres_cursors(connection, tables)

    def load(self, folder: Path, version: str) -> bool:
        if self.exists():
            return False
        place = folder / "db" / self.service
        with _Opened(self.settings, self.service) as engine:
            migrate(engine, self.service, version)
            tables = _tables(engine)
            with engine.begin() as connection:
                for name, columns in tables.items():
                    connection.execute(sa.delete(sa.table(name)))  # rows that a migration made
                    _copy_in(connection, name, columns, place / f"{name}.copy")
                _move_sequences(connection, tables)
        _migrated(self.settings, self.service)
        return True


class _Opened:
    """A service's database, let go of at the end."""

    def __init__(self, settings: Settings, service: str) -> None:
        self._engine = engine_for(settings, service)

    def __enter__(self) -> Engine:
        return self._engine

    def __exit__(self, *_: object) -> None:
        self._engine.dispose()


def _migrated(settings: Settings, service: str) -> None:
    with _Opened(settings, service) as engine:
        migrate(engine, service)


def _sqlite_cursors(path: Path) -> dict[str, int]:
    with closing(sqlite3.connect(path)) as connection:
        if connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'cursor'").fetchone() is None:
            return {}
        return {str(mode): int(sequence) for mode, sequence in connection.execute(_CURSOR.text)}


def _postgres_cursors(connection: Connection, tables: dict[str, list[str]]) -> dict[str, int]:
    if "cursor" not in tables:
        return {}
    return {row.mode: row.sequence for row in connection.execute(_CURSOR)}


def _tables(engine: Engine) -> dict[str, list[str]]:
    """The service's tables and their columns, without the one that holds the revision."""
    inspector = sa.inspect(engine)
    schema = inspector.default_schema_name
    found = sorted(inspector.get_table_names(schema=schema))
    return {
        name: [column["name"] for column in inspector.get_columns(name, schema=schema)]
        for name in found
        if name != "alembic_version"
    }


def _copy_out(connection: Connection, name: str, columns: list[str], path: Path) -> None:
    raw: Any = connection.connection.driver_connection
    statement = f"COPY {_quoted(name, columns)} TO STDOUT (FORMAT BINARY)"
    with raw.cursor() as cursor, cursor.copy(statement) as copy, path.open("wb") as file:
        for part in copy:
            file.write(part)


def _copy_in(connection: Connection, name: str, columns: list[str], path: Path) -> None:
    raw: Any = connection.connection.driver_connection
    statement = f"COPY {_quoted(name, columns)} FROM STDIN (FORMAT BINARY)"
    with raw.cursor() as cursor, cursor.copy(statement) as copy, path.open("rb") as file:
        while part := file.read(1 << 20):
            copy.write(part)


def _quoted(name: str, columns: list[str]) -> str:
    return f'"{name}" ({", ".join(f"{chr(34)}{column}{chr(34)}" for column in columns)})'


def _move_sequences(connection: Connection, tables: dict[str, list[str]]) -> None:
    """New rows continue after the highest number that was put back."""
    for name, columns in tables.items():
        for column in columns:
            serial = sa.select(sa.func.pg_get_serial_sequence(f'"{name}"', column))
            sequence = connection.execute(serial).scalar()
            if sequence is not None:
                number: sa.ColumnClause[int] = sa.column(column)
                last = connection.execute(sa.select(sa.func.max(number)).select_from(sa.table(name))).scalar()
                if last is not None:
                    connection.execute(sa.select(sa.func.setval(sequence, last)))
