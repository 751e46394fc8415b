"""Making checkpoints at a fixed cadence, and telling neighbours their blinded heads."""

import asyncio
import time
from collections.abc import Mapping

import orjson
from nats.aio.client import Client

from schemas import subjects
from schemas.directory import Directory
from schemas.heads import BlindedHeads
from services.incidents.sealing import Checkpoints
from services.runtime import logs
from services.runtime.lasting import in_thread

TELL_S = 60.0
"""Heads are told again so often: who was away keeps them late."""


class Sealer:
    """One round for every watch of a mode at start, and at each multiple of ``every_s``, news or none.

    Rounds that fell into a pause are not made up for: a checkpoint never bears an earlier time than its own.
    """

    def __init__(
        self, nc: Client, checkpoints: Checkpoints, directories: Mapping[str, Directory], every_s: int
    ) -> None:
        self._nc = nc
        self._checkpoints = checkpoints
        self._directories = directories
        self._every_s = every_s

    async def run(self) -> None:
        """For ever; a fault is logged, and the next round is made at its time."""
        due = 0
        while True:
            now = int(time.time())
            for mode, directory in self._directories.items():
                try:
                    if now >= due:
                        await in_thread(self._checkpoints.make, mode, set(directory.watches), now)
                    await self._tell(mode)
                except Exception as fault:
                    logs.get(mode=mode).error("archive.not_sealed", exc_info=fault)
            due = now - now % self._every_s + self._every_s
            await asyncio.sleep(max(0.0, min(TELL_S, due - time.time())))

    async def _tell(self, mode: str) -> None:
        """The heads of the last round, to whoever keeps them."""
        at = await in_thread(self._checkpoints.last_round, mode)
        heads = await in_thread(self._checkpoints.heads, mode, at)
        if heads:
            told = BlindedHeads(at=at, heads={org: hash.hex() for org, hash in heads.items()})
            await self._nc.publish(subjects.heads(mode), orjson.dumps(told.model_dump(mode="json")))
