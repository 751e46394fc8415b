"""Giving a feed out: pages on request, copies as soon as a fact is committed, and a tick (D21)."""

import asyncio
import contextlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError

from schemas import subjects
from schemas.envelope import Refused
from services.feeds.content import Contents
from services.feeds.heads import Heads
from services.feeds.share import subscribers
from services.feeds.store import Fresh, Page, Store
from services.feeds.wording import Entry, as_item, is_open, read_position
from services.runtime import logs
from services.runtime.direct import Direct
from services.runtime.lasting import in_thread
from services.runtime.reading import LIMIT_BYTES, Refusal, read_json

TICK_S = 15.0
KEPT_FOR = timedelta(days=7)
LIMIT = 200
PAGE_BYTES = 1024 * 1024
IN_HAND = 64
OF_ONE_IN_HAND = 4
OF_ONE_WAITING = 256
"""Requests of one organisation: so many are answered at once, so many wait; the rest get no answer."""
COPIES_AT_ONCE = 5_000
LATE = timedelta(seconds=60)
"""A fact older than this is caught up on, not news: a tick says that there is something to fetch."""

_REPLIES = ("_R_.", "_INBOX.")
_ITEMS, _NEXT = "items", "next"

Item = dict[str, Any]


class Delivery:
    """One mode's way out. ``queue`` takes what the projector has committed."""

    def __init__(
        self,
        nc: Client,
        direct: Direct,
        store: Store,
        mode: str,
        secret: bytes,
        heads: Heads | None = None,
    ) -> None:
        self._heads = heads
        self._nc = nc
        self._store = store
        self._mode = mode
        self._secret = secret
        self._contents = Contents(direct, mode)
        self._epoch = ""
        self._newest: dict[str, int] = {}
        self.queue: asyncio.Queue[Fresh] = asyncio.Queue()

    async def open(self) -> None:
        """Learn how far each feed has come."""
        self._epoch, self._newest = await in_thread(self._store.standing, self._mode)

    def newest(self, org: str) -> tuple[str, int]:
        """The feeds' epoch and the last number in an organisation's feed."""
        return self._epoch, self._newest.get(org, 0)

    async def copy(self) -> None:
        """Publish what is committed, for ever, in order."""
        while True:
            fresh = await self.queue.get()
            self._contents.forget(fresh.erased)
            self._epoch = fresh.epoch
            self._newest |= fresh.newest
            try:
                await self._publish(fresh)
            except Exception as fault:
                logs.get(mode=self._mode).warning("feeds.not_copied", exc_info=fault)

    async def tick(self) -> None:
        """Tell each subscriber every 15 s how far its feed has come, for ever."""
        while True:
            await asyncio.sleep(TICK_S)
            try:
                for org in self._open_feeds():
                    await self._tick(org)
            except Exception as fault:
                logs.get(mode=self._mode).warning("feeds.not_ticked", exc_info=fault)

    async def answer(self, org: str, asked: dict[str, Any]) -> dict[str, Any]:
        """The next items after a position. Raises Refusal."""
        now = datetime.now(UTC)
        if self._store.directory(self._mode).subscription(org, self._mode, now) is None:
            raise Refusal("NOT_ALLOWED", act="feed")
        after, limit = asked.get("after"), asked.get("limit", LIMIT)
        if not isinstance(after, str | None) or type(limit) is not int or not 1 <= limit <= LIMIT:
            raise Refusal("MALFORMED", where=["after", "limit"])
        page, reset = await self._page(org, after, limit, now)
        items = _fitting(await self._items(page.entries, page.epoch))
        return {
            "status": "ok",
            "epoch": page.epoch,
            "reset": reset,
            "items": items,
            "newest": page.newest,
        }

    async def _page(self, org: str, after: str | None, limit: int, now: datetime) -> tuple[Page, bool]:
        """The rows, and True if the position is of another epoch, so that the reader begins anew."""
        epoch, number = read_position(after)
        if epoch:
            page = await in_thread(self._store.page, self._mode, org, number, limit)
            if page.epoch == epoch and number <= page.newest:
                return page, False
        page = await in_thread(self._store.page_since, self._mode, org, now - KEPT_FOR, limit)
        return page, after is not None

    async def _publish(self, fresh: Fresh) -> None:
        late = fresh.since is not None and datetime.now(UTC) - fresh.since > LATE
        if late or fresh.anew or len(fresh.entries) > COPIES_AT_ONCE:
            for org in fresh.newest:
                await self._tick(org)
            return
        items = await self._items(fresh.entries, fresh.epoch)
        feeds = self._open_feeds()
        for entry, item in zip(fresh.entries, items, strict=True):
            if entry.subscriber in feeds:
                await self._nc.publish(self._subject(entry.subscriber), orjson.dumps(item))

    async def _items(self, entries: Sequence[Entry], epoch: str) -> list[Item]:
        """The rows as they may be given out at this moment."""
        directory, now = self._store.directory(self._mode), datetime.now(UTC)
        shown = [entry.item for entry in entries if is_open(entry, directory, now)]
        contents = await self._contents.of(shown)
        return [
            as_item(entry, self._mode, epoch, contents.get(entry.item.fact), directory, now, self._secret)
            for entry in entries
        ]

    def _open_feeds(self) -> set[str]:
        directory = self._store.directory(self._mode)
        return set(subscribers(directory, self._mode, datetime.now(UTC)))

    async def _tick(self, org: str) -> None:
        tick = {"tick": True, "newest": self._newest.get(org, 0), "epoch": self._epoch}
        if self._heads is not None:
            directory = self._store.directory(self._mode)
            tick["heads"] = self._heads.newest(self._mode, org, directory, datetime.now(UTC))
        await self._nc.publish(self._subject(org), orjson.dumps(tick))

    def _subject(self, org: str) -> str:
        return subjects.feed(self._mode, org, _ITEMS)


