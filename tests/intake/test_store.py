"""Raw messages, in SQLite and in PostgreSQL."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr

from schemas.canonical import digest
from services.intake.store import SERVICE, Raw, Store
from services.runtime.database import migrate, open_database
from services.runtime.settings import Settings

AT = datetime(2027, 1, 14, 10, 5, tzinfo=UTC).astimezone()


@pytest.fixture
def store(store_url: str, tmp_path: Path) -> Iterator[Store]:
    engine = open_database(Settings(home=tmp_path, database_url=SecretStr(store_url)), SERVICE)
    migrate(engine, SERVICE)
    store = Store(engine)
    yield store
    store.close()


def raw(message: bytes) -> Raw:
    return Raw(digest(message), "exercise", AT - timedelta(minutes=2), AT, message)


def test_a_message_is_kept_byte_for_byte_with_both_its_times(store: Store) -> None:
    message = bytes(range(256)) * 8192
    assert store.keep(raw(message))
    assert store.find(digest(message)) == raw(message)


def test_the_same_bytes_again_change_nothing(store: Store) -> None:
    first = raw(b"<alert/>")
    assert store.keep(first)
    again = Raw(first.digest, "actual", AT + timedelta(days=1), AT + timedelta(days=1), b"<alert/>")
    assert not store.keep(again)
    assert store.find(first.digest) == first


def test_what_was_not_kept_is_not_found(store: Store) -> None:
    assert store.find(digest(b"nothing")) is None
