"""The supervisor with real workers and a real broker."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path

import pytest

from services.runtime import processes, state
from services.runtime import supervisor as supervisor_module
from services.runtime.connect import connect
from services.runtime.settings import Settings
from services.runtime.supervisor import AlreadyRunning, NotReady, Supervisor, groups
from services.runtime.unit import SILENCE_S
from services.runtime.watches import announce, load_watches, wait_until_answered
from services.runtime.worker import STEP_BACK
from tests.hub import STREAM_BYTES, WATCHES

ROOMS = "tests.runtime.rooms"
PROGRAM = f"""
import asyncio, sys
from pathlib import Path
from services.runtime.settings import Settings
from services.runtime.unit import SILENCE_S
from services.runtime.supervisor import Supervisor

settings = Settings(home=Path(sys.argv[1]), stream_bytes={STREAM_BYTES}, port_health=0)
asyncio.run(Supervisor(settings, {WATCHES!r}, workers={{"quiet": ("{ROOMS}:quiet",)}}).run())
"""
HEAVY = """
import sys, services.runtime.supervisor
print(*{"faststream", "sqlalchemy", "fastapi"} & set(sys.modules))
"""

WEIGHING = """
from pathlib import Path
from services.runtime.worker import _weigh_session
_weigh_session()
print(Path("/proc/self/autogroup").read_text())
"""


@contextlib.asynccontextmanager
async def running(home: Path, *rooms: str) -> AsyncIterator[tuple[Supervisor, list[tuple[str, object]]]]:
    """A supervisor with one worker for each room, and the steps that it told."""
    said: list[tuple[str, object]] = []

    def say(step: str, parameters: Mapping[str, object]) -> None:
        said.append((step, parameters.get("name")))

    settings = Settings(home=home, stream_bytes=STREAM_BYTES, port_health=0)
    supervisor = Supervisor(settings, WATCHES, say, {room: (f"{ROOMS}:{room}",) for room in rooms})
    task = asyncio.create_task(supervisor.run())
    try:
        await until(lambda: ("ready", None) in said or task.done(), 30)
        yield supervisor, said
    finally:
        supervisor.ask_to_stop()
        await task


async def until(holds: Callable[[], object], patience_s: float) -> float:
    """Wait until something holds; the seconds that it took."""
    began = time.monotonic()
    while not holds():
        assert time.monotonic() - began < patience_s, "it did not come to hold in time"
        await asyncio.sleep(0.02)
    return time.monotonic() - began


def pid_of(home: Path, room: str) -> int:
    return int((home / f"{room}.pid").read_text())


def give_order(home: Path, order: str) -> None:
    (home / "order.new").write_text(order)
    (home / "order.new").rename(home / "order")


async def test_a_worker_that_dies_is_started_again_and_the_other_goes_on(hub_home: Path) -> None:
    async with running(hub_home, "quiet", "obedient") as (supervisor, said):
        quiet, first = pid_of(hub_home, "quiet"), pid_of(hub_home, "obedient")
        give_order(hub_home, "die")
        await until(lambda: ("restart", "obedient") in said, 3)
        await until(lambda: pid_of(hub_home, "obedient") != first, 10)
        await until(lambda: all(unit.is_ready for unit in supervisor.units), 5)
        assert pid_of(hub_home, "quiet") == quiet
        assert [unit.restarts for unit in supervisor.units] == [0, 1]


async def test_a_worker_that_takes_long_to_start_is_waited_for_and_named(
    hub_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor_module, "_READY_S", 0.5)
    monkeypatch.setattr(supervisor_module, "_TELL_S", 0.2)
    async with running(hub_home, "slow", "quiet") as (supervisor, said):
        assert all(unit.is_ready for unit in supervisor.units)
        assert ("waiting", "slow") in said
        assert [unit.restarts for unit in supervisor.units] == [0, 0]


async def test_a_worker_that_ended_once_is_waited_for_all_the_same(
    hub_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor_module, "_READY_S", 0.5)
    async with running(hub_home, "stumbling") as (supervisor, _):
        assert all(unit.is_ready for unit in supervisor.units)
        assert [unit.restarts for unit in supervisor.units] == [1]


async def test_a_start_is_given_up_when_a_worker_does_not_stay_up(
    hub_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor_module, "_READY_S", 1.0)
    with pytest.raises(NotReady, match="broken"):
        async with running(hub_home, "broken"):
            pass


async def test_a_worker_that_hangs_is_started_again(hub_home: Path) -> None:
    async with running(hub_home, "obedient") as (supervisor, said):
        first = pid_of(hub_home, "obedient")
        give_order(hub_home, "hang")
        assert await until(lambda: ("restart", "obedient") in said, 10) < SILENCE_S + 1
        await until(lambda: pid_of(hub_home, "obedient") != first, 10)
        await until(lambda: supervisor.units[0].is_ready, 5)
        assert processes.started(first) is None


async def test_a_worker_whose_connection_was_closed_for_good_is_started_again(hub_home: Path) -> None:
    async with running(hub_home, "obedient") as (_, said):
        first = pid_of(hub_home, "obedient")
        give_order(hub_home, "cut")
        await until(lambda: ("restart", "obedient") in said, 5)
        await until(lambda: pid_of(hub_home, "obedient") != first, 10)


async def test_a_worker_in_which_a_task_ended_that_should_last_is_started_again(hub_home: Path) -> None:
    async with running(hub_home, "obedient") as (_, said):
        first = pid_of(hub_home, "obedient")
        give_order(hub_home, "end")
        await until(lambda: ("restart", "obedient") in said, 5)
        await until(lambda: pid_of(hub_home, "obedient") != first, 10)


async def test_a_worker_that_cannot_be_started_for_lack_of_disk_is_started_later(hub_home: Path) -> None:
    async with running(hub_home, "quiet") as (supervisor, _):
        unit, first = supervisor.units[0], pid_of(hub_home, "quiet")
        log = hub_home / "log"
        log.rename(hub_home / "log.away")
        log.touch()
        os.kill(first, signal.SIGKILL)
        await until(lambda: unit.restarts > 1, 10)
        log.unlink()
        await until(lambda: unit.is_ready and pid_of(hub_home, "quiet") != first, 20)


async def test_a_broker_that_was_killed_is_back_on_the_same_address(hub_home: Path) -> None:
    async with running(hub_home, "obedient") as (supervisor, said):
        broker = supervisor.broker
        assert broker is not None
        before, worker = broker.address, pid_of(hub_home, "obedient")
        os.kill(broker.pid or 0, signal.SIGKILL)
        await until(lambda: ("restart", "broker") in said and broker.pid, 3)
        nc = await connect(supervisor.settings, "4601.vaktsentral", patience_s=5)
        await nc.close()
        assert broker.address == before
        assert pid_of(hub_home, "obedient") == worker


@pytest.mark.timed
async def test_stopping_ends_every_process_within_five_seconds_and_lets_rooms_finish(hub_home: Path) -> None:
    async with running(hub_home, "quiet") as (supervisor, _):
        broker = supervisor.broker
        assert broker is not None
        pids = [broker.pid or 0, pid_of(hub_home, "quiet")]
        began = time.monotonic()
    assert time.monotonic() - began < 5
    assert [processes.started(pid) for pid in pids] == [None, None]
    assert (hub_home / "quiet.stopped").exists()


async def test_what_the_broker_does_with_a_write_is_published(hub_home: Path) -> None:
    async with running(hub_home, "quiet") as (supervisor, _):
        found = await state.read(supervisor.settings)
        assert found is not None
        assert found.sync_always
        assert supervisor.settings.state_file.exists()
        state.require_safe(found, production=True)


def test_production_is_refused_on_a_broker_that_does_not_sync_or_is_old() -> None:
    for unsafe in (None, state.BrokerState(False, "2.15.1"), state.BrokerState(True, "2.11.9")):
        state.require_safe(unsafe, production=False)
        with pytest.raises(state.UnsafeBroker):
            state.require_safe(unsafe, production=True)


async def test_a_second_hub_in_the_same_home_is_refused_and_harms_nothing(hub_home: Path) -> None:
    async with running(hub_home, "quiet") as (supervisor, said):
        second = Supervisor(supervisor.settings, WATCHES, lambda *_: None, {"quiet": (f"{ROOMS}:quiet",)})
        with pytest.raises(AlreadyRunning):
            await second.run()
        await asyncio.sleep(0.5)
        assert not [name for step, name in said if step == "restart"]


async def test_a_watch_announced_to_a_running_hub_gets_answers(hub_home: Path) -> None:
    async with running(hub_home, "quiet") as (supervisor, _):
        settings = supervisor.settings
        door = await connect(settings, "people-door")

        async def answer(message: object) -> None:
            await message.respond(b"{}")  # type: ignore[attr-defined]

        await door.subscribe("samvirke.query.*.*.*.people.*", cb=answer)
        assert announce(settings, [*load_watches(settings), ("4625", "main")])
        await wait_until_answered(
            settings, "4625", "main", "samvirke.query.actual.4625.main.people.session", 10
        )
        await door.close()


@pytest.mark.system
async def test_nothing_outlives_a_supervisor_that_was_killed(hub_home: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", PROGRAM, str(hub_home)], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        lines = iter(child.stdout.readline, b"")
        await asyncio.to_thread(lambda: next(line for line in lines if line.startswith(b"ready")))
        pids = [int(path.read_text()) for path in hub_home.glob("*.pid")]
        pids += [pid for pid in _children(child.pid) if pid not in pids]
        assert len(pids) == 2
        child.kill()
    await until(lambda: [processes.started(pid) for pid in pids] == [None, None], 3)


def _children(pid: int) -> list[int]:
    return [int(number) for number in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_the_hub_runs_as_two_workers_or_as_one_for_each_part(hub_home: Path) -> None:
    assert list(groups(Settings(home=hub_home))) == ["life", "rest"]
    split = groups(Settings(home=hub_home, split=True))
    assert [parts for parts in split.values()] == [(part,) for part in split]
    assert {"people", "incidents-door", "incidents-archive", "desk"} < set(split)


def test_the_supervisor_loads_no_heavy_library() -> None:
    found = subprocess.run([sys.executable, "-c", HEAVY], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == ""


def test_only_a_process_with_the_noted_start_time_is_ended(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as other:
        processes.remember(tmp_path / "other.json", other.pid)
        noted = (tmp_path / "other.json").read_bytes()
        (tmp_path / "other.json").write_bytes(noted.replace(b'"started":', b'"started":1'))
        assert processes.end_stale(tmp_path) == []
        assert other.poll() is None
        (tmp_path / "other.json").write_bytes(noted)
        assert processes.end_stale(tmp_path) == [other.pid]
        assert other.wait(timeout=5) == -signal.SIGKILL


def test_a_part_in_a_session_of_others_does_not_weigh_it_down() -> None:
    group = Path("/proc/self/autogroup")
    if not group.exists():
        pytest.skip("this system does not weigh sessions")
    program = [sys.executable, "-c", WEIGHING]
    alone = subprocess.run(program, capture_output=True, text=True, check=True, start_new_session=True)
    shell = ["/bin/sh", "-c", '"$@"; exit $?', "sh", *program]
    beside = subprocess.run(shell, capture_output=True, text=True, check=True, start_new_session=True)
    assert (alone.stdout.split()[-1], beside.stdout.split()[-1]) == (str(STEP_BACK), "0")
