"""How far the facts of each mode have been reacted to, kept beside the chains."""

from functools import partial

from services.notifications.commits import Store
from services.notifications.store import CURSOR
from services.runtime.database import move_cursor, read_cursor
from services.runtime.epochs import Mark


class Places:
    """The low marks of the reactions to facts, in notifications' own tables."""

    def __init__(self, rows: Store) -> None:
        self._rows = rows

    async def load(self, mode: str) -> Mark:
        """The low mark; sequence 0 before the first."""
        return Mark(*await self._rows.run(partial(read_cursor, table=CURSOR, mode=mode)))

    async def save(self, mode: str, former: Mark, mark: Mark) -> None:
        """Move the low mark from ``former``. Raises CursorMoved if it stands elsewhere."""
        values = (former.sequence, mark.epoch, mark.sequence, mark.digest)
        await self._rows.run(lambda connection: move_cursor(connection, CURSOR, mode, *values))
