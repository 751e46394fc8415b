"""Connections to the broker: a broker that stands still for a while is heard again when it goes on."""

import asyncio
import os
import signal

import pytest
from nats.aio.msg import Msg
from nats.errors import TimeoutError as NoAnswer

from tests.hub import Hub


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
            await desk.flush(timeout=1)
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
