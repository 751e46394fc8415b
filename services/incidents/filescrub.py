"""Holding the two copies of attached files together, so many bytes a night, each healed from the other.

Where it stopped it goes on the next time, also after a restart; what was healed is a fact (`files_mended`).
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import orjson
from nats.aio.client import Client
from nats.errors import Error as NatsError

from schemas.incidents import FilesMended
from services.incidents.copies import ArchivedFile
from services.incidents.erasure import Eraser
from services.incidents.filekeeper import FileKeeper
from services.incidents.verify import Pace
from services.runtime import logs
from services.runtime.appender import Appender, Outgoing
from services.runtime.connect import BrokerRefused, BrokerUnreachable
from services.runtime.credentials import write_durably
from services.runtime.direct import Direct
from services.runtime.lasting import in_thread
from services.runtime.mending import Compared, compare, put_back
from services.runtime.objects import NotDeleted
from services.runtime.repair_facts import repair_fact
from services.runtime.rewriting import RewriteFailed

NIGHT_BYTES = 4 * 1024**3
"""So many bytes of each mode's files are read in one go, both copies counted; the rest waits for the next."""
_PAGE = 20
_DONE = ("put_back", "taken_over")
_FAULTS = (BrokerUnreachable, BrokerRefused, RewriteFailed, NotDeleted, NatsError, TimeoutError, OSError)


@dataclass(slots=True)
class Course:
    """How far a mode's files are gone through (a place in the ledger), and which are not whole twice.

    A file is named by the id of the fact that attached it and its sort: ``<fact>.original``. ``damaged`` says
    if it is lost: damaged in both. ``untold`` is what was healed and is not said yet, by what was done.
    """

    after: int = 0
    damaged: dict[str, bool] = field(default_factory=dict)
    untold: dict[str, str] = field(default_factory=dict)


class FileScrub:
    """Goes through the files of a mode; ``enter`` connects as the user that may store files and say so."""

    def __init__(
        self,
        direct: Direct,
        keeper: FileKeeper,
        eraser: Eraser,
        home: Path,
        enter: Callable[[], Awaitable[Client]],
    ) -> None:
        self._store = keeper.store
        self._direct = direct
        self._keeper = keeper
        self._eraser = eraser
        self._home = home
        self._enter = enter
        self._one = asyncio.Lock()

    async def run(self, mode: str, pace: Pace, most: int = NIGHT_BYTES) -> None:
        """Compare files until ``most`` bytes are read, or all are; one run at a time.

        Raises StreamUnreachable, BrokerUnreachable, AppendError; the next run begins where this one began.
        """
        async with self._one:
            await self._run(mode, pace, most)

    async def _run(self, mode: str, pace: Pace, most: int) -> None:
        course, left = read_course(self._home, mode), most
        while left > 0:
            rows = await in_thread(self._store.after, mode, course.after, _PAGE)
            if not rows:
                course.after = 0
                break
            for row in rows:
                left -= await self._look(mode, row, course)
                course.after = row["sequence"]
                await pace()
                if left <= 0:
                    break
        kept = await in_thread(self._store.kept, mode, {_fact_in(name) for name in course.damaged})
        course.damaged = {name: lost for name, lost in course.damaged.items() if _fact_in(name) in kept}
        await self._tell(mode, course)

    async def _look(self, mode: str, row: Any, course: Course) -> int:
        """Compare one file, and heal what can be; how many bytes were read."""
        file, name = ArchivedFile(self._store, mode, row), f"{row['fact']}.{row['sort']}"
        found = await compare(self._direct, mode, file)
        was_lost = course.damaged.pop(name, False)
        is_whole = found.here and found.there
        if is_whole or not await in_thread(self._store.kept, mode, {file.fact}):
            return found.bytes
        log = logs.get(mode=mode, fact=file.fact, watch=row["watch"])
        if found.is_lost:
            course.damaged[name] = True
            if not was_lost:
                log.error("files.lost")
        elif await self._heal(mode, row, file, found, course):
            log.warning("files.mended")
        else:
            course.damaged[name] = False
            log.error("files.not_mended")
        return found.bytes

    async def _heal(self, mode: str, row: Any, file: ArchivedFile, found: Compared, course: Course) -> bool:
        """Bring back the damaged copy; True if it is whole again. It is noted first, to be said later."""
        course.untold[file.fact] = "taken_over" if found.there else "put_back"
        await in_thread(_write_course, self._home, mode, course)
        try:
            is_whole = await (
                self._take_over(mode, row, file) if found.there else self._put_back(mode, file, found)
            )
        except _FAULTS as fault:
            logs.get(mode=mode, error_type=type(fault).__qualname__).warning("files.not_stored")
            is_whole = False
        if not is_whole:
            del course.untold[file.fact]
        return is_whole

    async def _take_over(self, mode: str, row: Any, file: ArchivedFile) -> bool:
        await in_thread(file.note_missing)
        return await self._keeper.copy(mode, row)

    async def _put_back(self, mode: str, file: ArchivedFile, found: Compared) -> bool:
        """From the second copy; an erasure waits for it, or has been before."""
        nc = await self._enter()
        try:
            async with self._eraser.files:
                if await in_thread(self._store.kept, mode, {file.fact}):
                    await put_back(nc, mode, file, found.tally, self._eraser.delete_object)
        finally:
            await nc.close()
        return (await compare(self._direct, mode, file)).there

    async def _tell(self, mode: str, course: Course) -> None:
        """Say what was healed, and note how far it came; after a crash in between it is said once more."""
        if course.untold:
            done = {what: [fact for fact, one in course.untold.items() if one == what] for what in _DONE}
            said, nc = repair_fact(mode, FilesMended(**done)), await self._enter()
            appender = Appender(nc)
            try:
                await appender.append(Outgoing(said.subject, said.data, said.message_id or ""))
            finally:
                await appender.close()
                await nc.close()
            course.untold = {}
        await in_thread(_write_course, self._home, mode, course)


def read_course(home: Path, mode: str) -> Course:
    """How far the files of a mode were gone through; from the beginning where that is not known."""
    try:
        return Course(**orjson.loads(_place(home, mode).read_bytes()))
    except (OSError, ValueError, TypeError):
        return Course()


def _write_course(home: Path, mode: str, course: Course) -> None:
    path = _place(home, mode)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_durably(path, orjson.dumps(asdict(course)))


def _place(home: Path, mode: str) -> Path:
    return home / "marks" / f"files-{mode}.json"


def _fact_in(name: str) -> str:
    return name.rpartition(".")[0]
