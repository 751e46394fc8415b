"""A folder that is there whole or not at all: written beside its place, summed, then given its name."""

import hashlib
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from services.runtime.backup import FolderTaken

SUMS = "SHA256SUMS"
_CHUNK = 1 << 20


@contextmanager
def whole(folder: Path) -> Iterator[Path]:
    """A folder to write in. It gets its name when all is written and synced; a fault leaves nothing behind.

    Raises FolderTaken. After a crash the half one lies beside, under a name that begins with a dot.
    """
    folder = folder.expanduser().absolute()
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise FolderTaken(str(folder))
    folder.parent.mkdir(parents=True, exist_ok=True)
    half = folder.parent / f".{folder.name}.{secrets.token_hex(4)}.half"
    half.mkdir(mode=0o700)
    try:
        yield half
        write_sums(half)
        for path in half.rglob("*"):
            _sync(path)
        _sync(half)
        half.rename(folder)
        _sync(folder.parent)
    except BaseException:
        shutil.rmtree(half, ignore_errors=True)
        raise


def write_sums(folder: Path) -> None:
    """The SHA-256 of every file, in the form that ``sha256sum -c`` reads."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != SUMS)
    lines = [f"{_digest(path)}  {path.relative_to(folder).as_posix()}\n" for path in files]
    (folder / SUMS).write_text("".join(lines), encoding="utf-8")


def _digest(path: Path) -> str:
    sum = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            sum.update(chunk)
    return sum.hexdigest()


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
