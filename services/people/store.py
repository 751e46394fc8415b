"""Links, sessions and machine tokens: only the hash of each secret is kept. Times are whole seconds."""

from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine, RowMapping
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel

from services.runtime.database import table
from services.runtime.ledger import IdTaken

KEPT = timedelta(days=30)
"""How long an ended row is kept, for whoever asks what happened."""


class _Table(SQLModel, registry=registry()):
    """Own registry: each service knows its own tables only."""

    hash: str = Field(primary_key=True)
    command: str = Field(unique=True)
    mode: str
    began_at: int = Field(sa_type=sa.BigInteger)
    ends_at: int = Field(sa_type=sa.BigInteger)
    ended_at: int | None = Field(default=None, sa_type=sa.BigInteger)


class Link(_Table, table=True):
    """A one-time sign-in link; ``spent_by`` is the command that used it."""

    __tablename__ = "links"
    person: str = Field(index=True)
    spent_at: int | None = Field(default=None, sa_type=sa.BigInteger)
    spent_by: str | None = None


class Session(_Table, table=True):
    """A person who is signed in."""

    __tablename__ = "sessions"
    person: str = Field(index=True)


class MachineToken(_Table, table=True):
    """What a machine may do, and where."""

    __tablename__ = "tokens"
    machine: str = Field(index=True)
    place: str
    scope: str


_LINKS, _SESSIONS, _TOKENS = table(Link), table(Session), table(MachineToken)


class Store:
    """Each call is one transaction."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def add_link(self, link: Link) -> None:
        """Keep a link; the same again changes nothing. Raises IdTaken."""
        with self._engine.begin() as connection:
            _add(connection, _LINKS, link)

    def sign_in(
        self, link_hash: str, wanted: Session, modes: list[str], same_within: timedelta
    ) -> RowMapping | None:
        """Spend a link for ``wanted``, which gets its person and mode; None when the link holds no more.

        The command that has spent the link gets the same session again for a while. Raises IdTaken.
        """
        now = wanted.began_at
        with self._engine.begin() as connection:
            link = _find(connection, _LINKS, link_hash, modes)
            if link is None or link["ended_at"] is not None:
                return None
            if link["spent_by"] == wanted.command:
                is_soon = now - link["spent_at"] <= same_within.total_seconds()
                return _live(connection, _SESSIONS, wanted.hash, modes, now) if is_soon else None
            if now >= link["ends_at"] or not _spend(connection, link_hash, wanted.command, now):
                return None
            row = wanted.model_dump() | {"person": link["person"], "mode": link["mode"]}
            _add(connection, _SESSIONS, Session(**row))
            return _live(connection, _SESSIONS, wanted.hash, modes, now)

    def session(self, secret_hash: str, modes: list[str], now: datetime) -> RowMapping | None:
        """The session that still runs, or None."""
        with self._engine.connect() as connection:
            return _live(connection, _SESSIONS, secret_hash, modes, _seconds(now))

    def sign_out(self, secret_hash: str, now: datetime) -> str | None:
        """End a session, also one that has ended; its person, or None if it never was."""
        with self._engine.begin() as connection:
            found = _find(connection, _SESSIONS, secret_hash)
            _end(connection, _SESSIONS, _SESSIONS.c.hash == secret_hash, now)
            return None if found is None else found["person"]

    def end_person(self, person: str, modes: list[str], now: datetime) -> None:
        """End every link and session of a person."""
        with self._engine.begin() as connection:
            for table in (_LINKS, _SESSIONS):
                _end(connection, table, sa.and_(table.c.person == person, table.c.mode.in_(modes)), now)

    def add_token(self, token: MachineToken) -> None:
        """Keep a token and end the machine's earlier ones; the same again changes nothing. Raises IdTaken."""
        with self._engine.begin() as connection:
            if _add(connection, _TOKENS, token):
                same = sa.and_(_TOKENS.c.machine == token.machine, _TOKENS.c.mode == token.mode)
                others = sa.and_(same, _TOKENS.c.hash != token.hash, _TOKENS.c.ended_at.is_(None))
                connection.execute(sa.update(_TOKENS).where(others).values(ended_at=token.began_at))

    def token(self, secret_hash: str, mode: str, now: datetime) -> RowMapping | None:
        """The token that still holds in this mode, or None."""
        with self._engine.connect() as connection:
            return _live(connection, _TOKENS, secret_hash, [mode], _seconds(now))

    def end_tokens(self, machine: str, mode: str, now: datetime) -> None:
        """End every token of a machine."""
        with self._engine.begin() as connection:
            _end(connection, _TOKENS, sa.and_(_TOKENS.c.machine == machine, _TOKENS.c.mode == mode), now)

    def clear(self, now: datetime) -> None:
        """Remove what ended long ago."""
        oldest = _seconds(now - KEPT)
        with self._engine.begin() as connection:
            for table in (_LINKS, _SESSIONS, _TOKENS):
                connection.execute(sa.delete(table).where(table.c.ends_at < oldest))


def _seconds(moment: datetime) -> int:
    return int(moment.timestamp())


def _add(connection: Connection, table: sa.Table, row: _Table) -> bool:
    """True if the row is new."""
    known = connection.execute(sa.select(table.c.hash).where(table.c.command == row.command)).scalar()
    if known is None:
        connection.execute(sa.insert(table), row.model_dump())
    elif known != row.hash:
        raise IdTaken(row.command)
    return known is None


def _find(
    connection: Connection, table: sa.Table, secret_hash: str, modes: list[str] | None = None
) -> RowMapping | None:
    query = sa.select(table).where(table.c.hash == secret_hash)
    if modes is not None:
        query = query.where(table.c.mode.in_(modes))
    return connection.execute(query).mappings().first()


def _live(
    connection: Connection, table: sa.Table, secret_hash: str, modes: list[str], now: int
) -> RowMapping | None:
    found = _find(connection, table, secret_hash, modes)
    return found if found and found["ended_at"] is None and now < found["ends_at"] else None


def _spend(connection: Connection, link_hash: str, command: str, now: int) -> bool:
    """Of two at once, one wins."""
    unspent = sa.and_(_LINKS.c.hash == link_hash, _LINKS.c.spent_at.is_(None))
    spent = sa.update(_LINKS).where(unspent).values(spent_at=now, spent_by=command)
    return connection.execute(spent).rowcount == 1


def _end(connection: Connection, table: sa.Table, where: sa.ColumnElement[bool], now: datetime) -> None:
    running = sa.and_(where, table.c.ended_at.is_(None))
    connection.execute(sa.update(table).where(running).values(ended_at=_seconds(now)))
