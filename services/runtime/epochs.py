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


@dataclass(frozen=True, slots=True)
class Epoch:
    """Which ledger of a mode this is, since when, and the last sequence in it."""

    number: int
    began: datetime
    last: int


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
        self._theirs: Mark | None = None
        self._newest: tuple[int, bytes] | None = None
        self._archive_agrees = False
        self._reason: str | None = UNREACHABLE
        self._checked_after = -1
        self._is_unsaved = False
        self.epoch = 0
        self.epoch_began: datetime | None = None

    @property
    def reason(self) -> str | None:
        """Why nothing may be written; from a lost connection on until the ledger was looked at again."""
        is_checked = self._nc.is_connected and self._nc.stats["reconnects"] == self._checked_after
        return self._reason if is_checked else UNREACHABLE

    @reason.setter
    def reason(self, reason: str | None) -> None:
        self._reason = reason

    async def open(self) -> None:
        """Get ready and check for the first time."""
        await self._direct.open()
        await self.check()

    def observe(self, sequence: int, raw: bytes) -> None:
        """Remember a fact that the ledger has acknowledged, unless a later one is known.

        A ledger that was cut gives low numbers out again: such a fact is no proof that it is whole.
        """
        mark = self._mark
        known = mark.sequence if mark is not None and mark.epoch == self.epoch else 0
        if sequence > (self._newest[0] if self._newest is not None else known):
            self._newest = (sequence, raw)

    async def keep(self) -> None:
        """Run for ever: check after each return of the connection, save the mark each second."""
        beat = 0
        while True:
            await asyncio.sleep(_POLL_S)
            beat += 1
            if self._nc.is_connected and (self.reason is not None or not self._archive_agrees):
                await self.check()
            mark = self.mark() if beat % _SAVE_EVERY == 0 else None
            if mark is not None and mark != self._saved:
                await asyncio.to_thread(self._save, mark)

    def mark(self) -> Mark | None:
        """The newest fact known to have been in the ledger."""
        if self._newest is not None:
            self._mark = Mark(self.epoch, self._newest[0], digest(self._newest[1]))
            self._newest = None
        return self._mark

    async def check(self) -> None:
        """Compare the ledger with the own mark and with the archive's; set ``reason`` accordingly."""
        reconnects = self._nc.stats["reconnects"]
        self._archive_agrees = False
        try:
            reason = await self._judge()
        except (NatsError, StreamUnreachable, TimeoutError, OSError, KeyError, ValueError):
            reason = UNREACHABLE
        self._checked_after = reconnects
        self._turn(reason)

    async def _judge(self) -> str | None:
        """Why nothing may be written. What the archive last said counts also while it is silent."""
        now = await epoch_of(self._nc, self._mode)
        self.epoch, self.epoch_began = now.number, now.began
        known, theirs = await self._ask_archive()
        if known or (self._theirs is not None and self._theirs.epoch < self.epoch):
            self._theirs = theirs
        own = self.mark()
        if own is not None and own.epoch < self.epoch:
            own = self._mark = None
        for mark in (own, self._theirs):
            if mark is not None and not await holds(self._direct, self._mode, self.epoch, mark):
                return BEHIND
        if known:
            self._archive_agrees = True
            self._mark = _newer(self.mark(), theirs)
        return None if known or own is not None or self._theirs is not None else UNREACHABLE

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

    def _turn(self, reason: str | None) -> None:
        if reason != self._reason:
            line = logs.get(mode=self._mode, epoch=self.epoch)
            if reason is None:
                line.info("gate.open")
            else:
                line.error("gate.shut", code=reason)
        self._reason = reason

    def _save(self, mark: Mark) -> None:
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            fresh = self._file.with_suffix(".new")
            fresh.write_text(json.dumps(asdict(mark)), encoding="ascii")
            os.replace(fresh, self._file)
        except OSError as fault:
            self._complain_once(fault)
            return
        self._saved, self._is_unsaved = mark, False

    def _complain_once(self, fault: OSError) -> None:
        """The mark in memory goes on to guard; a full disk would be filled further by a line each second."""
        if not self._is_unsaved:
            logs.get(mode=self._mode).error("gate.mark_not_saved", errno=fault.errno)
        self._is_unsaved = True


async def epoch_of(nc: Client, mode: str) -> Epoch:
    """The epoch of a mode's ledger. Raises NatsError, KeyError or ValueError when the broker does not say."""
    reply = await nc.request(f"$JS.API.STREAM.INFO.{names.ledger(mode)}", b"", timeout=_ASK_S)
    info = orjson.loads(reply.data)
    metadata = info["config"]["metadata"]
    began = datetime.fromisoformat(metadata[BEGAN_KEY])
    return Epoch(int(metadata[EPOCH_KEY]), began, int(info["state"]["last_seq"]))


async def holds(direct: Direct, mode: str, epoch: int, mark: Mark) -> bool:
    """True if the ledger of that epoch has the very fact that the mark names. Raises StreamUnreachable."""
    if mark.epoch > epoch:
        return False
    stored = await direct.at(names.ledger(mode), mark.sequence)
    return stored is not None and digest(stored.data) == mark.digest


def _newer(one: Mark | None, other: Mark | None) -> Mark | None:
    if one is None or other is None:
        return one or other
    return one if (one.epoch, one.sequence) >= (other.epoch, other.sequence) else other


def _load(file: Path) -> Mark | None:
    try:
        return Mark(**json.loads(file.read_text(encoding="ascii")))
    except (OSError, ValueError, TypeError):
        return None
