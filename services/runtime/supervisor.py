"""`samvirke up`: starts the broker and the workers, keeps them alive, and ends them together."""

import asyncio
import fcntl
import os
import signal
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import IO

from services.runtime import logs, ports, processes, provisioner, state
from services.runtime.broker import Broker, BrokerFailed
from services.runtime.health import HealthServer, Part
from services.runtime.notify import Manager
from services.runtime.settings import Settings
from services.runtime.unit import Unit
from services.runtime.watches import SUPERVISOR_RECORD, accounts_text, load_watches, save_watches
from services.runtime.worker import LIFE, REST, short_name

TICK_S = 0.1
_LATE_S = 1.0
_PROBE_S = 1.0
_PROBES_MISSED = 3
_READY_S = 60.0
"""How long workers that end again and again are started anew before the start is given up."""
_OFTEN = 3
_TELL_S = 10.0
"""How often a start that takes long says what it waits for."""

Watches = Iterable[tuple[str, str]]
Say = Callable[[str, Mapping[str, object]], None]


class AlreadyRunning(Exception):
    """Another hub runs in the same HOME."""


class NotReady(Exception):
    """A worker ended again and again instead of coming up."""


def print_step(step: str, parameters: Mapping[str, object]) -> None:
    """One line on standard output for each step."""
    print(step, *(f"{key}={value}" for key, value in parameters.items()), flush=True)


def up(settings: Settings, watches: Watches, say: Say = print_step) -> int:
    """Run the hub until SIGINT or SIGTERM. Returns the exit code. Raises AlreadyRunning, PortTaken."""
    log_to_home(settings)
    return asyncio.run(Supervisor(settings, watches, say).run())


def log_to_home(settings: Settings) -> None:
    """Send this process's lines to HOME/log, beside those of the workers: people read what it prints."""
    file = processes.log_file(settings.home, "supervisor")
    logs.configure("supervisor", settings.log_level, file=processes.appending(file))


def groups(settings: Settings) -> dict[str, tuple[str, ...]]:
    """The workers and their parts: two, or with `split` one for each part."""
    if settings.split:
        return {part: (part,) for part in (*LIFE, *REST)}
    return {"life": LIFE, "rest": REST}


_ALLOCATOR = {"MALLOC_ARENA_MAX": "1"}
"""Threads of Python take turns anyway: a heap for each would only keep what the others have freed."""


