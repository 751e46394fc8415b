"""Turns the wheels: reminds, says what was missed, notes what was answered, and arms the next moment (D7).

What stands open lies in the room's table and in the ledger; the broker's timers are a cache. At the start and
every SWEEP_S seconds what is missing is armed anew, and what is overdue is done.
"""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any

from schemas import subjects
from schemas.clock import WALL
from schemas.envelope import Actor, Body
from schemas.identifiers import derived_id
from schemas.reports import TRADE, DeadlineMet, DeadlineMissed, DeadlineReminded
from schemas.subjects import Place
from schemas.vocabulary import Authentication
from services.reports import rules
from services.reports.picture import Picture, Turning
from services.reports.rules import Deadline, Miss, Remind
from services.reports.store import Store, milliseconds
from services.reports.tables import DeadlineRow
from services.runtime import logs
from services.runtime.appender import AppendError, Conflict
from services.runtime.direct import StreamUnreachable
from services.runtime.guarded import Folded
from services.runtime.lasting import in_thread
from services.runtime.ledger import Draft, IdTaken, Ledger
from services.runtime.locks import KeyedLocks
from services.runtime.timers import Key, TimerFailed, Timers

SWEEP_S, RETRY_S, LEAVE_S = 30.0, 0.5, 1.0

Named = tuple[str, str]
"""Mode, and the key of a wheel within it."""


