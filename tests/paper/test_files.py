"""The files under HOME/paper: for the service alone, whole, and without what was erased."""

import stat
from pathlib import Path

from services.runtime.paper import files

OLD = "Fjellfiolett " * 20_000


def test_only_the_user_of_the_service_can_read_them(tmp_path: Path) -> None:
    path = files.folder_of(tmp_path, "actual", "4601.vaktsentral") / "duty.html"
    files.put(path, "vakt")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    for folder in (path.parent, path.parent.parent, tmp_path / "paper"):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_who_has_the_old_paper_open_sees_that_its_bytes_are_gone(tmp_path: Path) -> None:
    path = files.folder_of(tmp_path, "actual", "4601.vaktsentral") / "incidents.html"
    files.put(path, OLD)
    with path.open("rb") as old:
        files.put(path, "ny")
        assert set(old.read()) == {0}
    assert path.read_text() == "ny"
    assert [one.name for one in path.parent.iterdir()] == ["incidents.html"]


def test_what_a_crash_left_half_written_is_removed_by_the_next_round(tmp_path: Path) -> None:
    path = files.folder_of(tmp_path, "actual", "4601.vaktsentral") / "incidents.html"
    files.put(path, "en")
    path.with_name(".incidents.html.4711").write_text(OLD)
    files.put(path, "to")
    assert [one.name for one in path.parent.iterdir()] == ["incidents.html"]


def test_the_papers_of_a_watch_that_is_no_more_are_removed_and_others_stay(tmp_path: Path) -> None:
    stays, goes = (files.folder_of(tmp_path, "actual", key) for key in ("4601.a", "4601.b"))
    for folder in (stays, goes):
        files.put(folder / "duty.html", OLD)
        files.put(folder / "log.html", "ark")
    with (goes / "duty.html").open("rb") as old:
        files.keep_only(tmp_path, "actual", "duty.html", ["4601.a"])
        assert set(old.read()) == {0}
    assert [path.name for path in goes.iterdir()] == ["log.html"]
    files.keep_only(tmp_path, "actual", "log.html", ["4601.a"])
    assert not goes.exists()
    assert sorted(path.name for path in stays.iterdir()) == ["duty.html", "log.html"]


def test_what_is_not_there_is_removed_without_a_word(tmp_path: Path) -> None:
    files.remove(tmp_path / "none.html")
    files.keep_only(tmp_path, "exercise", "duty.html", [])