class Supervisor:
    """The parent of every process of a hub on one machine."""

    def __init__(
        self,
        settings: Settings,
        watches: Watches,
        say: Say = print_step,
        workers: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        self.settings = settings
        self._watches = sorted(set(watches))
        self._say = say
        self._records = settings.home / "run"
        env = _ALLOCATOR | os.environ | settings.as_environment()
        self._listens = workers is None
        wanted = groups(settings) if workers is None else workers
        self.units = [Unit(short_name(name), parts, env, self._records) for name, parts in wanted.items()]
        self.broker: Broker | None = None
        self._health = HealthServer(settings.host, settings.port_health, self._report)
        self._manager = Manager()
        self._lock: IO[bytes] | None = None
        self._asked_to_stop = asyncio.Event()
        self._asked_to_reload = asyncio.Event()

    async def run(self) -> int:
        """Start everything, keep it alive until a signal comes, stop everything."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._end)
        loop.add_signal_handler(signal.SIGHUP, self._asked_to_reload.set)
        try:
            await self.start()
            await self._keep()
        finally:
            await self.stop()
        return 0

    def _end(self) -> None:
        self._manager.stopping()
        self.ask_to_stop()

    def ask_to_stop(self) -> None:
        """As a signal does: `run` then stops everything and returns."""
        self._asked_to_stop.set()

    async def start(self) -> None:
        """Broker, streams, workers, in this order; return when every worker is ready."""
        await asyncio.to_thread(self._take_home)
        if self._listens:
            await asyncio.to_thread(ports.require_free, self.settings)
        if not self.settings.nats_url:
            await self._start_broker()
        changes = await provisioner.provision(self.settings)
        self._say("streams", {"changed": len(changes)})
        learnt = await state.learn(self.settings)
        self._say("broker-state", {"sync_always": learnt.sync_always, "version": learnt.version})
        state.require_safe(learnt, self.settings.production)
        is_served = await self._health.start()
        self._say("health", {"port": self._health.port, "served": is_served})
        for unit in self.units:
            unit.start()
            self._say("worker", {"name": unit.name, "pid": unit.pid})
        await self._wait_until_ready()
        self._manager.ready()
        self._say("ready", {})

    async def stop(self) -> None:
        """Workers first, all at once; then the broker."""
        self._say("stopping", {})
        await self._health.stop()
        await asyncio.gather(*(unit.stop() for unit in self.units))
        if self.broker is not None:
            await self.broker.stop()
        if self._lock is not None:
            (self._records / SUPERVISOR_RECORD).unlink(missing_ok=True)
            self._lock.close()
        self._say("stopped", {})

    def _take_home(self) -> None:
        """One hub in a home: hold its lock, and end what a killed one left running."""
        self._records.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = (self._records / "lock").open("wb")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            raise AlreadyRunning(str(self.settings.home)) from None
        self._lock = lock
        for pid in processes.end_stale(self._records):
            logs.get(pid=pid).warning("process.stale_killed")
        processes.remember(self._records / SUPERVISOR_RECORD, os.getpid())
        self._watches = self._watches or load_watches(self.settings)
        save_watches(self.settings, self._watches)
        self._say("home", {"path": self.settings.home})

    async def _start_broker(self) -> None:
        text = await asyncio.to_thread(accounts_text, self.settings, self._watches)
        self.broker = Broker(self.settings.nats_home, text, self.settings.nats_port)
        await self.broker.start()
        self._say("broker", {"address": self.broker.address, "pid": self.broker.pid})

    def _report(self) -> list[Part]:
        return [Part(unit.name, unit.is_ready, unit.restarts, unit.health) for unit in self.units]

    async def _wait_until_ready(self) -> None:
        """However long it takes: after an upgrade a worker may have years of log to go through.

        Raises NotReady when one does not stay up.
        """
        began = told = time.monotonic()
        while waiting := [unit for unit in self.units if not unit.is_ready]:
            if self._asked_to_stop.is_set():
                return
            now = time.monotonic()
            if now - began > _READY_S and any(unit.restarts >= _OFTEN for unit in waiting):
                raise NotReady(",".join(unit.name for unit in waiting))
            if now - told > _TELL_S:
                told = now
                self._manager.starts_long()
                self._say("waiting", {"name": ", ".join(unit.name for unit in waiting)})
            await self._tick()

    async def _keep(self) -> None:
        probing = asyncio.create_task(self._keep_broker())
        try:
            while not self._asked_to_stop.is_set():
                await self._tick()
                self._manager.alive()
                if probing.done():
                    probing.result()
                if self._asked_to_reload.is_set():
                    self._asked_to_reload.clear()
                    await self._reload()
        finally:
            probing.cancel()

    async def _tick(self) -> None:
        before = time.monotonic()
        await asyncio.sleep(TICK_S)
        was_late = time.monotonic() - before > _LATE_S
        for unit in self.units:
            if was_late:
                unit.forgive()
            found = unit.tend()
            if found is not None:
                self._say("restart", {"name": unit.name, "code": found})

    async def _keep_broker(self) -> None:
        """Start the broker again when it died, or when it does not greet three times in a row."""
        missed, asked = 0, time.monotonic()
        while self.broker is not None:
            await asyncio.sleep(TICK_S)
            if self.broker.pid is None:
                missed = 0
                await self._restart_broker(self.broker, "DIED")
            elif time.monotonic() - asked > _PROBE_S:
                missed = 0 if await self.broker.answers() else missed + 1
                asked = time.monotonic()
            if missed == _PROBES_MISSED:
                missed = 0
                await self._restart_broker(self.broker, "SILENT")

    async def _restart_broker(self, broker: Broker, found: str) -> None:
        self._say("restart", {"name": "broker", "code": found})
        logs.get(part="broker", code=found).error("broker.restarts")
        try:
            await broker.stop()
            await broker.start()
        except (BrokerFailed, OSError):
            logs.get(part="broker").error("broker.not_started", exc_info=True)

    async def _reload(self) -> None:
        """Take over the watches that `announce` kept; when they cannot be, everything stays as it was."""
        try:
            watches = await asyncio.to_thread(load_watches, self.settings)
            text = await asyncio.to_thread(accounts_text, self.settings, watches)
            if self.broker is not None:
                await self.broker.reload(text)
        except (BrokerFailed, OSError, ValueError):
            logs.get(part="broker").error("broker.not_reloaded", exc_info=True)
            return
        self._watches = watches
        self._say("reloaded", {"watches": len(watches)})
