"""The accounts as text, and the keys they are made of."""

import os
import stat
from collections.abc import Iterable
from pathlib import Path

import pytest

from schemas.subjects import BadToken
from services.runtime import accounts, names
from services.runtime.credentials import public_keys, write_durably
from services.runtime.grants import ReservedCode, hub_grants, organisation_grants, system_grant

WATCHES = [("4601", "vaktsentral"), ("4601", "barnevern"), ("110-vest", "main")]
FORBIDDEN = (
    "STREAM.DELETE",
    "STREAM.PURGE",
    "STREAM.MSG.GET",
    "STREAM.SNAPSHOT",
    "STREAM.RESTORE",
    "STREAM.LIST",
)


def fake_keys(watches: Iterable[tuple[str, str]]) -> dict[str, str]:
    return {user: f"U{number:055}" for number, user in enumerate(accounts.users(watches))}


def test_every_user_has_a_name_of_its_own() -> None:
    users = accounts.users(WATCHES)
    assert len(users) == len(set(users))
    assert {"4601.vaktsentral", "4601.barnevern", "4601.feed", "110-vest.feed", "supervisor"} < set(users)


def test_the_text_depends_on_neither_order_nor_repetition() -> None:
    keys = fake_keys(WATCHES)
    assert accounts.render(WATCHES, keys) == accounts.render([*reversed(WATCHES), WATCHES[0]], keys)


def test_nobody_gets_the_whole_interface_or_may_delete_purge_or_copy_a_stream() -> None:
    for grant in (*hub_grants(), *organisation_grants("4601", ["vaktsentral"]), system_grant()):
        for subject in grant.publish:
            assert subject not in (">", "$JS.>", "$JS.API.>", "$KV.>", "$SYS.>")
            assert not subject.startswith("$JS.API.>")
            assert not any(verb in subject for verb in FORBIDDEN)
        for subject in grant.subscribe:
            assert not subject.startswith(("_INBOX.>", ">", "$JS", "_R_"))


def test_a_door_may_publish_answers_and_nothing_else() -> None:
    for grant in hub_grants():
        if grant.user.endswith("-door"):
            assert all(subject.startswith(("_R_.", "_INBOX.")) for subject in grant.publish)


def test_only_the_eraser_deletes_content_and_files_and_only_people_deletes_from_its_bucket() -> None:
    holders = {
        (grant.user, subject.rpartition(".")[2])
        for grant in hub_grants()
        for subject in grant.publish
        if "MSG.DELETE" in subject
    }
    erasable = {
        f"{sort}_{mode}" for sort in ("CONTENT", "OBJ_ATTACHMENTS") for mode in ("ACTUAL", "EXERCISE")
    }
    assert holders == {*(("eraser", stream) for stream in erasable), ("people", "KV_PEOPLE")}


def test_a_watch_publishes_only_under_its_own_name() -> None:
    watch, feed = organisation_grants("4601", ["vaktsentral"])
    assert all(subject.split(".")[3:5] == ["4601", "vaktsentral"] for subject in watch.publish)
    assert feed.publish == ("samvirke.feed.*.4601.next",)
    assert feed.subscribe == ("samvirke.feed.*.4601.items",)


@pytest.mark.parametrize("watch", names.RESERVED_WATCHES)
def test_a_watch_may_not_bear_a_reserved_code(watch: str) -> None:
    with pytest.raises(ReservedCode):
        accounts.users([("4601", watch)])


@pytest.mark.parametrize("org", ["SYS", "HUB"])
def test_an_organisation_may_not_bear_the_name_of_the_hubs_own_account(org: str) -> None:
    with pytest.raises(ReservedCode):
        accounts.users([(org, "main")])


@pytest.mark.parametrize("code", ["a.b", "*", ">", "", 'a"b', "a b", "å", "x" * 65])
def test_a_code_that_could_change_a_subject_is_refused(code: str) -> None:
    for pair in ((code, "main"), ("4601", code)):
        with pytest.raises(BadToken):
            accounts.users([pair])


def test_a_seed_is_made_once_kept_and_readable_by_its_owner_only(tmp_path: Path) -> None:
    folder = tmp_path / "credentials"
    first = public_keys(folder, ["4601.vaktsentral", "desk"])
    assert public_keys(folder, ["desk", "4601.vaktsentral"]) == first
    assert len(set(first.values())) == 2
    assert all(key.startswith("U") and len(key) == 56 for key in first.values())
    seed = folder / "4601.vaktsentral.nk"
    assert seed.read_bytes().startswith(b"SU")
    assert stat.S_IMODE(seed.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert sorted(path.name for path in folder.iterdir()) == ["4601.vaktsentral.nk", "desk.nk"]


def test_a_durable_write_leaves_the_old_bytes_when_it_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "state.json"
    write_durably(path, b"old")

    def fail(_descriptor: int) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="disk full"):
        write_durably(path, b"new")
    assert path.read_bytes() == b"old"
