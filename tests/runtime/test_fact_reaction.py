"""Reactions to facts at a real broker: at least once, none held up by another, from a place in a table."""

import asyncio
import random
import shutil
from collections.abc import AsyncIterator
from uuid import uuid4

import orjson
import pytest

from schemas import subjects
from schemas.canonical import digest
from services.notifications.commits import Store
from services.notifications.places import Places
from services.runtime import fact_reaction, names, provisioner, reaction
from services.runtime.database import open_database
from services.runtime.direct import Direct
from services.runtime.epochs import BEHIND, Mark
from services.runtime.fact_reaction import FactReaction, Source
from services.runtime.reaction import Delivered, Unreadable
from tests.hub import Hub
from tests.runtime.test_reaction import until

MODE = "exercise"
STREAM = names.ledger(MODE)
BURSTS = 80


class Room:
    """Reacts to what is said at the broker; may be stopped, killed and started again."""

    def __init__(self, hub: Hub) -> None:
        self.hub = hub
        self.heard: list[Delivered] = []
        self.faults: dict[str, list[Exception]] = {}
        self.held: dict[str, asyncio.Event] = {}
        self.rows = Store(open_database(hub.settings, "notifications"))
        self.places = Places(self.rows)
        self.running = self._make()

    def _make(self) -> FactReaction:
        source = Source(MODE, [subjects.ledger(MODE)], lambda raw: b"quiet" not in raw, self._handle)
        user = names.NOTIFICATIONS_REACTION
        return FactReaction(self.hub.settings, user, "notifications", source, self.places)

    async def _handle(self, delivered: Delivered) -> None:
        text = delivered.data.decode()
        if text in self.held:
            await self.held[text].wait()
        if self.faults.get(text):
            raise self.faults[text].pop()
        self.heard.append(delivered)

    async def again(self) -> None:
        """Stop and start anew."""
        await self.running.stop()
        self.running = self._make()
        await self.running.start()

    async def close(self) -> None:
        await self.running.stop()
        await self.rows.close()

    def texts(self) -> list[str]:
        return [delivered.data.decode() for delivered in self.heard]


@pytest.fixture
async def room(fresh_broker: Hub) -> AsyncIterator[Room]:
    """It reads already: what lay there before it began would be a second attempt."""
    found = Room(fresh_broker)
    await found.running.start()
    await until(lambda: found.running.reason is None)
    yield found
    await found.close()


async def say(hub: Hub, *texts: str) -> None:
    nc = await hub.connect(names.INCIDENTS_LEDGER)
    for text in texts:
        subject = subjects.fact(MODE, "4601", "vaktsentral", "incidents", uuid4().hex, "opened")
        await nc.jetstream().publish(subject, text.encode())
    await nc.close()


async def reached(room: Room, sequence: int) -> None:
    async with asyncio.timeout(10):
        while True:
            if (await room.places.load(MODE)).sequence == sequence:
                return
            await asyncio.sleep(0.05)


async def test_what_fails_is_tried_again_and_the_rest_is_not_held_up(room: Room) -> None:
    room.faults["two"] = [RuntimeError("x"), TimeoutError()]
    await say(room.hub, "one", "quiet", "two", "three")
    await until(lambda: len(room.heard) == 3)
    assert room.texts() == ["one", "three", "two"]
    assert room.heard[-1].attempt == 3
    assert room.running.reason is None


async def test_whatever_the_rhythm_each_fact_is_handled_at_once_and_at_its_first_attempt(room: Room) -> None:
    nc = await room.hub.connect(names.INCIDENTS_LEDGER)
    js, chance, said = nc.jetstream(), random.Random(1), 0
    for _ in range(BURSTS):
        for _ in range(chance.choice((1, 3, 4))):
            subject = subjects.fact(MODE, "4601", "vaktsentral", "incidents", uuid4().hex, "opened")
            said = (await js.publish(subject, b"x")).seq
            await asyncio.sleep(chance.choice((0.0, 0.02)))
        await asyncio.sleep(chance.random() * 0.05)
    await nc.close()
    await until(lambda: len(room.heard) == said, 2.0)
    assert {delivered.attempt for delivered in room.heard} == {1}


