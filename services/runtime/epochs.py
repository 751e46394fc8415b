"""The gate of a mode: shut until the ledger still has the newest fact that was ever seen in it (D18)."""

import asyncio
import json
import os
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

import orjson
from nats.aio.client import Client
from nats.errors import Error as NatsError

from schemas import subjects
from schemas.canonical import digest
from services.runtime import logs, names
from services.runtime.direct import Direct, StreamUnreachable

EPOCH_KEY, BEGAN_KEY = "samvirke-epoch", "samvirke-epoch-began"
UNREACHABLE, BEHIND = "LEDGER_UNREACHABLE", "LEDGER_BEHIND"
_POLL_S = 0.1
_SAVE_EVERY = 10
_ASK_S = 2.0


@dataclass(frozen=True, slots=True)
class Mark:
    """A fact that the ledger once had: epoch, sequence and SHA-256 of its bytes."""

    epoch: int
    sequence: int
    digest: str


class Gate:
    """Says whether facts of a mode may be written now; ``reason`` is None when they may.

    Keeps its own mark in a small file, and asks the archive for its mark too: the newer one decides. A door
    with neither stays shut, since it cannot know what the ledger should hold.
    """

    def __init__(self, nc: Client, mode: str, file: Path) -> None:
        self._nc = nc
        self._direct = Direct(nc)
        self._mode = mode
        self._file = file
        self._mark = _load(file)
        self._saved = self._mark
        self._newest: tuple[int, bytes] | None = None
        self._archive_agrees = False
        self.reason: str | None = UNREACHABLE
        self.epoch = 0
        self.epoch_began: datetime | None = None

    async def open(self) -> None:
        """Get ready and check for the first time."""
        await self._direct.open()
        await self.check()

    def observe(self, sequence: int, raw: bytes) -> None:
        """Remember a fact that the ledger has acknowledged."""
        if self._newest is None or sequence > self._newest[0]:
            self._newest = (sequence, raw)

    async def keep(self) -> None:
        """Run for ever: shut on a lost connection, check after each return, save the mark each second."""
        reconnects, beat = self._nc.stats["reconnects"], 0
        while True:
            await asyncio.sleep(_POLL_S)
            beat += 1
            if not self._nc.is_connected or self._nc.stats["reconnects"] != reconnects:
                self.reason = UNREACHABLE
                self._archive_agrees = False
                if self._nc.is_connected:
                    reconnects = self._nc.stats["reconnects"]
                    await self.check()
            elif self.reason is not None or not self._archive_agrees:
                await self.check()
            if beat % _SAVE_EVERY == 0:
                await asyncio.to_thread(self._save, self.mark())

    def mark(self) -> Mark | None:
        """The newest fact known to have been in the ledger."""
        if self._newest is not None:
            self._mark = Mark(self.epoch, self._newest[0], digest(self._newest[1]))
            self._newest = None
        return self._mark

    async def check(self) -> None:
        """Compare the ledger with the own mark and with the archive's; set ``reason`` accordingly."""
        try:
            await self._read_epoch()
            own = self.mark()
            if own is not None and own.epoch < self.epoch:
                own = self._mark = None
            if own is not None and not await self._holds(own):
                self._shut(BEHIND)
                return
            if own is not None and self.reason == UNREACHABLE:
                self._open()
            known, theirs = await self._ask_archive()
            if theirs is not None and not await self._holds(theirs):
                self._shut(BEHIND)
            elif known:
                self._archive_agrees = True
                self._mark = _newer(self.mark(), theirs)
                self._open()
        except (NatsError, StreamUnreachable, TimeoutError, OSError, KeyError, ValueError):
            self._shut(UNREACHABLE)

    async def _read_epoch(self) -> None:
        reply = await self._nc.request(f"$JS.API.STREAM.INFO.{names.ledger(self._mode)}", b"", timeout=_ASK_S)
        metadata = orjson.loads(reply.data)["config"]["metadata"]
        self.epoch = int(metadata[EPOCH_KEY])
        self.epoch_began = datetime.fromisoformat(metadata[BEGAN_KEY])

    async def _holds(self, mark: Mark) -> bool:
        if mark.epoch > self.epoch:
            return False
        stored = await self._direct.at(names.ledger(self._mode), mark.sequence)
        return stored is not None and digest(stored.data) == mark.digest

    async def _ask_archive(self) -> tuple[bool, Mark | None]:
        """Whether the archive answered, and its mark."""
        try:
            reply = await self._nc.request(subjects.mark(self._mode), b"", timeout=_ASK_S)
        except (NatsError, TimeoutError):
            return False, None
        answer = orjson.loads(reply.data)
        if not answer.get("sequence"):
            return True, None
        return True, Mark(answer["epoch"], answer["sequence"], answer["digest"])

    def _open(self) -> None:
        if self.reason is not None:
            logs.get(mode=self._mode, epoch=self.epoch).info("gate.open")
        self.reason = None

    def _shut(self, reason: str) -> None:
        if self.reason != reason:
            logs.get(mode=self._mode, epoch=self.epoch, code=reason).error("gate.shut")
        self.reason = reason

    def _save(self, mark: Mark | None) -> None:
        if mark is None or mark == self._saved:
            return
        self._file.parent.mkdir(parents=True, exist_ok=True)
        fresh = self._file.with_suffix(".new")
        fresh.write_text(json.dumps(asdict(mark)), encoding="ascii")
        os.replace(fresh, self._file)
        self._saved = mark


def _newer(one: Mark | None, other: Mark | None) -> Mark | None:
    if one is None or other is None:
        return one or other
    return one if (one.epoch, one.sequence) >= (other.epoch, other.sequence) else other


def _load(file: Path) -> Mark | None:
    try:
        return Mark(**json.loads(file.read_text(encoding="ascii")))
    except (OSError, ValueError, TypeError):
        return None
