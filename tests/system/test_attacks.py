"""Attacks by outsiders and by single services; afterwards the ledger is as it was before."""

import asyncio
from typing import Any

import orjson
import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import NoRespondersError
from nats.js.errors import ServiceUnavailableError

from services.runtime import names
from services.runtime.reader import Reader
from tests.hub import Hub

pytestmark = pytest.mark.system

LEDGER = "LEDGER_ACTUAL"
FACT = "samvirke.actual.4601.vaktsentral.incidents.one.opened"
EVIL = "samvirke.actual.4601.vaktsentral.incidents.evil.opened"
COMMAND = "samvirke.cmd.actual.4601.vaktsentral.people.signin"
READERS = {
    "people-ledger": LEDGER,
    "incidents-ledger": LEDGER,
    "incidents-archive": LEDGER,
    "watch-ledger": LEDGER,
    "notifications-ledger": LEDGER,
    "feeds-ledger": LEDGER,
    "reports-ledger": LEDGER,
    "feeds": LEDGER,
    "intake-ledger": LEDGER,
    "people": names.PEOPLE_STREAM,
    "desk": names.PEOPLE_STREAM,
    "notifications": names.PEOPLE_STREAM,
}
OUTSIDERS = ["4601.vaktsentral", "4601.barnevern", "4624.main", "4624.feed", "110-vest.main"]


async def store_fact(hub: Hub) -> None:
    nc = await hub.connect("incidents-ledger")
    await nc.jetstream().publish(FACT, b'{"secret": true}')
    await nc.close()


async def last_sequence(hub: Hub, stream: str = LEDGER) -> int:
    nc = await hub.connect("provisioner")
    info = await nc.jetstream().stream_info(stream)
    await nc.close()
    return info.state.last_seq


async def unanswered(nc: Client, subject: str, body: bytes = b"") -> bool:
    """True when nobody answers, whether it was refused or does not exist for this account."""
    try:
        await nc.request(subject, body, timeout=0.3)
    except (TimeoutError, NoRespondersError, ServiceUnavailableError):
        return True
    return False


@pytest.mark.parametrize("user", OUTSIDERS)
async def test_no_outsider_reads_empties_or_deletes_the_ledger(fresh_broker: Hub, user: str) -> None:
    await store_fact(fresh_broker)
    nc = await fresh_broker.connect(user)
    consumer = orjson.dumps({"stream_name": LEDGER, "config": {"name": "evil", "ack_policy": "none"}})
    attempts = {
        f"$JS.API.CONSUMER.CREATE.{LEDGER}.evil": consumer,
        f"$JS.API.STREAM.MSG.GET.{LEDGER}": b'{"seq": 1}',
        f"$JS.API.DIRECT.GET.{LEDGER}": b'{"seq": 1}',
        f"$JS.API.CONSUMER.MSG.NEXT.{LEDGER}.notifications": b"1",
        f"$JS.API.STREAM.PURGE.{LEDGER}": b"",
        f"$JS.API.STREAM.DELETE.{LEDGER}": b"",
        EVIL: b"forged",
    }
    refused = await asyncio.gather(*(unanswered(nc, subject, body) for subject, body in attempts.items()))
    assert refused == [True] * len(attempts)
    await nc.close()
    assert await last_sequence(fresh_broker) == 1


@pytest.mark.parametrize("user", OUTSIDERS)
async def test_no_outsider_hears_facts_commands_or_foreign_answers(fresh_broker: Hub, user: str) -> None:
    heard: list[str] = []

    async def note(message: Msg) -> None:
        heard.append(message.subject)

    nc = await fresh_broker.connect(user)
    for subject in ("samvirke.actual.>", "samvirke.cmd.>", "_INBOX.>", "_R_.>", "samvirke.feed.*.4602.items"):
        await nc.subscribe(subject, cb=note)
    await asyncio.sleep(0.1)
    await store_fact(fresh_broker)
    await last_sequence(fresh_broker)
    await nc.close()
    assert heard == []


async def test_a_command_whose_answer_is_to_go_into_the_ledger_leaves_no_fact(fresh_broker: Hub) -> None:
    replies: list[str] = []

    async def answer(message: Msg) -> None:
        replies.append(message.reply)
        await message.respond(b'{"status": "accepted"}')

    door = await fresh_broker.connect("people-door")
    await door.subscribe("samvirke.cmd.*.*.*.people.*", queue="people-door", cb=answer)
    await door.flush()
    for sender in ("4601.vaktsentral", "phone"):
        nc = await fresh_broker.connect(sender)
        await nc.publish(COMMAND, b"{}", reply=EVIL)
        await nc.flush()
        await nc.close()
    await asyncio.sleep(0.3)
    await door.close()
    assert len(replies) == 2
    assert replies[0].startswith("_R_.")
    assert await last_sequence(fresh_broker) == 0


async def test_an_answer_reaches_its_asker_in_another_account(fresh_broker: Hub) -> None:
    async def answer(message: Msg) -> None:
        await message.respond(b"answered")

    door = await fresh_broker.connect("people-door")
    await door.subscribe("samvirke.cmd.*.*.*.people.*", queue="people-door", cb=answer)
    await door.flush()
    for sender in ("4601.vaktsentral", "phone"):
        nc = await fresh_broker.connect(sender)
        assert (await nc.request(COMMAND, b"{}", timeout=2)).data == b"answered"
        await nc.close()
    await door.close()


