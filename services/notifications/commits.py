"""Work against the tables: one thread, and one commit for all that waits at the same time."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy.engine import Connection, Engine

R = TypeVar("R")
Work = Callable[[Connection], Any]


@dataclass(slots=True)
class _Waiting:
    work: Work
    future: "asyncio.Future[Any]"


class Store:
    """Runs work against the tables in one thread; what waits at the same time shares one transaction."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._thread = ThreadPoolExecutor(1, "notifications-store")
        self._waiting: list[_Waiting] = []
        self._task: asyncio.Task[None] | None = None

    async def run(self, work: Callable[[Connection], R]) -> R:
        """Run ``work`` in a transaction; returns when it is committed, raises what it raises."""
        future: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(work, future))
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._drain())
        return await future

    async def scrub(self) -> None:
        """Leave no byte of deleted contacts in the database's files."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._scrub)

    async def close(self) -> None:
        """Wait for what runs, and let the database go."""
        while self._task is not None:
            await asyncio.wait([self._task])
        self._thread.shutdown()
        self._engine.dispose()

    async def _drain(self) -> None:
        loop = asyncio.get_running_loop()
        while self._waiting:
            many, self._waiting = self._waiting, []
            results = await loop.run_in_executor(self._thread, self._commit, [one.work for one in many])
            for one, result in zip(many, results, strict=True):
                _settle(one.future, result)
        self._task = None

    def _scrub(self) -> None:
        with self._engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
            is_file = self._engine.dialect.name == "sqlite"
            connection.exec_driver_sql(
                "PRAGMA wal_checkpoint(TRUNCATE)" if is_file else "VACUUM (FULL) contact"
            )

    def _commit(self, many: list[Work]) -> list[Any]:
        try:
            with self._engine.begin() as connection:
                results = [work(connection) for work in many]
            return results
        except Exception:
            return [self._alone(work) for work in many]

    def _alone(self, work: Work) -> Any:
        try:
            with self._engine.begin() as connection:
                return work(connection)
        except Exception as fault:
            return fault


def _settle(future: "asyncio.Future[Any]", result: Any) -> None:
    if future.done():
        return
    if isinstance(result, Exception):
        future.set_exception(result)
    else:
        future.set_result(result)
