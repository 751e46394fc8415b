"""Feeds over HTTP: nothing lost or doubled, nothing too much, and an end when there is one."""

import asyncio
import time
from datetime import UTC, datetime, timedelta

import pytest

from schemas.feeds import Agree
from schemas.identifiers import new_id
from schemas.incidents import AddEntry, ApproveErasure, AskErasure, ItemContent, OpenIncident
from schemas.people import Grant
from schemas.vocabulary import Level, Role
from services.desk import live
from tests.caller import Caller
from tests.desk.house import PAST, VAKT, Events, House

pytestmark = pytest.mark.asyncio(loop_scope="module")
WORDS = ItemContent(headline="Røyk i Åsane")


async def opened(lead: Caller, level: Level = Level.REGION, named: list[str] | None = None) -> str:
    incident = new_id()
    said = OpenIncident(incident=incident, type="fire", level=level, named=named or [])
    await lead.accepted(said, WORDS)
    return incident


async def newest(house: House, org: str = "4624") -> str:
    """The last position of a feed, once it has stopped growing."""
    last, position = -1, ""
    async with house.machine(f"feed-{org}") as program:
        while True:
            page = (await program.get(f"/v1/feeds/{org}", params={"after": position or None})).json()
            if page["newest"] == last:
                return f"{page['epoch']}.{last}"
            last = page["newest"]
            position = page["items"][-1]["position"] if page["items"] else position
            await asyncio.sleep(0.1)


async def test_a_neighbour_sees_a_report_as_it_comes(house: House) -> None:
    lead, events = await house.caller(VAKT, "kari"), Events()
    last = await newest(house)
    async with house.machine("feed-4624") as program, asyncio.timeout(10):
        reading = asyncio.create_task(events.follow(program, "4624", 1, last))
        await asyncio.sleep(0.2)
        await opened(lead)
        await reading
    assert events.items[0]["content"] == {"headline": "Røyk i Åsane"}
    assert events.ids == [events.items[0]["position"]]


async def test_a_reader_that_comes_and_goes_loses_and_doubles_nothing(house: House) -> None:
    lead, events = await house.caller(VAKT, "kari"), Events()
    last = first = await newest(house)
    total = 60
    writing = asyncio.create_task(_write(lead, total))
    async with house.machine("feed-4624") as program, asyncio.timeout(40):
        for want in (7, 20, 21, 45, total):
            await events.follow(program, "4624", want, last)
            last = events.ids[-1]
    await writing
    epoch, _, start = first.rpartition(".")
    assert events.ids == [f"{epoch}.{int(start) + n}" for n in range(1, total + 1)]
    assert len({item["id"] for item in events.items}) == total


async def _write(lead: Caller, count: int) -> None:
    for _ in range(count):
        await opened(lead)
        await asyncio.sleep(0.005)


async def test_many_readers_get_the_same_in_the_same_order(house: House) -> None:
    lead, readers = await house.caller(VAKT, "kari"), [Events() for _ in range(8)]
    last = await newest(house)
    async with house.machine("feed-4624") as program, asyncio.timeout(30), asyncio.TaskGroup() as group:
        for reader in readers:
            group.create_task(reader.follow(program, "4624", 30, last))
        group.create_task(_write(lead, 30))
    assert all(reader.ids == readers[0].ids for reader in readers)


async def test_an_erasure_is_a_notice_now_and_for_those_who_read_later(house: House) -> None:
    lead, events, later = await house.caller(VAKT, "kari"), Events(), Events()
    centre = await house.caller("4601.centre")
    for person, role in (("kari", Role.ARCHIVE_OWNER), ("ola", Role.APPROVER)):
        await centre.accepted(Grant(person=person, role=role, where="4601"))
    last = await newest(house)
    incident = await opened(lead)
    line = await lead.accepted(AddEntry(incident=incident, level=Level.REGION), ItemContent(text="Skal bort"))
    async with house.machine("feed-4624") as program, asyncio.timeout(20):
        reading = asyncio.create_task(events.follow(program, "4624", 3, last))
        await asyncio.sleep(0.3)
        asked = AskErasure(incident=incident, entry=line.id, ground="mistaken", law="gdpr-17")
        await lead.accepted(asked)
        await lead.by("ola").accepted(ApproveErasure(incident=incident, entry=line.id))
        await reading
        await later.follow(program, "4624", 3, last)
    assert [item["kind"] for item in events.items] == ["incident", "entry", "notice"]
    assert [item["kind"] for item in later.items] == ["incident", "notice", "notice"]
    assert "Skal bort" not in str(later.items)
    assert later.items[1]["id"] == later.items[2]["id"] == line.id


