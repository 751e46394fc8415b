"""A schema and a role for each service in PostgreSQL, so that none can read another's tables (D11)."""

import secrets
from pathlib import Path

import psycopg
from psycopg import sql

from services.runtime.credentials import write_durably
from services.runtime.settings import Settings

PASSWORD = "database"  # noqa: S105
"""File in a part's folder `credentials` that holds the password of its role."""


def make_roles(settings: Settings, homes: Path, parts: dict[str, str]) -> list[str]:
    """Make the roles and schemas of these services, and leave each password in the home of its part.

    `settings.database_url` is that of the database's owner; `parts` gives the part that keeps the tables of a
    service. A second time changes nothing that is right. The names of the roles: those of the services.
    """
    url = settings.database_for("owner").replace("postgresql+psycopg://", "postgresql://", 1)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SELECT pg_advisory_lock(hashtext('samvirke roles'))")
        for service, part in parts.items():
            _make_role(connection, service, _password(homes / part / "credentials" / PASSWORD))
        database = sql.Identifier(connection.info.dbname)
        connection.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(database))
    return sorted(parts)


def _make_role(connection: "psycopg.Connection[tuple[object, ...]]", service: str, password: str) -> None:
    """The password goes out as a verifier only: it cannot stand in the server's log."""
    role = sql.Identifier(service)
    found = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (service,)).fetchone()
    if found is None:
        connection.execute(sql.SQL("CREATE ROLE {}").format(role))
    verifier = connection.pgconn.encrypt_password(
        password.encode("ascii"), service.encode("ascii"), b"scram-sha-256"
    ).decode("ascii")
    rights = "LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOINHERIT"
    connection.execute(
        sql.SQL("ALTER ROLE {} " + rights + " PASSWORD {}").format(role, sql.Literal(verifier))
    )
    database = sql.Identifier(connection.info.dbname)
    connection.execute(sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(database, role))
    connection.execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS {} AUTHORIZATION {}").format(role, role))


def _password(path: Path) -> str:
    """The password kept there, made anew where there is none."""
    if not path.exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_durably(path, secrets.token_urlsafe(32).encode("ascii"))
    return path.read_text(encoding="ascii")
