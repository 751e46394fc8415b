"""Reports from a process of their own, timed one by one; beside them a bare publisher of the same bytes."""

import argparse
import asyncio
import json
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
from nats.aio.client import Client

from schemas import subjects
from schemas.identifiers import new_id
from services.runtime import names
from services.runtime.connect import connect
from services.runtime.settings import Settings

WINDOW = 256
TEXT = "Vannlekkasje i Åsane senter, gaten er stengt. " * 5


def report(watch: str, person: str, **more: Any) -> bytes:
    """A command that opens an incident, as a desk would send it."""
    org, code = subjects.split_key(watch)
    now = datetime.now(UTC).isoformat()
    actor = {
        "person": person,
        "organisation": org,
        "watch": code,
        "via": "bench",
        "authentication": "credential",
    }
    body = {"incident": new_id(), "type": "water.leak", "priority": "normal", **more}
    data = {
        "actor": actor,
        "occurred_at": now,
        "body": body,
        "content": {"headline": "Vannlekkasje", "text": TEXT},
    }
    return orjson.dumps(
        {
            "specversion": "1.0",
            "id": new_id(),
            "source": f"/{org}/{code}",
            "type": "samvirke.incidents.open.v1",
            "time": now,
            "datacontenttype": "application/json",
            "data": data,
        }
    )


async def send(nc: Client, subject: str, raw: bytes) -> float:
    """Seconds from the request to Accepted. Raises RuntimeError on any other answer."""
    began = time.perf_counter()
    answer = orjson.loads((await nc.request(subject, raw, timeout=15)).data)
    took = time.perf_counter() - began
    if answer["status"] != "accepted":
        raise RuntimeError(answer["code"])
    return took


async def _many(nc: Client, subject: str, raws: list[bytes], callers: int) -> list[float]:
    waiting = iter(raws)
    taken: list[float] = []

    async def caller() -> None:
        for raw in waiting:
            taken.append(await send(nc, subject, raw))

    await asyncio.gather(*(caller() for _ in range(callers)))
    return taken


async def _bare(nc: Client, payload: bytes, count: int, pipelined: bool) -> None:
    js = nc.jetstream(publish_async_max_pending=WINDOW) if pipelined else nc.jetstream()
    subject = subjects.parked("actual", "incidents")
    if pipelined:
        waiting = [await js.publish_async(subject, payload, wait_stall=10) for _ in range(count)]
        await asyncio.gather(*waiting)
        return
    for _ in range(count):
        await js.publish(subject, payload)


async def main(home: Path, watch: str, person: str, rounds: int, one: int, many: int) -> dict[str, Any]:
    """Rates and latencies of ``rounds`` rounds, each of bare and reported messages in turn."""
    settings = Settings(home=home)
    nc = await connect(settings, watch)
    bare = await connect(settings, names.INCIDENTS_LEDGER)
    subject = subjects.command("actual", *subjects.split_key(watch), "incidents", "open")
    payload = report(watch, person)
    await _many(nc, subject, [report(watch, person) for _ in range(50)], 1)
    found: list[dict[str, Any]] = []
    for _ in range(rounds):
        row: dict[str, Any] = {}
        for key, callers, count in (("1", 1, one), ("256", WINDOW, many)):
            began = time.perf_counter()
            await _bare(bare, payload, count, callers > 1)
            row[f"bare_{key}"] = count / (time.perf_counter() - began)
            raws = [report(watch, person) for _ in range(count)]
            began = time.perf_counter()
            row[f"latencies_{key}"] = await _many(nc, subject, raws, callers)
            row[f"reports_{key}"] = count / (time.perf_counter() - began)
        found.append(row)
    await nc.close()
    await bare.close()
    return {"rounds": found, "bytes": len(payload)}


if __name__ == "__main__":
    asked = argparse.ArgumentParser()
    asked.add_argument("home", type=Path)
    asked.add_argument("watch")
    asked.add_argument("person")
    asked.add_argument("--rounds", type=int, default=5)
    asked.add_argument("--one", type=int, default=300)
    asked.add_argument("--many", type=int, default=3000)
    given = asked.parse_args()
    result = asyncio.run(main(given.home, given.watch, given.person, given.rounds, given.one, given.many))
    sys.stdout.write(json.dumps(result))
