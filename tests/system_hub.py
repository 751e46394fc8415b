"""A whole hub in processes of its own, as `samvirke up` runs it, for tests and measurements."""

import asyncio
import fcntl
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from services.runtime.settings import Settings

EXAMPLE = Path(__file__).parents[1] / "deploy" / "examples" / "bergen.toml"
SAMVIRKE = Path(sys.executable).with_name("samvirke")
READY_S = 60.0
SMALL = str(256 * 1024 * 1024)
"""Room for the streams of a hub of which nobody asks much (`stream_bytes`)."""


def free_port() -> int:
    """A port of loopback that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class HubProcess:
    """`samvirke up` under a home; ``environment`` are settings as variables."""

    def __init__(self, home: Path, centre: Path = EXAMPLE, **environment: str) -> None:
        self.home = home
        ports = {f"SAMVIRKE_PORT_{name}": str(free_port()) for name in ("DESK", "HEALTH", "PHONE")}
        kept = {key: value for key, value in os.environ.items() if not key.startswith("SAMVIRKE_")}
        given = {f"SAMVIRKE_{key.upper()}": value for key, value in environment.items()}
        kept["PYTHONUNBUFFERED"] = "1"
        self.environment = {**kept, **ports, "SAMVIRKE_HOME": str(home), **given}
        self.centre = centre
        self.output = home.parent / f"{home.name}.out"
        self.process: subprocess.Popen[bytes] | None = None
        self.started_s = 0.0

    @property
    def settings(self) -> Settings:
        """The settings that lead to this hub."""
        ports = {name: int(self.environment[f"SAMVIRKE_PORT_{name.upper()}"]) for name in ("desk", "phone")}
        return Settings(home=self.home, port_desk=ports["desk"], port_phone=ports["phone"])

    @property
    def desk(self) -> str:
        """The address of desk and API."""
        return f"http://127.0.0.1:{self.environment['SAMVIRKE_PORT_DESK']}"

    @property
    def phone(self) -> str:
        """The address of the phone page."""
        return f"http://127.0.0.1:{self.environment['SAMVIRKE_PORT_PHONE']}"

    def command(self, *arguments: str, **more: str) -> "subprocess.CompletedProcess[str]":
        """Run one `samvirke` command against this hub."""
        return subprocess.run(
            [str(SAMVIRKE), *arguments],
            env=self.surroundings(**more),
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    def surroundings(self, **more: str) -> dict[str, str]:
        """The environment of a command against this hub; ``more`` are settings."""
        return {**self.environment, **{f"SAMVIRKE_{key.upper()}": value for key, value in more.items()}}

    def link(self, person: str) -> str:
        """The path of an example person's sign-in link, made at the home's first start; it holds once."""
        text = (self.settings.credentials / "links.txt").read_text("utf-8")
        found = re.search(rf"^{person}\b.*?(/sign-in/\S+)", text, re.M)
        assert found is not None, text
        return found[1]

    def start(self) -> None:
        """Return when `up` has said that it is ready. Raises AssertionError with its output otherwise."""
        began = time.perf_counter()
        arguments = [str(SAMVIRKE), "up", "--centre", str(self.centre)]
        with self.output.open("ab") as output:
            marker = output.tell()
            self.process = subprocess.Popen(
                arguments, env=self.environment, stdout=output, stderr=output, start_new_session=True
            )
        while b"http://" not in self.output.read_bytes()[marker:]:
            assert self.process.poll() is None, self.said()
            assert time.perf_counter() - began < READY_S, self.said()
            time.sleep(0.02)
        self.started_s = time.perf_counter() - began

    def said(self) -> str:
        """What `up` and its children have printed."""
        return self.output.read_text("utf-8", errors="replace")[-8000:]

    def stop(self) -> float:
        """End it as Ctrl+C does; seconds until nothing of it runs."""
        assert self.process is not None
        children = self.processes()
        began = time.perf_counter()
        self.process.send_signal(signal.SIGINT)
        self.process.wait(20)
        psutil.wait_procs(children, timeout=20)
        assert not any(child.is_running() for child in children)
        return time.perf_counter() - began

    def kill(self) -> None:
        """kill -9 of everything at once."""
        for process in self.processes():
            process.kill()
        if self.process is not None:
            self.process.wait(10)

    def processes(self) -> list[psutil.Process]:
        """The supervisor and all that it has started."""
        if self.process is None or self.process.poll() is not None:
            return []
        top = psutil.Process(self.process.pid)
        return [top, *top.children(recursive=True)]

    def find(self, word: str) -> psutil.Process:
        """The one process whose command line holds ``word``."""
        found = [p for p in self.processes()[1:] if any(word in part for part in p.cmdline())]
        assert len(found) == 1, [p.cmdline() for p in self.processes()]
        return found[0]

    def worker(self, name: str) -> dict[str, Any]:
        """What the health page says of one worker: ``ready``, ``restarts``, ``rooms``."""
        answer = httpx.get(f"http://127.0.0.1:{self.environment['SAMVIRKE_PORT_HEALTH']}/healthz", timeout=5)
        found: dict[str, Any] = next(part for part in answer.json() if part["name"] == name)
        return found

    def memory_mb(self) -> float:
        """Resident memory of all processes together, in MB."""
        return sum(p.memory_info().rss for p in self.processes()) / 1e6


def run_once(home: Path, **options: Any) -> None:
    """Start a hub with the example centre in an empty home, and end it: what is left is real state."""
    with running(home, stream_bytes=SMALL, **options) as hub:
        hub.stop()


def once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], None]) -> Path:
    """A folder that the first process of this test run makes, and the others find."""
    base = factory.getbasetemp()
    place = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / name
    place.mkdir(exist_ok=True)
    with (place / "lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (place / "made").exists():
            shutil.rmtree(place / "home", ignore_errors=True)
            make(place / "home")
            (place / "made").touch()
    return place / "home"


@contextmanager
def running(home: Path, snapshot: Path | None = None, **options: Any) -> Iterator[HubProcess]:
    """A started hub, killed at the end whatever happens; in a copy of the home ``snapshot``, if given."""
    if snapshot is not None:
        shutil.copytree(snapshot, home)
    hub = HubProcess(home, **options)
    try:
        hub.start()
        yield hub
    finally:
        hub.kill()


async def eventually(check: Any, patience_s: float = 10.0) -> Any:
    """Await ``check()`` again and again until it gives something true; what it gave."""
    deadline = time.monotonic() + patience_s
    while True:
        found = await check()
        if found or time.monotonic() > deadline:
            return found
        await asyncio.sleep(0.05)
