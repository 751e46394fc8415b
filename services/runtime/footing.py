"""What a room with a door stands on: its connection to the ledgers, their gates, and folds in memory."""

import asyncio
from collections.abc import Callable

from nats.aio.client import Client

from schemas.watch import Established
from services.runtime import logs
from services.runtime.connect import connect
from services.runtime.epochs import Gate
from services.runtime.follower import Trades
from services.runtime.guarded import Folded
from services.runtime.kept import Keeping, Kept
from services.runtime.lasting import end_all, lasting
from services.runtime.ledger import Ledger, Recorded
from services.runtime.settings import Settings

PATIENCE_S = 10.0
"""How long a fold may read nothing before a start is given up."""

Apply = Callable[[Recorded], None]


class Footing:
    """Opened once by a room, closed with it. ``apply`` gives each mode the function that folds its facts."""

    def __init__(
        self,
        settings: Settings,
        room: str,
        user: str,
        trades: Trades,
        apply: Callable[[str], Apply],
        growing: Trades = (),
        keeping: Callable[[str], Keeping] | None = None,
    ) -> None:
        """``keeping``: how each mode keeps what the facts of ``growing`` have made, so that no start reads
        all of them again."""
        self._settings = settings
        self._room = room
        self._user = user
        self._trades = trades
        self._apply = apply
        self._growing = growing
        self._keeping = keeping
        self._nc: Client | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self.gates: dict[str, Gate] = {}
        self.folds: dict[str, Folded] = {}

    async def open(self) -> Ledger:
        """The ledger, once every fold has caught up. Raises TimeoutError when one reads nothing meanwhile."""
        nc = self._nc = await connect(self._settings, self._user)
        for mode in self._settings.modes:
            mark = self._settings.home / "marks" / f"{self._room}-{mode}.json"
            self.gates[mode] = Gate(nc, mode, mark)
            self.folds[mode] = self._fold(nc, mode)
            await self.gates[mode].open()
            self._tasks.append(lasting(self.gates[mode].keep(), f"{self._room}.{mode}.gate"))
            self._tasks.append(lasting(self.folds[mode].follower.run(), f"{self._room}.{mode}.fold"))
        ledger = Ledger(nc, self.gates)
        await ledger.open()
        for fold in self.folds.values():
            await fold.follower.caught_up(PATIENCE_S)
        return ledger

    async def close(self) -> None:
        """End the tasks and the connection, and keep what the folds know."""
        await end_all(self._tasks)
        for fold in self.folds.values():
            await fold.follower.close()
        if self._nc is not None:
            await self._nc.close()

    @property
    def connection(self) -> Client:
        """The connection of an open footing, for what a room does besides. Raises RuntimeError before."""
        if self._nc is None:
            raise RuntimeError("the footing is not open")
        return self._nc

    def _fold(self, nc: Client, mode: str) -> Folded:
        kept = None
        if self._keeping is not None:
            file = self._settings.home / "marks" / f"{self._room}-{mode}.kept"
            kept = Kept(nc, mode, file, self._keeping(mode))
        folding = self._folding(mode)
        return Folded(nc, mode, self._user, self._trades, folding, self._growing, kept)

    def _folding(self, mode: str) -> Apply:
        """The room's own fold; beside it, hidden watches become known to the logs of this process (D13)."""
        apply = self._apply(mode)

        def fold(recorded: Recorded) -> None:
            apply(recorded)
            if isinstance(body := recorded.body, Established):
                logs.note_watch(f"{self._room}.{mode}", body.watch, is_hidden=body.hidden)

        return fold

    def health(self) -> dict[str, object]:
        """``ok`` is True while every mode takes in facts and is followed."""
        reasons = {mode: gate.reason for mode, gate in self.gates.items() if gate.reason}
        ok = not reasons and bool(self.gates) and not any(task.done() for task in self._tasks)
        unread = sum(fold.follower.unread for fold in self.folds.values())
        return {"ok": ok, "gates": reasons, "unread": unread}
