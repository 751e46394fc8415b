"""The room feeds behind a real broker: its door, live copies with content, pages, notices and recall."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import orjson
import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg

from schemas import incidents, records, subjects
from schemas.feeds import Agree, FeedItem, FeedPage, SetRegion, Subscribe
from schemas.people import Granted
from schemas.vocabulary import Level, Mode, Role
from services.runtime import names
from tests.caller import Office
from tests.feeds.facts import NEIGHBOUR, PAST, VAKT, WORDS, entry, following, opening
from tests.incidents.make import Scribe

T = TypeVar("T")
ORGS = ("4601", "4624", "110-vest", "5001")


class Neighbour:
    """An organisation's own program at the broker: hears copies, and asks for what it missed."""

    def __init__(self, nc: Client, org: str, mode: str = "actual") -> None:
        self._nc, self.org, self.mode = nc, org, mode
        self.heard: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    async def listen(self) -> None:
        async def hear(message: Msg) -> None:
            self.heard.put_nowait(orjson.loads(message.data) | {"heard": time.perf_counter()})

        await self._nc.subscribe(subjects.feed(self.mode, self.org, "items"), cb=hear)
        await self._nc.flush()

    async def next(self, **asked: Any) -> dict[str, Any]:
        subject = subjects.feed(self.mode, self.org, "next")
        reply = await self._nc.request(subject, orjson.dumps(asked), timeout=5)
        found: dict[str, Any] = orjson.loads(reply.data)
        return found

    async def one(self) -> dict[str, Any]:
        async with asyncio.timeout(5):
            return await self.heard.get()


async def neighbour(hub: Office, org: str = "4624") -> Neighbour:
    user = names.DESK if org == "5001" else f"{org}.feed"
    found = Neighbour(await hub.connection(user), org)
    await found.listen()
    return found


async def items(one: Neighbour, count: int, **asked: Any) -> list[dict[str, Any]]:
    """The feed's items once the feed is open, which it is soon after Accepted, and has ``count`` of them."""
    async with asyncio.timeout(5):
        while True:
            found = await one.next(**asked)
            if found["status"] == "ok" and found["newest"] >= count:
                return list(found["items"])
            await asyncio.sleep(0.02)


async def until(ask: Callable[[], Awaitable[T]], holds: Callable[[T], bool]) -> T:
    """The first answer for which it holds."""
    async with asyncio.timeout(5):
        while True:
            found = await ask()
            if holds(found):
                return found
            await asyncio.sleep(0.02)


async def test_a_neighbour_hears_an_item_with_its_words_at_once(hub: Office, scribe: Scribe) -> None:
    one, head = await neighbour(hub), opening(Level.REGION)
    await scribe.write(head)
    copy = await one.one()
    assert copy["content"] == WORDS
    assert (copy["kind"], copy["ref"], copy["owner"]) == ("incident", "ABC123X", VAKT)
    del copy["heard"]
    assert await items(one, 1) == [copy]
    assert head.about not in orjson.dumps(copy).decode()


async def test_a_feed_is_read_in_pages_from_a_position_on(hub: Office, scribe: Scribe) -> None:
    one = await neighbour(hub)
    for _ in range(7):
        await scribe.write(opening(Level.REGION))
    await items(one, 7)
    first = await one.next(limit=3)
    rest = await one.next(after=first["items"][-1]["position"])
    numbers = [item["position"].rpartition(".")[2] for item in first["items"] + rest["items"]]
    assert numbers == ["1", "2", "3", "4", "5", "6", "7"]
    assert not first["reset"]
    assert not rest["reset"]


@pytest.mark.parametrize("after", ["unknown.4", "no position", "9"])
async def test_a_position_of_another_epoch_is_told_to_begin_anew(
    hub: Office, scribe: Scribe, after: str
) -> None:
    one = await neighbour(hub)
    await scribe.write(opening(Level.REGION))
    await items(one, 1)
    again = await one.next(after=after)
    assert again["reset"]
    assert len(again["items"]) == 1
    ahead = await one.next(after=f"{again['epoch']}.99")
    assert ahead["reset"]


