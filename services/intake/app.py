"""The room intake: its command and question as data, and how it is started and stopped."""

import asyncio

from schemas import directory, warnings
from services.intake.handlers import Handlers, Picture
from services.intake.store import SERVICE, Store
from services.runtime import logs, names, shares
from services.runtime.database import open_database
from services.runtime.door import Door, Route
from services.runtime.footing import Footing
from services.runtime.lasting import end_all, in_thread, lasting
from services.runtime.settings import Settings

_RETRY_S = 1.0
TAKE_BYTES = 3 * 1024 * 1024
"""Limit of a command with a message of 2 MiB in it, in base64."""


def routes(handlers: Handlers) -> tuple[Route, ...]:
    """Every command of the trade and what answers it."""
    return (Route(warnings.TakeIn, handlers.take, TAKE_BYTES),)


class IntakeRoom:
    """Where official warnings come in."""

    name = "intake"

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._pictures = {str(mode): Picture() for mode in settings.modes}
        self._footing = Footing(
            settings,
            self.name,
            names.INTAKE_LEDGER,
            (*directory.FACTS, warnings.TRADE),
            lambda mode: self._pictures[mode].apply,
        )
        self._store: Store | None = None
        self._door: Door | None = None
        self._tidying: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Return when the door serves."""
        self._store = Store(await in_thread(open_database, self._settings, SERVICE))
        ledger = await self._footing.open()
        self._tidying = lasting(self._tidy(self._store), "intake.tidy")
        handlers = Handlers(ledger, self._footing.folds, self._pictures, self._store)
        self._door = Door(
            self._settings,
            names.INTAKE_DOOR,
            warnings.TRADE,
            commands=routes(handlers),
            queries={"list": handlers.listing, shares.WHAT: handlers.exercise},
            gates=self._footing.gates,
        )
        await self._door.start()

    async def stop(self) -> None:
        """Close the door first, then what it stands on."""
        if self._door is not None:
            await self._door.stop()
        if self._tidying is not None:
            await end_all([self._tidying])
        await self._footing.close()
        if self._store is not None:
            self._store.close()

    def health(self) -> dict[str, object]:
        """Whether facts are taken in."""
        state = self._footing.health()
        return state | {"ok": bool(state["ok"]) and not (self._tidying is None or self._tidying.done())}

    async def _tidy(self, store: Store) -> None:
        """Delete the originals of exercises that were ended for good; what a crash leaves, the next start."""
        is_due = asyncio.Event()
        is_due.set()
        for picture in self._pictures.values():
            picture.on_discard = is_due.set
        while True:
            await is_due.wait()
            is_due.clear()
            try:
                for mode, picture in self._pictures.items():
                    await in_thread(store.drop, mode, picture.warnings.originals_gone())
            except Exception as fault:
                logs.get().error("intake.not_tidied", exc_info=fault)
                await asyncio.sleep(_RETRY_S)
                is_due.set()


def build(settings: Settings) -> IntakeRoom:
    """The room, not yet started."""
    return IntakeRoom(settings)
