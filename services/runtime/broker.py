"""The embedded broker: a nats-server that is this process's child and dies with it."""

import asyncio
import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import orjson

from services.runtime import processes
from services.runtime.credentials import write_durably
from services.runtime.settings import Settings

MAX_PAYLOAD = 4 * 1024 * 1024
MEMORY_STORE = 256 * 1024 * 1024
FILE_SHARE = 0.9
"""Part of the file system that streams may reserve together."""

MONITOR = "127.0.0.1:8222"
"""Where a server in a container of its own says that it is well, to that container only."""

_LOOPBACK = "127.0.0.1"
_DEFAULTS = {"GOGC": "20"}
"""Collect early, so that a small hub takes little memory. No fixed limit (GOMEMLIMIT): what the broker knows
of each subject lies in memory, and at a limit it would collect without end and hardly store anything.
"""
_KEPT = ("PATH", "TZ", "GOMEMLIMIT", *_DEFAULTS)
_READY_S = 300.0
"""It reads through all its streams before it greets."""
_RELOAD_S = 5.0
_STOP_S = 3.0
_CHECK_S = 30
_POLL_S = 0.02
_PORTS_TRIED = 3
_RELOADED = "Reloaded server configuration"


class BrokerFailed(Exception):
    """The broker's binary is missing, its configuration is wrong, or it did not start."""


class Broker:
    """One nats-server under `home`, with the accounts given as text of its configuration."""

    def __init__(self, home: Path, accounts: str, port: int = 0) -> None:
        self.home = home
        self._accounts = accounts
        self._fixed_port = port
        self._port = port
        self._child: processes.Child | None = None

    @property
    def address(self) -> str:
        """Where clients connect."""
        return f"nats://{_LOOPBACK}:{self._port}"

    @property
    def pid(self) -> int | None:
        """The server's process id while it runs."""
        return self._child.pid if self._child is not None and self._child.poll() is None else None

    async def start(self) -> None:
        """Return when the server takes connections; a second start keeps the port. Raises BrokerFailed."""
        self.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        for _ in range(_PORTS_TRIED):
            self._port = self._port or _free_port()
            name = f"samvirke-{secrets.token_hex(4)}"
            self._write_configuration(name)
            self._child = processes.spawn([binary(), "-c", str(self._configuration)], _environment())
            processes.remember(self.home.parent / "run" / "broker.json", self._child.pid)
            if await self._is_ready(name):
                write_durably(self.home / "address", self.address.encode("ascii"))
                return
            await self.stop()
            self._port = self._fixed_port
        raise BrokerFailed(f"not ready; its log is {self._log}")

    async def answers(self) -> bool:
        """Whether the listener greets within a second."""
        return await _greeting(self._port) is not None

    async def reload(self, accounts: str) -> None:
        """Take over other accounts without a restart; connections stay.

        The server is told twice: after one reload the imports of a new account find no responders.
        Raises BrokerFailed, and changes nothing, when the server would not accept them.
        """
        before, self._accounts = self._accounts, accounts
        try:
            self._write_configuration(self._name())
        except BrokerFailed:
            self._accounts = before
            raise
        for _ in range(2):
            await self._reload_once()

    async def stop(self) -> None:
        """End the server; what it acknowledged is on disk."""
        if self._child is not None:
            await processes.stop(self._child, _STOP_S)

    @property
    def _configuration(self) -> Path:
        return self.home / "server.conf"

    @property
    def _log(self) -> Path:
        return self.home / "server.log"

    def _name(self) -> str:
        first = self._configuration.read_text(encoding="utf-8").splitlines()[0]
        return first.partition('"')[2].rstrip('"')

    def _write_configuration(self, name: str) -> None:
        text = server_settings(self.home, name, f"{_LOOPBACK}:{self._port}") + self._accounts
        trial = self.home / "trial.conf"
        write_durably(trial, text.encode("utf-8"))
        check(trial)
        trial.replace(self._configuration)

    async def _is_ready(self, name: str) -> bool:
        """True once the listener is this very server, False when the child has ended."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_READY_S):
                while self.pid is not None:
                    if await _greeting(self._port) == name:
                        return True
                    await asyncio.sleep(_POLL_S)
        return False

    async def _reload_once(self) -> None:
        if self.pid is None:
            raise BrokerFailed("not running")
        done = self._reloads()
        os.kill(self.pid, signal.SIGHUP)
        try:
            async with asyncio.timeout(_RELOAD_S):
                while True:
                    if self._reloads() > done:
                        return
                    await asyncio.sleep(_POLL_S)
        except TimeoutError:
            raise BrokerFailed(f"did not reload; its log is {self._log}") from None

    def _reloads(self) -> int:
        return self._log.read_text(encoding="utf-8", errors="replace").count(_RELOADED)


def binary() -> str:
    """The server's program: beside this Python, where the wheel put it, else on the path."""
    beside = Path(sys.executable).with_name("nats-server")
    found = str(beside) if beside.exists() else shutil.which("nats-server")
    if found is None:
        raise BrokerFailed("nats-server is not installed")
    return found


