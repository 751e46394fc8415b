"""Looks at the services' tables as they lie on disk or on a server."""

import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING

from services.cli.doctor import Finding, trouble

if TYPE_CHECKING:
    from services.runtime.settings import Settings

_MAGIC = b"SQLite format 3\x00"
_CHECK = "database"


def first_trouble(settings: "Settings") -> Finding | None:
    """What is wrong with the databases; None when nothing is, or none was made yet."""
    if settings.database_url.get_secret_value():
        return _of_server(settings)
    for path in sorted((settings.home / "db").glob("*.db")):
        found = _of_file(path)
        if found is not None:
            return found
    return None


def _of_file(path: Path) -> Finding | None:
    """A file that is cut, overwritten or unreadable."""
    try:
        with path.open("rb") as file:
            start = file.read(len(_MAGIC))
        if start in (b"", _MAGIC) and _is_whole(path):
            return None
    except OSError as error:
        reason = error.strerror
        return trouble(
            _CHECK, "{path} cannot be read: {reason}.", "Run: chown $USER {path}", path=path, reason=reason
        )
    except sqlite3.DatabaseError:
        pass
    return trouble(
        _CHECK,
        "{path} is damaged.",
        "Stop the hub, move {path} away, run: samvirke restore, and start it again",
        path=path,
    )


def _is_whole(path: Path) -> bool:
    database = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=5)
    try:
        return bool(database.execute("PRAGMA quick_check(1)").fetchone()[0] == "ok")
    finally:
        database.close()


def _of_server(settings: "Settings") -> Finding | None:
    import sqlalchemy as sa

    engine = sa.create_engine(
        settings.database_for("doctor"), hide_parameters=True, connect_args={"connect_timeout": 3}
    )
    try:
        with engine.connect() as connection:
            connection.execute(sa.text("SELECT 1"))
    except sa.exc.SQLAlchemyError:
        return trouble(
            _CHECK,
            "The database server does not answer, or does not accept the sign-in.",
            "Start it, or correct SAMVIRKE_DATABASE_URL",
        )
    finally:
        engine.dispose()
    return None
