"""Timers at a real broker: they fire once, move, can be cancelled, and what is missing is seen."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from uuid import uuid4

import pytest
from nats.aio.client import Client

from schemas import subjects
from services.runtime import names
from services.runtime.direct import Direct
from services.runtime.timers import Key, Timers
from tests.hub import Hub


class Bench(NamedTuple):
    """Timers, and a way to see what fired."""

    timers: Timers
    direct: Direct

    async def number(self, key: Key, phase: str) -> int:
        """How many messages of a phase lie in the stream."""
        return len(await self.direct.history(names.TIMERS, subjects.timer(key.mode, phase, key.name)))


@pytest.fixture
async def bench(broker: Hub) -> AsyncIterator[Bench]:
    nc: Client = await broker.connect(names.NOTIFICATIONS_LEDGER)
    timers, direct = Timers(nc), Direct(nc)
    await timers.open()
    await direct.open()
    yield Bench(timers, direct)
    await nc.close()


def soon(seconds: float) -> datetime:
    return datetime.now(UTC) + timedelta(seconds=seconds)


async def test_a_timer_fires_once_at_its_moment_and_is_then_armed_no_more(bench: Bench) -> None:
    key = Key("exercise", uuid4().hex)
    await bench.timers.arm(key, soon(0.3), "cause")
    assert await bench.timers.missing([key]) == []
    assert await bench.number(key, "fired") == 0
    await asyncio.sleep(1.2)
    assert await bench.number(key, "fired") == 1
    assert await bench.timers.missing([key]) == [key]


async def test_arming_again_moves_the_moment(bench: Bench) -> None:
    key = Key("exercise", uuid4().hex)
    await bench.timers.arm(key, soon(0.3), "cause-1")
    await bench.timers.arm(key, soon(60), "cause-2")
    await asyncio.sleep(1.0)
    assert await bench.number(key, "fired") == 0
    assert await bench.number(key, "set") == 1


async def test_two_timers_that_one_fact_asks_for_at_one_moment_both_fire(bench: Bench) -> None:
    at, keys = soon(0.3), [Key("exercise", uuid4().hex) for _ in range(2)]
    for key in keys:
        await bench.timers.arm(key, at, "cause")
    await asyncio.sleep(1.2)
    assert [await bench.number(key, "fired") for key in keys] == [1, 1]


async def test_a_cancelled_timer_never_fires(bench: Bench) -> None:
    key = Key("actual", uuid4().hex)
    await bench.timers.arm(key, soon(0.4), "cause")
    assert await bench.timers.cancel(key)
    await asyncio.sleep(1.0)
    assert await bench.number(key, "fired") == 0
    assert not await bench.timers.cancel(key)


async def test_cancelling_a_timer_that_has_fired_says_so(bench: Bench) -> None:
    key = Key("actual", uuid4().hex)
    await bench.timers.arm(key, soon(0.1), "cause")
    await asyncio.sleep(0.9)
    assert not await bench.timers.cancel(key)


async def test_an_overdue_timer_fires_at_once_and_a_lost_one_can_be_armed_again(bench: Bench) -> None:
    key, at = Key("exercise", uuid4().hex), soon(-5)
    await bench.timers.arm(key, at, "cause")
    await asyncio.sleep(0.8)
    assert await bench.number(key, "fired") == 1
    await bench.timers.arm(key, at, "cause", again=True)
    await asyncio.sleep(0.8)
    assert await bench.number(key, "fired") == 2
