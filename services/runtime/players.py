"""Where the messages of an exercise go while its people are played: to the player, and to no real phone.

The player leaves its port in HOME. Notifications hands every message of mode exercise to it as long as the
player lives, whatever channels are set up.
"""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import orjson

from services.runtime import processes
from services.runtime.credentials import write_durably

RECEIPT = "receipt"
"""The field of the player's answer that holds its receipt."""


@contextlib.contextmanager
def announced(home: Path, port: int) -> Iterator[None]:
    """Have exercises' messages handed to this process, on that port of loopback, until the block ends."""
    path = _path(home)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    pid = os.getpid()
    write_durably(path, orjson.dumps({"port": port, "pid": pid, "started": processes.started(pid)}))
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def address(home: Path) -> str | None:
    """Where a player listens, or None when none lives."""
    with contextlib.suppress(FileNotFoundError, ValueError, KeyError):
        noted = orjson.loads(_path(home).read_bytes())
        if noted["started"] is not None and processes.started(noted["pid"]) == noted["started"]:
            return f"http://127.0.0.1:{int(noted['port'])}/"
    return None


def _path(home: Path) -> Path:
    return home / "run" / "player.json"
