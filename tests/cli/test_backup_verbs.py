"""Backup and restore on the command line, from one whole hub to another."""

from pathlib import Path

import pytest

from tests.cli.calls import call, opened
from tests.system_hub import SMALL, running

pytestmark = pytest.mark.system


def test_a_backup_is_made_under_way_proved_and_put_back_in_a_new_home(
    tmp_path: Path, hub_snapshot: Path
) -> None:
    folder, elsewhere = tmp_path / "backup", tmp_path / "elsewhere"
    with running(tmp_path / "home", hub_snapshot, stream_bytes=SMALL) as hub:
        ref = opened(hub, "Står i sikkerhetskopien")
        assert call(hub, "incident", "show", ref, "--after", ref)[0] == 0
        code, made = call(hub, "backup", str(folder))
        assert code == 0, made
        assert call(hub, "backup", str(folder))[1]["code"] == "FOLDER_TAKEN"
        code, proved = call(hub, "restore", "--verify")
        assert code == 0, proved
        assert proved["modes"][0]["facts"] > 400
        assert call(hub, "restore")[1]["code"] == "ALREADY_RUNNING"
        hub.stop()
        register = hub.home / "erasures"
        code, refused = call(hub, "restore", str(folder), "--home", str(elsewhere))
        assert refused["code"] == "REGISTER_MISSING"
        code, back = call(hub, "restore", str(folder), "--home", str(elsewhere), "--register", str(register))
        assert code == 0, back
        assert back["ledgers"] == ["actual", "exercise"]
    with running(elsewhere, stream_bytes=SMALL) as hub:
        shown = call(hub, "incident", "show", ref)[1]
        assert shown["incident"]["content"] == {"headline": "Står i sikkerhetskopien"}
    (folder / next(name for name in made["files"] if "incidents" in name)).write_bytes(b"cut")
    assert call(hub, "restore", str(folder), "--verify")[1]["code"] == "BACKUP_DAMAGED"
