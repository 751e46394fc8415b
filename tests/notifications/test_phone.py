"""The phone page: for one person, looking changes nothing, two buttons act, and it ends with the chain."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from schemas.notifications import Acknowledge
from tests.hub import Hub
from tests.notifications.desk import MODE, PHONES, WATCH, Desk, desk, until

HIDDEN = 'name="token" value="'


class Browser:
    """Opens the link of an SMS as a phone does."""

    def __init__(self, here: Desk, secret: str) -> None:
        self.origin = f"http://127.0.0.1:{here.room.phone_port}"
        self.address = f"{self.origin}/k/{secret}"

    async def fetch(self, method: str, address: str, **more: Any) -> httpx.Response:
        async with httpx.AsyncClient(trust_env=False) as http:
            return await http.request(method, address, **more)

    async def look(self, method: str = "GET") -> httpx.Response:
        return await self.fetch(method, self.address)

    async def press(self, act: str, **more: str) -> httpx.Response:
        page = (await self.look()).text
        token = page.partition(HIDDEN)[2].partition('"')[0]
        headers = {"origin": more.pop("origin", self.origin)}
        return await self.fetch(
            "POST", self.address, data={"token": token, "act": act} | more, headers=headers
        )


@pytest.fixture
async def here(fresh_broker: Hub) -> AsyncIterator[Desk]:
    async with desk(fresh_broker) as found:
        await found.man(primary="kari", backup="ola")
        await found.policy(0, 2, end_s=60)
        yield found


async def told(here: Desk, person: str) -> Browser:
    """The browser of a person who was told."""
    await until(lambda: bool(here.gateway.to(PHONES[person])))
    return Browser(here, here.gateway.to(PHONES[person])[0].secret)


async def test_looking_and_previews_change_nothing_and_show_no_words(here: Desk) -> None:
    incident = await here.open()
    kari = await told(here, "kari")
    for method in ("GET", "HEAD", "GET"):
        answer = await kari.look(method)
        assert answer.status_code == 200
        assert answer.headers["cache-control"] == "no-store"
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert "script" not in answer.text
    assert await here.story(incident) == ["started", "sent kari"]
    for word in ('lang="nb"', "ØVELSE", "P1 kritisk", ">ras<", here.incidents[incident], "Kvitterer"):
        assert word in answer.text
    assert "Kari" not in answer.text
    style = await kari.fetch("GET", f"{kari.origin}/phone.css")
    assert style.headers["content-type"].startswith("text/css")


async def test_the_page_speaks_the_language_that_the_phone_prefers_and_bokmal_to_others(here: Desk) -> None:
    await here.open()
    kari = await told(here, "kari")
    for preferred, lang, button in (
        ("nn-NO,nb;q=0.8", "nn", "Stadfestar"),
        ("en-GB,en;q=0.9,nb;q=0.8", "en", "I acknowledge"),
        ("de", "nb", "Kvitterer"),
    ):
        page = (await kari.fetch("GET", kari.address, headers={"accept-language": preferred})).text
        assert f'<html lang="{lang}">' in page
        assert button in page


async def test_one_press_acknowledges_for_the_person_of_the_link(here: Desk) -> None:
    incident = await here.open()
    kari = await told(here, "kari")
    answer = await kari.press("ack")
    assert (answer.status_code, answer.headers["location"]) == (303, kari.address.rpartition("/")[2])
    assert (await here.story(incident))[-1] == "acknowledged kari"
    (fact,) = [fact for fact, body in await here.facts(incident) if fact.type.endswith("acknowledged.v1")]
    actor = fact.data.actor
    assert (actor.person, actor.key, actor.via, actor.authentication) == ("kari", WATCH, "phone", "link")
    page = await kari.look()
    assert "Du har kvittert" in page.text
    assert "<button" not in page.text


async def test_a_link_ends_with_its_chain_and_then_tells_only_how(here: Desk) -> None:
    incident = await here.open()
    kari = await told(here, "kari")
    token_page = await kari.look()
    ola = await told(here, "ola")
    assert (await ola.press("ack")).status_code == 303
    late = await kari.look()
    assert late.status_code == 410
    for word in (here.incidents[incident], ">ras<", "<button"):
        assert word in token_page.text
        assert word not in late.text
    token = token_page.text.partition(HIDDEN)[2].partition('"')[0]
    await kari.fetch("POST", kari.address, data={"token": token, "act": "ack"})
    assert (await here.story(incident)).count("acknowledged kari") == 0


async def test_cannot_brings_the_next_person_at_once(here: Desk) -> None:
    await here.policy(0, 60, end_s=90)
    incident = await here.open()
    kari = await told(here, "kari")
    assert (await kari.press("decline")).status_code == 303
    await told(here, "ola")
    assert "declined kari" in await here.story(incident)
    page = (await kari.look()).text
    assert "Kan ikke" not in page
    assert "Kvitterer" in page


@pytest.mark.parametrize(
    ("more", "status"),
    [
        ({"token": "0" * 64}, 403),
        ({"origin": "https://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "http://[::1"}, 403),
        ({"act": "x"}, 400),
    ],
)
async def test_a_form_from_elsewhere_is_not_taken(here: Desk, more: dict[str, str], status: int) -> None:
    incident = await here.open()
    kari = await told(here, "kari")
    assert (await kari.press(**({"act": "ack"} | more))).status_code == status
    assert await here.story(incident) == ["started", "sent kari"]


@pytest.mark.parametrize("form", [b"a=1&" * 12, b"act=ack&token=%ff\xff", b"x" * 5_000, b""])
async def test_a_form_that_is_none_of_the_page_s_is_refused(here: Desk, form: bytes) -> None:
    incident = await here.open()
    kari = await told(here, "kari")
    unknown = Browser(here, "A" * 22)
    answers = [await one.fetch("POST", one.address, content=form) for one in (kari, unknown)]
    assert [answer.status_code for answer in answers] == [403, 404]
    assert await here.story(incident) == ["started", "sent kari"]


async def test_an_unknown_link_says_nothing(here: Desk) -> None:
    incident = await here.open()
    await told(here, "kari")
    for secret in ("A" * 22, "kort", "x" * 200, "%2e%2e%2fphone.css"):
        answer = await Browser(here, secret).look()
        assert answer.status_code == 404
        assert here.incidents[incident] not in answer.text


async def test_an_answer_at_the_desk_ends_the_link_too(here: Desk) -> None:
    incident = await here.open()
    kari = await told(here, "kari")
    caller = await here.office.caller(WATCH, "ola")
    await caller.accepted(Acknowledge(chain=await here.chain_of(incident)), mode=MODE)
    assert (await kari.look()).status_code == 410
