"""kill -9 of anything amid reports: nothing accepted is missing or doubled, and it is soon back."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.system.sender import Sender, missing_and_doubled, person
from tests.system_hub import HubProcess, running

pytestmark = [pytest.mark.system, pytest.mark.timeout(300)]
COUNT = 500


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubProcess]:
    """One hub for the kills of workers and broker."""
    with running(tmp_path_factory.mktemp("kills") / "home") as found:
        yield found


async def _kill_amid_reports(hub: HubProcess, word: str) -> tuple[float, Sender]:
    """Seconds from the kill of a process to the next accepted report, and the sender."""
    sender = Sender(hub.settings)
    await sender.open()
    sending = asyncio.create_task(sender.many(COUNT, person(), priority="info"))
    while len(sender.accepted) < COUNT // 4:
        await asyncio.sleep(0.01)
    killed = time.monotonic()
    hub.find(word).kill()
    await sending
    after = [at for at in sender.accepted.values() if at > killed + 0.1]
    await sender.close()
    return min(after) - killed, sender


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


async def test_all_in_one_is_back_within_five_seconds_with_all_that_was_accepted(tmp_path: Path) -> None:
    with running(tmp_path / "home") as hub:
        sender = Sender(hub.settings)
        await sender.open()
        await sender.many(100, person(), priority="info")
        await sender.close()
        hub.kill()
        began = time.monotonic()
        await asyncio.to_thread(hub.start)
        sender = Sender(hub.settings, accepted=sender.accepted)
        await sender.open()
        await sender.report(person())
        assert time.monotonic() - began < 5.0
        await sender.close()
        await _check(hub, sender)


async def test_nothing_is_left_running_after_a_kill_of_the_supervisor(tmp_path: Path) -> None:
    with running(tmp_path / "home") as hub:
        top, *children = hub.processes()
        top.kill()
        deadline = time.monotonic() + 5
        while (
            any(c.is_running() and c.status() != "zombie" for c in children) and time.monotonic() < deadline
        ):
            await asyncio.sleep(0.05)
        assert [c for c in children if c.is_running() and c.status() != "zombie"] == []


async def test_interrupting_it_stops_everything_within_five_seconds(tmp_path: Path) -> None:
    with running(tmp_path / "home") as hub:
        assert await asyncio.to_thread(hub.stop) < 5.0


@pytest.mark.parametrize(
    "part",
    ["people", "incidents-door", "watch", "notifications", "incidents-archive", "feeds", "intake", "desk"],
)
def test_each_room_by_itself_is_back_within_three_seconds(split_hub: HubProcess, part: str) -> None:
    before = split_hub.find(part)
    asyncio.run(_kill_one(split_hub, part, before.pid))


async def _kill_one(hub: HubProcess, part: str, pid: int) -> None:
    sender = Sender(hub.settings)
    await sender.open()
    sending = asyncio.create_task(sender.many(60, person(), priority="info"))
    hub.find(part).kill()
    await sending
    await sender.close()
    deadline = time.monotonic() + 3.0
    while not hub.ready(part, pid) and time.monotonic() < deadline:
        await asyncio.sleep(0.05)
    assert hub.ready(part, pid)
    await _check(hub, sender)


@pytest.fixture(scope="module")
def split_hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubProcess]:
    """A hub with a process for each part."""
    with running(tmp_path_factory.mktemp("split") / "home", split="true") as found:
        yield found
