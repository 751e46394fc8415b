"""Reactions to timers at a real broker: delivered till handled, the hopeless parked, and watched over."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta

import orjson
import pytest

from schemas import subjects
from services.runtime import names, provisioner, reaction
from services.runtime.direct import Direct
from services.runtime.reaction import CONSUMER_GONE, Delivered, Reaction, Source, Unreadable
from services.runtime.timers import Key, Timers
from tests.hub import Hub

STREAM = names.TIMERS


class Listener:
    """Remembers what it was given, and fails as told."""

    def __init__(self) -> None:
        self.heard: list[Delivered] = []
        self.faults: dict[str, list[Exception]] = {}

    async def __call__(self, delivered: Delivered) -> None:
        faults = self.faults.get(key_of(delivered))
        if faults:
            raise faults.pop()
        self.heard.append(delivered)

    def keys(self) -> list[str]:
        return [key_of(delivered) for delivered in self.heard]


def key_of(delivered: Delivered) -> str:
    return delivered.subject.rpartition(".")[2]


async def until(condition: Callable[[], bool], seconds: float = 15.0) -> None:
    async with asyncio.timeout(seconds):
        while True:
            if condition():
                return
            await asyncio.sleep(0.02)


async def fire(hub: Hub, *keys: str) -> None:
    nc = await hub.connect(names.NOTIFICATIONS_LEDGER)
    timers = Timers(nc)
    await timers.open()
    for key in keys:
        await timers.arm(Key("exercise", key), datetime.now(UTC) + timedelta(seconds=1), "cause")
    await nc.close()


@pytest.fixture
async def listener(fresh_broker: Hub) -> AsyncIterator[tuple[Listener, Reaction]]:
    found = Listener()
    source = Source(STREAM, names.NOTIFICATIONS_DURABLE, subjects.timer("*", "fired", "*"), found)
    running = Reaction(fresh_broker.settings, names.NOTIFICATIONS_REACTION, "notifications", [source])
    await running.start()
    yield found, running
    await running.stop()


async def test_what_fails_is_delivered_again_and_the_rest_is_not_held_up(
    fresh_broker: Hub, listener: tuple[Listener, Reaction]
) -> None:
    heard, running = listener
    heard.faults["two"] = [RuntimeError("x"), TimeoutError()]
    await fire(fresh_broker, "one", "two", "three")
    await until(lambda: len(heard.heard) == 3)
    assert (set(heard.keys()[:2]), heard.keys()[2]) == ({"one", "three"}, "two")
    assert heard.heard[-1].attempt == 3
    assert running.reason is None


async def test_what_can_never_be_handled_is_parked_by_place_without_its_words(
    fresh_broker: Hub, listener: tuple[Listener, Reaction], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reaction, "TRIES", 2)
    heard, _ = listener
    heard.faults["secret"] = [Unreadable("UNREADABLE")]
    heard.faults["odd"] = [RuntimeError("secret")] * 9
    await fire(fresh_broker, "secret", "odd", "after")
    await until(lambda: heard.keys() == ["after"])
    nc = await fresh_broker.connect(names.OPS)
    direct = Direct(nc)
    await direct.open()
    parked = subjects.parked("exercise", "notifications")
    async with asyncio.timeout(10):
        while True:
            found = await direct.history(names.PARKED, parked)
            if len(found) == 2:
                break
            await asyncio.sleep(0.05)
    await nc.close()
    places = [orjson.loads(stored.data) for stored in found]
    assert sorted((place["code"], place["stream"]) for place in places) == [
        ("HOPELESS", STREAM),
        ("UNREADABLE", STREAM),
    ]
    assert len({place["sequence"] for place in places}) == 2
    assert not any(b"secret" in stored.data for stored in found)


async def test_a_consumer_that_is_gone_is_noticed_and_taken_up_again_when_it_is_back(
    fresh_broker: Hub, listener: tuple[Listener, Reaction]
) -> None:
    heard, running = listener
    await fresh_broker.broker.stop()
    for folder in fresh_broker.settings.nats_home.glob(f"**/{STREAM}/obs/{names.NOTIFICATIONS_DURABLE}"):
        shutil.rmtree(folder)
    await fresh_broker.broker.start()
    await until(lambda: running.reason == CONSUMER_GONE, 20.0)
    await provisioner.provision(fresh_broker.settings)
    await fire(fresh_broker, "back")
    await until(lambda: heard.keys() == ["back"])
    assert running.reason is None
