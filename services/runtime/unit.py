"""A worker process as the supervisor sees it: it beats, hangs, dies and is started again."""

import asyncio
import contextlib
import os
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson

from services.runtime import logs, processes

SILENCE_S = 3.0
"""A worker that was heard once and then is silent for so long is taken to hang."""

START_S = 30.0
"""How long a new worker may be silent while it imports its rooms."""

_STOP_S = 3.5
_FIRST_DELAY_S = 0.1
_LONGEST_DELAY_S = 5.0
_STEADY_S = 30.0


class Unit:
    """One worker with its parts; `env` are the settings it gets."""

    def __init__(self, name: str, parts: Sequence[str], env: Mapping[str, str], records: Path) -> None:
        self.name = name
        self.parts = tuple(parts)
        self.restarts = 0
        self.is_ready = False
        self.health: dict[str, Any] = {}
        self._env = env
        self._records = records
        self._log = processes.log_file(records.parent, name)
        self._child: processes.Child | None = None
        self._pipe: int | None = None
        self._rest = b""
        self._began = self._heard = 0.0
        self._has_beaten = False
        self._delay = _FIRST_DELAY_S
        self._again_at: float | None = None

    @property
    def pid(self) -> int | None:
        """The worker's process id while it runs."""
        return self._child.pid if self._child is not None and self._child.poll() is None else None

    def start(self) -> None:
        """Start the worker; it is ready once it has said so."""
        self._began = self._heard = time.monotonic()
        self._has_beaten = self.is_ready = False
        self._close_pipe()
        self._pipe, far_end = os.pipe()
        os.set_blocking(self._pipe, False)
        parts = ",".join(self.parts)
        command = [sys.executable, "-m", "services.runtime", parts, "--beat", str(far_end)]
        try:
            self._child = processes.spawn(command, self._env, [far_end], self._log)
        finally:
            os.close(far_end)
        processes.remember(self._records / f"{self.name}.json", self._child.pid)
        asyncio.get_running_loop().add_reader(self._pipe, self._read)

    def forgive(self) -> None:
        """Count the silence anew: the supervisor itself was not running."""
        self._heard = time.monotonic()

    def tend(self) -> str | None:
        """Start again what has died or hangs; the code of what was found, or None."""
        now = time.monotonic()
        if self._again_at is not None:
            if now >= self._again_at:
                self._try_again(now)
            return None
        found = self._trouble(now)
        if found is not None:
            self._bury(now)
        return found

    def _try_again(self, now: float) -> None:
        """Start anew; a machine without processes, memory or disk to spare is asked again later."""
        self._again_at = None
        try:
            self.start()
        except OSError as fault:
            logs.get(part=self.name).error("worker.not_started", errno=fault.errno)
            self._bury(now)

    async def stop(self) -> None:
        """End the worker, by force when it takes too long."""
        self._again_at = None
        if self._child is not None:
            await processes.stop(self._child, _STOP_S)
            self._close_pipe()
            (self._records / f"{self.name}.json").unlink(missing_ok=True)

    def _trouble(self, now: float) -> str | None:
        if self.pid is None:
            return "DIED"
        patience = SILENCE_S if self._has_beaten else START_S
        return "SILENT" if now - self._heard > patience else None

    def _bury(self, now: float) -> None:
        if self._child is not None and self._child.poll() is None:
            self._child.kill()
            self._child.wait()
        code = self._child.returncode if self._child is not None else None
        self._close_pipe()
        if self._has_beaten and now - self._began > _STEADY_S:
            self._delay = _FIRST_DELAY_S
        self._again_at = now + self._delay
        self._delay = min(self._delay * 2, _LONGEST_DELAY_S)
        self.restarts += 1
        self.is_ready, self.health = False, {}
        logs.get(part=self.name).error("worker.restarts", exit_code=code, restarts=self.restarts)

    def _read(self) -> None:
        data = b""
        with contextlib.suppress(BlockingIOError):
            data = os.read(self._pipe, 65536) if self._pipe is not None else b""
        if not data:
            self._close_pipe()
            return
        *lines, self._rest = (self._rest + data).split(b"\n")
        if lines:
            beat = orjson.loads(lines[-1])
            self._heard, self._has_beaten = time.monotonic(), True
            self.is_ready, self.health = beat["ready"], beat["health"]

    def _close_pipe(self) -> None:
        if self._pipe is not None:
            asyncio.get_running_loop().remove_reader(self._pipe)
            os.close(self._pipe)
        self._pipe, self._rest = None, b""
