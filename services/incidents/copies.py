"""The archive as the copy from which a ledger is written anew."""

import contextlib
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from schemas.canonical import unseal
from schemas.identifiers import id_time
from schemas.vocabulary import ContentClass
from services.incidents.chain import fact_hash
from services.incidents.content import subject_of
from services.incidents.erasure import Register
from services.incidents.files import FileStore
from services.incidents.store import SERVICE, Store
from services.incidents.tables import CONTENT
from services.runtime.database import open_database
from services.runtime.rewriting import Kept
from services.runtime.settings import Settings

RESEND = timedelta(hours=1)
"""How long after its birth a command may come again under the same id without being looked up."""


class ArchiveDamaged(Exception):
    """Bytes do not match their hash: this copy must not become the ledger. ``args`` are their place."""


class ArchivedFile:
    """A file's second copy. What its bytes must be is bound to its fact; of a copy for others nothing is."""

    def __init__(self, store: FileStore, mode: str, row: Any) -> None:
        self._store = store
        self._mode = mode
        self.name: str = row["object"]
        self.fact: str = row["fact"]
        self.chunks: int = row["chunks"]
        is_known = row["sort"] == "original" and row["sealed"] is not None
        self.digest: str | None = unseal(bytes(row["sealed"]))["digest"] if is_known else None

    def parts(self) -> Iterator[bytes]:
        """Its parts, as far as they are whole."""
        return self._store.parts(self._mode, self.name)

    def note_missing(self) -> None:
        """Note that it is to be taken over again."""
        self._store.mark(self._mode, self.name, missing=True)


class ArchiveCopy:
    """One mode's facts and contents in the archive; what the register says is erased is left out."""

    def __init__(self, store: Store, mode: str, erased: frozenset[str], now: datetime) -> None:
        self._store = store
        self._mode = mode
        self._erased = erased
        self._now = now
        mark = store.cursor(mode)
        self.epoch, self.last = mark.epoch, mark.sequence

    def facts(self) -> Iterator[Sequence[Kept]]:
        """Every fact in order. Raises ArchiveDamaged."""
        for page in self._store.facts(self._mode, until=self.last):
            for row in page:
                if fact_hash(row["raw"]) != row["digest"]:
                    raise ArchiveDamaged(self._mode, row["sequence"])
            yield [Kept(row["subject"], bytes(row["raw"]), self._id(row["id"])) for row in page]

    def contents(self) -> Iterator[Sequence[Kept]]:
        """All content that is not erased, in each class where it lay."""
        for page in self._store.facts(self._mode, until=self.last):
            found: list[Kept] = []
            for row in page:
                if row["sealed"] is None or row["id"] in self._erased:
                    continue
                if fact_hash(row["sealed"]) != row["commitment"]:
                    raise ArchiveDamaged(self._mode, row["sequence"])
                sorts = {row["sort"]: row["id"]}
                if row["raised"]:
                    sorts.setdefault(ContentClass.SHARED.value, f"{row['id']}-shared")
                for sort, id in sorts.items():
                    subject = subject_of(self._mode, row["watch"], sort, row["id"])
                    message_id = id if self._id(row["id"]) else None
                    found.append(Kept(subject, bytes(row["sealed"]), message_id))
            yield found

    def holds(self, fact_id: str) -> bool:
        """True if the archive has that fact."""
        return self._store.has_fact(self._mode, fact_id)

    def files(self) -> Iterator[ArchivedFile]:
        """Every attached file that is not erased."""
        files = FileStore(self._store.engine)
        for row in files.all(self._mode):
            if row["fact"] not in self._erased:
                yield ArchivedFile(files, self._mode, row)

    def lacks(self, wanted: Sequence[str]) -> set[str]:
        """Of these content subjects, those whose content the archive has not, and never erased."""
        facts = {subject: subject.rpartition(".")[2] for subject in wanted}
        has = sa.or_(CONTENT.c.sealed.is_not(None), CONTENT.c.erased)
        query = sa.select(CONTENT.c.fact).where(CONTENT.c.mode == self._mode, has)
        with self._store.reading.connect() as connection:
            query = query.where(CONTENT.c.fact.in_(list(facts.values())))
            known = set(connection.execute(query).scalars()) | self._erased
        return {subject for subject, fact in facts.items() if fact not in known}

    def _id(self, fact_id: str | None) -> str | None:
        """The id, for facts that are young enough to be sent again."""
        born = id_time((fact_id or "")[:36])
        return fact_id if born is not None and self._now - born < RESEND else None


@contextlib.contextmanager
def copies(settings: Settings) -> Iterator[dict[str, ArchiveCopy]]:
    """The archive's copy of each mode that has facts."""
    store = Store(open_database(settings, SERVICE))
    erased, now = Register(settings.home).ids(), datetime.now(UTC)
    try:
        found = {mode: ArchiveCopy(store, mode, erased, now) for mode in settings.modes}
        yield {mode: copy for mode, copy in found.items() if copy.last}
    finally:
        store.engine.dispose()