async def test_trondheim_gets_what_was_named_to_it_until_the_agreement_ends(house: House) -> None:
    lead, centre = await house.caller(VAKT, "kari"), await house.caller("4601.centre")
    await opened(lead, Level.REGION)
    await opened(lead, Level.PUBLIC)
    async with house.machine("feed-5001") as program:
        assert (await program.get("/v1/feeds/5001")).json()["items"] == []
        await opened(lead, Level.NAMED, ["5001"])
        events = Events()
        async with asyncio.timeout(5):
            await events.follow(program, "5001", 1)
        assert events.items[0]["content"]
        over = datetime.now(UTC) - timedelta(seconds=1)
        await centre.accepted(
            Agree(agreement="a", parties=["4601", "5001"], purpose="x", since=PAST, until=over)
        )
        assert await lead.refused(
            OpenIncident(incident=new_id(), type="fire", level=Level.NAMED, named=["5001"]), WORDS
        )
        await newest(house, "5001")
        (only,) = (await program.get("/v1/feeds/5001")).json()["items"]
    assert (only["kind"], only["notice"], only["content"]) == ("notice", "recalled", None)


async def test_a_feed_is_for_its_own_organisation(house: House) -> None:
    async with house.machine("feed-5001") as program:
        for path in ("/v1/feeds/4624", "/v1/feeds/4624/events", "/v1/feeds/4601", "/v1/feeds/%3E/events"):
            answer = await program.get(path)
            assert answer.status_code == 403, path
            assert answer.json()["code"] == "NOT_ALLOWED"
    async with house.client() as stranger:
        assert (await stranger.get("/v1/feeds/4624/events")).status_code == 401


async def test_an_unknown_position_begins_anew_and_says_so(house: House) -> None:
    await opened(await house.caller(VAKT, "kari"))
    events = Events()
    async with house.machine("feed-4624") as program, asyncio.timeout(10):
        await events.follow(program, "4624", 1, "00000000.7")
    assert events.events == ["reset"]
    assert events.ids[0].endswith(".1")


@pytest.mark.timed
async def test_a_stream_ends_within_ten_seconds_of_its_token(house: House) -> None:
    await house.issue("brief", "4624", ["feed"])
    events, last = Events(), await newest(house)
    async with house.machine("brief") as program, asyncio.timeout(30):
        reading = asyncio.create_task(events.follow(program, "4624", 1_000, last))
        await asyncio.sleep(0.3)
        await house.revoke("brief", "4624")
        began = time.monotonic()
        await reading
    assert time.monotonic() - began < 10


async def test_of_too_many_streams_of_one_feed_the_oldest_end(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "STREAMS_MOST", 3)
    last, readers = await newest(house), [Events() for _ in range(6)]
    async with house.machine("feed-4624") as program, asyncio.timeout(15):
        reading = []
        for reader in readers:
            reading.append(asyncio.create_task(reader.follow(program, "4624", 1, last)))
            await asyncio.sleep(0.3)
        await asyncio.gather(*reading[:3])
        assert [one.done() for one in reading] == [True] * 3 + [False] * 3
        await opened(await house.caller(VAKT, "kari"))
        await asyncio.gather(*reading[3:])
    assert [len(reader.items) for reader in readers] == [0, 0, 0, 1, 1, 1]


async def test_a_position_of_absurd_length_begins_anew(house: House) -> None:
    async with house.machine("feed-4624") as program:
        for digits in (25, 5000):
            page = await program.get("/v1/feeds/4624", params={"after": "e." + "9" * digits})
            assert (page.status_code, page.json()["reset"]) == (200, True)
            start = {"Last-Event-ID": "e." + "9" * digits}
            async with program.stream("GET", "/v1/feeds/4624/events", headers=start) as answer:
                lines = answer.aiter_lines()
                assert [await anext(lines) for _ in range(3)][2] == "event: reset"


@pytest.mark.timed
async def test_the_desk_stops_at_once_though_streams_are_open(house: House) -> None:
    last = await newest(house)
    async with house.machine("feed-4624") as program, asyncio.timeout(30):
        reading = [asyncio.create_task(Events().follow(program, "4624", 1_000, last)) for _ in range(5)]
        await asyncio.sleep(0.5)
        assert house.desk.health()["streams"] == 5
        began = time.monotonic()
        desk = house.desk
        await desk.stop()
        spent = time.monotonic() - began
        await asyncio.gather(*reading)
        house.rooms.remove(desk)
    assert spent < 3
