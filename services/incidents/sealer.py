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
    """One round for every watch of a mode at each multiple of ``every_s``, whether or not there is news.

    Rounds that fell into a pause are not made up for.
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
        while True:
            now = int(time.time())
            for mode, directory in self._directories.items():
                try:
                    await self._seal(mode, set(directory.watches), now - now % self._every_s)
                except Exception as fault:
                    logs.get(mode=mode).error("archive.not_sealed", exc_info=fault)
            left_s = self._every_s - time.time() % self._every_s
            await asyncio.sleep(min(TELL_S, left_s))

    async def _seal(self, mode: str, watches: set[str], at: int) -> None:
        if await in_thread(self._checkpoints.last_round, mode) < at:
            await in_thread(self._checkpoints.make, mode, watches, at)
        heads = await in_thread(self._checkpoints.heads, mode, at)
        if heads:
            told = BlindedHeads(at=at, heads={org: hash.hex() for org, hash in heads.items()})
            await self._nc.publish(subjects.heads(mode), orjson.dumps(told.model_dump(mode="json")))
