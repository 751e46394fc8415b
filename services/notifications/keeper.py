"""Sees that no chain is forgotten: takes up open ones at the start, and looks after all of them (D7)."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from schemas.notifications import Started
from schemas.subjects import Place
from schemas.vocabulary import DutyFunction
from services.notifications import store
from services.notifications.escalation import ToTell
from services.notifications.pager import OVERDUE, Pager
from services.notifications.picture import Picture
from services.notifications.rules import Chain
from services.notifications.store import ChainRow, DeliveryRow
from services.runtime import logs
from services.runtime.direct import StreamUnreachable
from services.runtime.ledger import Recorded
from services.runtime.timers import Key, TimerFailed

SWEEP_S = 30.0
LINKS_KEPT = timedelta(days=1)
"""How long the links and messages of a chain are kept once it has ended."""


class Keeper:
    """The start after a crash, and the sweep."""

    def __init__(self, pager: Pager, pictures: Mapping[str, Picture]) -> None:
        self._pager = pager
        self._pictures = pictures

    async def restore(self) -> None:
        """Take up every open chain; send again, marked, what may have gone out without a record."""
        rows = await self._pager.rows.run(store.chains(outcome=""))
        pending = await self._pager.rows.run(store.unrecorded())
        for row in rows:
            await self._take_up(row, [one for one in pending if one.chain == row.chain])
        await self._find_unknown()

    def hear(self, chain_id: str, recorded: Recorded) -> None:
        """End a chain that the ledger says has ended: the answer to the writer may have been lost."""
        chain = self._pager.open.get(chain_id)
        if chain is not None:
            self._pager.take(chain, recorded)

    async def run(self) -> None:
        """Sweep for ever."""
        while True:
            await asyncio.sleep(SWEEP_S)
            try:
                await self.sweep()
            except Exception as fault:
                logs.get().error("sweep.failed", exc_info=fault)

    async def sweep(self) -> None:
        """Act on what is overdue, arm the timers that are missing, take up chains that no row tells of."""
        now = datetime.now(UTC)
        for chain_id, due in list(self._pager.due.items()):
            if due + OVERDUE < now:
                age_s = int((now - due).total_seconds())
                if (chain := self._pager.open.get(chain_id)) is not None:
                    self._pager.line(chain, age_s=age_s).warning("chain.overdue")
                self._pager.wake(chain_id)
        await self._arm_missing(now)
        await self._find_unknown()
        await self._pager.keep(store.drop_old(now - LINKS_KEPT))

    async def _arm_missing(self, now: datetime) -> None:
        waiting = {
            Key(chain.mode, chain.id): chain
            for chain in self._pager.open.values()
            if self._pager.due.get(chain.id, now) > now
        }
        try:
            for key in await self._pager.timers.missing(waiting):
                chain = waiting[key]
                if chain.outcome is None and (due := self._pager.due.get(chain.id)) is not None:
                    self._pager.line(chain).warning("timer.armed_again")
                    await self._pager.timers.arm(key, due, chain.last_fact, again=True)
        except (TimerFailed, StreamUnreachable) as fault:
            logs.get().warning("timer.not_armed", exc_info=fault)

    async def _find_unknown(self) -> None:
        """The ledger knows of chains that the tables have lost."""
        for mode, picture in self._pictures.items():
            for chain_id, (place, _) in list(picture.open.items()):
                if chain_id not in self._pager.open:
                    await self._pager.resume(chain_id, mode, place)

    async def _take_up(self, row: ChainRow, pending: list[DeliveryRow]) -> None:
        place = Place(row.mode, row.org, row.owner, Started.trade, row.incident, Started.name)
        if self._pictures[row.mode].directory.is_discarded(place.key, store.moment(row.started_at)):
            return
        chain = (await self._pager.past(row.mode, place)).get(row.chain)
        if chain is None or chain.outcome is not None:
            outcome = (chain and chain.outcome) or "unknown"
            await self._pager.keep(store.end_chain(row.chain, outcome, datetime.now(UTC)))
            return
        for one in pending:
            await self._repeat(chain, one)
        self._pager.adopt(chain)

    async def _repeat(self, chain: Chain, row: DeliveryRow) -> None:
        """Send a message again that the ledger does not know to have gone out."""
        function, telling = DutyFunction(row.function), chain.tellings.get(row.person)
        if telling is not None and telling.attempts >= row.attempt and not telling.under_way:
            await self._pager.keep(store.finish(row.delivery))
            return
        chain.begin(row.person, function, row.step, row.attempt, store.moment(row.begun_at))
        told = ToTell(row.person, function, row.step, row.attempt)
        self._pager.line(chain, step=row.step).warning("page.repeated")
        self._pager.spawn(self._pager.send(chain, told, row.delivery, repeated=True))
