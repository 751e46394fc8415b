"""What the hub tells the service manager that started it."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.runtime.notify import Manager
from tests.hub import STREAM_BYTES, WATCHES, Hub

HUB = f"""
import asyncio, sys
from pathlib import Path
from services.runtime.settings import Settings
from services.runtime.supervisor import Supervisor

settings = Settings(home=Path(sys.argv[1]), stream_bytes={STREAM_BYTES}, port_health=0)
asyncio.run(Supervisor(settings, {WATCHES!r}, workers={{"quiet": ("tests.runtime.rooms:quiet",)}}).run())
"""
PART = """
import sys
from pathlib import Path
from services.runtime.settings import Settings
from services.runtime.worker import run_worker

sys.exit(run_worker(["tests.runtime.rooms:quiet"], Settings(home=Path(sys.argv[1]), port_health=0)))
"""
SLOW = PART.replace("quiet", "slow").replace(
    "sys.exit", "from services.runtime import worker\nworker._TELL_S = 0.2\nsys.exit"
)


@pytest.fixture
def manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """The socket of a service manager that wants a sign of life each second."""
    path = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(path))
        listener.settimeout(20)
        monkeypatch.setenv("NOTIFY_SOCKET", str(path))
        monkeypatch.setenv("WATCHDOG_USEC", "1000000")
        monkeypatch.delenv("WATCHDOG_PID", raising=False)
        yield listener


def heard(listener: socket.socket) -> str:
    return listener.recv(4096).decode("ascii")


def is_silent(listener: socket.socket) -> bool:
    listener.setblocking(False)
    try:
        listener.recv(4096)
    except BlockingIOError:
        return True
    return False


def end(process: "subprocess.Popen[bytes]") -> None:
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 0


@pytest.mark.timed
def test_the_hub_says_that_it_is_ready_lives_and_ends(hub_home: Path, manager: socket.socket) -> None:
    process = subprocess.Popen([sys.executable, "-c", HUB, str(hub_home)], stdout=subprocess.DEVNULL)
    try:
        assert heard(manager) == "READY=1\nWATCHDOG_USEC=1000000"
        began = time.monotonic()
        assert [heard(manager) for _ in range(4)] == ["WATCHDOG=1"] * 4
        assert time.monotonic() - began < 2
    finally:
        end(process)
    said = heard(manager)
    while said == "WATCHDOG=1":
        said = heard(manager)
    assert said == "STOPPING=1"


def test_a_part_of_its_own_says_the_same(fresh_broker: Hub, manager: socket.socket) -> None:
    home = fresh_broker.settings.home
    process = subprocess.Popen([sys.executable, "-c", PART, str(home)], stderr=subprocess.DEVNULL)
    try:
        assert heard(manager).startswith("READY=1")
        assert heard(manager) == "WATCHDOG=1"
    finally:
        end(process)


def test_a_part_that_takes_long_to_start_asks_for_more_time(
    fresh_broker: Hub, manager: socket.socket
) -> None:
    home = fresh_broker.settings.home
    process = subprocess.Popen([sys.executable, "-c", SLOW, str(home)], stderr=subprocess.DEVNULL)
    try:
        said = heard(manager)
        assert said == "EXTEND_TIMEOUT_USEC=60000000"
        while said.startswith("EXTEND"):
            said = heard(manager)
        assert said.startswith("READY=1")
    finally:
        end(process)


def test_a_part_waits_for_its_broker_and_ends_when_asked_to(hub_home: Path, manager: socket.socket) -> None:
    hub_home.mkdir()
    process = subprocess.Popen([sys.executable, "-c", PART, str(hub_home)], stderr=subprocess.DEVNULL)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(4)
    end(process)
    assert heard(manager) == "STOPPING=1"


def test_a_hub_that_hangs_gives_no_sign_of_life(hub_home: Path, manager: socket.socket) -> None:
    process = subprocess.Popen([sys.executable, "-c", HUB, str(hub_home)], stdout=subprocess.DEVNULL)
    try:
        assert heard(manager).startswith("READY=1")
        process.send_signal(signal.SIGSTOP)
        time.sleep(0.2)
        while not is_silent(manager):
            pass
        time.sleep(1.2)
        assert is_silent(manager)
    finally:
        process.send_signal(signal.SIGCONT)
        end(process)


def test_work_that_takes_long_is_no_hanging(manager: socket.socket) -> None:
    Manager().stands_still()
    assert heard(manager) == "WATCHDOG_USEC=21600000000\nWATCHDOG=1"


def test_a_start_that_takes_long_is_given_a_minute_more(manager: socket.socket) -> None:
    Manager().starts_long()
    assert heard(manager) == "EXTEND_TIMEOUT_USEC=60000000"


def test_without_a_manager_nothing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    one = Manager()
    one.ready()
    one.alive()
    one.stopping()


def test_a_manager_that_watches_another_process_gets_no_sign_of_life(
    manager: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WATCHDOG_PID", str(os.getppid()))
    Manager().alive()
    Manager().stopping()
    assert heard(manager) == "STOPPING=1"


def test_a_manager_that_is_gone_stops_nobody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "nobody"))
    Manager().ready()
