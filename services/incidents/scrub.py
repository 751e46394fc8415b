"""Holding the two copies against each other by the way: at start, and every day at an hour of rest.

First facts and content, all of them; then attached files, so many bytes each time.
"""

import asyncio
import time
from collections.abc import Mapping
from datetime import datetime, timedelta

from services.incidents.filescrub import FileScrub
from services.incidents.store import Store
from services.incidents.verify import check
from services.runtime import logs
from services.runtime.direct import Direct, StreamUnreachable
from services.runtime.projector import Projector

SHARE = 0.2
"""Of its own time a scrub works so much, and rests for what is left."""
REST_MOST_S = 1.0
_AGAIN_S = 60.0


class Scrub:
    """Checks every mode, and keeps what it found first; ``found`` is empty while all is well."""

    def __init__(
        self,
        store: Store,
        direct: Direct,
        projectors: Mapping[str, Projector],
        files: FileScrub,
        hour: int,
    ) -> None:
        self._store = store
        self._direct = direct
        self._projectors = projectors
        self.files = files
        self._hour = hour
        self.found: dict[str, str] = {}

    async def run(self, mode: str) -> None:
        """One mode: once the archive has caught up, then every day, for ever."""
        await self._projectors[mode].caught_up.wait()
        while True:
            await self._until_done(mode)
            await self._compare_files(mode)
            await asyncio.sleep(rest_s(self._hour, datetime.now().astimezone()))

    async def _until_done(self, mode: str) -> None:
        """One mode's check; a broker that is away is waited for."""
        while True:
            try:
                report = await check(self._store, self._direct, mode, _Pace().rest)
            except StreamUnreachable:
                await asyncio.sleep(_AGAIN_S)
                continue
            if report.first is None:
                self.found.pop(mode, None)
                logs.get(mode=mode).info("scrub.done")
            else:
                self.found[mode] = report.first.what
                logs.get(mode=mode, code=report.first.what).error("scrub.difference")
            return

    async def _compare_files(self, mode: str) -> None:
        """One night's part of a mode's files; a broker that is away is waited for."""
        while True:
            try:
                await self.files.run(mode, _Pace().rest)
            except StreamUnreachable:
                await asyncio.sleep(_AGAIN_S)
                continue
            except Exception as fault:
                logs.get(mode=mode).error("scrub.files", exc_info=fault)
            return


class _Pace:
    def __init__(self) -> None:
        self._began = time.monotonic()

    async def rest(self) -> None:
        """Rest after a page for as long as leaves the others their share."""
        worked = time.monotonic() - self._began
        await asyncio.sleep(min(REST_MOST_S, worked * (1 - SHARE) / SHARE))
        self._began = time.monotonic()


def rest_s(hour: int, now: datetime) -> float:
    """Seconds until the hour comes next, by the clock that ``now`` is of."""
    then = now.replace(hour=hour, minute=0, second=0, microsecond=0)
    return ((then if then > now else then + timedelta(days=1)) - now).total_seconds()
