"""The part incidents-door: takes in what is reported, and knows what it needs to decide."""

import asyncio

from schemas import attachments, directory, incidents, related
from services.incidents.picture import Picture
from services.incidents.screening import Screening
from services.incidents.tying import TieHandlers, routes
from services.incidents.uploads import Uploads
from services.runtime import names
from services.runtime.door import Door
from services.runtime.follower import Trades
from services.runtime.footing import Footing
from services.runtime.kept import Keeping
from services.runtime.lasting import end_all, lasting
from services.runtime.ledger import Ledger
from services.runtime.settings import Settings

_HEARD = (incidents.Erased, attachments.Attached, attachments.AttachmentChecked)
_NAMES = (*(body.name for body in _HEARD), *related.NAMES)
FOLLOWED: Trades = (*directory.FACTS, directory.REGISTER, *((incidents.TRADE, name) for name in _NAMES))
GROWING: Trades = ((incidents.TRADE, incidents.Opened.name),)

NEVER = dict.fromkeys(("edit", "update", "change", "delete", "remove", "purge"), "NEVER_CHANGED")
"""What people used to other logs may try."""


class IncidentsDoor:
    """Commands of the incident log; what can be asked of it is the archive's."""

    name = "incidents-door"

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._pictures: dict[str, Picture] = {mode: Picture() for mode in settings.modes}
        self._footing = Footing(
            settings,
            self.name,
            names.INCIDENTS_LEDGER,
            FOLLOWED,
            lambda mode: self._pictures[mode].apply,
            GROWING,
            self._keeping,
        )
        self._ledger: Ledger | None = None
        self._door: Door | None = None
        self._screening: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Return when the door serves."""
        self._ledger = await self._footing.open()
        handlers = TieHandlers(self._ledger, self._pictures, self._footing.folds)
        uploads = Uploads(handlers, self._ledger, self._pictures, self._settings.file_max_mb)
        commands = (*routes(handlers), *uploads.routes())
        screening = Screening(self._ledger, self._pictures, self._settings.scanner)
        self._screening = lasting(screening.run(), f"{self.name}.screening")
        gates = self._footing.gates
        self._door = Door(
            self._settings, names.INCIDENTS_DOOR, incidents.TRADE, commands, gates=gates, never=NEVER
        )
        await self._door.start()

    async def stop(self) -> None:
        """Close the door first, then what it stands on."""
        if self._door is not None:
            await self._door.stop()
        if self._screening is not None:
            await end_all([self._screening])
        if self._ledger is not None:
            await self._ledger.close()
        await self._footing.close()

    def _keeping(self, mode: str) -> Keeping:
        refs = self._pictures[mode].refs
        return refs.dump, refs.load

    def health(self) -> dict[str, object]:
        """The state of gates and folds, and how many messages were no commands."""
        return self._footing.health() | {"dropped": self._door.dropped if self._door else 0}


def build(settings: Settings) -> IncidentsDoor:
    """The part, ready to be started."""
    return IncidentsDoor(settings)
