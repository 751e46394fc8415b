"""Faults that an exercise makes: a part of the hub is killed, and its parent must start it again."""

import asyncio
import os
import signal
from pathlib import Path

import orjson

from services.runtime import processes

BACK_S = 20.0
_POLL_S = 0.05


async def kill(home: Path, part: str) -> None:
    """Kill a part's process; return when another runs in its place. Raises TimeoutError."""
    path = home / "run" / f"{part}.json"
    noted = orjson.loads(path.read_bytes())
    if processes.started(noted["pid"]) != noted["started"]:
        return
    os.kill(noted["pid"], signal.SIGKILL)
    async with asyncio.timeout(BACK_S):
        while True:
            await asyncio.sleep(_POLL_S)
            fresh = orjson.loads(path.read_bytes())
            if fresh != noted and processes.started(fresh["pid"]) == fresh["started"]:
                return
