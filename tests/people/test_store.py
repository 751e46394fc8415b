"""Links, sessions and tokens in SQLite and in PostgreSQL."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from pydantic import SecretStr
from sqlalchemy.engine import Engine

from services.people.rules import SAME_SIGN_IN
from services.people.store import Link, MachineToken, Session, Store
from services.runtime.database import open_database
from services.runtime.ledger import IdTaken
from services.runtime.settings import Settings

NOW = datetime(2027, 1, 14, 8, tzinfo=UTC)
ACTUAL = ["actual"]


@pytest.fixture
def engine(store_url: str, tmp_path: Path) -> Iterator[Engine]:
    found = open_database(Settings(home=tmp_path, database_url=SecretStr(store_url)), "people")
    yield found
    found.dispose()


@pytest.fixture
def store(engine: Engine) -> Store:
    return Store(engine)


def later(**time: float) -> datetime:
    return NOW + timedelta(**time)


def row(
    hash: str, command: str, began: datetime = NOW, hours: float = 1, mode: str = "actual"
) -> dict[str, Any]:
    return {
        "hash": hash,
        "command": command,
        "mode": mode,
        "began_at": int(began.timestamp()),
        "ends_at": int((began + timedelta(hours=hours)).timestamp()),
    }


def link(hash: str = "l1", command: str = "make-1", **more: Any) -> Link:
    return Link(person="p1", **row(hash, command, **more))


def session(hash: str = "s1", command: str = "in-1", began: datetime = NOW) -> Session:
    return Session(person="", **row(hash, command, began, hours=12))


def signed_in(store: Store, wanted: Session, modes: list[str] = ACTUAL) -> str | None:
    found = store.sign_in("l1", wanted, modes, SAME_SIGN_IN)
    return None if found is None else str(found["person"])


def test_a_link_signs_in_once(store: Store) -> None:
    store.add_link(link())
    assert signed_in(store, session()) == "p1"
    assert signed_in(store, session("s2", "in-2")) is None
    found = store.session("s1", ACTUAL, later(hours=11))
    assert found is not None
    assert found["person"] == "p1"


def test_the_same_command_gets_its_session_again_for_a_minute(store: Store) -> None:
    store.add_link(link())
    assert signed_in(store, session()) == "p1"
    assert signed_in(store, session(began=later(seconds=50))) == "p1"
    assert signed_in(store, session(began=later(seconds=70))) is None


def test_a_link_ends_and_so_does_a_session(store: Store) -> None:
    store.add_link(link())
    assert signed_in(store, session(began=later(hours=1))) is None
    assert signed_in(store, session(began=later(minutes=59))) == "p1"
    assert store.session("s1", ACTUAL, later(hours=12)) is not None
    assert store.session("s1", ACTUAL, later(hours=13)) is None


def test_a_link_made_in_an_exercise_does_not_open_the_real_desk(store: Store) -> None:
    store.add_link(link(mode="exercise"))
    assert signed_in(store, session()) is None
    assert signed_in(store, session(), ["actual", "exercise"]) == "p1"
    assert store.session("s1", ACTUAL, NOW) is None
    assert store.session("s1", ["actual", "exercise"], NOW) is not None


def test_a_link_made_twice_by_one_command_is_one_link(store: Store) -> None:
    store.add_link(link())
    assert signed_in(store, session()) == "p1"
    store.add_link(link())
    assert signed_in(store, session("s2", "in-2")) is None
    with pytest.raises(IdTaken):
        store.add_link(link("l2"))


def test_who_signs_out_is_out_and_may_do_it_again(store: Store) -> None:
    store.add_link(link())
    signed_in(store, session())
    assert store.sign_out("s1", NOW) == "p1"
    assert store.sign_out("s1", NOW) == "p1"
    assert store.sign_out("nobody", NOW) is None
    assert store.session("s1", ACTUAL, NOW) is None
    assert signed_in(store, session()) is None


def test_a_lockout_ends_sessions_and_links_of_that_person(store: Store) -> None:
    store.add_link(link())
    store.add_link(link("l2", "make-2"))
    signed_in(store, session())
    store.end_person("other", ACTUAL, NOW)
    assert store.session("s1", ACTUAL, NOW) is not None
    store.end_person("p1", ACTUAL, NOW)
    assert store.session("s1", ACTUAL, NOW) is None
    assert store.sign_in("l2", session("s2", "in-2"), ACTUAL, SAME_SIGN_IN) is None


def token(hash: str, command: str, began: datetime = NOW) -> MachineToken:
    return MachineToken(machine="pump", place="4601", scope="report", **row(hash, command, began))


def test_a_new_token_ends_the_machines_earlier_one(store: Store) -> None:
    store.add_token(token("t1", "c1"))
    store.add_token(token("t2", "c2", later(minutes=1)))
    store.add_token(token("t1", "c1"))
    assert store.token("t1", "actual", NOW) is None
    assert store.token("t2", "actual", later(minutes=2)) is not None
    assert store.token("t2", "exercise", later(minutes=2)) is None
    store.end_tokens("pump", "actual", later(minutes=3))
    assert store.token("t2", "actual", later(minutes=3)) is None


def test_what_ended_long_ago_is_removed(store: Store, engine: Engine) -> None:
    store.add_link(link())
    store.clear(later(days=30))
    with engine.connect() as connection:
        assert connection.execute(sa.text("SELECT count(*) FROM links")).scalar() == 1
    store.clear(later(days=31))
    with engine.connect() as connection:
        assert connection.execute(sa.text("SELECT count(*) FROM links")).scalar() == 0


def test_the_migrations_make_the_tables_that_the_code_describes(engine: Engine) -> None:
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Link.metadata) == []
