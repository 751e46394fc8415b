"""The room watch: its commands and questions as data, and how it is started and stopped."""

import asyncio
import contextlib

from schemas import exercise, watch
from services.runtime import names
from services.runtime.door import Door, QueryHandler, Route
from services.runtime.footing import Footing
from services.runtime.guarded import Guarded
from services.runtime.kept import Keeping
from services.runtime.lasting import lasting
from services.runtime.settings import Settings
from services.watch.discards import DiscardHandlers
from services.watch.exercises import ExerciseHandlers
from services.watch.handlers import Handlers
from services.watch.horizon import Horizon
from services.watch.picture import GROWING, TRADES, Picture


def routes(handlers: Handlers) -> tuple[Route, ...]:
    """Every command of the trade and what answers it."""
    return (
        Route(watch.Establish, handlers.establish),
        Route(watch.Man, handlers.man),
        Route(watch.TakeOver, handlers.take),
        Route(watch.Release, handlers.release),
    )


def exercise_routes(handlers: ExerciseHandlers, discards: DiscardHandlers) -> tuple[Route, ...]:
    """Every command of trade exercise and what answers it."""
    return (
        Route(exercise.Begin, handlers.begin),
        Route(exercise.SetClock, handlers.clock),
        Route(exercise.End, handlers.end),
        Route(exercise.Discard, discards.order),
        Route(exercise.ApproveDiscard, discards.approve),
    )


class WatchRoom:
    """Who is on duty: doors, questions and the look ahead. It also keeps the clocks of exercises."""

    name = "watch"

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._pictures: dict[str, Picture] = {mode: Picture() for mode in settings.modes}
        self._footing = Footing(
            settings,
            self.name,
            names.WATCH_LEDGER,
            TRADES,
            lambda mode: self._pictures[mode].apply,
            GROWING,
            self._keeping,
        )
        self._doors: list[Door] = []
        self._looking: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Return when the door serves."""
        ledger = await self._footing.open()
        guarded = Guarded(ledger, self._footing.folds)
        handlers, clocks = Handlers(guarded, self._pictures), ExerciseHandlers(guarded, self._pictures)
        discards = DiscardHandlers(ledger, guarded, self._pictures)
        asked: dict[str, QueryHandler] = {"clock": clocks.clocks, "list": discards.listing}
        self._doors = [
            self._door(watch.TRADE, routes(handlers), {"duty": handlers.duty}),
            self._door(exercise.TRADE, exercise_routes(clocks, discards), asked),
        ]
        for door in self._doors:
            await door.start()
        self._looking = lasting(Horizon(ledger, self._pictures).run(), "watch.horizon")

    async def stop(self) -> None:
        """Close the door first, then what it stands on."""
        if self._looking is not None:
            self._looking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._looking
        for door in self._doors:
            await door.stop()
        await self._footing.close()

    def _door(self, trade: str, commands: tuple[Route, ...], queries: dict[str, QueryHandler]) -> Door:
        gates = self._footing.gates
        return Door(self._settings, names.WATCH_DOOR, trade, commands=commands, queries=queries, gates=gates)

    def _keeping(self, mode: str) -> Keeping:
        picture = self._pictures[mode]
        return picture.dump, picture.load

    def health(self) -> dict[str, object]:
        """Whether facts are taken in, and the look ahead runs."""
        state = self._footing.health()
        looking = self._looking is not None and not self._looking.done()
        return state | {"ok": bool(state["ok"]) and looking}


def build(settings: Settings) -> WatchRoom:
    """The room, not yet started."""
    return WatchRoom(settings)
