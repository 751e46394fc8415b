"""The files under HOME/paper: for the service's user only, replaced whole, and gone when they are old."""

import contextlib
import os
from collections.abc import Collection
from pathlib import Path

from services.runtime.credentials import write_durably

FOLDER = "paper"
_PIECE = 1 << 16


def folder_of(home: Path, mode: str, watch: str) -> Path:
    """Where the papers of a watch lie; ``watch`` is its key."""
    return home / FOLDER / mode / watch


def put(path: Path, text: str) -> None:
    """Replace a paper: who looks finds the old one or the new one, whole.

    The bytes of the old one are overwritten, since what was erased must lie nowhere (D16).
    """
    for folder in (path.parents[2], path.parents[1], path.parent):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for left in path.parent.glob(f".{path.name}.*"):  # a write that a crash cut short
        remove(left)
    old = path.open("r+b") if path.exists() else None
    write_durably(path, text.encode())
    if old is not None:
        with old:
            _wipe(old.fileno())


def keep_only(home: Path, mode: str, name: str, watches: Collection[str]) -> None:
    """Remove the papers of that name of watches that are no more, and folders that have become empty."""
    for folder in (home / FOLDER / mode).glob("*"):
        if folder.name not in watches:
            remove(folder / name)
            with contextlib.suppress(OSError):
                folder.rmdir()


def remove(path: Path) -> None:
    """Take a paper away, its bytes too; one that is not there is no fault."""
    with contextlib.suppress(FileNotFoundError), path.open("r+b") as old:
        path.unlink()
        _wipe(old.fileno())


def _wipe(descriptor: int) -> None:
    """Overwrite what a file that has lost its name still holds."""
    size = os.fstat(descriptor).st_size
    for at in range(0, size, _PIECE):
        os.pwrite(descriptor, bytes(min(_PIECE, size - at)), at)
    os.fsync(descriptor)
