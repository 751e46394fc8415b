"""Health and metrics, as a probe and as Prometheus read them."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest

from services.runtime import health
from services.runtime.health import HealthServer, Part

LIFE = Part("life", True, 2, {"people": {"ok": True, "pending": 3, "code": "FINE"}})


@pytest.fixture
def parts() -> list[Part]:
    return [LIFE]


@pytest.fixture
async def client(parts: list[Part]) -> AsyncIterator[httpx.AsyncClient]:
    server = HealthServer("127.0.0.1", 0, lambda: parts)
    await server.start()
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{server.port}") as found:
        yield found
    await server.stop()


async def test_a_hub_whose_workers_are_ready_says_so(client: httpx.AsyncClient) -> None:
    assert (await client.get("/livez")).status_code == 200
    assert (await client.get("/readyz")).status_code == 200
    assert (await client.get("/healthz")).json() == [
        {
            "name": "life",
            "ready": True,
            "restarts": 2,
            "rooms": {"people": {"ok": True, "pending": 3, "code": "FINE"}},
        }
    ]


async def test_a_worker_that_is_not_ready_makes_the_hub_not_ready_but_alive(
    client: httpx.AsyncClient, parts: list[Part]
) -> None:
    parts.append(Part("rest", False))
    assert (await client.get("/livez")).status_code == 200
    assert (await client.get("/readyz")).status_code == 503


async def test_a_room_that_cannot_do_its_job_is_seen(client: httpx.AsyncClient, parts: list[Part]) -> None:
    parts.append(Part("rest", True, 0, {"feeds": {"ok": False}}))
    assert (await client.get("/readyz")).status_code == 200
    assert (await client.get("/healthz")).status_code == 503


async def test_metrics_are_numbers_by_worker_and_room(client: httpx.AsyncClient) -> None:
    lines = (await client.get("/metrics")).text.splitlines()
    assert 'samvirke_worker_ready{worker="life"} 1' in lines
    assert 'samvirke_worker_restarts_total{worker="life"} 2' in lines
    assert 'samvirke_room{room="people",value="pending"} 3' in lines
    assert not [line for line in lines if "FINE" in line]


async def test_anything_else_is_not_there(client: httpx.AsyncClient) -> None:
    assert (await client.get("/etc/passwd")).status_code == 404
    assert (await client.post("/healthz")).status_code == 405


async def test_a_taken_port_is_said_and_nothing_falls(client: httpx.AsyncClient) -> None:
    second = HealthServer("127.0.0.1", client.base_url.port or 0, list)
    assert not await second.start()
    await second.stop()


async def test_a_crowd_that_says_nothing_keeps_no_probe_out(client: httpx.AsyncClient) -> None:
    port = client.base_url.port
    crowd = [await asyncio.open_connection("127.0.0.1", port) for _ in range(health.CONNECTIONS_MOST + 20)]
    await asyncio.wait_for(asyncio.gather(*(reader.read() for reader, _ in crowd[:20])), 2)
    assert (await client.get("/livez")).status_code == 200
    for _, writer in crowd:
        writer.close()
    await asyncio.gather(*(writer.wait_closed() for _, writer in crowd), return_exceptions=True)
