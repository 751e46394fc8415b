"""What a fold in memory knew, in a file: a start then reads only what has come since. Can be made anew."""

import asyncio
import hashlib
import os
from collections.abc import Callable
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path

import orjson
from nats.aio.client import Client
from nats.errors import Error as NatsError

import schemas
import services
from schemas.canonical import digest
from services.runtime import logs
from services.runtime.direct import Direct, StreamUnreachable
from services.runtime.epochs import Mark, epoch_of, holds

EVERY = 25_000
"""Kept anew after so many facts of the ledger: about as many as are read in three quarters of a second."""

_AGAIN_S = 0.2

Keeping = tuple[Callable[[], bytes | None], Callable[[bytes], None]]
"""How a fold gives its state as bytes, or None while that lacks something, and how it takes it in.

The latter raises ValueError when it cannot.
"""
NOTHING: Keeping = (lambda: None, lambda raw: None)
"""Of facts that leave nothing in the fold: a room hears them only to know that they are there."""


class Kept:
    """The state of one fold of one mode.

    It is used only by the very code that kept it, and only if the ledger still has the fact that was the
    last one then, in the same epoch; else everything is read.
    """

    def __init__(self, nc: Client, mode: str, file: Path, keeping: Keeping) -> None:
        self._nc = nc
        self._mode = mode
        self._file = file
        self._dump, self._load = keeping
        self._is_nothing = keeping is NOTHING
        self._epoch = 0
        self._newest: tuple[int, bytes] | None = None
        self._kept_to = 0
        self._is_unsaved = False

    async def open(self) -> int:
        """Give the fold what was kept; the sequence up to which it knows all, 0 if nothing can be used."""
        direct = Direct(self._nc)
        await direct.open()
        while True:
            try:
                epoch = await epoch_of(self._nc, self._mode)
                self._epoch = epoch.number
                self._kept_to = epoch.last if self._is_nothing else await self._read(direct)
                return self._kept_to
            except (NatsError, StreamUnreachable, TimeoutError, OSError, KeyError):
                logs.get(mode=self._mode).warning("fold.ledger_unreachable")
                await asyncio.sleep(_AGAIN_S)

    def took(self, sequence: int, raw: bytes) -> None:
        """Note the last fact that the fold has taken."""
        self._newest = (sequence, raw)

    async def save_in_time(self) -> None:
        """Write the file if much has come since."""
        if self._newest is not None and self._newest[0] - self._kept_to >= EVERY:
            await self.save()

    async def save(self) -> None:
        """Write the file if anything has come since. Without room on the disk the old one stays."""
        if self._newest is None or self._newest[0] == self._kept_to:
            return
        body = self._dump()
        if body is None:
            return
        sequence, raw = self._newest
        self._kept_to, mark = sequence, Mark(self._epoch, sequence, digest(raw))
        try:
            await asyncio.to_thread(_write, self._file, mark, body)
        except OSError as fault:
            if not self._is_unsaved:
                logs.get(mode=self._mode).error("fold.not_kept", errno=fault.errno)
            self._is_unsaved = True

    async def _read(self, direct: Direct) -> int:
        found = await asyncio.to_thread(_found, self._file)
        if found is None:
            return 0
        mark, body = found
        if mark.epoch != self._epoch or not await holds(direct, self._mode, self._epoch, mark):
            return 0
        try:
            self._load(body)
        except ValueError:
            return 0
        return mark.sequence


@lru_cache(maxsize=1)
def code() -> str:
    """SHA-256 of the program itself: what another one made of the facts may be something else."""
    folders = (Path(one.__path__[0]) for one in (schemas, services))
    found = hashlib.sha256()
    for file in sorted(file for folder in folders for file in folder.rglob("*.py")):
        found.update(file.read_bytes())
    return found.hexdigest()


def _write(file: Path, mark: Mark, body: bytes) -> None:
    head = {"code": code(), "mark": asdict(mark), "digest": digest(body)}
    file.parent.mkdir(parents=True, exist_ok=True)
    fresh = file.with_suffix(".new")
    with fresh.open("wb") as out:
        out.write(orjson.dumps(head) + b"\n")
        out.write(body)
    os.replace(fresh, file)


def _found(file: Path) -> tuple[Mark, bytes] | None:
    """The mark and the state in a file that is whole, of this code; what a power cut tore is none."""
    try:
        line, _, body = file.read_bytes().partition(b"\n")
        head = orjson.loads(line)
        if head["code"] != code() or head["digest"] != digest(body):
            return None
        return Mark(**head["mark"]), body
    except (OSError, ValueError, TypeError, KeyError):
        return None
