"""A neighbour's own program over NATS: nothing lost, doubled or too much, whatever happens to the line."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError

from schemas import incidents, subjects
from schemas.vocabulary import Level
from services.feeds import delivery
from services.runtime import feed
from services.runtime.connect import address, connect
from services.runtime.feed import Feed, Told
from tests.caller import Office
from tests.feeds.facts import entry, following, opening
from tests.incidents.make import Scribe


class Line:
    """The wire between a neighbour and the broker; it can be cut and mended."""

    def __init__(self, broker: str) -> None:
        self._host, _, self._port = broker.rpartition("/")[2].rpartition(":")
        self._writers: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None
        self.port = 0

    async def mend(self) -> None:
        self._server = await asyncio.start_server(self._join, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def cut(self) -> None:
        assert self._server is not None
        self._server.close()
        for writer in list(self._writers):
            writer.transport.abort()

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(self._host, int(self._port))
        self._writers |= {writer, back}
        with contextlib.suppress(OSError):
            await asyncio.gather(_pump(reader, back), _pump(there, writer))
        self._writers -= {writer, back}


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    finally:
        writer.close()


class Reader:
    """Reads a feed in the background; ``told`` is all that it was told."""

    def __init__(self, nc: Client, org: str = "4624", after: str | None = None) -> None:
        self.feed = Feed(nc, "actual", org, after)
        self.told: list[Told] = []
        self._task: asyncio.Task[None] | None = None

    @property
    def items(self) -> list[dict[str, Any]]:
        return [told.found for told in self.told if told.kind == "item"]

    @property
    def numbers(self) -> list[int]:
        return [int(item["position"].rpartition(".")[2]) for item in self.items]

    async def has(self, count: int) -> None:
        async with asyncio.timeout(20):
            while len(self.items) < count:  # noqa: ASYNC110  what is awaited is not the test's own
                await asyncio.sleep(0.01)

    async def __aenter__(self) -> "Reader":
        self._task = asyncio.create_task(self._read())
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._task is not None
        self.feed.end()
        async with asyncio.timeout(10):
            await self._task

    async def _read(self) -> None:
        async for told in self.feed.events():
            self.told.append(told)


@pytest.fixture
async def line(hub: Office) -> AsyncIterator[Line]:
    found = Line(address(hub.hub.settings))
    await found.mend()
    yield found
    await found.cut()


async def over(hub: Office, line: Line, **options: Any) -> Client:
    """The neighbour's connection along the line."""
    url = f"nats://127.0.0.1:{line.port}"
    settings = hub.hub.settings.model_copy(update={"nats_url": url})
    return await connect(settings, "4624.feed", patience_s=10, **options)


async def opened(hub: Office, org: str = "4624") -> Client:
    """A neighbour's connection, once its feed is open: that is soon after it was subscribed to."""
    nc = await hub.connection(f"{org}.feed")
    async with asyncio.timeout(5):
        while True:
            page = await feed.next_items(nc, "actual", org, None)
            if page is not None and page["status"] == "ok":
                return nc
            await asyncio.sleep(0.02)


async def write(scribe: Scribe, count: int, **more: Any) -> None:
    for _ in range(count):
        await scribe.write(opening(Level.REGION, **more))


async def test_what_came_while_the_line_was_cut_follows_in_order_and_once(
    hub: Office, scribe: Scribe, line: Line
) -> None:
    reader: Reader

    async def again() -> None:
        reader.feed.look()

    await opened(hub)
    nc = await over(hub, line, reconnected_cb=again)
    reader = Reader(nc)
    async with reader:
        await write(scribe, 3)
        await reader.has(3)
        await line.cut()
        await write(scribe, 250)
        await line.mend()
        await write(scribe, 3)
        await reader.has(256)
    assert reader.numbers == list(range(1, 257))
    assert not [told for told in reader.told if told.kind == "reset"]
    await nc.close()


async def test_a_new_connection_goes_on_after_the_last_position(hub: Office, scribe: Scribe) -> None:
    nc = await opened(hub)
    await write(scribe, 5)
    async with Reader(nc) as first:
        await first.has(5)
    await write(scribe, 4)
    async with Reader(nc, after=first.items[2]["position"]) as second:
        await second.has(6)
    assert second.numbers == [4, 5, 6, 7, 8, 9]


async def test_a_reader_that_is_too_slow_for_the_copies_gets_them_all_by_asking(
    hub: Office, scribe: Scribe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "_WAITING", 5)
    reading = Feed(await opened(hub), "actual", "4624", None)
    numbers: list[int] = []
    writing: asyncio.Task[None] | None = None
    async with asyncio.timeout(20):
        await write(scribe, 1)
        async for told in reading.events():
            if told.kind != "item":
                continue
            numbers.append(int(told.found["position"].rpartition(".")[2]))
            if writing is None:
                writing = asyncio.create_task(write(scribe, 60))
                await writing
                await asyncio.sleep(0.3)
            if numbers[-1] == 61:
                break
    assert numbers == list(range(1, 62))


