"""The room reports: situation reports and the reporting wheel; its wiring as data."""

import asyncio
import contextlib
from collections.abc import Coroutine
from typing import Any

from schemas import reports, subjects
from services.reports.audit import Audit
from services.reports.documents import Documents
from services.reports.exporting import Exporter
from services.reports.handlers import Handlers
from services.reports.keeper import Keeper
from services.reports.noting import Noting
from services.reports.picture import TRADES, Picture
from services.reports.questions import Questions
from services.reports.reads import log_of
from services.reports.rendering import Printer
from services.reports.store import Store
from services.reports.wheels import Wheels
from services.reports.withdrawing import Withdrawals
from services.runtime import names, shares
from services.runtime.database import open_database
from services.runtime.door import Door, QueryHandler, Route
from services.runtime.footing import Footing
from services.runtime.guarded import Guarded
from services.runtime.lasting import end_all, in_thread, lasting
from services.runtime.reader import Reader
from services.runtime.reads import keep_term
from services.runtime.settings import Settings
from services.runtime.timers import Timers


def routes(handlers: Handlers, withdrawals: Withdrawals, wheels: Wheels) -> tuple[Route, ...]:
    """Every command of the trade and what answers it."""
    return (
        Route(reports.SetTemplate, handlers.template),
        Route(reports.DraftReport, handlers.draft, limit=LIMIT_BYTES),
        Route(reports.SubmitReport, handlers.submit),
        Route(reports.ApproveReport, handlers.approve),
        Route(reports.RecallReport, withdrawals.recall),
        Route(reports.AskReportErasure, withdrawals.ask_erasure),
        Route(reports.ApproveReportErasure, withdrawals.approve_erasure),
        Route(reports.BeginWheel, wheels.begin),
        Route(reports.EndWheel, wheels.end),
        Route(reports.NothingToReport, wheels.nothing),
    )


def queries(questions: Questions, exporter: Exporter, audit: Audit) -> dict[str, QueryHandler]:
    """Every question of the trade and what answers it."""
    return {
        "templates": questions.templates,
        "list": questions.list,
        "get": questions.get,
        "document": questions.document,
        "deadlines": questions.deadlines,
        shares.WHAT: questions.exercise,
        "locked": exporter.locked,
        "export": exporter.version,
        "audit": audit.asked,
    }


LIMIT_BYTES = 256 * 1024
"""A report is longer than an entry."""


class ReportsRoom:
    """Doors, questions, and the keeper of deadlines."""

    name = "reports"

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._pictures: dict[str, Picture] = {mode: Picture() for mode in settings.modes}
        self._footing = Footing(
            settings, self.name, names.REPORTS_LEDGER, TRADES, lambda mode: self._pictures[mode].apply
        )
        self._closing = contextlib.AsyncExitStack()
        self._keeper: Keeper | None = None
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Return when the door serves and every deadline is looked after."""
        settings, later = self._settings, self._closing
        engine = await in_thread(open_database, settings, self.name)
        later.callback(engine.dispose)
        later.push_async_callback(self._footing.close)
        ledger = await self._footing.open()
        timers = Timers(self._footing.connection)
        await timers.open()
        keeper = self._keeper = Keeper(ledger, self._footing.folds, self._pictures, timers, Store(engine))
        later.push_async_callback(keeper.close)
        await keeper.start()
        self._run(keeper.run(), "reports.keeper")
        self._run(self._hear(keeper), "reports.timers")
        guarded = Guarded(ledger, self._footing.folds)
        documents, known = Documents(ledger, guarded), (ledger, guarded, self._pictures)
        questions = Questions(self._pictures, documents, Printer(), Noting(engine))
        self._run(keep_term(log_of(engine), settings.reads_days), "reports.reads")
        door = Door(
            settings,
            names.REPORTS_DOOR,
            reports.TRADE,
            commands=routes(Handlers(*known), Withdrawals(*known), Wheels(*known)),
            queries=queries(questions, Exporter(questions, self._pictures), Audit(engine, self._pictures)),
            gates=self._footing.gates,
        )
        later.push_async_callback(door.stop)
        await door.start()

    async def stop(self) -> None:
        """Close in the reverse order: first what takes in, last what it stands on."""
        await self._closing.aclose()

    def health(self) -> dict[str, object]:
        """Whether facts are taken in, and how many wheels turn or are overdue."""
        state = self._footing.health()
        running = bool(self._tasks) and not any(task.done() for task in self._tasks)
        counts: dict[str, Any] = self._keeper.counts() if self._keeper else {}
        return state | counts | {"ok": bool(state["ok"]) and running}

    async def _hear(self, keeper: Keeper) -> None:
        """Look at a wheel when its timer fires; what fired while nobody heard it, the sweep finds."""
        nc = self._footing.connection
        info = await nc.jetstream().stream_info(names.TIMERS)
        fired = subjects.timer("*", "fired", "*")
        reader = Reader(nc, names.TIMERS, names.REPORTS_LEDGER, [fired], info.state.last_seq + 1)
        try:
            async for batch in reader.batches():
                for message in batch:
                    _, _, mode, _, name = message.subject.split(".")
                    keeper.fired(mode, name)
        finally:
            await reader.close()

    def _run(self, work: Coroutine[Any, Any, None], name: str) -> None:
        task = lasting(work, name)
        self._tasks.append(task)
        self._closing.push_async_callback(end_all, [task])


def build(settings: Settings) -> ReportsRoom:
    """The room, not yet started."""
    return ReportsRoom(settings)
