"""Holding the two copies against each other: chain, archive, ledger, content; names the first difference."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from nats.aio.client import Client

from schemas import subjects
from schemas.vocabulary import ContentClass
from services.incidents.chain import Link, beginning, extend, fact_hash
from services.incidents.content import subject_of
from services.incidents.residues import Residue, residues
from services.incidents.store import SERVICE, Store
from services.incidents.tables import CONTENT, ERASURES, as_bytes
from services.incidents.verify_ends import Ends, damaged_pages
from services.runtime import names
from services.runtime.database import is_damage, open_database
from services.runtime.direct import Direct, Stored
from services.runtime.epochs import Mark
from services.runtime.lasting import in_thread
from services.runtime.settings import Settings

_PAGE = 1000
_CONTENT_PAGE = 200

Pace = Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Difference:
    """Where the copies differ first, and how.

    ``what``: GAP (a sequence is missing in the archive), FACT_CHANGED (bytes do not match their hash),
    CHAIN_BROKEN, TREE_BROKEN, CHECKPOINT_DIFFERS (a signed one), HEADS_DIFFER (an incident's head is missing
    or strange), TABLES_DAMAGED (they cannot be read), CURSOR (it stands elsewhere than the last fact),
    LEDGER_SHORT (the ledger lacks a fact), LEDGER_DIFFERS, CONTENT_MISSING, CONTENT_CHANGED, NOT_ERASED (in
    the archive), BROKER_CONTENT_MISSING, BROKER_CONTENT_CHANGED, BROKER_NOT_ERASED.
    """

    mode: str
    sequence: int
    what: str


@dataclass(slots=True)
class Report:
    """What was held together in one mode; ``first`` is None when all is well.

    ``behind`` counts facts of the ledger that the archive has not taken in yet.
    """

    mode: str
    facts: int = 0
    contents: int = 0
    erased: int = 0
    behind: int = 0
    first: Difference | None = None


OF_THE_ARCHIVE = (
    *("GAP", "FACT_CHANGED", "CHAIN_BROKEN", "TREE_BROKEN", "CHECKPOINT_DIFFERS", "HEADS_DIFFER"),
    *("TABLES_DAMAGED", "CURSOR", "CONTENT_MISSING", "CONTENT_CHANGED", "NOT_ERASED"),
)
"""Differences that lie in the archive itself: it cannot be the copy from which the ledger is written."""


async def verify(settings: Settings, nc: Client | None = None) -> list[Report]:
    """Check each mode's archive in itself and, with a connection that may read both, against the broker."""
    try:
        store = Store(await in_thread(open_database, settings, SERVICE))
    except sa.exc.DatabaseError as error:
        if not is_damage(error):
            raise
        return [_unreadable(mode) for mode in settings.modes]
    try:
        direct = None if nc is None else Direct(nc)
        if direct is not None:
            await direct.open()
        return [await check(store, direct, mode) for mode in settings.modes]
    finally:
        store.engine.dispose()


async def check(store: Store, direct: Direct | None, mode: str, pace: Pace | None = None) -> Report:
    """Check one mode's archive; ``pace`` is awaited after each page, to leave room for others."""
    try:
        if await in_thread(damaged_pages, store.engine):
            return _unreadable(mode)
        return await _Check(store, direct, mode, pace).run()
    except sa.exc.DatabaseError as error:
        if not is_damage(error):
            raise
        return _unreadable(mode)


def _unreadable(mode: str) -> Report:
    return Report(mode, first=Difference(mode, 0, "TABLES_DAMAGED"))


async def verify_erased(settings: Settings) -> list[Residue]:
    """Where bytes of erased content may still be, and until when."""
    return await in_thread(residues, settings)


class _Found(Exception):
    """Carries a difference out of the loops."""


