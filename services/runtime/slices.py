"""Much work in small slices, between which the event loop serves all others."""

import asyncio

SLICE = 16
"""A few milliseconds of work: what the broker has answered meanwhile is not kept waiting for longer."""


class Slices:
    """Counts pieces of work and gives way after each slice of them."""

    def __init__(self) -> None:
        self._done = 0

    async def one_more(self) -> None:
        """Count a piece of work; at the end of a slice, let everybody else run first."""
        self._done = (self._done + 1) % SLICE
        if self._done == 0:
            await asyncio.sleep(0)