async def test_an_erased_item_is_a_notice_and_its_words_are_in_no_answer(hub: Office, scribe: Scribe) -> None:
    one, head = await neighbour(hub), opening(Level.REGION)
    line = entry(head, Level.REGION)
    await scribe.write(head)
    await scribe.write(line)
    before = await items(one, 2)
    assert before[1]["content"] == WORDS
    gone = incidents.Erased(fact=line.id, ground="mistaken", law="gdpr-17", asked_by="p")
    await scribe.write(following(head, gone))
    after = await items(one, 3)
    assert [item["kind"] for item in after] == ["incident", "notice", "notice"]
    assert {item["notice"] for item in after[1:]} == {"erased"}
    assert after[1]["content"] is after[2]["content"] is None
    heard = [await one.one() for _ in range(3)]
    assert heard[2]["notice"] == "erased"
    assert heard[2]["id"] == line.id


async def test_after_an_agreement_ends_nothing_of_it_is_given_out(hub: Office, scribe: Scribe) -> None:
    centre, one = await hub.caller("4601.centre"), await neighbour(hub, "5001")
    agreed = Agree(agreement="a", parties=["4601", "5001"], purpose="bistand", since=PAST)
    await centre.accepted(agreed)
    await scribe.write(opening(Level.NAMED, ["5001"]))
    assert (await one.one())["content"] == WORDS
    await centre.accepted(agreed.model_copy(update={"until": datetime.now(UTC) - timedelta(seconds=1)}))
    found = await until(lambda: items(one, 1), lambda found: found[0]["kind"] == "notice")
    assert (found[0]["notice"], found[0]["content"]) == ("recalled", None)
    await scribe.write(opening(Level.NAMED, ["5001"]))
    await scribe.write(opening(Level.PUBLIC))
    await items(await neighbour(hub), 1)
    assert len(await items(one, 1)) == 1


async def test_words_that_do_not_fit_their_fact_are_not_given_out(hub: Office, scribe: Scribe) -> None:
    one, head = await neighbour(hub), opening(Level.REGION)
    assert head.sealed is not None
    head.sealed = head.sealed[:-2] + b"!}"
    await scribe.write(head)
    assert (await one.one())["content"] is None


async def test_an_ended_feed_is_refused(hub: Office, scribe: Scribe) -> None:
    lead = await hub.caller(NEIGHBOUR, "lead")
    end = datetime.now(UTC) - timedelta(seconds=1)
    await lead.accepted(Subscribe(subscriber="4624", since=PAST, until=end))
    one = await neighbour(hub)
    found = await until(one.next, lambda found: found["status"] != "ok")
    assert found["code"] == "NOT_ALLOWED"


async def test_the_own_people_decide_over_their_own_feed_only(hub: Office) -> None:
    lead = await hub.caller(NEIGHBOUR, "lead")
    await lead.accepted(Subscribe(subscriber="4624", public_from=["5001"], since=PAST))
    assert await lead.refused(Subscribe(subscriber="4601", since=PAST)) == "NOT_ALLOWED"
    assert await lead.by("ola").refused(Subscribe(subscriber="4624", since=PAST)) == "NOT_ALLOWED"
    assert await lead.refused(Subscribe(subscriber="4624", since=PAST, until=PAST)) == "BAD_PERIOD"
    assert await lead.refused(SetRegion(region="vest", members=["4624", "5001"], since=PAST)) == "NOT_ALLOWED"
    state = await lead.by("ola").ask("feeds", "state")
    assert state["subscription"]["public_from"] == ["5001"]


async def test_a_party_may_end_an_agreement_and_cannot_open_one(hub: Office) -> None:
    centre, lead = await hub.caller("4601.centre"), await hub.caller(NEIGHBOUR, "lead")
    agreed = Agree(agreement="b", parties=["4624", "5001"], purpose="bistand", since=PAST)
    assert await lead.refused(agreed) == "NOT_ALLOWED"
    await centre.accepted(agreed)
    ended = agreed.model_copy(update={"until": datetime.now(UTC) - timedelta(seconds=1)})
    await lead.accepted(ended)
    assert await lead.refused(agreed) == "NOT_ALLOWED"