class _Check:
    def __init__(self, store: Store, direct: Direct | None, mode: str, pace: Pace | None) -> None:
        self._ends = Ends(store.engine, mode)
        self._pace = pace
        self._store = store
        self._direct = direct
        self._mode = mode
        self._chains: dict[tuple[str, str], Link] = {}
        self._report = Report(mode)

    async def run(self) -> Report:
        """Go through the mode once, in ledger order."""
        mark = await in_thread(self._store.cursor, self._mode)
        try:
            ledger = self._ledger() if self._direct is not None else None
            pages = self._store.facts(self._mode, until=mark.sequence)
            while page := await in_thread(next, pages, None):
                await in_thread(self._check_page, page)
                if ledger is not None:
                    await self._check_ledger(page, ledger)
                    await self._check_content(page)
                if self._pace is not None:
                    await self._pace()
            if self._report.facts != mark.sequence:
                self._found(self._report.facts + 1, "CURSOR")
            await in_thread(self._check_ends, mark)
            if ledger is not None:
                async for rest in ledger:
                    self._report.behind += len(rest)
        except _Found as found:
            self._report.first = found.args[0]
        return self._report

    def _found(self, sequence: int, what: str) -> None:
        raise _Found(Difference(self._mode, sequence, what))

    def _check_page(self, page: Sequence[Any]) -> None:
        for row in page:
            sequence = row["sequence"]
            if sequence != self._report.facts + 1:
                self._found(self._report.facts + 1, "GAP")
            digest = fact_hash(as_bytes(row["raw"]))
            if digest != row["digest"]:
                self._found(sequence, "FACT_CHANGED")
            key = (row["watch"], row["controller"])
            link = extend(self._chains.get(key) or beginning(self._mode, *key), digest)
            if (link.position, link.hash) != (row["position"], row["chain_hash"]):
                self._found(sequence, "CHAIN_BROKEN")
            self._chains[key] = link
            self._report.facts += 1
            wrong = self._ends.take(row)
            if wrong is not None:
                self._found(sequence, wrong)
            if row["commitment"] is not None:
                self._check_sealed(row)

    def _check_ends(self, mark: Mark) -> None:
        """What follows from the facts, unless more were taken in meanwhile."""
        wrong = self._ends.differ(self._chains)
        if wrong is not None and self._store.cursor(self._mode) == mark:
            self._found(mark.sequence, wrong)

    def _check_sealed(self, row: Any) -> None:
        if row["erased"]:
            self._report.erased += 1
            if row["sealed"] is not None:
                self._found(row["sequence"], "NOT_ERASED")
            return
        self._report.contents += 1
        if row["sealed"] is None:
            self._found(row["sequence"], "CONTENT_MISSING")
        if fact_hash(as_bytes(row["sealed"])) != row["commitment"]:
            self._found(row["sequence"], "CONTENT_CHANGED")

    async def _ledger(self) -> AsyncIterator[list[Stored]]:
        """The ledger in pages of exactly _PAGE, the last one shorter."""
        assert self._direct is not None  # noqa: S101  asked for only with a connection
        stream, subject, start = names.ledger(self._mode), subjects.ledger(self._mode), 1
        waiting: list[Stored] = []
        while True:
            page, _ = await self._direct.page(stream, subject, start, _PAGE)
            waiting += page
            while len(waiting) >= _PAGE:
                yield waiting[:_PAGE]
                del waiting[:_PAGE]
            if not page:
                break
            start = page[-1].sequence + 1
        if waiting:
            yield waiting

    async def _check_ledger(self, page: Sequence[Any], ledger: AsyncIterator[list[Stored]]) -> None:
        nothing: list[Stored] = []
        stored = await anext(ledger, nothing)
        for place, row in enumerate(page):
            if place >= len(stored):
                self._found(row["sequence"], "LEDGER_SHORT")
            one = stored[place]
            if (one.sequence, one.subject, one.data) != (row["sequence"], row["subject"], bytes(row["raw"])):
                self._found(row["sequence"], "LEDGER_DIFFERS")
        self._report.behind += max(0, len(stored) - len(page))

    async def _check_content(self, page: Sequence[Any]) -> None:
        rows = [row for row in page if row["commitment"] is not None]
        for start in range(0, len(rows), _CONTENT_PAGE):
            await self._check_contents(rows[start : start + _CONTENT_PAGE])

    async def _check_contents(self, rows: Sequence[Any]) -> None:
        assert self._direct is not None  # noqa: S101  asked for only with a connection
        wanted = {subject: row for row in rows for subject in _places(self._mode, row)}
        found = {
            one.subject: one for one in await self._direct.newest_of(names.content(self._mode), list(wanted))
        }
        for subject, row in wanted.items():
            if _judge(row, found.get(subject)):
                await self._look_again(subject, row)

    async def _look_again(self, subject: str, row: Any) -> None:
        """What was being erased when it was read is no difference, also where that has ended since."""
        assert self._direct is not None  # noqa: S101  asked for only with a connection
        if await in_thread(_is_being_erased, self._store, self._mode, row):
            return
        now = await self._direct.newest_of(names.content(self._mode), [subject])
        what = _judge(row, now[0] if now else None)
        if what:
            self._found(row["sequence"], what)


def _judge(row: Any, stored: Stored | None) -> str | None:
    """How the broker's content differs from the archive's; None if it does not."""
    if row["erased"]:
        return "BROKER_NOT_ERASED" if stored is not None else None
    if stored is None:
        return "BROKER_CONTENT_MISSING"
    return "BROKER_CONTENT_CHANGED" if fact_hash(stored.data) != row["commitment"] else None


def _is_being_erased(store: Store, mode: str, row: Any) -> bool:
    """True if an erasure is under way, or was done since the row was read: then nothing is amiss."""
    both = sa.and_(ERASURES.c.mode == CONTENT.c.mode, ERASURES.c.fact == CONTENT.c.fact)
    query = sa.select(CONTENT.c.erased, ERASURES.c.done_at).select_from(CONTENT.outerjoin(ERASURES, both))
    with store.reading.connect() as connection:
        now = connection.execute(query.where(CONTENT.c.mode == mode, CONTENT.c.fact == row["id"])).one()
    return bool(now.erased) and (now.done_at is None or not row["erased"])


def _places(mode: str, row: Any) -> list[str]:
    """The subjects on which a fact's content must lie; of erased content, where it could lie."""
    sorts = {row["sort"]}
    if row["erased"]:
        sorts = {sort.value for sort in ContentClass}
    elif row["raised"]:
        sorts.add(ContentClass.SHARED.value)
    return [subject_of(mode, row["watch"], sort, row["id"]) for sort in sorted(sorts)]
