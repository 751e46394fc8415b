"""The index of terms: what the search asks of a database. It holds the numbers of terms, not the words."""

from collections.abc import Iterator, Sequence
from typing import Protocol

from sqlalchemy.engine import Connection, Engine

from services.incidents.terms import Posted, Wanted
from services.incidents.terms_postgresql import Gin
from services.incidents.terms_sqlite import Fts5


class TermIndex(Protocol):
    """What the search asks of a database."""

    def add(self, connection: Connection, mode: str, posted: Sequence[Posted]) -> None:
        """Take in items that are not there yet."""
        ...

    def remove(self, connection: Connection, mode: str, sequence: int, circles: Sequence[int]) -> None:
        """Take out an item that is there in these circles."""
        ...

    def holds(self, connection: Connection, mode: str, term: int) -> bool:
        """True if an item has the term."""
        ...

    def clear(self, connection: Connection, mode: str) -> None:
        """Forget a mode."""
        ...

    def find(self, connection: Connection, mode: str, wanted: Wanted, before: int) -> Iterator[int]:
        """The sequences of what is wanted before a sequence, the newest first; read what is needed only."""
        ...

    def tidy(self, connection: Connection) -> None:
        """Write the index anew without what was taken out; outside a transaction."""
        ...


def term_index(engine: Engine | Connection) -> TermIndex:
    """The index of this database."""
    return Fts5() if engine.dialect.name == "sqlite" else Gin()
