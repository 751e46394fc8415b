"""One after another for the same key, side by side for different keys."""

import asyncio
from types import TracebackType


class KeyedLocks:
    """Locks that exist as long as somebody holds or waits for them; first come, first served."""

    def __init__(self) -> None:
        self._locks: dict[str, asyncio.Lock] = {}
        self._users: dict[str, int] = {}

    def holding(self, key: str) -> "_Holding":
        """Hold the key's lock for the length of a block."""
        return _Holding(self, key)

    async def take(self, key: str) -> None:
        """Wait for the key's lock; `leave` it afterwards, unless this was cancelled."""
        self._users[key] = self._users.get(key, 0) + 1
        try:
            await self._locks.setdefault(key, asyncio.Lock()).acquire()
        except BaseException:
            self._forget(key)
            raise

    def leave(self, key: str) -> None:
        """Let the next one have the key's lock."""
        self._locks[key].release()
        self._forget(key)

    def _forget(self, key: str) -> None:
        self._users[key] -= 1
        if not self._users[key]:
            del self._users[key], self._locks[key]


class _Holding:
    """A block that holds a lock; a class, as a generator would cost each command three times as much."""

    __slots__ = ("_key", "_locks")

    def __init__(self, locks: KeyedLocks, key: str) -> None:
        self._locks = locks
        self._key = key

    async def __aenter__(self) -> None:
        await self._locks.take(self._key)

    async def __aexit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._locks.leave(self._key)
