"""Whoever plays an exercise gets its messages, as long as he or she lives, and no longer."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from services.runtime import players, processes
from services.runtime.watches import SUPERVISOR_RECORD

PLAY = """
import sys
from pathlib import Path
from services.runtime import players
with players.announced(Path(sys.argv[1]), int(sys.argv[2])):
    print("plays", flush=True)
    sys.stdin.read()
"""


@contextmanager
def playing(home: Path, port: int) -> "Iterator[subprocess.Popen[str]]":
    """A player in a process of its own."""
    command = [sys.executable, "-c", PLAY, str(home), str(port)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "plays\n"
        try:
            yield process
        finally:
            process.kill()


def test_a_player_that_was_killed_gets_nothing_more(tmp_path: Path) -> None:
    with playing(tmp_path, 4711):
        assert players.address(tmp_path) == "http://127.0.0.1:4711/"
    assert players.address(tmp_path) is None


def test_a_hub_that_starts_again_does_not_end_who_plays(tmp_path: Path) -> None:
    with playing(tmp_path, 4711) as process:
        assert processes.end_stale(tmp_path / "run") == []
        assert process.poll() is None
        assert players.address(tmp_path) == "http://127.0.0.1:4711/"


def test_a_player_that_ends_leaves_the_messages_of_another_alone(tmp_path: Path) -> None:
    with playing(tmp_path, 4711) as first, playing(tmp_path, 4712) as second:
        first.communicate("")
        assert players.address(tmp_path) == "http://127.0.0.1:4712/"
        second.communicate("")
        assert players.address(tmp_path) is None
        assert not (tmp_path / "exercises" / "player.json").exists()


def test_a_spoilt_note_diverts_nothing(tmp_path: Path) -> None:
    note = tmp_path / "exercises" / "player.json"
    note.parent.mkdir()
    started = processes.started(os.getpid())
    for spoilt in ("", "[]", "3", "{}", f'{{"pid": {os.getpid()}, "started": {started}, "port": "1@evil"}}'):
        note.write_text(spoilt, encoding="utf-8")
        assert players.address(tmp_path) is None


def test_only_the_home_of_a_hub_that_runs_here_reaches_its_messages(tmp_path: Path) -> None:
    assert not players.reaches(tmp_path)
    processes.remember(tmp_path / "run" / SUPERVISOR_RECORD, os.getpid())
    assert players.reaches(tmp_path)
    (tmp_path / "run" / SUPERVISOR_RECORD).write_text('{"pid": 1, "started": -1}', encoding="utf-8")
    assert not players.reaches(tmp_path)
