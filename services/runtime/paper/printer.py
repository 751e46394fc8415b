"""Makes papers anew every five minutes, and at once when asked; says how old they are."""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable

from services.runtime import logs
from services.runtime.lasting import lasting

EVERY_S = 300.0
PAUSE_S, RETRY_S = 1.0, 15.0
"""Least time between two rounds; and how long after one that failed, or found no watch yet."""
OLD_S = 3 * EVERY_S
"""Papers that are older are a fault: three rounds did not succeed."""


class Printer:
    """Runs a room's ``work``, which makes all its papers and gives the number of watches that have some."""

    def __init__(self, name: str, work: Callable[[], Awaitable[int]]) -> None:
        self._name = name
        self._work = work
        self._asked = asyncio.Event()
        self._made = time.monotonic()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Make papers from now on."""
        self._task = lasting(self._run(), f"{self._name}.paper")

    async def stop(self) -> None:
        """Make no more."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    def ask(self) -> None:
        """Have them made anew soon: something on them must go."""
        self._asked.set()

    async def make(self) -> int:
        """Make them now; how many watches have some. Raises what the work raises."""
        began = time.monotonic()
        count = await self._work()
        self._made = time.monotonic()
        logs.get(count=count, duration_ms=int((self._made - began) * 1000)).debug("paper.made")
        return count

    @property
    def health(self) -> dict[str, object]:
        """How old the newest papers are, in seconds."""
        return {"paper_age_s": int(self._age_s)}

    @property
    def is_fresh(self) -> bool:
        """False when they are so old that one must not rely on them."""
        return self._age_s < OLD_S

    @property
    def _age_s(self) -> float:
        return time.monotonic() - self._made

    async def _run(self) -> None:
        while True:
            self._asked.clear()
            wait_s = RETRY_S
            try:
                wait_s = EVERY_S if await self.make() else RETRY_S
            except Exception as fault:
                logs.get(part=self._name).error("paper.not_made", exc_info=fault)
            await asyncio.sleep(PAUSE_S)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await self._asked.wait()
