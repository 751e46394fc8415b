"""Where the messages of an exercise go while its people are played: to the player, and to no real phone.

The player leaves its port in HOME. Notifications hands every message of mode exercise to it as long as the
player lives, whatever channels are set up.
"""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

from services.runtime import processes
from services.runtime.credentials import write_durably
from services.runtime.watches import SUPERVISOR_RECORD

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
        if _noted(path).get("pid") == pid:  # another player may have come since
            path.unlink(missing_ok=True)


def address(home: Path) -> str | None:
    """Where a player listens, or None when none lives."""
    with contextlib.suppress(ValueError, KeyError):
        noted = _noted(_path(home))
        if noted["started"] is not None and processes.started(noted["pid"]) == noted["started"]:
            return f"http://127.0.0.1:{int(noted['port'])}/"
    return None


def reaches(home: Path) -> bool:
    """True if a hub of this home runs here: another's notifications would not find the player."""
    noted = _noted(home / "run" / SUPERVISOR_RECORD)
    return noted.get("started") is not None and processes.started(noted["pid"]) == noted["started"]


def _noted(path: Path) -> dict[str, Any]:
    with contextlib.suppress(FileNotFoundError, ValueError):
        noted = orjson.loads(path.read_bytes())
        return noted if isinstance(noted, dict) else {}
    return {}


def _path(home: Path) -> Path:
    """Not beside the hub's own processes, which a later start ends."""
    return home / "exercises" / "player.json"
