"""What the open pages are sent: each session what its own watch may see, and nothing of anything else."""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator
from typing import Any

import httpx
import orjson
import pytest

from schemas.identifiers import new_id
from schemas.incidents import AddEntry, ItemContent, OpenIncident
from schemas.people import AddPerson, Contact, Grant, RevokeSessions
from schemas.vocabulary import Level, Priority, Role
from services.desk import screens
from tests.desk.house import VAKT, House

pytestmark = pytest.mark.asyncio(loop_scope="module")
BARN = "4601.barnevern"
SECRET_WORD = "Hemmelig-Plassering"


class Heard:
    """What one page's stream has brought."""

    def __init__(self) -> None:
        self.events: list[tuple[str, Any]] = []
        self.raw = ""
        self.places: list[str] = []
        self._arrived = asyncio.Event()

    async def follow(self, browser: httpx.AsyncClient, after: str = "", **more: str) -> None:
        """Read the stream until it ends."""
        params = {"after": after, **more}
        async with browser.stream("GET", "/stream", params=params) as answer:
            assert answer.status_code == 200, await answer.aread()
            event = ""
            async for line in answer.aiter_lines():
                self.raw += line + "\n"
                field, _, value = line.partition(": ")
                if field == "event":
                    event = value
                elif field == "id":
                    self.places.append(value)
                elif field == "data":
                    self.events.append((event, orjson.loads(value)))
                    self._arrived.set()

    async def until(self, wanted: str, text: str = "") -> Any:
        """The first event of that name that holds the text."""
        async with asyncio.timeout(10):
            while True:
                for event, data in self.events:
                    if event == wanted and text in orjson.dumps(data).decode():
                        return data
                self._arrived.clear()
                await self._arrived.wait()


@contextlib.asynccontextmanager
async def listening(browser: httpx.AsyncClient, after: str = "", **more: str) -> AsyncIterator[Heard]:
    """A page that listens, from its first event on."""
    heard = Heard()
    following = asyncio.create_task(heard.follow(browser, after, **more))
    try:
        await heard.until("all")
        yield heard
    finally:
        following.cancel()
        with contextlib.suppress(asyncio.CancelledError, httpx.HTTPError):
            await following


@pytest.mark.parametrize("since", ["\u00b2", "\u0663", "9" * 5_000, "-1", "", "1.5"])
async def test_a_place_that_the_desk_has_not_given_brings_the_whole_list(house: House, since: str) -> None:
    report = await house.report()
    async with house.signed_in() as browser:
        found = re.search(r'data-place="([^.]+)[^"]*"', (await browser.get("/")).text)
        assert found is not None
        async with listening(browser, f"{found[1]}.{since}") as heard:
            assert report["ref"] in (await heard.until("all"))["rows"]


async def child_watch(house: House) -> None:
    """Ida sits in the hidden watch for children."""
    centre = await house.caller("4601.centre")
    await centre.accepted(AddPerson(person="ida"), Contact(display_name="Ida Ås"))
    await centre.accepted(Grant(person="ida", role=Role.OPERATOR, where=BARN))


async def test_what_is_reported_is_on_every_page_of_the_watch_at_once(house: House) -> None:
    async with (
        house.signed_in() as one,
        house.signed_in("ola") as other,
        listening(one) as first,
        listening(other) as second,
    ):
        report = await house.report(headline="Vannlekkasje på Ærfuglveien")
        for heard in (first, second):
            told = await heard.until("rows", report["ref"])
            assert "Vannlekkasje på Ærfuglveien" in told["rows"]
            assert told["log"][report["ref"]] == report["id"]
            assert told["counts"]["total"] >= 1


async def test_a_child_welfare_incident_leaves_no_trace_in_another_s_stream(house: House) -> None:
    await child_watch(house)
    barn = await house.caller(BARN, "ida")
    async with house.signed_in() as browser, listening(browser) as heard:
        before = await heard.until("all")
        count, places = len(heard.events), len(heard.places)
        id = new_id()
        words = ItemContent(headline=SECRET_WORD)
        answer = await barn.accepted(
            OpenIncident(incident=id, type="other", priority=Priority.CRITICAL), words
        )
        await barn.accepted(AddEntry(incident=id), ItemContent(text=SECRET_WORD))
        await asyncio.sleep(1)
        assert {event for event, _ in heard.events[count:]} <= {"tick"}
        assert len(heard.places) == places
        report = await house.report(headline="Synlig")
        after = await heard.until("rows", report["ref"])
        assert after["counts"]["total"] == before["counts"]["total"] + 1
        for secret in (SECRET_WORD, id, str(answer.ref), answer.id, BARN):
            assert secret not in heard.raw
        for path in ("/", "/incidents", "/part/rows"):
            page = (await browser.get(path)).text
            assert SECRET_WORD not in page
            assert str(answer.ref) not in page
        for name in (id, str(answer.ref)):
            assert (await browser.get(f"/incidents/{name}")).status_code == 404


