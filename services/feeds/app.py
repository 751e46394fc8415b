"""The room feeds: the door that decides who shares with whom, the projector, and the ways out."""

import asyncio
import secrets
from pathlib import Path
from typing import Any

from nats.aio.client import Client

from schemas import directory, feeds
from schemas.directory import Directory
from services.feeds.asked import DataQueries
from services.feeds.delivery import Counter, Delivery
from services.feeds.handlers import Handlers, HeadQueries
from services.feeds.heads import Heads
from services.feeds.store import Fresh, Store
from services.runtime import names, shares
from services.runtime.connect import connect
from services.runtime.credentials import write_durably
from services.runtime.database import open_database
from services.runtime.direct import Direct
from services.runtime.door import Door, Route
from services.runtime.footing import Footing
from services.runtime.guarded import Guarded
from services.runtime.lasting import end_all, in_thread, lasting
from services.runtime.projector import Projector
from services.runtime.settings import Settings

SECRET_BYTES = 32
PACE_S, CALM_S = 0.01, 0.04
"""Least seconds between two transactions under load: while there is something for a subscriber, and else."""


def routes(handlers: Handlers) -> tuple[Route, ...]:
    """Every command of the trade and what answers it."""
    return (
        Route(feeds.SetOrganisation, handlers.set_organisation),
        Route(feeds.Agree, handlers.agree),
        Route(feeds.SetRegion, handlers.set_region),
        Route(feeds.Subscribe, handlers.subscribe),
    )


class FeedsRoom:
    """Each neighbour's share of what happens."""

    name = "feeds"

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._directories: dict[str, Directory] = {mode: Directory() for mode in settings.modes}
        self._footing = Footing(
            settings,
            self.name,
            names.FEEDS_LEDGER,
            directory.FACTS,
            lambda mode: lambda recorded: self._directories[mode].apply(recorded.body),
        )
        self._nc: Client | None = None
        self._store: Store | None = None
        self._door: Door | None = None
        self._projectors: dict[str, Projector] = {}
        self._deliveries: dict[str, Delivery] = {}
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Return when commands are taken in and feeds are given out."""
        ledger = await self._footing.open()
        heads = await self._open_feeds()
        handlers = Handlers(Guarded(ledger, self._footing.folds), self._directories, self._deliveries)
        assert self._store is not None  # noqa: S101  opened above
        data = DataQueries(self._store, self._directories)
        self._door = Door(
            self._settings,
            names.FEEDS_DOOR,
            feeds.TRADE,
            commands=routes(handlers),
            queries={
                "state": handlers.state,
                "heads": HeadQueries(heads, self._directories).heads,
                "received": data.received,
                shares.WHAT: data.exercise,
            },
            gates=self._footing.gates,
        )
        await self._door.start()

    async def stop(self) -> None:
        """Close the door first, then the feeds, then what they stand on."""
        if self._door is not None:
            await self._door.stop()
        await end_all(self._tasks)
        if self._nc is not None:
            await self._nc.close()
        if self._store is not None:
            self._store.close()
        await self._footing.close()

    def health(self) -> dict[str, object]:
        """Whether facts are taken in, and each mode's feeds are written and given out."""
        state = self._footing.health()
        reasons = {mode: one.reason for mode, one in self._projectors.items() if one.reason}
        running = bool(self._tasks) and not any(task.done() for task in self._tasks)
        return state | {"ok": bool(state["ok"]) and running and not reasons, "feeds": reasons}

    async def _open_feeds(self) -> Heads:
        nc = self._nc = await connect(self._settings, names.FEEDS)
        engine = await in_thread(open_database, self._settings, self.name)
        secret = await in_thread(thread_secret, self._settings.home / "keys" / "feeds.key")
        store, direct = Store(engine, self._handing_over()), Direct(nc)
        self._store = store
        heads = Heads(engine)
        self._tasks.append(lasting(heads.keep(), "feeds.heads"))
        await heads.open(nc)
        await direct.open()
        for mode in self._settings.modes:
            await in_thread(store.directory, mode)  # from here on it lies in memory
            delivery = self._deliveries[mode] = Delivery(nc, direct, store, mode, secret, heads)
            await delivery.open()
            projector = self._projectors[mode] = Projector(nc, mode, names.FEEDS, store, PACE_S, CALM_S)
            self._tasks += [
                lasting(projector.run(), f"feeds.{mode}.projector"),
                lasting(delivery.copy(), f"feeds.{mode}.copy"),
                lasting(delivery.tick(), f"feeds.{mode}.tick"),
            ]
        await Counter(nc, self._deliveries).open()
        return heads

    def _handing_over(self) -> Any:
        """What the store calls after a commit, in its thread: the copies go out from the loop at once."""
        loop = asyncio.get_running_loop()

        def hand_over(fresh: Fresh) -> None:
            loop.call_soon_threadsafe(self._deliveries[fresh.mode].queue.put_nowait, fresh)

        return hand_over


def thread_secret(file: Path) -> bytes:
    """The key of which threads are made: kept apart from the tables, so that a rebuild keeps the threads."""
    if not file.exists():
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_durably(file, secrets.token_bytes(SECRET_BYTES))
    return file.read_bytes()


def build(settings: Settings) -> FeedsRoom:
    """The room, not yet started."""
    return FeedsRoom(settings)
