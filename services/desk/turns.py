"""Heavy work of one event loop, one piece at a time: between two, all else of the process is looked after."""

import asyncio
from types import TracebackType


class Turns:
    """An asynchronous context that is left before the next one enters.

    Who enters lets the loop go round first: else all who are ready at the same moment would go through in
    one go, and a crowd of readers would silence the process for seconds.
    """

    def __init__(self) -> None:
        self._lock = asyncio.Lock()

    async def __aenter__(self) -> None:
        await self._lock.acquire()
        try:
            await asyncio.sleep(0)
        except BaseException:
            self._lock.release()
            raise

    async def __aexit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, where: TracebackType | None
    ) -> None:
        self._lock.release()
