"""Drives chains: looks what is due, tells people, records what became of it, and arms the next moment.

Each chain is worked on by one task at a time; messages go out beside, and are recorded when a channel has
answered. What may have gone out without a record is sent again, marked as repeated.
"""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from sqlalchemy.engine import Connection

from schemas import subjects
from schemas.clock import WALL
from schemas.discards import Share
from schemas.envelope import Body
from schemas.identifiers import derived_id
from schemas.notifications import Escalated, Failed, NobodyReached, Sent, Started
from schemas.subjects import Place
from services.notifications import rules, store
from services.notifications.commits import Store
from services.notifications.escalation import NOBODY, End, Escalate, Tell, ToTell, Wait, next_action
from services.notifications.picture import Picture
from services.notifications.records import delivery_of, draft_of, row_of
from services.notifications.rules import Chain
from services.notifications.sender import Report, Sender
from services.runtime import logs
from services.runtime.appender import AppendError
from services.runtime.direct import StreamUnreachable
from services.runtime.ledger import IdTaken, Ledger, Recorded
from services.runtime.locks import KeyedLocks
from services.runtime.timers import Key, TimerFailed, Timers
from services.runtime.tracing import is_trace
from services.words.languages import speaking

R = TypeVar("R")
RETRY_S, LEAVE_S = 0.5, 1.0
OVERDUE = timedelta(seconds=1)


