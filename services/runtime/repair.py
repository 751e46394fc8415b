"""Writing a damaged ledger anew from the archive, every fact at its old place (D18).

Runs a broker of its own that lets nobody else in: the hub must be stopped. May be killed and run again.
"""

import asyncio
import contextlib
import shutil
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from nats.aio.client import Client
from nats.js.errors import NotFoundError

from schemas import incidents
from schemas.envelope import Body
from schemas.vocabulary import Mode
from services.runtime import accounts, credentials, logs, names, provisioner
from services.runtime.broker import Broker
from services.runtime.connect import connect, seed_file
from services.runtime.epochs import EPOCH_KEY
from services.runtime.mending import KeptFile, mend
from services.runtime.repair_facts import USER, repair_fact
from services.runtime.rewriting import Kept, Rewriter, single
from services.runtime.salvage import Salvage, salvage, unfinished
from services.runtime.settings import Settings
from services.runtime.streams import Plan, plan

FOLDER = "quarantine"


class ForeignBroker(Exception):
    """The broker is another's: its streams do not lie in this home and cannot be set aside from here."""


class Copy(Protocol):
    """What the archive has of one mode."""

    epoch: int
    last: int

    def facts(self) -> Iterator[Sequence[Kept]]:
        """Every fact in order, from sequence 1 to ``last``."""
        ...

    def contents(self) -> Iterator[Sequence[Kept]]:
        """All content that is not erased, in any order."""
        ...

    def holds(self, fact_id: str) -> bool:
        """True if a fact with that id is among ``facts``."""
        ...

    def files(self) -> Iterable[KeptFile]:
        """Every attached file that is not erased, in the order of the ledger."""
        ...

    def lacks(self, wanted: Sequence[str]) -> set[str]:
        """Of these content subjects, those whose content is neither among ``contents`` nor erased."""
        ...


@dataclass(frozen=True, slots=True)
class Repaired:
    """What was done in one mode: facts put back, facts saved from the old ledger, the new epoch.

    ``files`` are those that the object store had lost.
    """

    mode: str
    epoch: int
    facts: int
    contents: int
    salvaged: int
    quarantine: Path
    files: int = 0


async def repair(settings: Settings, copies: Mapping[str, Copy]) -> list[Repaired]:
    """Write the ledgers and contents of these modes anew; nothing else may run in the home.

    Raises ForeignBroker, RewriteFailed.
    """
    if settings.nats_url:
        raise ForeignBroker(settings.nats_url)
    folder = set_aside_in(settings)
    earlier = unfinished(folder.parent)
    async with _broker(settings) as nc:
        found = {mode: await salvage(nc, mode, copy, folder, earlier) for mode, copy in copies.items()}
        epochs = {mode: 1 + max(copy.epoch, await _epoch(nc, mode)) for mode, copy in copies.items()}
    for mode in copies:
        _set_aside(settings, mode, folder)
    done = []
    async with _broker(settings) as nc:
        for mode, copy in copies.items():
            await provisioner.apply(nc, _plan(settings, Mode(mode), epochs[mode]))
            done.append(await _rewrite(nc, mode, copy, found[mode], epochs[mode], folder))
    for one in (folder, *earlier):
        credentials.write_durably(one / "done", b"")
    return done


@contextlib.asynccontextmanager
async def alone_with_broker(settings: Settings) -> AsyncIterator[Client]:
    """A broker on the hub's streams that lets nobody else in. Raises ForeignBroker."""
    if settings.nats_url:
        raise ForeignBroker(settings.nats_url)
    async with _broker(settings) as nc:
        yield nc


async def record(nc: Client, mode: str, body: Body) -> None:
    """Append a fact of the repair to a mode's ledger; it is no incident's. Raises RewriteFailed."""
    info = await nc.jetstream().stream_info(names.ledger(mode))
    pages = single([repair_fact(mode, body)])
    await Rewriter(nc).write(names.ledger(mode), pages, start=info.state.last_seq + 1)


def set_aside_in(settings: Settings) -> Path:
    """A new folder for what a repair sets aside."""
    folder = settings.home / FOLDER / f"{datetime.now(UTC):%Y%m%dT%H%M%S%fZ}"
    folder.mkdir(mode=0o700, parents=True)
    return folder


async def _rewrite(nc: Client, mode: str, copy: Copy, saved: Salvage, epoch: int, folder: Path) -> Repaired:
    rewriter = Rewriter(nc)
    contents = await rewriter.write(names.content(mode), copy.contents())
    await rewriter.write(names.content(mode), single(saved.contents))
    facts = await rewriter.write(names.ledger(mode), copy.facts(), start=1)
    salvaged = await rewriter.write(names.ledger(mode), single(saved.facts), start=facts + 1)
    last = facts + salvaged
    said = repair_fact(mode, incidents.Repaired(epoch=epoch, last=last))
    await rewriter.write(names.ledger(mode), single([said]), start=last + 1)
    mended = await mend(nc, mode, copy.files())
    logs.get(mode=mode, epoch=epoch, count=last).warning("ledger.repaired")
    return Repaired(mode, epoch, facts, contents + len(saved.contents), salvaged, folder, mended.put_back)


@contextlib.asynccontextmanager
async def _broker(settings: Settings) -> AsyncIterator[Client]:
    """A broker on the hub's streams with one user, who may do all, and a connection as that user."""
    keys = await asyncio.to_thread(credentials.public_keys, settings.credentials, [USER])
    broker = Broker(settings.nats_home, accounts.render_for_one(USER, keys[USER]))
    try:
        await broker.start()
        nc = await connect(settings, USER)
        try:
            yield nc
        finally:
            await nc.close()
    finally:
        await broker.stop()
        seed_file(settings, USER).unlink(missing_ok=True)


async def _epoch(nc: Client, mode: str) -> int:
    """The epoch of the ledger as it stands; 0 when there is none."""
    try:
        info = await nc.jetstream().stream_info(names.ledger(mode))
    except NotFoundError:
        return 0
    return int((info.config.metadata or {}).get(EPOCH_KEY, "0"))


def _set_aside(settings: Settings, mode: str, folder: Path) -> None:
    """Move the folders of a mode's streams; what was moved before a crash stays where it is."""
    home = settings.nats_home / "streams" / "jetstream" / names.HUB_ACCOUNT / "streams"
    for stream in (names.ledger(mode), names.content(mode)):
        if (home / stream).exists():
            shutil.move(home / stream, folder / stream)


def _plan(settings: Settings, mode: Mode, epoch: int) -> Plan:
    """All that must exist, with this mode's ledger in its new epoch."""
    free = settings.stream_bytes or shutil.disk_usage(settings.home).free
    return plan(free, modes=(mode.value,), replicas=settings.replicas, epoch=epoch)