class Counter:
    """Answers ``…next`` for every organisation; the broker lets each ask for its own only."""

    def __init__(self, nc: Client, deliveries: dict[str, Delivery]) -> None:
        self._nc = nc
        self._deliveries = deliveries
        self._tasks: dict[str, set[asyncio.Task[None]]] = {}
        self._lanes: dict[str, asyncio.Semaphore] = {}
        self._room = asyncio.Semaphore(IN_HAND)
        self.dropped = 0

    async def open(self) -> None:
        """Subscribe, and return when the broker has the subscription."""
        await self._nc.subscribe(subjects.feed("*", "*", _NEXT), queue="feeds", cb=self._on_message)
        await self._nc.flush()

    async def _on_message(self, message: Msg) -> None:
        place = subjects.parse_feed(message.subject)
        if place is None or place[0] not in self._deliveries or not message.reply.startswith(_REPLIES):
            self._drop()
            return
        mode, org, _ = place
        tasks = self._tasks.setdefault(org, set())
        if len(tasks) >= OF_ONE_IN_HAND + OF_ONE_WAITING:
            self._drop()
            return
        task = asyncio.create_task(self._in_turn(mode, org, message))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    def _drop(self) -> None:
        self.dropped += 1
        if self.dropped & (self.dropped - 1) == 0:
            logs.get(count=self.dropped).warning("feeds.dropped")

    async def _in_turn(self, mode: str, org: str, message: Msg) -> None:
        """Answer when it is the organisation's turn: nobody's crowd keeps others waiting."""
        lane = self._lanes.setdefault(org, asyncio.Semaphore(OF_ONE_IN_HAND))
        async with lane, self._room:
            await self._answer(mode, org, message)

    async def _answer(self, mode: str, org: str, message: Msg) -> None:
        answer: dict[str, Any]
        try:
            answer = await self._deliveries[mode].answer(org, read_json(message.data or b"{}", LIMIT_BYTES))
        except Refusal as refusal:
            answer = refusal.refused.model_dump()
        except Exception as fault:
            logs.get(mode=mode, org=org).error("feeds.fault", exc_info=fault)
            answer = Refused(code="INTERNAL").model_dump()
        with contextlib.suppress(NatsError, OSError):
            await self._nc.publish(message.reply, orjson.dumps(answer))


def _fitting(items: list[Item]) -> list[Item]:
    """As many items, from the first on, as fit in one answer; at least one."""
    size = 0
    for count, item in enumerate(items):
        size += len(orjson.dumps(item))
        if size > PAGE_BYTES and count:
            return items[:count]
    return items