class Pager:
    """The open chains of all modes, and everything that is done in them."""

    def __init__(
        self, ledger: Ledger, timers: Timers, rows: Store, sender: Sender, pictures: Mapping[str, Picture]
    ) -> None:
        self.ledger = ledger
        self.timers = timers
        self.rows = rows
        self.pictures = pictures
        self.open: dict[str, Chain] = {}
        self.due: dict[str, datetime] = {}
        self.locks = KeyedLocks()
        self._sender = sender
        self._tasks: set[asyncio.Task[Any]] = set()

    async def start(
        self, mode: str, place: Place, started: Started, controller: str, trace: str | None
    ) -> None:
        """Start a chain, once; returns when it is recorded. Raises what the ledger raises.

        ``trace`` is that of the command that asks for it; all that follows belongs to it.
        """
        if started.chain in self.open:
            return
        identity = derived_id(started.chain, started.name)
        clock_of = self.pictures[mode].directory.exercises.clock
        clock = clock_of(place.org, datetime.now(UTC))
        draft = draft_of(mode, place, started, controller, identity, started, trace, clock)
        try:
            recorded = await self.ledger.append(draft)
        except IdTaken:  # begun before a crash, under rules that have changed since: it goes on as it began
            if await self.resume(started.chain, mode, place) is None:
                raise
            return
        if not recorded.fresh:
            await self.resume(started.chain, mode, place)
        if not recorded.fresh or started.chain in self.open:
            return
        chain = rules.begin_chain(recorded.fact, place, started, clock_of)
        self.line(chain).info("chain.started")
        self.adopt(chain)

    def adopt(self, chain: Chain) -> None:
        """Take an open chain in hand; its row may follow, since the ledger knows of the chain."""
        self.open[chain.id] = chain
        self.spawn(self.keep(store.add([row_of(chain)])))
        self.wake(chain.id)

    async def resume(self, chain_id: str, mode: str, place: Place) -> Chain | None:
        """Take a chain in hand as the ledger tells it, or note how it ended; None when there is none."""
        chain = (await self.past(mode, place)).get(chain_id)
        if chain is None or chain_id in self.open:
            return chain
        if chain.outcome is None:
            self.adopt(chain)
        else:
            await self.keep(store.add([row_of(chain)]))
            await self.keep(store.end_chain(chain.id, chain.outcome, chain.ended_at or chain.started_at))
        return chain

    async def past(self, mode: str, place: Place) -> dict[str, Chain]:
        """The chains whose facts lie at a place, as the ledger tells them."""
        history = await self.ledger.history(mode, place.id, place.org, place.watch)
        placed = ((one, subjects.parse_place(one.subject)) for one in history)
        facts = ((one.fact, at, one.body) for one, at in placed if at and at.trade == Started.trade)
        return rules.fold(facts, self.pictures[mode].directory.exercises.clock)

    def is_hidden(self, chain: Chain) -> bool:
        """True if a watch that leaves no trace takes part: then a message does not say what it is about."""
        hidden = self.pictures[chain.mode].directory.hidden
        return hidden(chain.watch) or hidden(chain.place.key)

    def line(self, chain: Chain, **more: object) -> Any:
        """A line of log about a chain: it names the watch that is told, so that a hidden one stays silent.

        Incident and trace are named only where no hidden watch takes part (D13).
        """
        if not self.is_hidden(chain):
            more |= {"incident": chain.place.id}
            more |= {"trace_id": chain.trace} if is_trace(chain.trace) else {}
        return logs.get(mode=chain.mode, watch=chain.watch, chain=chain.id, **more)

    def wake(self, chain_id: str) -> None:
        """Look soon what is due in a chain."""
        self.spawn(self.advance(chain_id))

    def wake_watch(self, mode: str, watch: str) -> None:
        """Look at every chain that tells people of a watch: its manning has changed."""
        for chain in list(self.open.values()):
            if chain.mode == mode and watch in {chain.watch, *(step.watch for step in chain.rules.steps)}:
                self.wake(chain.id)

    def wake_exercises(self, mode: str) -> None:
        """Look at every chain that goes by an exercise's clock: it was set."""
        for chain in list(self.open.values()):
            if chain.mode == mode and chain.clock is not WALL:
                self.wake(chain.id)

    async def advance(self, chain_id: str) -> None:
        """Do all that is due in a chain now, and arm the next moment."""
        async with self.locks.holding(chain_id):
            while (chain := self.open.get(chain_id)) is not None:
                now = datetime.now(UTC)
                match next_action(chain, self.pictures[chain.mode].people, chain.clock.time(now)):
                    case Tell(people):
                        await self._tell(chain, people, now)
                    case Escalate() as further:
                        await self._escalate(chain, further)
                    case End():
                        await self._give_up(chain)
                    case Wait(until):
                        await self._arm(chain, until)
                        return

    async def record(self, chain: Chain, body: Body, *parts: str) -> None:
        """Append one of the hub's own facts, however long the ledger is away; ``parts`` make its id."""
        identity = derived_id(chain.id, body.name, *parts)
        draft = draft_of(
            chain.mode, chain.place, chain, chain.controller, identity, body, chain.trace, chain.clock
        )
        while True:
            try:
                if self.ledger.gates[chain.mode].reason is None:
                    self.take(chain, await self.ledger.append(draft))
                    return
            except IdTaken:
                self.line(chain, fact=identity).error("chain.id_taken")
                return
            except (AppendError, StreamUnreachable) as fault:
                self.line(chain).warning("chain.not_recorded", exc_info=fault)
            await asyncio.sleep(RETRY_S)

    def take(self, chain: Chain, recorded: Recorded) -> None:
        """Fold a fact that was just stored; a chain that has ended is let go."""
        chain.apply(recorded.fact.id, recorded.fact.time, recorded.body)
        if chain.outcome is not None and self.open.pop(chain.id, None) is not None:
            self.line(chain).info(f"chain.{chain.outcome}")
            self.due.pop(chain.id, None)
            self.spawn(self._let_go(chain, chain.outcome))

    def discard(self, mode: str, share: Share) -> None:
        """Let go of the open chains of an exercise that was ended for good: nobody is told any more."""
        for chain in list(self.open.values()):
            if chain.mode == mode and share.holds(chain.place.key, chain.started_at):
                chain.outcome = rules.DISCARDED
                del self.open[chain.id]
                self.due.pop(chain.id, None)
                self.spawn(self._let_go(chain, rules.DISCARDED))

    async def keep(self, work: Callable[[Connection], R]) -> R | None:
        """Run work against the tables; a database that fails stops no page, the ledger makes it good."""
        try:
            return await self.rows.run(work)
        except Exception as fault:
            logs.get().error("store.failed", exc_info=fault)
            return None

    def spawn(self, work: Coroutine[Any, Any, Any]) -> None:
        """Run work beside; a fault is logged, and the sweep looks at the chain again."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._finished)

    async def close(self) -> None:
        """Let what is under way end soon; what is not recorded by then is sent again at the next start."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=LEAVE_S)
        for task in list(self._tasks):
            task.cancel()
        while self._tasks:
            await asyncio.wait(self._tasks)

    def counts(self) -> dict[str, int]:
        """How many chains are open, and how many of them should have been looked at by now."""
        now = datetime.now(UTC)
        return {"open": len(self.open), "overdue": sum(due + OVERDUE < now for due in self.due.values())}

    def _finished(self, task: "asyncio.Task[Any]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (fault := task.exception()) is not None:
            logs.get().error("pager.fault", exc_info=fault)

    async def _tell(self, chain: Chain, people: tuple[ToTell, ...], now: datetime) -> None:
        """Note what is about to be sent, and send it beside."""
        deliveries = [delivery_of(chain, told, now) for told in people]
        for told in people:
            chain.begin(told.person, told.function, told.step, told.attempt, now)
        await self.keep(store.add(deliveries))
        for told, delivery in zip(people, deliveries, strict=True):
            self.spawn(self.send(chain, told, delivery.delivery, repeated=told.attempt > 1))

    async def send(self, chain: Chain, told: ToTell, delivery: str, *, repeated: bool) -> None:
        """Tell one person by the first channel that takes the message, and record what became of it."""
        is_hidden = self.is_hidden(chain)
        reports: list[Report] = []
        if chain.outcome is None:
            with speaking(self.pictures[chain.mode].directory.language(chain.watch_of(told.step))):
                reports = await self._sender.send(
                    chain, told, delivery, repeated=repeated, is_hidden=is_hidden
                )
        async with self.locks.holding(chain.id):
            for report in reports:
                await self._note(chain, told, delivery, report, repeated)
            await self.keep(store.finish(delivery))
        await self.advance(chain.id)

    async def _note(self, chain: Chain, told: ToTell, delivery: str, report: Report, repeated: bool) -> None:
        about = {"chain": chain.id, "watch": chain.watch, "step": told.step, "person": told.person}
        about |= {"function": told.function, "channel": report.channel, "attempt": told.attempt}
        marked = "again" if repeated else ""
        if report.failure is None:
            sent = Sent.model_validate(about | {"repeated": repeated, "receipt": report.receipt})
            await self.record(chain, sent, delivery, marked)
        else:
            failed = Failed.model_validate(about | {"code": report.failure, "last": report.is_last})
            await self.record(chain, failed, delivery, report.channel, report.failure, marked)
        line = self.line(chain, step=told.step, channel=report.channel, attempt=told.attempt)
        if report.failure is None:
            line.info("page.sent")
        else:
            line.warning("page.failed", code=report.failure)

    async def _escalate(self, chain: Chain, further: Escalate) -> None:
        line = self.line(chain, step=further.step)
        (line.error if further.reason == NOBODY else line.info)("chain.escalated", reason=further.reason)
        body = Escalated(
            chain=chain.id,
            watch=chain.watch,
            step=further.step,
            function=further.function,
            reason=further.reason,
        )
        await self.record(chain, body, str(further.step), further.reason)

    async def _give_up(self, chain: Chain) -> None:
        self.line(chain).error("chain.nobody_reached")
        body = NobodyReached(chain=chain.id, watch=chain.watch, cause=chain.cause, priority=chain.priority)
        await self.record(chain, body)

    async def _arm(self, chain: Chain, until: datetime) -> None:
        """Let the timer fire when the chain's clock shows ``until``; not at all while that stands still."""
        key, at = Key(chain.mode, chain.id), chain.clock.wall(until)
        is_moved = chain.clock is not WALL and self.due.get(chain.id) != at
        try:
            if at is None:
                self.due.pop(chain.id, None)
                return
            self.due[chain.id] = at
            await self.timers.arm(key, at, chain.last_fact, again=is_moved)
        except TimerFailed as failed:
            self.line(chain, code=failed.args[0]).warning("timer.not_armed")

    async def _let_go(self, chain: Chain, outcome: str) -> None:
        await self.keep(store.end_chain(chain.id, outcome, chain.ended_at or datetime.now(UTC)))
        try:
            await self.timers.cancel(Key(chain.mode, chain.id))
        except TimerFailed as failed:
            self.line(chain, code=failed.args[0]).warning("timer.not_cancelled")
