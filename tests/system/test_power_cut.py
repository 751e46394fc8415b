"""The power goes: what was accepted is on the platter, in the ledger and in the tables.

The home lies on a loop-mounted image. Everything is frozen, the backing file is copied (what a disk holds at
that instant), and a hub is started on the copy. It models the loss of what was not synced, not torn sectors.
"""

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.system.sender import Sender, missing_and_doubled, person
from tests.system_hub import SMALL, HubProcess, running

COUNT = 300


def _can_mount() -> str:
    if os.geteuid() != 0:
        return "needs root, to mount an image"
    if not all(shutil.which(tool) for tool in ("mkfs.ext4", "mount", "umount", "losetup")):
        return "needs mkfs.ext4, mount and losetup"
    return "" if _run("losetup", "-f", check=False) == 0 else "no loop device can be had here"


def _run(tool: str, *arguments: str, check: bool = True) -> int:
    program = shutil.which(tool)
    assert program is not None
    return subprocess.run([program, *arguments], capture_output=True, check=check).returncode


pytestmark = [
    pytest.mark.system,
    pytest.mark.timeout(300),
    pytest.mark.skipif(bool(_can_mount()), reason=_can_mount() or "can mount"),
]


@contextmanager
def _mounted(image: Path, folder: Path, options: str) -> Iterator[Path]:
    folder.mkdir()
    _run("mount", "-o", options, str(image), str(folder))
    try:
        yield folder
    finally:
        _run("umount", "-l", str(folder))


def _fresh_image(path: Path) -> Path:
    with path.open("wb") as image:
        image.truncate(768 * 1024 * 1024)
    _run("mkfs.ext4", "-q", str(path))
    return path


def _freeze(hub: HubProcess) -> None:
    for process in hub.processes():
        process.send_signal(signal.SIGSTOP)


async def test_a_power_cut_loses_nothing_that_was_accepted(tmp_path: Path, hub_snapshot: Path) -> None:
    image, platter = _fresh_image(tmp_path / "disk.img"), tmp_path / "platter.img"
    with ExitStack() as stack:
        disk = stack.enter_context(_mounted(image, tmp_path / "disk", "loop,commit=300"))
        hub = stack.enter_context(running(disk / "home", hub_snapshot, stream_bytes=SMALL))
        os.sync()
        sender = Sender(hub.settings)
        await sender.open()
        await sender.many(COUNT, person(), priority="info")
        _freeze(hub)
        shutil.copyfile(image, platter)
        accepted = dict(sender.accepted)
        hub.kill()
    with ExitStack() as stack:
        copy = stack.enter_context(_mounted(platter, tmp_path / "copy", "loop"))
        hub = stack.enter_context(running(copy / "home", stream_bytes=SMALL))
        assert await missing_and_doubled(hub.settings, accepted) == (set(), set())
        done = hub.command("verify")
        assert done.returncode == 0, done.stdout + done.stderr
