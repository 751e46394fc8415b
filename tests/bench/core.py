"""`make bench BENCH=core`: reports, feeds, pages, rebuilding, starting and memory (docs/bench.md)."""

import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import orjson
from nats.aio.client import Client

from schemas import subjects
from schemas.identifiers import new_id
from services.runtime import names
from services.runtime.connect import connect
from tests.bench import rebuild, reports
from tests.bench.sinks import GatewaySink, gateway
from tests.system_hub import HubProcess, free_port

OUT = Path("build") / "bench" / "core.json"
WATCH, NEIGHBOUR = "4601.vaktsentral", "4627"
FEED_PER_S, FEED_S = 50, 20
PAGE_PER_S, PAGE_S = 20, 10
SYNCS = 200
LIMITS: dict[str, tuple[str, float]] = {
    "report_ratio_1": (">=", 0.20),
    "report_p50_ms_1": ("<=", 4),
    "report_p99_ms_1": ("<=", 12),
    "report_ratio_256": (">=", 0.60),
    "report_p99_ms_256": ("<=", 300),
    "feed_p50_ms": ("<=", 10),
    "feed_p99_ms": ("<=", 40),
    "feed_lost": ("<=", 0),
    "feed_doubled": ("<=", 0),
    "feed_disordered": ("<=", 0),
    "page_p99_ms": ("<=", 500),
    "rebuild_sqlite_per_s": (">=", 8000),
    "rebuild_postgresql_per_s": (">=", 6000),
    "up_warm_s": ("<=", 4),
    "rss_idle_mb": ("<=", 320),
    "rss_busy_mb": ("<=", 420),
}


def percentile(values: list[float], share: float) -> float:
    """The value below which that share of them lies."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def sync_us(folder: Path) -> float:
    """Microseconds that the disk of a folder takes to have a kilobyte for good; the median."""
    took = []
    with (folder / "sync").open("wb", buffering=0) as file:
        for _ in range(SYNCS):
            file.write(bytes(1000))
            began = time.perf_counter()
            os.fsync(file.fileno())
            took.append(time.perf_counter() - began)
    return statistics.median(took) * 1e6


async def until(holds: Callable[[], bool], patience_s: float) -> None:
    """Return once it holds, or when patience ends."""
    for _ in range(int(patience_s / 0.05)):
        if holds():
            return
        await asyncio.sleep(0.05)


def report_figures(raw: dict[str, Any]) -> dict[str, float]:
    """Medians over the rounds of rates, ratios and latencies."""
    made: dict[str, float] = {}
    for key in ("1", "256"):
        rows = raw["rounds"]
        made[f"report_ratio_{key}"] = statistics.median(r[f"reports_{key}"] / r[f"bare_{key}"] for r in rows)
        made[f"reports_per_s_{key}"] = statistics.median(r[f"reports_{key}"] for r in rows)
        made[f"bare_per_s_{key}"] = statistics.median(r[f"bare_{key}"] for r in rows)
        for name, share in (("p50", 0.5), ("p99", 0.99)):
            each = [percentile(r[f"latencies_{key}"], share) * 1000 for r in rows]
            made[f"report_{name}_ms_{key}"] = statistics.median(each)
    return made


async def centre_command(nc: Client, org: str, trade: str, verb: str, body: dict[str, Any]) -> dict[str, Any]:
    """Send a command as the authority of the centre file."""
    actor = {
        "machine": "centre",
        "organisation": org,
        "watch": names.CENTRE_WATCH,
        "via": "bench",
        "authentication": "service",
    }
    now = datetime.now(UTC).isoformat()
    command = {
        "id": new_id(),
        "source": "/bench",
        "type": f"samvirke.{trade}.{verb}.v1",
        "time": now,
        "data": {"actor": actor, "occurred_at": now, "body": body},
    }
    subject = subjects.command("actual", org, names.CENTRE_WATCH, trade, verb)
    answer: dict[str, Any] = orjson.loads((await nc.request(subject, orjson.dumps(command), timeout=10)).data)
    if answer["status"] != "accepted":
        raise RuntimeError(answer["code"])
    return answer


async def paced(
    nc: Client, person: str, per_s: int, seconds: int, **more: Any
) -> dict[str, tuple[float, float]]:
    """Reports at an even pace: command id to the moments of sending and of Accepted."""
    subject = subjects.command("actual", *subjects.split_key(WATCH), "incidents", "open")
    moments: dict[str, tuple[float, float]] = {}

    async def one() -> None:
        raw = reports.report(WATCH, person, **more)
        began = time.time()
        await reports.send(nc, subject, raw)
        moments[orjson.loads(raw)["id"]] = (began, time.time())

    began, running = time.perf_counter(), []
    for number in range(per_s * seconds):
        await asyncio.sleep(max(0.0, began + number / per_s - time.perf_counter()))
        running.append(asyncio.create_task(one()))
    await asyncio.gather(*running)
    return moments


async def read_feed(hub: HubProcess, token: str, seen: list[tuple[float, dict[str, Any]]]) -> None:
    """Note each item of the neighbour's feed with its moment, for ever."""
    url = f"{hub.desk}/v1/feeds/{NEIGHBOUR}/events"
    async with (
        httpx.AsyncClient(timeout=None) as client,  # noqa: S113 - a stream has no end
        client.stream("GET", url, headers={"Authorization": f"Bearer {token}"}) as answer,
    ):
        answer.raise_for_status()
        async for line in answer.aiter_lines():
            if line.startswith("data:"):
                seen.append((time.time(), json.loads(line[5:])))