async def test_a_message_fetched_for_a_foreign_subject_reaches_nobody(
    fresh_broker: Hub,
) -> None:
    heard: list[bytes] = []

    async def note(message: Msg) -> None:
        heard.append(message.data)

    await store_fact(fresh_broker)
    door = await fresh_broker.connect("people-door")
    await door.subscribe("samvirke.cmd.*.*.*.people.*", cb=note)
    await door.flush()
    for user in OUTSIDERS:
        nc = await fresh_broker.connect(user)
        for reply in (COMMAND, EVIL):
            await nc.publish(f"$JS.API.CONSUMER.MSG.NEXT.{LEDGER}.notifications", b"1", reply=reply)
        await nc.flush()
        await nc.close()
    await asyncio.sleep(0.3)
    await door.close()
    assert heard == []
    assert await last_sequence(fresh_broker) == 1


async def test_a_feed_is_heard_by_its_own_organisation_only(fresh_broker: Hub) -> None:
    heard: dict[str, list[bytes]] = {"4624.feed": [], "110-vest.feed": []}
    readers = []
    for user, messages in heard.items():

        async def note(message: Msg, messages: list[bytes] = messages) -> None:
            messages.append(message.data)

        nc = await fresh_broker.connect(user)
        for org in ("4624", "110-vest"):
            await nc.subscribe(f"samvirke.feed.actual.{org}.items", cb=note)
        await nc.flush()
        readers.append(nc)
    feeds = await fresh_broker.connect("feeds")
    await feeds.publish("samvirke.feed.actual.4624.items", b"shared")
    await feeds.flush()
    await asyncio.sleep(0.3)
    for nc in (*readers, feeds):
        await nc.close()
    assert heard == {"4624.feed": [b"shared"], "110-vest.feed": []}


@pytest.mark.parametrize(("user", "stream"), READERS.items())
async def test_every_reader_reads_in_order_with_what_it_is_granted(
    fresh_broker: Hub, user: str, stream: str
) -> None:
    count = await _fill(fresh_broker, stream)
    nc = await fresh_broker.connect(user)
    for name in names.reader_names(user):
        filters: list[str] = ["samvirke.actual.>"] if stream == LEDGER else []
        reader = Reader(nc, stream, name, filters, 1)
        assert await _read(reader, count) == list(range(1, count + 1))
        await reader.close()
    await nc.close()


async def test_a_reader_may_bear_no_foreign_name_and_end_no_foreign_reader(fresh_broker: Hub) -> None:
    feeds = await fresh_broker.connect("feeds")
    config: dict[str, Any] = {"ack_policy": "none", "deliver_subject": "_INBOX.feeds.x", "mem_storage": True}
    for name in ("evil", "incidents-archive", "feeds-e"):
        body = orjson.dumps({"stream_name": LEDGER, "config": config | {"name": name}, "action": "create"})
        assert await unanswered(feeds, f"$JS.API.CONSUMER.CREATE.{LEDGER}.{name}", body)
        assert await unanswered(feeds, f"$JS.API.CONSUMER.DELETE.{LEDGER}.{name}")
    body = orjson.dumps({"stream_name": LEDGER, "config": config | {"name": "evil"}, "action": "create"})
    answer = await feeds.request(f"$JS.API.CONSUMER.CREATE.{LEDGER}.feeds", body, timeout=2)
    assert orjson.loads(answer.data)["name"] == "feeds"
    await feeds.close()


async def test_a_reader_that_names_the_ledger_as_its_inbox_adds_nothing_to_it(fresh_broker: Hub) -> None:
    await store_fact(fresh_broker)
    feeds = await fresh_broker.connect("feeds")
    for target in (EVIL, "samvirke.content.actual.4601.a.watch.evil", "samvirke.timer.actual.fired.evil"):
        config = {"name": "feeds", "ack_policy": "none", "deliver_subject": target, "mem_storage": True}
        body = orjson.dumps({"stream_name": LEDGER, "config": config, "action": "create"})
        await feeds.request(f"$JS.API.CONSUMER.CREATE.{LEDGER}.feeds", body, timeout=2)
        await asyncio.sleep(0.2)
        await feeds.request(f"$JS.API.CONSUMER.DELETE.{LEDGER}.feeds", b"", timeout=2)
    await feeds.close()
    found = [await last_sequence(fresh_broker, stream) for stream in (LEDGER, "CONTENT_ACTUAL", "TIMERS")]
    assert found == [1, 0, 0]


async def test_feeds_gets_shared_content_and_no_other(fresh_broker: Hub) -> None:
    writer = await fresh_broker.connect("incidents-ledger")
    for kind in ("watch", "shared"):
        await writer.jetstream().publish(f"samvirke.content.actual.4601.vaktsentral.{kind}.one", b"typed")
    await writer.close()
    feeds = await fresh_broker.connect("feeds")
    place = "$JS.API.DIRECT.GET.CONTENT_ACTUAL.samvirke.content.actual.4601.vaktsentral"
    assert (await feeds.request(f"{place}.shared.one", b"", timeout=2)).data == b"typed"
    assert await unanswered(feeds, f"{place}.watch.one")
    assert await unanswered(feeds, "$JS.API.DIRECT.GET.CONTENT_ACTUAL", b'{"seq": 1}')
    await feeds.close()


async def _fill(hub: Hub, stream: str) -> int:
    """Messages enough for the broker's flow control to set in."""
    writer = await hub.connect("incidents-ledger" if stream == LEDGER else "people")
    subject = FACT if stream == LEDGER else "$KV.PEOPLE.person"
    count = 300
    js = writer.jetstream()
    for number in range(count):
        await js.publish(subject if stream == LEDGER else f"{subject}{number}", b"x" * 2000)
    await writer.close()
    return count


async def _read(reader: Reader, count: int) -> list[int]:
    found: list[int] = []
    async with asyncio.timeout(10):
        async for batch in reader.batches():
            found += [message.sequence for message in batch]
            if len(found) >= count:
                break
    return found
