"""A worker: one process that runs one room or several, says that it lives, and ends when it cannot serve."""

import asyncio
import contextlib
import gc
import importlib
import os
import signal
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import orjson

from services.runtime import logs, names, state
from services.runtime.connect import BrokerRefused, BrokerUnreachable, connect, lost_connections
from services.runtime.health import HealthServer, Part
from services.runtime.lasting import ended_tasks
from services.runtime.notify import Manager
from services.runtime.room import Room
from services.runtime.settings import Settings

LIFE = ("people", "incidents-door", "watch", "notifications", "reports")
REST = ("incidents-archive", "feeds", "intake", "desk")

PARTS: Mapping[str, str] = {
    "people": "services.people.app:build",
    "incidents-door": "services.incidents.app:build_door",
    "incidents-archive": "services.incidents.app:build_archive",
    "watch": "services.watch.app:build",
    "notifications": "services.notifications.app:build",
    "reports": "services.reports.app:build",
    "feeds": "services.feeds.app:build",
    "intake": "services.intake.app:build",
    "desk": "services.desk.app:build",
}
"""Where each part is built; a part may also be spelt out as `module:function`."""

STEP_BACK = 5
"""Niceness of what may wait, so that exports, feeds and pages do not delay a report or a call. A third of the
weight is left to it: in a storm desks must still show what comes, and a start is over before.
"""

COLLECT_AFTER = (20_000, 50, 50)
"""Messages make many short-lived objects and few cycles: collect seldom."""

BEAT_S = 0.5
_ASK_AGAIN_S = 5.0
_TELL_S = 10.0
STOP_S = 3.0
LOST_CONNECTION = 75
"""Exit code of a worker that the broker has closed for good: only a new process connects anew."""
TASK_ENDED = 76
"""Exit code of a worker in which a task ended that should last."""


def run_worker(parts: Sequence[str], settings: Settings, beat: int | None = None) -> int:
    """Run the parts until a signal comes; `beat` is a pipe to the supervisor. Returns the exit code."""
    logs.configure("+".join(map(short_name, parts)), settings.log_level)
    if _may_wait(parts):
        os.nice(STEP_BACK)
    return asyncio.run(_Worker(parts, settings, beat).run())


def _may_wait(parts: Sequence[str]) -> bool:
    return not set(parts) & set(LIFE)


def _weigh_session() -> None:
    """Linux may weigh sessions against each other first, and niceness within each only (sched(7)).

    A session that others live in too, such as a terminal's, stays as it is.
    """
    if os.getsid(0) != os.getpid():
        return
    with contextlib.suppress(OSError), open("/proc/self/autogroup", "w", encoding="ascii") as group:
        group.write(str(STEP_BACK))


def load(part: str) -> Callable[[Settings], Room]:
    """The function that builds a part; only now is its module imported."""
    module, _, function = PARTS.get(part, part).partition(":")
    build: Callable[[Settings], Room] = getattr(importlib.import_module(module), function or "build")
    return build


def _build(parts: Sequence[str], settings: Settings) -> list[Room]:
    gc.disable()
    try:
        return [load(part)(settings) for part in parts]
    finally:
        gc.enable()
        collect_seldom()


def collect_seldom() -> None:
    """What imports have left in memory is for good: the collector need not look at it, ever."""
    gc.freeze()
    gc.set_threshold(*COLLECT_AFTER)


def short_name(part: str) -> str:
    """A part's name for logs and files."""
    return part.rpartition(":")[2]


class _Worker:
    def __init__(self, parts: Sequence[str], settings: Settings, beat: int | None) -> None:
        self._parts = parts
        self._settings = settings
        self._beat = beat
        self._manager = None if beat is not None else Manager()
        self._rooms: list[Room] = []
        self._is_ready = False
        self._asked_to_stop = asyncio.Event()

    async def run(self) -> int:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._asked_to_stop.set)
        health = HealthServer(self._settings.host, self._settings.port_health, self._report)
        if self._beat is None:
            await health.start()
        pulse = asyncio.create_task(self._pulse())
        try:
            await self._wait_for_broker()
            if self._settings.production and not self._asked_to_stop.is_set():
                state.require_safe(await state.read(self._settings), production=True)
            self._rooms = _build(self._parts, self._settings)
            return await self._serve()
        finally:
            await self._stop_rooms()
            await health.stop()
            pulse.cancel()

    async def _wait_for_broker(self) -> None:
        """A part without a supervisor starts whenever it likes: it waits, however long the broker takes."""
        while self._beat is None and not self._asked_to_stop.is_set():
            try:
                await (await connect(self._settings, names.OPS, patience_s=_ASK_AGAIN_S)).close()
                return
            except (BrokerUnreachable, BrokerRefused):
                logs.get().warning("worker.awaits_broker")

    async def _serve(self) -> int:
        starting = asyncio.create_task(self._start_rooms())
        stopping = asyncio.create_task(self._asked_to_stop.wait())
        try:
            await self._await_start({starting, stopping})
            if stopping.done():
                return 0
            await starting
            self._is_ready = True
            if _may_wait(self._parts):
                _weigh_session()
            if self._manager is not None:
                self._manager.ready()
            return await self._until_stopped_or_lost()
        finally:
            starting.cancel()
            stopping.cancel()

    async def _await_start(self, ends: set[asyncio.Task[Any]]) -> None:
        """Return when one has ended; who started this process is told meanwhile that the start goes on."""
        while not (await asyncio.wait(ends, timeout=_TELL_S, return_when=asyncio.FIRST_COMPLETED))[0]:
            if self._manager is not None:
                self._manager.starts_long()

    async def _start_rooms(self) -> None:
        async with asyncio.TaskGroup() as group:
            for room in self._rooms:
                group.create_task(self._start(room))

    async def _start(self, room: Room) -> None:
        try:
            await room.start()
        except Exception:
            logs.get(part=room.name).error("part.not_started", exc_info=True)
            raise
        logs.get(part=room.name).info("part.started")

    async def _until_stopped_or_lost(self) -> int:
        while not self._asked_to_stop.is_set():
            if lost_connections():
                logs.get(count=len(lost_connections())).error("worker.connection_lost")
                return LOST_CONNECTION
            if ended_tasks():
                logs.get(tasks=list(ended_tasks())).error("worker.task_ended")
                return TASK_ENDED
            if self._manager is not None:
                self._manager.alive()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(BEAT_S):
                    await self._asked_to_stop.wait()
        return 0

    async def _stop_rooms(self) -> None:
        self._is_ready = False
        if self._manager is not None:
            self._manager.stopping()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(STOP_S):
                for room in reversed(self._rooms):
                    await self._stop(room)

    async def _stop(self, room: Room) -> None:
        try:
            await room.stop()
        except Exception:
            logs.get(part=room.name).error("part.not_stopped", exc_info=True)

    async def _pulse(self) -> None:
        """A line to the supervisor twice a second: a loop that hangs falls silent."""
        while self._beat is not None:
            line = orjson.dumps({"ready": self._is_ready, "health": self._health()})
            with contextlib.suppress(BlockingIOError, BrokenPipeError):
                os.write(self._beat, line + b"\n")
            await asyncio.sleep(BEAT_S)

    def _report(self) -> list[Part]:
        """What a worker without a supervisor says on its own port."""
        return [Part("+".join(map(short_name, self._parts)), self._is_ready, 0, self._health())]

    def _health(self) -> dict[str, dict[str, object]]:
        if not self._is_ready:
            return {}
        return {room.name: room.health() for room in self._rooms}