async def test_what_can_never_be_handled_is_parked_by_place_without_its_words(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reaction, "TRIES", 2)
    room.faults["secret"] = [Unreadable("UNREADABLE")]
    room.faults["odd"] = [RuntimeError("secret")] * 9
    await say(room.hub, "secret", "odd", "after")
    await until(lambda: room.texts() == ["after"])
    await reached(room, 3)
    nc = await room.hub.connect(names.OPS)
    direct = Direct(nc)
    await direct.open()
    found = await direct.history(names.PARKED, subjects.parked(MODE, "notifications"))
    await nc.close()
    places = [orjson.loads(stored.data) for stored in found]
    assert [(place["code"], place["stream"], place["sequence"]) for place in places] == [
        ("UNREADABLE", STREAM, 1),
        ("HOPELESS", STREAM, 2),
    ]
    assert not any(b"secret" in stored.data for stored in found)


async def test_after_a_start_only_what_was_not_finished_comes_again_and_is_marked_so(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fact_reaction, "_PATIENCE_S", 0.1)
    room.held["slow"] = asyncio.Event()
    await say(room.hub, "one", "slow", "three")
    await until(lambda: room.texts() == ["one", "three"])
    await reached(room, 1)
    await room.running.stop()
    room.held.clear()
    await room.again()
    await until(lambda: len(room.heard) == 4)
    await reached(room, 3)
    assert room.texts()[2:] == ["slow", "three"]
    assert [delivered.attempt for delivered in room.heard] == [1, 1, 2, 2]
    await room.again()
    await until(lambda: room.running.reason is None)
    await say(room.hub, "four")
    await until(lambda: room.texts()[-1] == "four")
    assert len(room.heard) == 5
    assert room.heard[-1].attempt == 1


async def test_it_goes_on_where_it_was_when_the_broker_comes_back(room: Room) -> None:
    await say(room.hub, "one")
    await until(lambda: room.texts() == ["one"])
    await room.hub.broker.stop()
    await room.hub.broker.start()
    await say(room.hub, "two")
    await until(lambda: len(room.heard) == 2, 20.0)
    assert room.texts() == ["one", "two"]
    assert room.heard[-1].attempt == 1


async def test_a_ledger_that_lacks_what_was_reacted_to_is_not_read_on(room: Room) -> None:
    await say(room.hub, "one", "two")
    await reached(room, 2)
    former = await room.places.load(MODE)
    await room.places.save(MODE, former, Mark(former.epoch, 2, "0" * 64))
    await room.again()
    await until(lambda: room.running.reason == BEHIND)
    await say(room.hub, "three")
    await asyncio.sleep(0.5)
    assert room.texts() == ["one", "two"]


async def test_a_ledger_that_came_back_shorter_is_not_read_on_nor_its_facts_taken_for_those_before(
    room: Room,
) -> None:
    await say(room.hub, "one", "two")
    await reached(room, 2)
    await room.hub.broker.stop()
    for folder in room.hub.settings.nats_home.glob(f"**/{STREAM}"):
        shutil.rmtree(folder)
    await room.hub.broker.start()
    await provisioner.provision(room.hub.settings)
    await say(room.hub, "other", "another", "third")
    await until(lambda: room.running.reason == BEHIND, 20.0)
    assert room.texts() == ["one", "two"]
    assert (await room.places.load(MODE)).digest == digest(b"two")


async def test_in_a_later_epoch_without_the_last_fact_all_come_again_as_second_attempts(room: Room) -> None:
    await say(room.hub, "one", "two")
    await reached(room, 2)
    former = await room.places.load(MODE)
    await room.places.save(MODE, former, Mark(former.epoch - 1, 2, "0" * 64))
    await room.again()
    await until(lambda: len(room.heard) == 4)
    assert [delivered.attempt for delivered in room.heard] == [1, 1, 2, 2]
    await reached(room, 2)


async def test_a_place_that_another_reader_has_moved_is_taken_up_from_there(room: Room) -> None:
    await say(room.hub, "one", "two", "three")
    await reached(room, 3)
    former = await room.places.load(MODE)
    stored = await _at(room.hub, 2)
    await room.places.save(MODE, former, Mark(former.epoch, 2, stored))
    await say(room.hub, "four")
    await until(lambda: "four" in room.texts())
    await asyncio.sleep(1.2)
    await say(room.hub, "five")
    await until(lambda: room.texts().count("five") == 1)
    await reached(room, 5)


async def _at(hub: Hub, sequence: int) -> str:
    nc = await hub.connect(names.NOTIFICATIONS_REACTION)
    direct = Direct(nc)
    await direct.open()
    stored = await direct.at(STREAM, sequence)
    await nc.close()
    assert stored is not None
    return digest(stored.data)
