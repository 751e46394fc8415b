"""One connection to the hub for each watch, opened when the watch is first needed (D10)."""

import asyncio

from schemas import subjects
from services.runtime import names
from services.runtime.edge import Edge
from services.runtime.reading import Refusal
from services.runtime.settings import Settings

VIA = "desk"


class Edges:
    """The watches for which this machine holds a credential."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._edges: dict[str, Edge] = {}
        self._opening = asyncio.Lock()

    def watches(self) -> list[str]:
        """The keys of the watches that can act from this desk, sorted."""
        stems = (path.stem for path in self._settings.credentials.glob("*.*.nk"))
        keys = (stem for stem in stems if stem.partition(".")[2] not in names.RESERVED_WATCHES)
        return sorted(keys)

    async def of(self, key: str) -> Edge:
        """The watch's edge. Raises Refusal when there is no credential for such a watch."""
        edge = self._edges.get(key)
        if edge is not None:
            return edge
        if key not in await asyncio.to_thread(self.watches):
            raise Refusal("UNKNOWN_WATCH", watch=key if _is_key(key) else "")
        async with self._opening:
            if key not in self._edges:
                self._edges[key] = await Edge.open(self._settings, key, VIA)
            return self._edges[key]

    async def any(self, org: str | None = None) -> Edge:
        """Some watch's edge, of the organisation if it has one: for what is asked on nobody's behalf."""
        found = await asyncio.to_thread(self.watches)
        own = [key for key in found if key.partition(".")[0] == org]
        if not found:
            raise Refusal("LEDGER_UNREACHABLE")
        return await self.of((own or found)[0])

    async def close(self) -> None:
        """Leave the broker; what lies in the spools stays there."""
        for edge in self._edges.values():
            await edge.close()


def _is_key(key: str) -> bool:
    try:
        subjects.split_key(key)
    except subjects.BadToken:
        return False
    return True