async def feed_figures(hub: HubProcess, nc: Client, person: str) -> dict[str, float]:
    """From the report to the neighbour's line with its content."""
    token = await feed_token(hub)
    seen: list[tuple[float, dict[str, Any]]] = []
    reading = asyncio.create_task(read_feed(hub, token, seen))
    await asyncio.sleep(1)
    sent = await paced(nc, person, FEED_PER_S, FEED_S, level="named", named=[NEIGHBOUR])
    await until(lambda: len({item["id"] for _, item in seen} & set(sent)) == len(sent), 5)
    reading.cancel()
    arrived = [(at, item) for at, item in seen if item["id"] in sent and item["content"]]
    ids = [item["id"] for _, item in arrived]
    numbers = [int(item["position"].partition(".")[2]) for _, item in arrived]
    took = [(at - sent[item["id"]][0]) * 1000 for at, item in arrived]
    return {
        "feed_p50_ms": percentile(took, 0.5),
        "feed_p99_ms": percentile(took, 0.99),
        "feed_lost": len(sent) - len(set(ids)),
        "feed_doubled": len(ids) - len(set(ids)),
        "feed_disordered": sum(1 for a, b in pairwise(numbers) if b != a + 1),
    }


async def feed_token(hub: HubProcess) -> str:
    """A machine token for the neighbour's feed."""
    centre = await connect(hub.settings, names.CENTRE)
    until = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    body = {"machine": "bench-feed", "where": NEIGHBOUR, "scope": ["feed"], "until": until}
    answer = await centre_command(centre, NEIGHBOUR, "people", "token", body)
    await centre.close()
    secret: str = answer["result"]["secret"]
    return secret


async def page_figures(nc: Client, person: str, sink: GatewaySink) -> dict[str, float]:
    """From Accepted to the message in the gateway's hands; each report tells one watch."""
    sink.taken.clear()
    sent = await paced(
        nc, person, PAGE_PER_S, PAGE_S, level="organisation", notify=["4601.lvs"], priority="high"
    )
    await until(lambda: len(sink.taken) >= len(sent), 10)
    accepted = sorted(at for _, at in sent.values())
    handed = sorted(at for at, _ in sink.taken)
    took = [max(0.0, (h - a) * 1000) for a, h in zip(accepted, handed, strict=False)]
    return {
        "page_p50_ms": percentile(took, 0.5),
        "page_p99_ms": percentile(took, 0.99),
        "page_lost": len(sent) - len(handed),
    }