async def test_every_item_keeps_to_the_contract_and_holds_nothing_else(hub: Office, scribe: Scribe) -> None:
    one, head = await neighbour(hub), opening(Level.REGION)
    line = entry(head, Level.REGION)
    gone = incidents.Erased(fact=line.id, ground="mistaken", law="gdpr-17", asked_by="p")
    for made in (head, line, following(head, gone)):
        await scribe.write(made)
    await items(one, 3)
    page = FeedPage.model_validate(await one.next())
    assert [item.kind for item in page.items] == ["incident", "notice", "notice"]
    for item in await items(one, 3):
        assert item.keys() <= FeedItem.model_fields.keys()


async def test_an_exercise_is_in_no_feed_of_actual_events(hub: Office, scribe: Scribe) -> None:
    centre, one = await hub.caller("4601.centre"), await neighbour(hub)
    playing = Neighbour(await hub.connection("4624.feed"), "4624", "exercise")
    await playing.listen()
    region = SetRegion(region="vest", members=list(ORGS[:3]), since=PAST)
    await centre.accepted(region, mode="exercise")
    await centre.accepted(Subscribe(subscriber="4624", modes=[Mode.EXERCISE], since=PAST), mode="exercise")
    await scribe.write(opening(Level.REGION, mode=Mode.EXERCISE))
    heard = await playing.one()
    assert heard["mode"] == "exercise"
    assert heard["content"] == WORDS
    assert (await one.next())["items"] == []


async def test_feeds_go_on_where_they_were_after_a_restart(hub: Office, scribe: Scribe) -> None:
    one = await neighbour(hub)
    await scribe.write(opening(Level.REGION))
    (before,) = await items(one, 1)
    await hub.stop()
    await hub.start()
    await scribe.write(opening(Level.REGION))
    after = await items(one, 2)
    assert after[0] == before
    assert after[1]["position"] == before["position"].replace(".1", ".2")


@pytest.mark.timed
async def test_a_copy_is_heard_within_milliseconds(hub: Office, scribe: Scribe) -> None:
    one, waits = await neighbour(hub), []
    for _ in range(100):
        made = opening(Level.REGION)
        began = time.perf_counter()
        await scribe.write(made)
        waits.append((await one.one())["heard"] - began)
        await asyncio.sleep(0.005)
    waits.sort()
    assert waits[50] < 0.05


async def test_a_data_protection_officer_is_told_who_was_given_what_and_since_when_that_is_known(
    hub: Office, scribe: Scribe
) -> None:
    one, head = await neighbour(hub), opening(Level.REGION)
    line = entry(head, Level.REGION)
    for made in (head, line):
        await scribe.write(made)
    await items(one, 2)
    for person, where in (("dpo", "4601"), ("nabo", "4624")):
        granted = Granted(person=person, role=Role.DPO, where=where)
        await hub.put_fact(names.PEOPLE_LEDGER, f"{where}.centre", person, granted)
    desk, asked = await hub.caller(VAKT), {"incident": head.about, "owner": VAKT}
    told = await until(
        lambda: desk.by("dpo").ask("feeds", "received", **asked), lambda one: one["status"] == "ok"
    )
    given = [(one["item"], one["organisation"], one["kind"]) for one in told["given"]]
    assert (head.id, "4624", "incident") in given
    assert (line.id, "4624", "entry") in given
    assert told["since"] is None
    assert (await desk.by("kari").ask("feeds", "received", **asked))["code"] == "NOT_ALLOWED"
    other = await hub.caller(NEIGHBOUR, "nabo")
    assert (await other.ask("feeds", "received", **asked))["code"] == "NOT_ALLOWED"
    passed = records.DeliveriesErased(order="o1", law="gdpr-5-1-e", asked_by="liv")
    await scribe.write(following(head, passed))
    told = await until(
        lambda: desk.by("dpo").ask("feeds", "received", **asked), lambda one: one["since"] is not None
    )
    assert told["given"] == []