class Keeper:
    """Every open wheel of all modes."""

    def __init__(
        self,
        ledger: Ledger,
        folds: Mapping[str, Folded],
        pictures: Mapping[str, Picture],
        timers: Timers,
        store: Store,
    ) -> None:
        self._ledger = ledger
        self._folds = folds
        self._pictures = pictures
        self._timers = timers
        self._store = store
        self._locks = KeyedLocks()
        self._due: dict[Named, datetime] = {}
        self._rows: dict[Named, list[tuple[str, bool]]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Take up every wheel that the ledger tells of; rows of others go."""
        known = {
            (turning.place.mode, turning.place.org, turning.place.watch, turning.place.id)
            for picture in self._pictures.values()
            for turning in picture.wheels.values()
        }
        for row in await in_thread(self._store.open):
            wheel = (row.mode, row.org, row.owner, row.wheel)
            if wheel not in known:
                logs.get(mode=row.mode).warning("deadline.unknown")
                await in_thread(self._store.replace, wheel, [])
        for mode, picture in self._pictures.items():
            picture.on_wheel = partial(self._wake_in, mode)
            picture.on_clock = partial(self._wake_exercises, mode)
            picture.on_gone = partial(self.let_go, mode)
            for key in picture.wheels:
                self.wake((mode, key))

    async def close(self) -> None:
        """Let what is under way end soon; the next start goes on with it."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=LEAVE_S)
        for task in list(self._tasks):
            task.cancel()
        while self._tasks:
            await asyncio.wait(self._tasks)

    def _wake_in(self, mode: str, key: str) -> None:
        self.wake((mode, key))

    def wake(self, named: Named) -> None:
        """Look soon what is due in a wheel."""
        task = asyncio.get_running_loop().create_task(self._advance(named))
        self._tasks.add(task)
        task.add_done_callback(self._finished)

    def let_go(self, mode: str, key: str, place: Place) -> None:
        """Forget a wheel whose exercise was ended for good; what a crash leaves, the next start does."""
        task = asyncio.get_running_loop().create_task(self._let_go((mode, key), place))
        self._tasks.add(task)
        task.add_done_callback(self._finished)

    def fired(self, mode: str, name: str) -> None:
        """A timer has fired: look at the wheel that it is for, if it is for one."""
        picture = self._pictures.get(mode)
        for wheel, turning in list(picture.wheels.items()) if picture else []:
            if timer_of(turning.place).name == name:
                self._timers.fired(Key(mode, name))
                self.wake((mode, wheel))

    async def run(self) -> None:
        """Sweep for ever."""
        while True:
            await asyncio.sleep(SWEEP_S)
            try:
                await self.sweep()
            except Exception as fault:
                logs.get().error("sweep.failed", exc_info=fault)

    async def sweep(self) -> None:
        """Do what is overdue, and arm the timers that the broker has lost."""
        now, waiting = datetime.now(UTC), dict[Key, Named]()
        for mode, picture in self._pictures.items():
            for wheel, turning in list(picture.wheels.items()):
                due = self._due.get((mode, wheel))
                if due is None or due <= now:
                    self.wake((mode, wheel))
                else:
                    waiting[timer_of(turning.place)] = (mode, wheel)
        try:
            for key in await self._timers.missing(waiting):
                if (due := self._due.get(waiting[key])) is not None:
                    await self._timers.arm(key, due, waiting[key][1], again=True)
        except (TimerFailed, StreamUnreachable) as fault:
            logs.get().warning("timer.not_armed", exc_info=fault)

    def counts(self) -> dict[str, int]:
        """How many wheels wait for a moment, and how many should have been looked at by now."""
        now = datetime.now(UTC)
        return {"wheels": len(self._due), "overdue": sum(due < now for due in self._due.values())}

    def _turning(self, named: Named) -> Turning | None:
        return self._pictures[named[0]].wheels.get(named[1])

    def _wake_exercises(self, mode: str) -> None:
        picture = self._pictures[mode]
        for key, turning in picture.wheels.items():
            if picture.clock(turning) is not WALL:
                self.wake((mode, key))

    async def _advance(self, named: Named) -> None:
        """Say all that is due in a wheel, and arm the next moment."""
        async with self._locks.holding(f"{named[0]}.{named[1]}"):
            while (turning := self._turning(named)) is not None:
                if self._ledger.gates[named[0]].reason is not None:
                    return
                clock = self._pictures[named[0]].clock(turning)
                now = clock.time(datetime.now(UTC))
                body = self._next(turning, now)
                if body is not None and await self._say(named, turning, body, now):
                    continue
                if body is not None:
                    await asyncio.sleep(RETRY_S)
                    continue
                _, moment = rules.look(turning.wheel, now)
                await self._arm(named, turning, None if moment is None else clock.wall(moment))
                await self._keep(named, turning, now)
                return

    async def _let_go(self, named: Named, place: Place) -> None:
        async with self._locks.holding(f"{named[0]}.{named[1]}"):
            self._due.pop(named, None)
            self._rows.pop(named, None)
            await in_thread(self._store.replace, (place.mode, place.org, place.watch, place.id), [])
            try:
                await self._timers.cancel(timer_of(place))
            except TimerFailed as failed:
                logs.get(mode=named[0], code=failed.args[0]).warning("timer.not_cancelled")

    def _next(self, turning: Turning, now: datetime) -> Body | None:
        """The next fact that the hub has to say of a wheel: first what was answered."""
        for (watch, due), (report, version, at) in turning.answers.items():
            met = Deadline(turning.wheel.id, watch, due)
            return DeadlineMet(**_about(met), report=report, version=version, late=at > due)
        said, _ = rules.look(turning.wheel, now)
        for one in said:
            match one:
                case Remind(deadline):
                    return DeadlineReminded(**_about(deadline), notify=[deadline.watch])
                case Miss(deadline, told):
                    return DeadlineMissed(**_about(deadline), notify=[deadline.watch] if told else [])
        return None

    async def _say(self, named: Named, turning: Turning, body: Any, now: datetime) -> bool:
        """Append one of the hub's own facts; False when it is to be tried again, on what is known by then."""
        mode, place = named[0], turning.place
        guard = subjects.facts_of(mode, place.id, place.org, place.watch, TRADE)
        draft = Draft(
            id=derived_id(body.name, mode, named[1], body.deadline),
            place=Place(mode, place.org, place.watch, TRADE, place.id, body.name),
            body=body,
            actor=_actor(place),
            occurred_at=now,
            command=body.deadline,
            controller=turning.controller,
            guard=guard,
            expected=turning.wheel.last,
        )
        try:
            recorded = await self._ledger.append(draft)
            await self._folds[mode].reached(recorded.sequence)
        except Conflict:
            return False
        except IdTaken:
            logs.get(mode=mode, fact=draft.id).error("deadline.id_taken")
            return False
        except (AppendError, StreamUnreachable) as fault:
            logs.get(mode=mode, error_type=type(fault).__qualname__).warning("deadline.not_said")
            return False
        return True

    async def _arm(self, named: Named, turning: Turning, at: datetime | None) -> None:
        key, before = timer_of(turning.place), self._due.get(named)
        try:
            if at is None:
                self._due.pop(named, None)
                await self._timers.cancel(key)
                return
            self._due[named] = at
            is_moved = before not in (None, at)
            await self._timers.arm(key, at, str(turning.wheel.last), again=is_moved)
        except TimerFailed as failed:
            logs.get(mode=named[0], code=failed.args[0]).warning("timer.not_armed")

    async def _keep(self, named: Named, turning: Turning, now: datetime) -> None:
        """Write down what stands open; a database that fails stops no deadline, the ledger makes it good."""
        place, wheel = turning.place, turning.wheel
        rows = [
            DeadlineRow(
                deadline=one.id,
                mode=place.mode,
                org=place.org,
                owner=place.watch,
                wheel=place.id,
                watch=one.watch,
                due_at=milliseconds(one.due),
                reminded=(one.watch, one.due) in wheel.reminded,
            )
            for one in rules.open_deadlines(wheel, now)
        ]
        wanted = [(row.deadline, row.reminded) for row in rows]
        if self._rows.get(named) == wanted:
            return
        try:
            await in_thread(self._store.replace, (place.mode, place.org, place.watch, place.id), rows)
            self._rows[named] = wanted
        except Exception as fault:
            logs.get().error("store.failed", exc_info=fault)

    def _finished(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (fault := task.exception()) is not None:
            logs.get().error("keeper.fault", exc_info=fault)


def timer_of(place: Place) -> Key:
    """The timer of a wheel; no other room's timer, and no stranger's wheel, can bear its name."""
    return Key(place.mode, derived_id("wheel", place.mode, place.key, place.id))


def _about(deadline: Deadline) -> dict[str, Any]:
    return {
        "wheel": deadline.wheel,
        "deadline": deadline.id,
        "watch": deadline.watch,
        "due": deadline.due,
    }


def _actor(place: Place) -> Actor:
    return Actor(
        machine=TRADE,
        organisation=place.org,
        watch=place.watch,
        via=TRADE,
        authentication=Authentication.SERVICE,
    )
