"""An archive without a broker: facts are handed to its store as the projector does."""

import itertools
from pathlib import Path

from services.incidents.projection import Taken, read
from services.incidents.store import SERVICE, Batch, Store
from services.runtime import names
from services.runtime.database import open_database
from services.runtime.settings import Settings
from tests.incidents.make import Made


class Shelf:
    """One mode's facts, numbered from 1; ``epoch`` may be moved on."""

    def __init__(self, url: str, home: Path, mode: str = "actual") -> None:
        self.mode = mode
        self.settings = Settings.model_validate({"home": home, "database_url": url})
        self.store = Store(open_database(self.settings, SERVICE))
        self.epoch = 1
        self._numbers = itertools.count(1)

    def put(self, *made: Made, without: frozenset[str] = frozenset()) -> list[Taken]:
        """Take in the facts as one batch; the content of the ids in ``without`` is absent."""
        taken = [read(next(self._numbers), one.subject, one.raw) for one in made]
        contents = {one.id: one.sealed for one in made if one.sealed is not None and one.id not in without}
        self.store.write(self._batch(taken, contents))
        return taken

    def put_raw(self, subject: str, raw: bytes) -> Taken:
        """Take in bytes that may be no fact."""
        taken = read(next(self._numbers), subject, raw)
        self.store.write(self._batch([taken], {}))
        return taken

    def rows(self) -> list[dict[str, object]]:
        """Every fact with its content, in order."""
        return [dict(row) for page in self.store.facts(self.mode) for row in page]

    def _batch(self, taken: list[Taken], contents: dict[str, bytes]) -> Batch:
        return Batch(self.mode, self.epoch, names.ledger(self.mode), taken, contents)

    def close(self) -> None:
        """Let go of the database."""
        self.store.engine.dispose()
