"""Backups: every service's tables while the hub runs, with a manifest that shows whether a byte was lost.

The ledger is not copied: `repair` writes it from the archive. Erased content is kept out by the register of
erasures, which lies outside every backup and without which nothing is restored (D16).
"""

import hashlib
import os
import shutil
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson

from services.runtime import names
from services.runtime.credentials import write_durably
from services.runtime.dumps import Source, source, sources
from services.runtime.settings import CONFIG_NAME, Settings

MANIFEST = "manifest.json"
REGISTER = "erasures"
ARCHIVE = "incidents"
"""Copied last, so that no other service has read further than the archive."""

_WATCHES = "watches.json"
_WAIT_S = 10.0
_POLL_S = 0.1

Erase = Callable[[Settings], int]


class BackupDamaged(Exception):
    """A file of the backup is missing or was changed; ``args[0]`` names it."""


class RegisterMissing(Exception):
    """There is no register of erasures: what was erased after the backup would come back."""


class OtherDatabase(Exception):
    """The backup was made of another kind of database; ``args[0]`` names it."""


class FolderTaken(Exception):
    """The folder for the backup is not empty."""


class ArchiveBehind(Exception):
    """The archive did not catch up with the other services in time; make the backup later."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup holds. ``files`` are SHA-256 by path; ``keys`` names the keys, which are never copied.

    ``services`` gives the version of each service's tables; ``until`` is when the backup is to be destroyed.
    """

    made_at: str
    until: str | None
    database: str
    services: dict[str, str]
    files: dict[str, str]
    keys: list[str]


def backup(settings: Settings, folder: Path, keep_days: int | None = 30) -> Manifest:
    """Copy every service's tables into an empty folder; the hub may run.

    Raises FolderTaken or ArchiveBehind. Without a manifest, the folder holds no backup.
    """
    folder = folder.absolute()
    if folder.exists() and any(folder.iterdir()):
        raise FolderTaken(str(folder))
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    now = datetime.now(UTC)
    until = None if keep_days is None else (now + timedelta(days=keep_days)).isoformat()
    _note(settings, folder, now, until)
    versions: dict[str, str] = {}
    read: dict[str, int] = {}
    for one in sorted(sources(settings), key=lambda one: one.service == ARCHIVE):
        if one.service == ARCHIVE:
            _wait_for(one, read)
        versions[one.service] = one.version()
        for mode, sequence in one.dump(folder).items():
            read[mode] = max(sequence, read.get(mode, 0))
    for path in (settings.nats_home / _WATCHES, settings.home / CONFIG_NAME):
        if path.exists():
            shutil.copy2(path, folder / path.name)
    files = {str(path.relative_to(folder)): _seal(path) for path in sorted(_files(folder))}
    manifest = Manifest(now.isoformat(), until, _kind(settings), versions, files, _keys(settings))
    write_durably(folder / MANIFEST, orjson.dumps(asdict(manifest), option=orjson.OPT_INDENT_2))
    return manifest


def check(folder: Path) -> Manifest:
    """The manifest, once every file is as it was. Raises BackupDamaged."""
    try:
        manifest = Manifest(**orjson.loads((folder / MANIFEST).read_bytes()))
    except (OSError, ValueError, TypeError):
        raise BackupDamaged(MANIFEST) from None
    for name, digest in manifest.files.items():
        path = folder / name
        if not path.is_file() or _digest(path) != digest:
            raise BackupDamaged(name)
    return manifest


def restore(settings: Settings, folder: Path, erase: Erase, register: Path | None = None) -> list[str]:
    """Put back the tables of every service that has none now; their names. The hub must be stopped.

    ``register`` is a kept copy of HOME/erasures, when the home is a new one. ``erase`` takes the content of
    what the register names out of the archive again, before anything else may read it. Raises BackupDamaged,
    OtherDatabase, RegisterMissing.
    """
    manifest = check(folder)
    if manifest.database != _kind(settings):
        raise OtherDatabase(manifest.database)
    _take_register(settings, register)
    restored = []
    for service, version in manifest.services.items():
        if source(settings, service).load(folder, version):
            restored.append(service)
    if ARCHIVE in restored:
        erase(settings)
    for path in (settings.nats_home / _WATCHES, settings.home / CONFIG_NAME):
        if (folder / path.name).exists() and not path.exists():
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            shutil.copy2(folder / path.name, path)
    return restored


def lacks_ledger(settings: Settings) -> list[str]:
    """The modes whose ledger is not in the home: `repair` must write it before the hub opens."""
    home = settings.nats_home / "streams" / "jetstream" / names.HUB_ACCOUNT / "streams"
    return [mode for mode in settings.modes if not (home / names.ledger(mode)).exists()]


def _take_register(settings: Settings, register: Path | None) -> None:
    own = settings.home / REGISTER
    if register is not None:
        if not register.is_dir():
            raise RegisterMissing(str(register))
        own.mkdir(mode=0o700, parents=True, exist_ok=True)
        for path in register.glob("*.json"):
            write_durably(own / path.name, path.read_bytes())
    if not own.is_dir():
        raise RegisterMissing(str(own))


def _wait_for(archive: Source, read: dict[str, int]) -> None:
    """A projection ahead of the restored archive would never find its place in the ledger again."""
    deadline = time.monotonic() + _WAIT_S
    while any(archive.cursors().get(mode, 0) < sequence for mode, sequence in read.items()):
        if time.monotonic() > deadline:
            raise ArchiveBehind
        time.sleep(_POLL_S)


def _note(settings: Settings, folder: Path, now: datetime, until: str | None) -> None:
    """Note in the home that a backup is there: bytes erased later live on in it until its end."""
    notes = settings.home / "backups"
    notes.mkdir(mode=0o700, parents=True, exist_ok=True)
    noted = {"folder": str(folder), "made_at": now.isoformat(), "until": until}
    write_durably(notes / f"{now:%Y%m%dT%H%M%S%fZ}.json", orjson.dumps(noted))
    (settings.home / REGISTER).mkdir(mode=0o700, exist_ok=True)


def _kind(settings: Settings) -> str:
    return "postgresql" if settings.database_url.get_secret_value() else "sqlite"


def _keys(settings: Settings) -> list[str]:
    folders = (settings.home / "keys", settings.credentials)
    return [str(path.relative_to(settings.home)) for folder in folders for path in sorted(folder.glob("*"))]


def _files(folder: Path) -> Iterable[Path]:
    return (path for path in folder.rglob("*") if path.is_file())


def _seal(path: Path) -> str:
    """Sync a file to disk; its SHA-256."""
    path.chmod(0o600)
    with path.open("rb") as file:
        os.fsync(file.fileno())
    return _digest(path)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
