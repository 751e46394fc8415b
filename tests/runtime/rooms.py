"""Tiny rooms for the tests of the supervisor: each runs in a real worker process."""

import asyncio
import os
import signal
import time

from nats.aio.client import Client

from services.runtime.connect import connect
from services.runtime.lasting import lasting
from services.runtime.settings import Settings

OBEYS_S = 0.05
SLOW_S = 2.0


class Quiet:
    """Serves nothing; writes its process id to HOME/<name>.pid and notes that it was stopped."""

    name = "quiet"

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    async def start(self) -> None:
        fresh = self.settings.home / f"{self.name}.new"
        fresh.write_text(str(os.getpid()))
        fresh.rename(self.settings.home / f"{self.name}.pid")

    async def stop(self) -> None:
        (self.settings.home / f"{self.name}.stopped").touch()

    def health(self) -> dict[str, object]:
        return {"ok": True}


class Obedient(Quiet):
    """Holds a connection, and does what HOME/order says: die, hang, end a task, or cut the connection."""

    name = "obedient"

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.order = settings.home / "order"
        self.nc = Client()
        self.obeying: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self.nc = await connect(self.settings, "ops")
        self.obeying = asyncio.create_task(self._obey())
        await super().start()

    async def stop(self) -> None:
        await super().stop()
        await self.nc.close()

    async def _obey(self) -> None:
        while True:
            await asyncio.sleep(OBEYS_S)
            if not self.order.exists():
                continue
            order = self.order.read_text()
            self.order.unlink()
            if order == "die":
                os.kill(os.getpid(), signal.SIGKILL)
            elif order == "hang":
                time.sleep(600)  # noqa: ASYNC251 - hanging is what is asked for
            elif order == "end":
                lasting(asyncio.sleep(0), "obedient.task")
            else:
                await self.nc._close(Client.CLOSED)


class Slow(Quiet):
    """Has much to read before it serves."""

    name = "slow"

    async def start(self) -> None:
        await asyncio.sleep(SLOW_S)
        await super().start()


class Stumbling(Slow):
    """Ends once, and then has much to read before it serves."""

    name = "stumbling"

    async def start(self) -> None:
        mark = self.settings.home / "stumbled"
        if not mark.exists():
            mark.touch()
            raise RuntimeError("stumbled")
        await super().start()


class Broken(Quiet):
    """Never comes up."""

    name = "broken"

    async def start(self) -> None:
        raise RuntimeError("broken")


def quiet(settings: Settings) -> Quiet:
    return Quiet(settings)


def obedient(settings: Settings) -> Quiet:
    return Obedient(settings)


def slow(settings: Settings) -> Quiet:
    return Slow(settings)


def stumbling(settings: Settings) -> Quiet:
    return Stumbling(settings)


def broken(settings: Settings) -> Quiet:
    return Broken(settings)