async def ledger_bytes(hub: HubProcess, before: tuple[int, int]) -> tuple[int, int]:
    """Messages in the ledger and bytes in ledger and content, less ``before``."""
    nc = await connect(hub.settings, names.OPS)
    js = nc.jetstream()
    facts = (await js.stream_info(names.ledger("actual"))).state
    typed = (await js.stream_info(names.content("actual"))).state
    await nc.close()
    return facts.messages - before[0], facts.bytes + typed.bytes - before[1]


def run_reports(hub: HubProcess, person: str) -> dict[str, Any]:
    """The measuring process of its own."""
    arguments = [sys.executable, "-m", "tests.bench.reports", str(hub.home), WATCH, person]
    done = subprocess.run(arguments, capture_output=True, check=True, timeout=170)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


async def measure(folder: Path) -> dict[str, float]:
    """All figures, with one hub."""
    port = free_port()
    hub = HubProcess(
        folder / "home",
        gateway_url=f"http://127.0.0.1:{port}/send",
        gateway_body='{"to": "{to}", "text": "{text}", "reference": "{reference}"}',
        gateway_receipt_field="receipt",
    )
    made = {"sync_us": sync_us(folder)}
    try:
        async with gateway(port) as sink:
            hub.start()
            made["up_cold_s"] = hub.started_s
            made["stop_s"] = hub.stop()
            hub.start()
            made["up_warm_s"] = hub.started_s
            await asyncio.sleep(2)
            made["rss_idle_mb"] = hub.memory_mb()
            person = operator()
            before = await ledger_bytes(hub, (0, 0))
            raw = await asyncio.to_thread(run_reports, hub, person)
            made |= report_figures(raw)
            made["rss_busy_mb"] = hub.memory_mb()
            count, size = await ledger_bytes(hub, before)
            made["ledger_bytes_per_report"] = size / count
            nc = await connect(hub.settings, WATCH)
            await asyncio.sleep(3)
            made |= await feed_figures(hub, nc, person)
            made |= await page_figures(nc, person, sink)
            await nc.close()
    finally:
        hub.kill()
    return made


def operator() -> str:
    """The id of somebody in the example centre who may report from the watch."""
    from schemas.centre import load
    from tests.system_hub import EXAMPLE

    centre = load(EXAMPLE)
    roles = [r for r in centre.roles if r.where in (WATCH, "4601") and r.role in ("operator", "leader")]
    found = centre.person(roles[0].persons[0])
    if found is None:
        raise LookupError(WATCH)
    return str(found.id)


def main() -> int:
    """Measure, print, write; 1 if a figure misses its limit."""
    with tempfile.TemporaryDirectory(prefix="samvirke-bench-") as folder:
        made = asyncio.run(measure(Path(folder)))
    made |= rebuild.figures()
    return finish(made, LIMITS, OUT)


def finish(made: dict[str, float], limits: dict[str, tuple[str, float]], out: Path) -> int:
    """Print the figures beside their limits and write them to a file; 1 if one misses its limit."""
    missed = 0
    for name in limits.keys() - made.keys():
        sys.stdout.write(f"{name:28} was not measured  MISSED\n")
        missed += 1
    for name, value in made.items():
        sign, limit = limits.get(name, ("", 0.0))
        held = value >= limit if sign == ">=" else value <= limit
        missed += bool(sign) and not held
        verdict = f"  {sign} {limit:g} {'ok' if held else 'MISSED'}" if sign else ""
        sys.stdout.write(f"{name:28} {value:12.2f}{verdict}\n")
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps({name: round(value, 3) for name, value in made.items()}, indent=2) + "\n")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
