"""The room watch: its commands and questions as data, and how it is started and stopped."""

import asyncio
import contextlib

from schemas import directory, watch
from services.runtime import names
from services.runtime.door import Door, Route
from services.runtime.footing import Footing
from services.runtime.guarded import Guarded
from services.runtime.lasting import lasting
from services.runtime.settings import Settings
from services.watch.handlers import Handlers, Picture
from services.watch.horizon import Horizon


def routes(handlers: Handlers) -> tuple[Route, ...]:
    """Every command of the trade and what answers it."""
    return (
        Route(watch.Establish, handlers.establish),
        Route(watch.Man, handlers.man),
        Route(watch.TakeOver, handlers.take),
        Route(watch.Release, handlers.release),
    )


class WatchRoom:
    """Who is on duty: door, questions and the look ahead."""

    name = "watch"

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._pictures: dict[str, Picture] = {mode: Picture() for mode in settings.modes}
        self._footing = Footing(
            settings,
            self.name,
            names.WATCH_LEDGER,
            directory.TRADES,
            lambda mode: self._pictures[mode].apply,
        )
        self._door: Door | None = None
        self._looking: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Return when the door serves."""
        ledger = await self._footing.open()
        handlers = Handlers(Guarded(ledger, self._footing.folds), self._pictures)
        self._door = Door(
            self._settings,
            names.WATCH_DOOR,
            watch.TRADE,
            commands=routes(handlers),
            queries={"duty": handlers.duty},
            gates=self._footing.gates,
        )
        await self._door.start()
        self._looking = lasting(Horizon(ledger, self._pictures).run(), "watch.horizon")

    async def stop(self) -> None:
        """Close the door first, then what it stands on."""
        if self._looking is not None:
            self._looking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._looking
        if self._door is not None:
            await self._door.stop()
        await self._footing.close()

    def health(self) -> dict[str, object]:
        """Whether facts are taken in, and the look ahead runs."""
        state = self._footing.health()
        looking = self._looking is not None and not self._looking.done()
        return state | {"ok": bool(state["ok"]) and looking}


def build(settings: Settings) -> WatchRoom:
    """The room, not yet started."""
    return WatchRoom(settings)
