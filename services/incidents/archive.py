"""The part ``incidents-archive``: keeps the ledger's second copy, answers from it, and erases (D2, D16)."""

import asyncio
import contextlib
import time
from collections.abc import Coroutine, Mapping
from typing import Any

import orjson
import sqlalchemy as sa
from nats.aio.client import Client
from nats.aio.msg import Msg

from schemas import incidents, subjects
from schemas.directory import Directory
from services.incidents.alike import LookingQueries
from services.incidents.audit import Audit
from services.incidents.content import Wanted, fetch
from services.incidents.erasure import Eraser, Pending, Register
from services.incidents.evidence import Evidence
from services.incidents.exporting import Exporter
from services.incidents.file_queries import FileQueries
from services.incidents.filekeeper import COLLECT_S, FileKeeper
from services.incidents.files import FileStore
from services.incidents.filescrub import FileScrub
from services.incidents.filing import Filing
from services.incidents.finding import Finder
from services.incidents.lookups import Lookups
from services.incidents.paper import IncidentPaper
from services.incidents.past import Past
from services.incidents.privacy import Privacy
from services.incidents.queries import Queries
from services.incidents.retention import Retention
from services.incidents.retention_asked import RetentionQueries
from services.incidents.scrub import Scrub
from services.incidents.sealer import Sealer
from services.incidents.sealing import Checkpoints, signing_seed
from services.incidents.search import Search
from services.incidents.shares import ShareQueries
from services.incidents.statistics import Statistics
from services.incidents.store import SERVICE, Store
from services.runtime import logs, names, shares
from services.runtime.connect import connect
from services.runtime.database import is_damage, open_database
from services.runtime.direct import Direct
from services.runtime.door import Door, QueryHandler
from services.runtime.lasting import end_all, in_thread, lasting
from services.runtime.projector import Projector
from services.runtime.settings import Settings

DAMAGED = "ARCHIVE_DAMAGED"
HEAL_S = 30.0
"""How often content that should be there is looked for again."""

PACE_S, CALM_S = 0.05, 0.1
"""Least time between two transactions under load, and while nobody asks for what is new."""

_RETRY_S = 1.0


def build(settings: Settings) -> "Archive":
    """The part, ready to be started."""
    return Archive(settings)


