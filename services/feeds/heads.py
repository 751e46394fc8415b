"""Keeping what the archive tells of each organisation's log, blinded, for its neighbours (RFC 6962 heads).

A head tells neither how much was logged nor whether anything was. Later its organisation can open it: then it
shows what its log was at that time, although nobody could look into it before.
"""

import asyncio
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from nats.aio.client import Client
from nats.aio.msg import Msg
from pydantic import ValidationError
from sqlalchemy.engine import Engine

from schemas import subjects
from schemas.directory import Directory
from schemas.heads import BlindedHeads
from services.feeds.tables import KEPT_HEADS
from services.runtime import logs
from services.runtime.lasting import in_thread

ALL_KEPT_S = 7 * 24 * 3600
"""For so long every head is kept; of older ones, the first of each hour."""
_HOUR_S, _DAY_S = 3600, 24 * 3600


class Heads:
    """The heads of every round that was heard; each is shown to those who had an agreement at the asking."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._reading = engine.execution_options(isolation_level="AUTOCOMMIT")
        self._newest: dict[str, BlindedHeads] = {}
        self._queue: asyncio.Queue[tuple[str, BlindedHeads]] = asyncio.Queue()

    async def open(self, nc: Client) -> None:
        """Subscribe, and return when the broker has the subscription."""
        await nc.subscribe(subjects.heads("*"), cb=self._on_message)
        await nc.flush()

    async def keep(self) -> None:
        """Write down what was heard, for ever."""
        while True:
            mode, told = await self._queue.get()
            try:
                await in_thread(self.write, mode, told)
            except Exception as fault:
                logs.get(mode=mode).error("feeds.heads_not_kept", exc_info=fault)

    def newest(
        self, mode: str, organisation: str, directory: Directory, now: datetime
    ) -> list[dict[str, Any]]:
        """The last round's heads of the organisations that have an agreement with this one."""
        told = self._newest.get(mode)
        if told is None:
            return []
        known = [one for one in sorted(told.heads) if _is_neighbour(one, organisation, directory, now)]
        return [{"organisation": one, "at": told.at, "head": told.heads[one]} for one in known]

    def kept(self, mode: str, organisation: str, before: int, most: int) -> list[dict[str, Any]]:
        """An organisation's heads of rounds before a moment, the newest first."""
        where = (KEPT_HEADS.c.mode == mode, KEPT_HEADS.c.organisation == organisation)
        query = sa.select(KEPT_HEADS.c.at, KEPT_HEADS.c.head).where(*where, KEPT_HEADS.c.at < before)
        with self._reading.connect() as connection:
            rows = connection.execute(query.order_by(KEPT_HEADS.c.at.desc()).limit(most)).all()
        return [{"organisation": organisation, "at": row.at, "head": row.head} for row in rows]

    def write(self, mode: str, told: BlindedHeads) -> None:
        """Keep a round's heads; one that is known already stays as it was first told."""
        with self._engine.begin() as connection:
            where = (KEPT_HEADS.c.mode == mode, KEPT_HEADS.c.at == told.at)
            known = set(connection.execute(sa.select(KEPT_HEADS.c.organisation).where(*where)).scalars())
            rows = [
                {"mode": mode, "organisation": one, "at": told.at, "head": head}
                for one, head in told.heads.items()
                if one not in known
            ]
            if rows:
                connection.execute(sa.insert(KEPT_HEADS), rows)
                _thin(connection, mode, told.at - ALL_KEPT_S)

    async def _on_message(self, message: Msg) -> None:
        self.take(message.subject.rpartition(".")[2], message.data)

    def take(self, mode: str, raw: bytes) -> None:
        """Take in what the archive tells of a round; a round that is told again is passed over."""
        try:
            told = BlindedHeads.model_validate_json(raw)
        except ValidationError:
            logs.get(mode=mode).warning("feeds.heads_unread")
            return
        former = self._newest.get(mode)
        if former is None or former.at < told.at:
            self._newest[mode] = told
            self._queue.put_nowait((mode, told))


def _is_neighbour(one: str, other: str, directory: Directory, now: datetime) -> bool:
    return one != other and directory.agreed(one, other, now)


def _thin(connection: sa.Connection, mode: str, before: int) -> None:
    """Of heads told in the day before a moment, leave out those that were not the first of their hour."""
    former = KEPT_HEADS.alias("former")
    earlier = sa.and_(
        former.c.mode == KEPT_HEADS.c.mode,
        former.c.organisation == KEPT_HEADS.c.organisation,
        former.c.at < KEPT_HEADS.c.at,
        former.c.at >= KEPT_HEADS.c.at - KEPT_HEADS.c.at % _HOUR_S,
    )
    old = KEPT_HEADS.c.at.between(before - _DAY_S, before)
    connection.execute(
        sa.delete(KEPT_HEADS).where(KEPT_HEADS.c.mode == mode, old, sa.exists().where(earlier))
    )
