"""A real broker with the accounts of a small centre, for tests of everything that speaks to it."""

import asyncio
import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from nats.aio.client import Client

from services.runtime import provisioner
from services.runtime.broker import Broker
from services.runtime.connect import connect
from services.runtime.settings import Settings
from services.runtime.watches import accounts_text

WATCHES = [("4601", "vaktsentral"), ("4601", "barnevern"), ("4624", "main"), ("110-vest", "main")]
"""A municipality of two watches, a neighbour, and the fire alarm centre."""

STREAM_BYTES = 512 * 1024 * 1024


@dataclass(frozen=True)
class Hub:
    """A running broker, the settings that lead to it, and its pairs of organisation and watch."""

    settings: Settings
    broker: Broker
    watches: list[tuple[str, str]]

    async def connect(self, user: str) -> Client:
        """A connection as one of the hub's users or as a watch."""
        return await connect(self.settings, user, patience_s=10)


@contextlib.contextmanager
def running_hub(home: Path) -> Iterator[Hub]:
    """A provisioned broker, stopped at the end whatever happens."""
    settings = Settings(home=home, stream_bytes=STREAM_BYTES)
    broker = Broker(settings.nats_home, accounts_text(settings, WATCHES))
    try:
        asyncio.run(_start(broker, settings))
        yield Hub(settings, broker, WATCHES)
    finally:
        asyncio.run(broker.stop())


async def _start(broker: Broker, settings: Settings) -> None:
    await broker.start()
    await provisioner.provision(settings)
