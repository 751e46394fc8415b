"""Making a damaged archive anew: each fact from whichever copy has it whole, the ledger or the old tables.

Needs a broker to itself and a hub that stands still. The new tables are made beside the old ones, which are
set aside once the new ones are whole; may be killed and run again.
"""

import os
import shutil
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from nats.aio.client import Client
from pydantic import SecretStr

from schemas import subjects
from services.incidents.chain import Link, beginning, extend
from services.incidents.content import fetch, wanted_by
from services.incidents.erasure import Register
from services.incidents.old_tables import PAGE, Old, OldFact
from services.incidents.projection import Taken, read
from services.incidents.store import SERVICE, Batch, Store
from services.runtime import logs, names
from services.runtime.database import open_database
from services.runtime.direct import Direct, Stored
from services.runtime.epochs import EPOCH_KEY
from services.runtime.lasting import in_thread
from services.runtime.settings import Settings


class BothDamaged(Exception):
    """A fact is whole in neither copy; ``args`` are mode and sequence. A backup is needed."""


@dataclass(slots=True)
class Rebuilt:
    """One mode's archive as it was made anew.

    ``saved`` facts and contents were whole in the old tables only: the ledger lacks them.
    """

    mode: str
    facts: int = 0
    contents: int = 0
    saved: int = 0


async def rebuild(settings: Settings, nc: Client, folder: Path) -> list[Rebuilt]:
    """Make every mode's archive anew; the old tables go to ``folder``. Raises BothDamaged."""
    direct = Direct(nc)
    await direct.open()
    scratch = folder / "new"
    shutil.rmtree(scratch, ignore_errors=True)
    apart = settings.model_copy(update={"home": scratch, "database_url": SecretStr("")})
    fresh = Store(await in_thread(open_database, apart, SERVICE))
    old = Old(settings)
    erased = Register(settings.home).times()
    try:
        done = [
            await _one_mode(direct, await _epoch(nc, mode), fresh, old, mode, erased)
            for mode in settings.modes
        ]
        await in_thread(old.hand_over, fresh.engine)
    finally:
        old.close()
        fresh.engine.dispose()
    await in_thread(_put_in_place, settings, fresh, scratch, folder)
    fresh.engine.dispose()
    shutil.rmtree(scratch)
    logs.get(count=sum(one.facts for one in done)).warning("archive.rebuilt")
    return done


async def _one_mode(
    direct: Direct, epoch: int, fresh: Store, old: Old, mode: str, erased: Mapping[str, str]
) -> Rebuilt:
    done, batch = Rebuilt(mode), list[Taken]()
    async for taken, is_saved in _merged(direct, old, mode):
        batch.append(taken)
        done.saved += is_saved
        if len(batch) == PAGE:
            await _take_in(direct, epoch, fresh, old, done, batch, erased)
            batch = []
    if batch:
        await _take_in(direct, epoch, fresh, old, done, batch, erased)
    return done


async def _take_in(
    direct: Direct,
    epoch: int,
    fresh: Store,
    old: Old,
    done: Rebuilt,
    taken: list[Taken],
    erased: Mapping[str, str],
) -> None:
    wanted = {fact: one for fact, one in wanted_by(taken).items() if fact not in erased}
    contents = await fetch(direct, done.mode, wanted)
    lacking = {
        fact: one.commitment for fact, one in wanted.items() if fact not in contents and fact not in erased
    }
    kept = await in_thread(old.contents, done.mode, lacking)
    contents |= kept
    batch = Batch(done.mode, epoch, names.ledger(done.mode), taken, contents, erased)
    await in_thread(fresh.write, batch)
    done.facts += len(taken)
    done.contents += len(contents)
    done.saved += len(kept)


async def _merged(direct: Direct, old: Old, mode: str) -> AsyncIterator[tuple[Taken, bool]]:
    """Every fact in order, and whether the ledger lacks it. Raises BothDamaged.

    The ledger is where facts are born; but a fact that the old tables have in an unbroken chain was there
    first, and what the ledger has in its place was written over it.
    """
    ledger = _ledger(direct, mode)
    theirs, chains, sequence = await anext(ledger, None), _Chains(mode), 1
    tables = old.facts(mode)
    ours = await in_thread(next, tables, None)
    while ours is not None or theirs is not None:
        own = _at(ours, sequence)
        stored = None if theirs is None or theirs.sequence != sequence else theirs
        mine = None if own is None else read(sequence, own.subject, own.raw)
        if stored is not None and (own is None or mine is None or not chains.fit(own, mine)):
            mine = read(sequence, stored.subject, stored.data)
        if mine is None:
            raise BothDamaged(mode, sequence)
        chains.add(mine)
        yield mine, stored is None or (stored.data, stored.subject) != (mine.raw, mine.subject)
        ours = ours if own is None else await in_thread(next, tables, None)
        theirs = theirs if stored is None else await anext(ledger, None)
        sequence += 1


def _at(row: OldFact | None, sequence: int) -> OldFact | None:
    return None if row is None or row.sequence != sequence else row


class _Chains:
    """The chains over what was taken so far."""

    def __init__(self, mode: str) -> None:
        self._mode = mode
        self._ends: dict[tuple[str, str], Link] = {}

    def fit(self, own: OldFact, taken: Taken) -> bool:
        """True if the old tables had the fact in its chain after just these."""
        return self._next(taken) == own.link

    def add(self, taken: Taken) -> None:
        self._ends[taken.watch, taken.controller] = self._next(taken)

    def _next(self, taken: Taken) -> Link:
        key = (taken.watch, taken.controller)
        return extend(self._ends.get(key) or beginning(self._mode, *key), taken.digest)


async def _ledger(direct: Direct, mode: str) -> AsyncIterator[Stored]:
    start = 1
    while True:
        page, _ = await direct.page(names.ledger(mode), subjects.ledger(mode), start)
        if not page:
            return
        for stored in page:
            yield stored
        start = page[-1].sequence + 1


async def _epoch(nc: Client, mode: str) -> int:
    info = await nc.jetstream().stream_info(names.ledger(mode))
    return int((info.config.metadata or {}).get(EPOCH_KEY, "0"))


def _put_in_place(settings: Settings, fresh: Store, scratch: Path, folder: Path) -> None:
    """SQLite: the file is replaced in one step. PostgreSQL: the rows of each mode are written anew."""
    if settings.database_url.get_secret_value():
        _write_rows(settings, fresh)
        return
    fresh.engine.dispose()
    file = settings.home / "db" / f"{SERVICE}.db"
    for path in (file, *(file.with_name(f"{file.name}-{end}") for end in ("wal", "shm"))):
        if path.exists():
            shutil.copy2(path, folder / path.name)
            (folder / path.name).chmod(0o600)
    for end in ("wal", "shm"):
        file.with_name(f"{file.name}-{end}").unlink(missing_ok=True)
    os.replace(scratch / "db" / file.name, file)


def _write_rows(settings: Settings, fresh: Store) -> None:
    """A projector that is killed here leaves a cursor from which the archive reads on in the ledger."""
    store = Store(open_database(settings, SERVICE))
    erased = Register(settings.home).times()
    try:
        for mode in settings.modes:
            epoch = fresh.cursor(mode).epoch
            store.clear(mode)
            for page in fresh.facts(mode):
                taken = [read(row["sequence"], row["subject"], bytes(row["raw"])) for row in page]
                contents = {row["id"]: bytes(row["sealed"]) for row in page if row["sealed"] is not None}
                store.write(Batch(mode, epoch, names.ledger(mode), taken, contents, erased))
    finally:
        store.engine.dispose()