def server_settings(home: Path, name: str, listen: str) -> str:
    """The configuration of the embedded server, without its accounts."""
    room = int(shutil.disk_usage(home).total * FILE_SHARE)
    return (
        _common_settings(name, listen, home / "streams", room)
        + f'log_file: "{home / "server.log"}"\n'
        + f"logfile_size_limit: {16 * 1024 * 1024}\n"
        + "logfile_max_num: 4\n"
    )


def remote_settings(settings: Settings, name: str, listen: str, store: Path, room: int) -> str:
    """The configuration of a server in a container of its own, without its accounts; it logs to stderr.

    `store` is where the server keeps streams and `room` the bytes that they may take; `nats_cert` and
    `nats_key` are named as the server finds them. With TLS nothing is said before the handshake.
    """
    tls = ""
    if settings.nats_cert is not None:
        files = f'cert_file: "{settings.nats_cert}", key_file: "{settings.nats_key}"'
        tls = f'tls {{ {files}, handshake_first: true, min_version: "1.2" }}\n'
    return _common_settings(name, listen, store, room) + f'http: "{MONITOR}"\n' + tls


def _common_settings(name: str, listen: str, store: Path, room: int) -> str:
    """Every write is synced before it is acknowledged."""
    return (
        f'server_name: "{name}"\n'
        f'listen: "{listen}"\n'
        f"max_payload: {MAX_PAYLOAD}\n"
        "jetstream {\n"
        f'  store_dir: "{store}"\n'
        '  sync_interval: "always"\n'
        f"  max_memory_store: {MEMORY_STORE}\n"
        f"  max_file_store: {room}\n"
        "}\n"
    )


def check(configuration: Path) -> None:
    """Let the server judge a configuration. Raises BrokerFailed with the server's own words."""
    command = [binary(), "-t", "-c", str(configuration)]
    try:
        judged = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_CHECK_S)
    except subprocess.TimeoutExpired:
        raise BrokerFailed("it did not judge its configuration in time") from None
    if judged.returncode != 0:
        raise BrokerFailed(judged.stderr.strip())


def _environment() -> dict[str, str]:
    """Little memory for a small hub, and none of the hub's own settings or secrets."""
    kept = {key: os.environ[key] for key in _KEPT if key in os.environ}
    return _DEFAULTS | kept


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((_LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port


async def _greeting(port: int) -> str | None:
    """The name that the listener gives itself; None when nobody listens."""
    try:
        async with asyncio.timeout(1.0):
            reader, writer = await asyncio.open_connection(_LOOPBACK, port)
            with contextlib.closing(writer):
                line = await reader.readline()
    except (OSError, TimeoutError):
        return None
    try:
        name: str = orjson.loads(line.removeprefix(b"INFO "))["server_name"]
    except (ValueError, TypeError, KeyError):
        return None
    return name
