"""Reactions at a real broker: delivered till handled, the hopeless parked by reference, and watched over."""

import asyncio
import random
import shutil
from collections.abc import AsyncIterator, Callable
from uuid import uuid4

import orjson
import pytest

from schemas import subjects
from services.runtime import names, provisioner, reaction
from services.runtime.direct import Direct
from services.runtime.reaction import CONSUMER_GONE, Delivered, Reaction, Source, Unreadable
from tests.hub import Hub

STREAM = names.ledger("exercise")
BURSTS = 80


class Listener:
    """Remembers what it was given, and fails as told."""

    def __init__(self) -> None:
        self.heard: list[Delivered] = []
        self.faults: dict[bytes, list[Exception]] = {}

    async def __call__(self, delivered: Delivered) -> None:
        if self.faults.get(delivered.data):
            raise self.faults[delivered.data].pop()
        self.heard.append(delivered)

    def texts(self) -> list[str]:
        return [delivered.data.decode() for delivered in self.heard]


async def until(condition: Callable[[], bool], seconds: float = 15.0) -> None:
    async with asyncio.timeout(seconds):
        while True:
            if condition():
                return
            await asyncio.sleep(0.02)


async def say(hub: Hub, *texts: str) -> None:
    nc = await hub.connect(names.INCIDENTS_LEDGER)
    for text in texts:
        subject = subjects.fact("exercise", "4601", "vaktsentral", "incidents", uuid4().hex, "opened")
        await nc.jetstream().publish(subject, text.encode())
    await nc.close()


@pytest.fixture
async def listener(fresh_broker: Hub) -> AsyncIterator[tuple[Listener, Reaction]]:
    found = Listener()
    source = Source(STREAM, names.NOTIFICATIONS_DURABLE, subjects.ledger("exercise"), found)
    running = Reaction(fresh_broker.settings, names.NOTIFICATIONS_REACTION, "notifications", [source])
    await running.start()
    yield found, running
    await running.stop()


async def test_what_fails_is_delivered_again_and_the_rest_is_not_held_up(
    fresh_broker: Hub, listener: tuple[Listener, Reaction]
) -> None:
    heard, running = listener
    heard.faults[b"two"] = [RuntimeError("x"), TimeoutError()]
    await say(fresh_broker, "one", "two", "three")
    await until(lambda: len(heard.heard) == 3)
    assert heard.texts() == ["one", "three", "two"]
    assert heard.heard[-1].attempt == 3
    assert running.reason is None


async def test_whatever_the_rhythm_each_message_is_handled_at_once_and_at_its_first_delivery(
    fresh_broker: Hub, listener: tuple[Listener, Reaction]
) -> None:
    heard, _ = listener
    nc = await fresh_broker.connect(names.INCIDENTS_LEDGER)
    js, chance, said = nc.jetstream(), random.Random(1), 0
    for _ in range(BURSTS):
        for _ in range(chance.choice((1, 3, 4))):
            subject = subjects.fact("exercise", "4601", "vaktsentral", "incidents", uuid4().hex, "opened")
            said = (await js.publish(subject, b"x")).seq
            await asyncio.sleep(chance.choice((0.0, 0.02)))
        await asyncio.sleep(chance.random() * 0.05)
    await nc.close()
    await until(lambda: len(heard.heard) == said, 2.0)
    assert {delivered.attempt for delivered in heard.heard} == {1}


async def test_what_can_never_be_handled_is_parked_by_place_without_its_words(
    fresh_broker: Hub, listener: tuple[Listener, Reaction], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reaction, "TRIES", 2)
    heard, _ = listener
    heard.faults[b"secret"] = [Unreadable("UNREADABLE")]
    heard.faults[b"odd"] = [RuntimeError("secret")] * 9
    await say(fresh_broker, "secret", "odd", "after")
    await until(lambda: heard.texts() == ["after"])
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
    assert [(place["code"], place["stream"], place["sequence"]) for place in places] == [
        ("UNREADABLE", STREAM, 1),
        ("HOPELESS", STREAM, 2),
    ]
    assert not any(b"secret" in stored.data for stored in found)


async def test_a_consumer_that_is_gone_is_noticed_and_taken_up_again_when_it_is_back(
    fresh_broker: Hub, listener: tuple[Listener, Reaction]
) -> None:
    heard, running = listener
    await fresh_broker.broker.stop()
    for folder in fresh_broker.settings.nats_home.glob(f"**/{STREAM}/obs/{names.NOTIFICATIONS_DURABLE}"):
        shutil.rmtree(folder)
    await fresh_broker.broker.start()
    await until(lambda: running.reason == CONSUMER_GONE)
    await provisioner.provision(fresh_broker.settings)
    await say(fresh_broker, "back")
    await until(lambda: heard.texts() == ["back"])
    assert running.reason is None