async def test_the_watch_of_another_is_nobody_s_stream(house: House) -> None:
    async with house.signed_in() as browser:
        refused = await browser.get("/stream", params={"as": BARN})
        assert refused.status_code == 403
        assert "text/event-stream" not in refused.headers["content-type"]
    async with house.client() as stranger:
        assert (await stranger.get("/stream")).status_code == 401


async def test_an_entry_of_the_own_watch_is_no_news_to_others_of_the_house(house: House) -> None:
    lead = await house.caller(VAKT, "kari")
    centre = await house.caller("4601.centre")
    await centre.accepted(AddPerson(person="eva"), Contact(display_name="Eva Ås"))
    await centre.accepted(Grant(person="eva", role=Role.OPERATOR, where=VAKT))
    id = new_id()
    opened = await lead.accepted(
        OpenIncident(incident=id, type="fire", level=Level.ORGANISATION), ItemContent(headline="Delt")
    )
    async with contextlib.AsyncExitStack() as stack:
        browser = await stack.enter_async_context(house.signed_in("eva"))
        await centre.accepted(Grant(person="eva", role=Role.OPERATOR, where=BARN))
        await asyncio.sleep(0.3)
        heard = await stack.enter_async_context(listening(browser, **{"as": BARN}))
        assert opened.ref in (await heard.until("all"))["rows"]
        count = len(heard.events)
        await lead.accepted(AddEntry(incident=id), ItemContent(text="bare oss"))
        await asyncio.sleep(1.3)
        assert {event for event, _ in heard.events[count:]} == {"tick"}


async def test_a_page_that_comes_back_gets_what_it_missed_and_nothing_twice(house: House) -> None:
    async with house.signed_in() as browser:
        seen = await house.report(headline="Sett før")
        page = (await browser.get("/")).text
        place = re.search(r'data-place="([^"]+)"', page)
        assert place is not None
        assert seen["ref"] in page
        await asyncio.sleep(screens.SLACK_MS / 1000 + 0.2)
        place_later = re.search(r'data-place="([^"]+)"', (await browser.get("/")).text)
        assert place_later is not None
        missed = await house.report(headline="Kom imens")
        async with listening(browser, place_later[1]) as heard:
            told = await heard.until("all", missed["ref"])
            assert seen["ref"] not in re.findall(r'data-name="(\w+)"', told["rows"])
            assert {seen["ref"], missed["ref"]} <= set(told["names"])
            assert len(told["names"]) == len(set(told["names"]))
        async with listening(browser, "another-desk.17") as heard:
            told = await heard.until("all")
            assert set(re.findall(r'data-name="(\w+)"', told["rows"])) == set(told["names"])


@pytest.mark.timed
async def test_the_page_is_told_every_second_that_the_link_holds(house: House) -> None:
    async with house.signed_in() as browser, listening(browser) as heard:
        await asyncio.sleep(2.3)
        ticks = [data for event, data in heard.events if event == "tick"]
    assert len(ticks) >= 3
    assert ticks[-1].keys() == {"now", "speed", "latency", "waiting", "reasons"}
    assert ticks[-1]["reasons"] == []


async def test_a_stream_ends_with_its_session(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(screens, "CHECK_S", 0.2)
    lead = await house.caller(VAKT, "kari")
    async with house.signed_in("ola") as browser, listening(browser) as heard:
        await lead.accepted(RevokeSessions(person="ola"))
        await heard.until("ended")


async def test_a_flood_of_incidents_is_gathered_and_shown_as_far_as_the_page_holds(house: House) -> None:
    async with house.signed_in() as browser, listening(browser) as heard:
        before = (await heard.until("all"))["counts"]["total"]
        lead = await house.caller(VAKT, "kari")
        sent = [
            lead.accepted(OpenIncident(incident=new_id(), type="flood"), ItemContent(headline=f"nr {number}"))
            for number in range(screens.ROWS_MOST + 20)
        ]
        await asyncio.gather(*sent)
        await heard.until("rows", f'"total":{before + len(sent)},')
        told = [data for event, data in heard.events if event == "rows"]
        page = (await browser.get("/")).text
    assert len(told) < len(sent) / 3
    assert page.count('class="row ') == screens.ROWS_MOST
    assert f"{told[-1]['counts']['total'] - screens.ROWS_MOST} til, ikke vist her" in page
