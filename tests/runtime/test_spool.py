"""The spool: what could not be sent lies on disk, for its owner only, and leaves no byte when it is gone."""

import os
import sqlite3
import stat
from pathlib import Path

import pytest

from schemas.subjects import BadToken
from services.runtime.settings import Settings
from services.runtime.spool import Spool, every_spool, spool_of

SUBJECT = "samvirke.cmd.actual.4601.vaktsentral.incidents.open"


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return spool_of(Settings(home=tmp_path), "4601.vaktsentral")


def test_commands_come_out_in_the_order_they_were_kept(spool: Spool) -> None:
    for number in range(3):
        spool.keep(f"id-{number}", SUBJECT, b"%d" % number, "NO_ANSWER")
    assert [(row.id, row.payload) for row in spool.rows()] == [("id-0", b"0"), ("id-1", b"1"), ("id-2", b"2")]
    assert spool.rows()[0].kept_at.tzinfo is not None
    assert spool.count() == 3


def test_the_same_id_is_kept_once(spool: Spool) -> None:
    spool.keep("id", SUBJECT, b"first", "NO_ANSWER")
    spool.keep("id", SUBJECT, b"second", "LEDGER_BEHIND")
    assert [(row.payload, row.reason) for row in spool.rows()] == [(b"first", "NO_ANSWER")]


def test_only_the_owner_may_read_the_files(spool: Spool) -> None:
    before = os.umask(0o000)
    try:
        spool.keep("id", SUBJECT, b"text", "NO_ANSWER")
        reader = sqlite3.connect(spool.path)
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM kept").fetchall()
        spool.keep("id-2", SUBJECT, b"text", "NO_ANSWER")
        files = list(spool.path.parent.iterdir())
        reader.close()
    finally:
        os.umask(before)
    assert any(file.name.endswith("-wal") for file in files)
    rights = {file.name: stat.S_IMODE(file.stat().st_mode) for file in spool.path.parent.iterdir()}
    assert set(rights.values()) == {0o600}
    assert stat.S_IMODE(spool.path.parent.stat().st_mode) == 0o700


def test_a_removed_command_leaves_no_byte_in_any_file(spool: Spool) -> None:
    spool.keep("id", SUBJECT, b"THE-TYPED-WORDS" * 200, "NO_ANSWER")
    spool.keep("other", SUBJECT, b"stays", "NO_ANSWER")
    spool.remove("id")
    assert [row.id for row in spool.rows()] == ["other"]
    assert all(b"THE-TYPED-WORDS" not in file.read_bytes() for file in spool.path.parent.iterdir())


def test_looking_into_a_spool_that_was_never_used_makes_no_file(spool: Spool) -> None:
    assert spool.rows() == []
    assert spool.count() == 0
    assert not spool.path.exists()


def test_each_watch_has_a_spool_of_its_own(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    spool_of(settings, "4601.vaktsentral").keep("a", SUBJECT, b"", "NO_ANSWER")
    spool_of(settings, "110-vest.main").keep("b", SUBJECT, b"", "NO_ANSWER")
    assert {key: [row.id for row in spool.rows()] for key, spool in every_spool(settings).items()} == {
        "110-vest.main": ["b"],
        "4601.vaktsentral": ["a"],
    }


def test_a_key_that_could_lead_out_of_the_folder_is_no_key(tmp_path: Path) -> None:
    with pytest.raises(BadToken):
        spool_of(Settings(home=tmp_path), "../4601.vaktsentral")
