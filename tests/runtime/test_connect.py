"""A connection to the broker never goes on without hearing, whatever a busy machine does to it."""

import asyncio
import os
import signal

import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import TimeoutError as NoAnswer

from tests.hub import Hub

USER, PATIENCE_S = "incidents-ledger", 20.0
FACT = "samvirke.actual.4601.vaktsentral.incidents.one.opened"


async def hears(nc: Client) -> None:
    """The broker's answer to a stored message comes."""
    await nc.jetstream(timeout=PATIENCE_S).publish(FACT, b"fact")


async def test_whoever_no_longer_waits_for_a_ping_leaves_the_connection_hearing(fresh_broker: Hub) -> None:
    nc = await fresh_broker.connect(USER)
    waiting = asyncio.create_task(nc.flush())
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.wait([waiting])
    await nc.flush()
    await hears(nc)
    await nc.close()


async def test_a_connection_whose_reading_a_fault_has_ended_is_opened_anew(
    fresh_broker: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    nc = await fresh_broker.connect(USER)
    parse, broken = nc._ps.parse, asyncio.Event()

    async def break_once(data: bytes = b"") -> None:
        if not broken.is_set():
            broken.set()
            raise RuntimeError("a fault in the library")
        await parse(data)

    monkeypatch.setattr(nc._ps, "parse", break_once)
    ping = asyncio.create_task(nc.flush())
    async with asyncio.timeout(PATIENCE_S):
        await broken.wait()
        while nc.stats["reconnects"] == 0 or not nc.is_connected:  # noqa: ASYNC110 - nats-py gives no event
            await asyncio.sleep(0.01)
    ping.cancel()
    await hears(nc)
    await nc.close()


async def flush_until_silent(nc: Client) -> None:
    """Wait for answers until one does not come: a process stands still a moment after it is told to."""
    for _ in range(10):
        await nc.flush(timeout=1)


async def test_who_waited_in_vain_for_a_broker_that_stood_still_hears_it_afterwards(
    fresh_broker: Hub,
) -> None:
    heard = asyncio.Event()

    async def note(message: Msg) -> None:
        heard.set()

    feeds, desk = [await fresh_broker.connect(user) for user in ("feeds", "desk")]
    await desk.subscribe("samvirke.feed.*.*.items", cb=note)
    await desk.flush()
    pid = fresh_broker.broker.pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    try:
        with pytest.raises(NoAnswer):
            await flush_until_silent(desk)
    finally:
        os.kill(pid, signal.SIGCONT)
    await desk.flush()
    await feeds.publish("samvirke.feed.actual.4601.items", b"shared")
    await feeds.flush()
    async with asyncio.timeout(5):
        await heard.wait()
    await desk.flush()
    for nc in (feeds, desk):
        await nc.close()