async def test_a_position_of_an_unknown_epoch_is_reset_before_its_items(hub: Office, scribe: Scribe) -> None:
    await write(scribe, 2)
    async with Reader(await opened(hub), after="0badc0de.7") as reader:
        await reader.has(2)
    assert [told.kind for told in reader.told[:3]] == ["reset", "item", "item"]
    assert reader.told[0].found["epoch"] == reader.items[0]["position"].partition(".")[0]


async def test_a_fact_that_comes_late_is_told_by_the_tick(
    hub: Office, scribe: Scribe, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Reader(await opened(hub)) as reader:
        await write(scribe, 1)
        await reader.has(1)
        await write(scribe, 1, at=datetime.now(UTC) - timedelta(minutes=10))
        await reader.has(2)
    assert reader.numbers == [1, 2]


async def test_a_tick_says_to_each_feed_how_far_it_has_come(
    hub: Office, scribe: Scribe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "TICK_S", 0.2)
    await hub.stop()
    await hub.start()
    await write(scribe, 2)
    nc, heard = await hub.connection("4624.feed"), asyncio.Queue[dict[str, Any]]()

    async def hear(message: Msg) -> None:
        heard.put_nowait(orjson.loads(message.data))

    await nc.subscribe(subjects.feed("actual", "4624", "items"), cb=hear)
    async with asyncio.timeout(10):
        while not (tick := await heard.get()).get("tick") or tick["newest"] != 2:
            pass
    assert set(tick) == {"tick", "newest", "epoch", "heads"}


async def test_an_erasure_is_told_live_and_to_who_reads_later(hub: Office, scribe: Scribe) -> None:
    nc, head = await opened(hub), opening(Level.REGION)
    line = entry(head, Level.REGION)
    gone = incidents.Erased(fact=line.id, ground="mistaken", law="gdpr-17", asked_by="p")
    async with Reader(nc) as live:
        await scribe.write(head)
        await scribe.write(line)
        await live.has(2)
        await scribe.write(following(head, gone))
        await live.has(3)
    async with Reader(nc) as later:
        await later.has(3)
    assert [item["kind"] for item in live.items] == ["incident", "entry", "notice"]
    assert [item["kind"] for item in later.items] == ["incident", "notice", "notice"]
    assert live.items[2] == later.items[2]
    assert live.items[2]["id"] == later.items[1]["id"] == line.id


async def test_a_neighbour_hears_and_asks_for_its_own_feed_only(hub: Office, scribe: Scribe) -> None:
    nc, heard = await hub.connection("4624.feed"), []

    async def hear(message: Msg) -> None:
        heard.append(message.subject)

    strange = [
        "samvirke.feed.actual.110-vest.items",
        "samvirke.feed.*.*.items",
        "samvirke.>",
        ">",
        "_INBOX.>",
    ]
    for subject in [*strange, "samvirke.actual.>", "samvirke.content.>", "$JS.API.>", "_R_.>"]:
        await nc.subscribe(subject, cb=hear)
    await nc.flush()
    other = await opened(hub, "110-vest")
    async with Reader(other, "110-vest") as reader:
        await write(scribe, 3)
        await reader.has(3)
    assert heard == []
    for subject in ("samvirke.feed.actual.110-vest.next", "samvirke.feed.actual.4601.next", "$JS.API.INFO"):
        with pytest.raises((NatsError, TimeoutError)):
            await nc.request(subject, b"{}", timeout=0.5)


async def test_one_neighbours_crowd_of_questions_does_not_keep_another_waiting(
    hub: Office, scribe: Scribe
) -> None:
    await write(scribe, 50)
    greedy, other = await opened(hub), await opened(hub, "110-vest")
    crowd = subjects.feed("actual", "4624", "next")
    for _ in range(3_000):
        await greedy.publish(crowd, b"{}", reply="_INBOX.4624.feed.crowd")
    await greedy.flush()
    async with asyncio.timeout(2):
        page = await feed.next_items(other, "actual", "110-vest", None)
    assert page is not None
    assert page["newest"] == 50


async def test_a_question_out_of_form_is_refused_with_a_code(hub: Office) -> None:
    nc = await opened(hub)
    subject = subjects.feed("actual", "4624", "next")
    for asked in (
        b"{", b"[]", b'"x"', b"\xff", b'{"limit": 0}', b'{"limit": 201}', b'{"limit": true}',
        b'{"limit": 1e9}', b'{"limit": 99999999999999999999}', b'{"after": 7}',
        b'{"after": "' + b"9" * 700_000 + b'"}',
    ):  # fmt: skip
        reply = orjson.loads((await nc.request(subject, asked, timeout=5)).data)
        assert (reply["status"], reply["code"]) in (("refused", "MALFORMED"), ("refused", "TOO_LARGE"))


async def test_any_position_is_answered_with_the_feed_from_the_beginning(hub: Office, scribe: Scribe) -> None:
    nc = await opened(hub)
    await write(scribe, 1)
    for after in (
        "", ".", "..", "x.", ".5", "\x00.1", "æ.1", "x.-1", "x.1e3", "x.٣", "x." + "9" * 18, "9" * 5_000
    ):  # fmt: skip
        async with Reader(nc, after=after) as reader:
            await reader.has(1)
        assert reader.told[0].kind == "reset", after