class Archive:
    """A projector per mode, the queries, the answer to doors that ask for the mark, and the eraser."""

    name = "incidents-archive"

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._tasks: list[asyncio.Task[None]] = []
        self._clients: list[Client] = []
        self._store: Store | None = None
        self._door: Door | None = None
        self._work = asyncio.Event()
        self._files = asyncio.Event()
        self._paper: IncidentPaper | None = None
        self.scrub: Scrub | None = None
        self._is_damaged = False
        self._retention: Retention | None = None
        self.projectors: dict[str, Projector] = {}

    async def start(self) -> None:
        """Open the tables, begin to read, and serve. Over damaged tables it stays shut, and says so."""
        try:
            await self._open()
        except sa.exc.DatabaseError as error:
            if not is_damage(error):
                raise
            self._is_damaged = True
            logs.get(code=DAMAGED).error("archive.damaged")

    async def _open(self) -> None:
        settings = self._settings
        self._store = store = Store(await in_thread(open_database, settings, SERVICE))
        nc = await self._connect(names.INCIDENTS_ARCHIVE)
        direct = Direct(nc)
        await direct.open()
        filing = Filing(store, direct, Register(settings.home), settings.modes, self._on_tasks)
        await in_thread(filing.open)
        for mode in settings.modes:
            self.projectors[mode] = Projector(nc, mode, names.INCIDENTS_ARCHIVE, filing, PACE_S, CALM_S)
            self._run(self.projectors[mode].run(), f"{mode}.projector")
            await nc.subscribe(subjects.mark(mode), cb=self._answer_mark)
        eraser = Eraser(await self._connect(names.ERASER), direct, store.engine)
        lookups = Lookups(store.engine)
        queries = LookingQueries(
            store,
            lookups,
            self.projectors,
            filing.directories,
            filing.relations,
            Past(lookups, filing.mannings),
        )
        keeper = FileKeeper(FileStore(store.engine), nc, direct, eraser)
        paper = self._paper = IncidentPaper(settings.home, queries, filing.directories)
        paper.printer.start()
        self._run(self._tend(nc, eraser, paper), "tend")
        self._run(self._heal(direct), "heal")
        self._run(self._keep_files(keeper), "files")
        files = FileScrub(direct, keeper, eraser, settings.home, lambda: connect(settings, names.MENDER))
        scrub = self.scrub = Scrub(store, direct, self.projectors, files, settings.scrub_hour)
        for mode in settings.modes:
            self._run(scrub.run(mode), f"{mode}.scrub")
        handlers = {
            "get": queries.get,
            "list": queries.listing,
            "seen": queries.seen,
            "types": queries.types,
            "search": Search(queries, Finder(store.engine)).search,
            "similar": queries.similar,
            "case": queries.case,
            "paper": paper.asked,
            "file": FileQueries(queries, lookups, keeper, keeper.store).file,
            **self._records(store, lookups, queries, filing.directories),
            **await self._seal(nc, queries, store, filing.directories),
        }
        self._door = Door(settings, names.INCIDENTS_ARCHIVE, incidents.TRADE, queries=handlers)
        await self._door.start()

    def _records(
        self, store: Store, lookups: Lookups, queries: Queries, directories: Mapping[str, Directory]
    ) -> dict[str, QueryHandler]:
        """What is given out, looked into and kept no longer."""
        settings = self._settings
        exporter = Exporter(store.engine, settings.home, lookups, queries)
        retention = self._retention = Retention(store.engine, lookups, directories)
        nightly = retention.keep(
            lambda: connect(settings, names.RETENTION), settings.retention_hour, settings.reads_days
        )
        self._run(nightly, "retention")
        privacy = Privacy(store.engine, lookups, queries)
        return {
            "export_plan": exporter.plan,
            "export": exporter.part,
            "export_proof": exporter.proof,
            "retention": RetentionQueries(retention, queries).asked,
            shares.WHAT: ShareQueries(store.engine, directories).exercise,
            "received": privacy.received,
            "person": privacy.person,
            "statistics": Statistics(store.engine, queries).asked,
            "audit": Audit(store.engine, lookups, directories).asked,
        }

    async def stop(self) -> None:
        """Answer what was asked, end the readers, close."""
        if self._door is not None:
            await self._door.stop()
        if self._paper is not None:
            await self._paper.printer.stop()
        await end_all(self._tasks)
        for nc in self._clients:
            await nc.close()
        if self._store is not None:
            self._store.engine.dispose()

    def health(self) -> dict[str, object]:
        """Why a mode is not read, or what a scrub found in it, if so; not ok then, or when a task ended.

        How many facts there are is not said: their number would tell of watches that leave no trace (D13).
        """
        modes = {mode: found.reason for mode, found in self.projectors.items()}
        if self._is_damaged:
            modes = dict.fromkeys(self._settings.modes, DAMAGED)
        modes |= self.scrub.found if self.scrub else {}
        ok = bool(modes) and not any(modes.values())
        ok = ok and not any(task.done() for task in self._tasks)
        printer = self._paper.printer if self._paper else None
        paper = printer.health if printer else {}
        return {"ok": ok and (printer is None or printer.is_fresh), "modes": modes, **paper}

    async def _seal(
        self, nc: Client, queries: LookingQueries, store: Store, directories: Mapping[str, Directory]
    ) -> dict[str, QueryHandler]:
        """Begin to make checkpoints; the questions about them."""
        seed = await in_thread(signing_seed, self._settings.home)
        checkpoints = Checkpoints(store.engine, seed)
        sealer = Sealer(nc, checkpoints, directories, self._settings.checkpoint_s)
        self._run(sealer.run(), "sealer")
        evidence = Evidence(queries, store, checkpoints)
        return {
            "checkpoints": evidence.checkpoints,
            "inclusion": evidence.inclusion,
            "consistency": evidence.consistency,
            "opening": evidence.opening,
        }

    async def _connect(self, user: str) -> Client:
        nc = await connect(self._settings, user)
        self._clients.append(nc)
        return nc

    def _run(self, work: Coroutine[Any, Any, None], name: str) -> None:
        self._tasks.append(lasting(work, f"{self.name}.{name}"))

    def _on_tasks(self, _mode: str) -> None:
        self._work.set()
        self._files.set()

    async def _keep_files(self, keeper: FileKeeper) -> None:
        """Take over files as they are attached; now and then remove what no fact names."""
        due = dict.fromkeys(self._settings.modes, 0.0)
        while True:
            self._files.clear()
            for mode in self._settings.modes:
                try:
                    await keeper.copy_missing(mode)
                    if time.monotonic() >= due[mode] and await self.projectors[mode].has_all():
                        await keeper.collect(mode)
                        due[mode] = time.monotonic() + COLLECT_S
                except Exception as fault:
                    logs.get(mode=mode).error("archive.files", exc_info=fault)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(HEAL_S if all(due.values()) else _RETRY_S):
                    await self._files.wait()

    async def _answer_mark(self, message: Msg) -> None:
        """How far the archive has read: doors stay shut until the ledger still has that fact (D18)."""
        store = self._store
        if store is None or not message.reply:
            return
        try:
            mark = await in_thread(store.cursor, message.subject.rpartition(".")[2])
        except Exception as fault:
            logs.get().error("archive.mark_unread", exc_info=fault)
            return
        found = {"epoch": mark.epoch, "sequence": mark.sequence, "digest": mark.digest}
        await message.respond(orjson.dumps(found if mark.sequence else {}))

    async def _tend(self, nc: Client, eraser: Eraser, paper: IncidentPaper) -> None:
        """Do at once what a batch left to do, and at start what an earlier process left.

        The papers come first: an erasure is done once they are clean too.
        """
        self._work.set()
        off_paper: set[Pending] = set()
        while True:
            await self._work.wait()
            self._work.clear()
            try:
                pending = await eraser.pending()
                if not off_paper.issuperset(pending):
                    await paper.printer.make()
                    off_paper.update(pending)
                await eraser.erase(pending)
                for mode in self._settings.modes:
                    await self._tell_of_parked(nc, mode)
            except Exception as fault:
                logs.get().error("archive.tend", exc_info=fault)
                await asyncio.sleep(_RETRY_S)
                self._work.set()

    async def _tell_of_parked(self, nc: Client, mode: str) -> None:
        """Reason and place, never a body (D24); the same message twice is stored once."""
        assert self._store is not None  # noqa: S101  set before this runs
        parked = await in_thread(self._store.unannounced, mode)
        js = nc.jetstream()
        for row in parked:
            where = {"code": row["code"], "stream": row["stream"], "sequence": row["sequence"]}
            key = f"parked-incidents-{row['stream']}-{row['epoch']}-{row['sequence']}"
            body = orjson.dumps({**where, "epoch": row["epoch"]})
            await js.publish(subjects.parked(mode, SERVICE), body, headers={"Nats-Msg-Id": key})
        if parked:
            await in_thread(self._store.announced, mode, [row["sequence"] for row in parked])

    async def _heal(self, direct: Direct) -> None:
        """Content is written before its fact, so what is absent is damage: look for the other copy."""
        assert self._store is not None  # noqa: S101  set before this runs
        while True:
            for mode in self._settings.modes:
                try:
                    missing = await in_thread(self._store.missing, mode)
                    wanted = {
                        row["fact"]: Wanted(row["watch"], row["sort"], bytes(row["commitment"]))
                        for row in missing
                    }
                    found = await fetch(direct, mode, wanted)
                    await in_thread(self._store.heal, mode, found)
                except Exception as fault:
                    logs.get(mode=mode).error("archive.not_healed", exc_info=fault)
            await asyncio.sleep(HEAL_S)
