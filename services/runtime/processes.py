"""Child processes that never outlive the hub, and those that an earlier hub left behind."""

import asyncio
import contextlib
import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO

import orjson

from services.runtime.credentials import write_durably

LOG_BYTES = 32 * 1024 * 1024
"""A log that is larger when its process starts makes room for a new one."""

_PR_SET_PDEATHSIG = 1
_POLL_S = 0.02
_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None

Child = subprocess.Popen[bytes]


def spawn(
    command: Sequence[str], env: Mapping[str, str], pass_fds: Sequence[int] = (), log: Path | None = None
) -> Child:
    """Start a child in a session of its own; the kernel kills it when this process dies, however it dies.

    What it says on stderr goes to the end of ``log``, or where this process's goes.
    """
    with contextlib.nullcontext() if log is None else appending(log) as stderr:
        return subprocess.Popen(
            command,
            env=dict(env),
            stdin=subprocess.DEVNULL,
            stderr=stderr,
            pass_fds=pass_fds,
            start_new_session=True,
            preexec_fn=_die_with(os.getpid()),
        )


def log_file(home: Path, name: str) -> Path:
    """Where the process of that name writes its log lines."""
    return home / "log" / f"{name}.jsonl"


def appending(log: Path) -> IO[bytes]:
    """The file to write to; one that has grown large makes room first, and the one before it is kept."""
    log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if log.exists() and log.stat().st_size > LOG_BYTES:
        log.replace(log.with_suffix(".1.jsonl"))
    return log.open("ab", buffering=0)


async def stop(child: Child, patience_s: float) -> None:
    """Ask the child to end; after `patience_s` seconds end it."""
    if child.poll() is None:
        child.terminate()
        with contextlib.suppress(TimeoutError):
            await _ended(child, patience_s)
    if child.poll() is None:
        child.kill()
        await _ended(child, patience_s=5.0)


def remember(path: Path, pid: int) -> None:
    """Note which process this is, so that a later start can tell it from another of the same number."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_durably(path, orjson.dumps({"pid": pid, "started": started(pid)}))


def end_stale(folder: Path) -> list[int]:
    """Kill the processes noted in `folder` that still run; the process ids of those killed."""
    killed = []
    for path in sorted(folder.glob("*.json")):
        with contextlib.suppress(orjson.JSONDecodeError, KeyError, ProcessLookupError):
            noted = orjson.loads(path.read_bytes())
            if noted["started"] is not None and started(noted["pid"]) == noted["started"]:
                os.kill(noted["pid"], signal.SIGKILL)
                killed.append(noted["pid"])
        path.unlink(missing_ok=True)
    return killed


def started(pid: int) -> int | None:
    """When a process started, in ticks since the machine did; None when there is no such process."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = text.rpartition(")")[2].split()
    return None if fields[0] == "Z" else int(fields[19])


def _die_with(parent: int) -> Callable[[], None]:
    def arrange() -> None:
        if _libc is not None:
            _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)

    return arrange


async def _ended(child: Child, patience_s: float) -> None:
    async with asyncio.timeout(patience_s):
        while True:
            if child.poll() is not None:
                return
            await asyncio.sleep(_POLL_S)
