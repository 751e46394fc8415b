"""A service's own tables, in SQLite or PostgreSQL, with the settings that keep what was committed (D11)."""

import sqlite3
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from services.runtime.settings import Settings

if TYPE_CHECKING:
    from sqlmodel import SQLModel

MIGRATIONS = Path(__file__).parent.parent
_SQLITE_DAMAGE = (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_POSTGRES_DAMAGE = "XX"
_QUICK = "-cjit=off -cmax_parallel_workers_per_gather=0 -cplan_cache_mode=force_custom_plan"
"""Questions are many and short: compiling or sharing them out is not worth its beginning. A plan is made for
the values that are asked, since a list may hold five or five thousand."""
_ONE_AT_A_TIME = threading.Lock()
"""Alembic keeps its state in the module: rooms of one process migrate one after another."""


class CursorMoved(Exception):
    """Another reader has moved the cursor: this one must stop."""


def open_database(settings: Settings, service: str) -> Engine:
    """The service's database, migrated to the newest tables."""
    engine = engine_for(settings, service)
    try:
        migrate(engine, service)
    except Exception:
        engine.dispose()
        raise
    return engine


def engine_for(settings: Settings, service: str) -> Engine:
    """The service's database as it is, with or without tables."""
    url = settings.database_for(service)
    return _postgres(url, service) if url.startswith("postgresql") else _sqlite(url)


def is_damage(error: sa.exc.DatabaseError) -> bool:
    """True if the database finds its own files damaged, and is not merely away or busy."""
    code = getattr(error.orig, "sqlite_errorcode", None)
    if code is not None:
        return code & 0xFF in _SQLITE_DAMAGE
    return str(getattr(error.orig, "sqlstate", None) or "").startswith(_POSTGRES_DAMAGE)


def migrate(engine: Engine, service: str, revision: str = "head") -> None:
    """Bring the service's tables to a form, the newest by default; a second run changes nothing, quickly."""
    if revision == "head" and _is_newest(engine, service):
        return
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS / service / "migrations"))
    with _ONE_AT_A_TIME, engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)


def _is_newest(engine: Engine, service: str) -> bool:
    """True if the tables are of the newest revision, with which the last file begins: ``0001_rows.py``."""
    versions = MIGRATIONS / service / "migrations" / "versions"
    newest = max(path.name.partition("_")[0] for path in versions.glob("[0-9]*_*.py"))
    with engine.connect() as connection:
        if not sa.inspect(connection).has_table("alembic_version"):
            return False
        return connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalars().all() == [
            newest
        ]


def run_migrations() -> None:
    """What every service's ``migrations/env.py`` does: run on the connection that ``migrate`` hands over."""
    from alembic import context

    context.configure(connection=context.config.attributes["connection"], transactional_ddl=True)
    with context.begin_transaction():
        context.run_migrations()


def _sqlite(url: str) -> Engine:
    path = sa.make_url(url).database
    if path:
        Path(path).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    engine = sa.create_engine(
        url, hide_parameters=True, connect_args={"check_same_thread": False, "timeout": 30}
    )
    sa.event.listen(engine, "connect", _pragmas)
    sa.event.listen(engine, "begin", _begin)
    return engine


def reading(engine: Engine) -> Engine:
    """A way to only read the same tables, each query a snapshot of its own."""
    return engine.execution_options(isolation_level="AUTOCOMMIT")


def _begin(connection: Connection) -> None:
    """A transaction that may write locks at once; with isolation level AUTOCOMMIT, reads lock nothing."""
    if connection.get_execution_options().get("isolation_level") != "AUTOCOMMIT":
        connection.exec_driver_sql("BEGIN IMMEDIATE")


def _pragmas(connection: Any, _record: Any) -> None:
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "secure_delete=ON", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _postgres(url: str, service: str) -> Engine:
    schema = service.replace("-", "_")
    options = f"-csearch_path={schema} {_QUICK}"
    engine = sa.create_engine(url, hide_parameters=True, pool_size=4, connect_args={"options": options})
    with engine.begin() as connection:
        if not sa.inspect(connection).has_schema(schema):
            connection.execute(sa.schema.CreateSchema(schema, if_not_exists=True))
    return engine


def table(model: "type[SQLModel]") -> sa.Table:
    """The table behind a model."""
    found: sa.Table = model.__table__  # type: ignore[attr-defined]
    return found


def cursor_table(metadata: sa.MetaData) -> sa.Table:
    """The table that holds a projector's place in each mode's ledger."""
    return sa.Table(
        "cursor",
        metadata,
        sa.Column("mode", sa.String, primary_key=True),
        sa.Column("epoch", sa.Integer, nullable=False),
        sa.Column("sequence", sa.BigInteger, nullable=False),
        sa.Column("digest", sa.String, nullable=False),
    )


def read_cursor(connection: Connection, table: sa.Table, mode: str) -> tuple[int, int, str]:
    """Epoch, sequence and digest of the last fact taken in; (0, 0, '') before the first."""
    row = connection.execute(sa.select(table).where(table.c.mode == mode)).mappings().first()
    return (row["epoch"], row["sequence"], row["digest"]) if row else (0, 0, "")


def move_cursor(
    connection: Connection, table: sa.Table, mode: str, former: int, epoch: int, sequence: int, digest: str
) -> None:
    """Move the cursor from ``former``, in the transaction of the rows.

    Raises CursorMoved if it stands elsewhere.
    """
    values = {"epoch": epoch, "sequence": sequence, "digest": digest}
    if former == 0 and not read_cursor(connection, table, mode)[1]:
        connection.execute(sa.delete(table).where(table.c.mode == mode))
        connection.execute(sa.insert(table), {"mode": mode, **values})
        return
    where = sa.and_(table.c.mode == mode, table.c.sequence == former)
    if connection.execute(sa.update(table).where(where).values(**values)).rowcount != 1:
        raise CursorMoved(mode)
