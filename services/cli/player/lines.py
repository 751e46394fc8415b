"""A neighbour's line to its feed: it follows live copies, may be lost, and asks for what it has missed."""

from typing import Any

import orjson
from nats.aio.client import Client
from nats.aio.msg import Msg

from schemas import subjects
from schemas.vocabulary import Mode
from services.cli.player.hub import PATIENCE_S, Hub
from services.runtime import names
from services.runtime.connect import connect


class Line:
    """Follows one organisation's feed as docs/neighbours.md says: copies, and ``next`` at a gap."""

    def __init__(self, hub: Hub, org: str, position: str | None) -> None:
        self.org = org
        self.items: list[dict[str, Any]] = []
        self.missed = 0
        self._hub = hub
        self.start = self._position = position
        self._nc: Client | None = None

    async def open(self) -> None:
        """Subscribe, then ask for what came before."""
        user = names.exercise_user(self._hub.exercise, self.org, names.FEED_WATCH)
        self._nc = await connect(self._hub.settings, user, patience_s=PATIENCE_S)
        await self._nc.subscribe(subjects.feed(Mode.EXERCISE, self.org, "items"), cb=self._hear)
        await self._nc.flush()
        await self.fill()

    async def cut(self) -> None:
        """Lose the line."""
        if self._nc is not None:
            await self._nc.close()
            self._nc = None

    async def restore(self) -> None:
        """Have it again; ``missed`` counts what came meanwhile."""
        before = len(self.items)
        await self.open()
        self.missed += len(self.items) - before

    async def fill(self) -> None:
        """Ask for all after the last item that is known."""
        found, position = await self._hub.feed(self.org, self._position)
        self.items += [item for item in found if _number(item) > self._last()]
        self._position = position if self._position is None or found else self._position

    async def _hear(self, message: Msg) -> None:
        item = orjson.loads(message.data)
        if item.get("tick"):
            return
        if _number(item) == self._last() + 1:
            self.items.append(item)
            self._position = item["position"]

    def _last(self) -> int:
        return int((self._position or ".0").rpartition(".")[2])


def _number(item: dict[str, Any]) -> int:
    return int(str(item["position"]).rpartition(".")[2])
