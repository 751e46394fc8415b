"""kill -9 of anything amid reports: nothing accepted is missing or doubled, and it is soon back."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.bench import core
from tests.system.sender import Sender, missing_and_doubled, person
from tests.system_hub import HubProcess, eventually, running

pytestmark = [pytest.mark.system, pytest.mark.timed, pytest.mark.timeout(300)]
COUNT = 500


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory, hub_snapshot: Path) -> Iterator[HubProcess]:
    """One hub for the kills of workers and broker."""
    with running(tmp_path_factory.mktemp("kills") / "home", hub_snapshot) as found:
        yield found


async def _kill_amid_reports(hub: HubProcess, word: str) -> tuple[float, Sender]:
    """Seconds from the kill of a process to the next accepted report, and the sender."""
    sender = Sender(hub.settings)
    await sender.open()
    sending = asyncio.create_task(sender.many(COUNT, person(), priority="info"))
    assert await eventually(lambda: _has(sender, COUNT // 4), 30)
    killed = time.monotonic()
    hub.find(word).kill()
    await sending
    after = [at for at in sender.accepted.values() if at > killed + 0.1]
    await sender.close()
    return min(after) - killed, sender


async def _has(sender: Sender, count: int) -> bool:
    return len(sender.accepted) >= count


async def _check(hub: HubProcess, sender: Sender) -> None:
    missing, doubled = await missing_and_doubled(hub.settings, sender.accepted)
    assert (missing, doubled) == (set(), set())
    done = await asyncio.to_thread(hub.command, "verify")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("word", "back_s"), [("people,incidents-door", 3.0), ("incidents-archive,", 3.0), ("nats-server", 2.0)]
)
async def test_a_killed_process_loses_and_doubles_nothing(hub: HubProcess, word: str, back_s: float) -> None:
    took, sender = await _kill_amid_reports(hub, word)
    await _check(hub, sender)
    assert took < back_s


async def test_a_killed_supervisor_takes_all_with_it_and_all_is_back_within_five_seconds(
    hub: HubProcess,
) -> None:
    sender = Sender(hub.settings)
    await sender.open()
    await sender.many(100, person(), priority="info")
    await sender.close()
    top, *children = hub.processes()
    top.kill()
    assert await eventually(lambda: _ended(children), 5)
    hub.kill()
    began = time.monotonic()
    await asyncio.to_thread(hub.start)
    sender = Sender(hub.settings, accepted=sender.accepted)
    await sender.open()
    await sender.report(person())
    took = time.monotonic() - began
    await sender.close()
    await _check(hub, sender)
    assert took < 5.0


async def _ended(processes: list[psutil.Process]) -> bool:
    return not any(p.is_running() and p.status() != psutil.STATUS_ZOMBIE for p in processes)


async def test_interrupting_it_stops_everything_within_five_seconds_with_neighbours_listening(
    hub: HubProcess,
) -> None:
    token = await core.feed_token(hub)
    seen: list[tuple[float, dict[str, Any]]] = []
    readers = [asyncio.create_task(core.read_feed(hub, token, seen)) for _ in range(3)]
    sender = Sender(hub.settings)
    await sender.open()
    await sender.report(person(), level="named", named=[core.NEIGHBOUR])
    await sender.close()
    assert await eventually(lambda: _heard(seen, len(readers)))
    assert await asyncio.to_thread(hub.stop) < 5.0
    await asyncio.gather(*readers, return_exceptions=True)


async def _heard(seen: list[tuple[float, dict[str, Any]]], count: int) -> bool:
    return len([item for _, item in seen if "id" in item]) >= count


ROOMS = (
    *("people", "incidents-door", "watch", "notifications", "reports"),
    *("incidents-archive", "feeds", "intake", "desk"),
)


@pytest.fixture(scope="module")
def split_hub(tmp_path_factory: pytest.TempPathFactory, hub_snapshot: Path) -> Iterator[HubProcess]:
    """A hub with a process for each part."""
    with running(tmp_path_factory.mktemp("split") / "home", hub_snapshot, split="true") as found:
        yield found


async def test_each_room_by_itself_is_back_within_three_seconds(split_hub: HubProcess) -> None:
    sender, took = Sender(split_hub.settings), {}
    await sender.open()
    for room in ROOMS:
        sending = asyncio.create_task(sender.many(COUNT // len(ROOMS), person(), priority="info"))
        took[room] = await _kill_and_wait(split_hub, room)
        await sending
    await sender.close()
    await _check(split_hub, sender)
    assert {room: s for room, s in took.items() if s >= 3.0} == {}


async def _kill_and_wait(hub: HubProcess, room: str) -> float:
    """Seconds from the kill of a room's process until the room is ready again."""
    restarts = hub.worker(room)["restarts"]
    began = time.monotonic()
    hub.find(room).kill()

    async def is_back() -> bool:
        found = await asyncio.to_thread(hub.worker, room)
        return bool(found["ready"] and found["restarts"] > restarts)

    assert await eventually(is_back)
    return time.monotonic() - began
