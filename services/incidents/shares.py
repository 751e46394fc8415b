"""The question what the archive has of an exercise: what would go, and what stays when it is gone."""

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from schemas.directory import Directory
from schemas.discards import Share
from schemas.subjects import Address
from services.incidents.discarding import belongings
from services.incidents.tables import ERASURES, FILES, READS
from services.runtime.lasting import in_thread
from services.runtime.shares import asked_share

_PAGE = 500


class ShareQueries:
    """The handler of ``exercise``."""

    def __init__(self, engine: Engine, directories: Mapping[str, Directory]) -> None:
        self._reading = engine.execution_options(isolation_level="AUTOCOMMIT")
        self._directories = directories

    async def exercise(self, body: dict[str, Any], address: Address) -> dict[str, Any]:
        """Counts of what is there, and of what is left of what was. Raises Refusal."""
        share = asked_share(body, address, self._directories.get(address.mode))
        return await in_thread(self._count, address.mode, address.key, share)

    def _count(self, mode: str, key: str, share: Share) -> dict[str, Any]:
        with self._reading.connect() as connection:
            found = belongings(connection, mode, share)
            kept = list(found.born_in)
            files = sa.select(sa.func.count()).select_from(FILES)
            files = files.where(FILES.c.mode == mode, sa.not_(FILES.c.erased))
            there = {
                "incidents": len(found.heads),
                "words": len(kept),
                "files": _sum(connection, files, FILES.c.fact, kept),
            }
            pending = sa.select(sa.func.count()).select_from(ERASURES)
            pending = pending.where(ERASURES.c.mode == mode, ERASURES.c.done_at.is_(None))
            left = {
                "facts_without_words": len(found.facts) - len(kept),
                "erasures_pending": _sum(connection, pending, ERASURES.c.fact, found.facts),
                "reads": _sum(connection, self._reads(mode, key, share), READS.c.item, found.facts),
            }
        return {"status": "ok", "where": list(share.where), "there": there, "left": left}

    def _reads(self, mode: str, key: str, share: Share) -> sa.Select[int]:
        """Lines of the log of reads; those of another hidden watch are not counted (D13)."""
        hidden = [one for one in share.directory.watches if share.directory.hidden(one) and one != key]
        query = sa.select(sa.func.count()).select_from(READS)
        return query.where(READS.c.mode == mode, READS.c.watch.not_in(hidden))


def _sum(
    connection: Connection,
    query: sa.Select[int],
    column: sa.ColumnElement[str],
    facts: Sequence[str],
) -> int:
    pages = (facts[start : start + _PAGE] for start in range(0, len(facts), _PAGE))
    return sum(int(connection.execute(query.where(column.in_(page))).scalar_one()) for page in pages)
