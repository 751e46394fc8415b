"""The users' keys: one seed file each, made once and kept."""

import os
from collections.abc import Iterable
from pathlib import Path

import nkeys  # type: ignore[import-untyped]

_SEED_BYTES = 32


def public_keys(folder: Path, users: Iterable[str]) -> dict[str, str]:
    """The public key of each user; a seed that is missing is made and lies on disk when this returns."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return {user: _public_key(folder / f"{user}.nk") for user in users}


def write_durably(path: Path, data: bytes, mode: int = 0o600) -> None:
    """Replace a file so that after a power cut it has either its old or its new bytes."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
    _sync_folder(path.parent)


def _public_key(path: Path) -> str:
    if not path.exists():
        write_durably(path, nkeys.encode_seed(os.urandom(_SEED_BYTES), nkeys.PREFIX_BYTE_USER))
    pair = nkeys.from_seed(bytearray(path.read_bytes().strip()))
    public = pair.public_key.decode("ascii")
    pair.wipe()
    return str(public)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
