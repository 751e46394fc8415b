"""The pages for people: signing in, writing, and what another site or a hostile text cannot do."""

import html
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from schemas.notifications import PolicyRules, SetPolicy, Step
from schemas.vocabulary import DutyFunction, Priority
from schemas.watch import TakeOver
from services.desk import texts
from tests.bench.sinks import gateway
from tests.desk.house import NEIGHBOUR, VAKT, House

pytestmark = pytest.mark.asyncio(loop_scope="module")
PAYLOADS = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "'-alert(1)-'",
    "{{ 7 * 7 }}{% raw %}",
    "</textarea><svg/onload=alert(1)>",
    "\u202eetfil\u202c \u2066skjult\u2069 \u200f",
)
PAGES = ("/", "/incidents", "/part/rows")
TEMPLATES = Path(texts.__file__).parent / "templates"


class Seen(HTMLParser):
    """What a browser finds in a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.scripts: list[str | None] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        if tag == "script":
            self.scripts.append(dict(attrs).get("src"))

    def handle_data(self, data: str) -> None:
        self.text += data


def csrf_in(page: str) -> str:
    found = re.search(r'name="csrf" value="([^"]+)"', page)
    assert found is not None
    return found[1]


async def test_opening_a_link_changes_nothing_and_its_button_signs_in_once(house: House) -> None:
    path = await house.link()
    async with house.client(headers={"Origin": house.url}) as browser:
        for _ in range(3):
            page = await browser.get(path)
            assert page.status_code == 200
            assert "set-cookie" not in page.headers
            assert 'lang="nb"' in page.text
        assert (await browser.get("/incidents")).status_code == 401
        done = await browser.post(path, data={"watch": VAKT})
        assert done.status_code == 303
        for cookie in done.headers.get_list("set-cookie"):
            assert "HttpOnly" in cookie
            assert "SameSite=strict" in cookie
            assert "Path=/" in cookie
        assert (await browser.get("/incidents")).status_code == 200
    async with house.client(headers={"Origin": house.url}) as other:
        again = await other.post(path, data={"watch": VAKT})
        assert again.status_code == 410
        assert "LINK_SPENT" in again.text


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://[::1", None])
async def test_another_site_cannot_sign_anybody_in(house: House, origin: str | None) -> None:
    path = await house.link()
    async with house.client(headers={} if origin is None else {"Origin": origin}) as browser:
        assert (await browser.post(path, data={"watch": VAKT})).status_code == 403


async def test_a_change_needs_the_session_s_own_mark_and_origin(house: House) -> None:
    report = await house.report()
    path, said = f"/incidents/{report['ref']}/entries", {"text": "x", "kind": "information", "level": "watch"}
    async with house.signed_in() as browser:
        mark = csrf_in((await browser.get("/incidents")).text)
        for form, origin in (
            (said, house.url),
            (said | {"csrf": "x" * 43}, house.url),
            (said | {"csrf": mark}, "https://evil.example"),
        ):
            answer = await browser.post(path, data=form, headers={"Origin": origin})
            assert answer.status_code == 403
        for other in ("/sign-out", "/watch", f"/incidents/{report['ref']}/state"):
            assert (await browser.post(other, data={"watch": VAKT})).status_code == 403
        assert (await browser.post(path, data=said | {"csrf": mark})).status_code == 303


@pytest.mark.parametrize("when", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "0.5"])
async def test_a_time_that_no_calendar_here_has_is_refused_wherever_it_is_said(
    house: House, when: str
) -> None:
    async with house.marked() as browser:
        report = {"type": "fire", "headline": "Røyk", "occurred_at": when}
        answers = [
            await browser.post("/v1/incidents", json=report),
            await browser.get("/v1/incidents", params={"at": when}),
            await browser.get("/v1/duty", params={"at": when}),
            await browser.post("/v1/search", json={"text": "x", "since": when}),
        ]
        form = {"csrf": browser.headers["X-CSRF-Token"], "type": "fire", "headline": "x", "occurred_at": when}
        answers.append(await browser.post("/incidents", data=form))
        assert [answer.status_code for answer in answers] == [400] * 5


@pytest.mark.parametrize("payload", PAYLOADS)
async def test_hostile_text_is_shown_and_never_run(house: House, payload: str) -> None:
    report = await house.report(headline=payload, text=payload, place=payload, source=payload)
    async with house.signed_in() as browser:
        mark = csrf_in((await browser.get("/incidents")).text)
        form = {"csrf": mark, "text": payload, "kind": "information", "level": "watch"}
        done = await browser.post(f"/incidents/{report['ref']}/entries", data=form)
        pages = [(await browser.get(path)).text for path in (done.headers["location"], *PAGES)]
    for text in pages:
        seen = Seen(text)
        assert seen.tags.isdisjoint({"img", "svg", "iframe", "object"})
        assert all(source is not None and source.startswith("/static/") for source in seen.scripts)
        assert not [name for name in seen.attributes if name.startswith("on") or name == "style"]
        assert payload in seen.text
    assert f"<bdi>{html.escape(payload).replace('&#x27;', '&#39;').replace('&quot;', '&#34;')}" in pages[0]


async def test_a_person_writes_changes_state_and_signs_out(house: House) -> None:
    report = await house.report(headline="Vannlekkasje på Åsane")
    path = f"/incidents/{report['ref']}"
    async with house.signed_in() as browser:
        listed = (await browser.get("/incidents")).text
        mark = csrf_in(listed)
        assert "Vannlekkasje på Åsane" in listed
        text = "Graver på Ærfuglveien\r\nStenger vannet, æøå"
        said = {"csrf": mark, "text": text, "kind": "decision", "level": "organisation"}
        done = await browser.post(f"{path}/entries", data=said)
        page = (await browser.get(done.headers["location"])).text
        assert "Graver på Ærfuglveien\nStenger vannet, æøå" in page
        assert "beslutning" in page
        assert "Kari Ås" in page
        moved = await browser.post(f"{path}/state", data={"csrf": mark, "state": "in_progress"})
        assert "pågår" in (await browser.get(moved.headers["location"])).text
        closed = await browser.post(f"{path}/state", data={"csrf": mark, "state": "closed", "text": "Tett"})
        assert "avsluttet" in (await browser.get(closed.headers["location"])).text
        refused = await browser.post(f"{path}/state", data={"csrf": mark, "state": "closed"})
        assert refused.status_code == 409
        assert "ALREADY_CLOSED" in refused.text
        assert (await browser.post("/sign-out", data={"csrf": mark})).status_code == 303
        assert (await browser.get("/incidents")).status_code == 401


async def test_a_stolen_cookie_is_worth_nothing_after_sign_out(house: House) -> None:
    async with house.signed_in() as browser:
        cookies = dict(browser.cookies)
        mark = csrf_in((await browser.get("/incidents")).text)
        await browser.post("/sign-out", data={"csrf": mark})
        async with house.client(cookies=cookies) as thief:
            assert (await thief.get("/incidents")).status_code == 401
            assert (await thief.get("/v1/session")).json()["code"] == "SESSION_ENDED"


async def test_the_sign_in_page_names_no_watch_and_one_comes_to_the_own_watch(house: House) -> None:
    path = await house.link()
    async with house.client(headers={"Origin": house.url}) as browser:
        assert "4601" not in (await browser.get(path)).text
        assert (await browser.post(path)).status_code == 303
        assert (await browser.get("/v1/session")).json()["watch"] == VAKT
        page = (await browser.get("/watch")).text
    assert VAKT in page
    assert "barnevern" not in page


async def test_one_may_choose_a_watch_but_the_hub_decides_what_one_sees_there(house: House) -> None:
    async with house.signed_in() as browser:
        mark = csrf_in((await browser.get("/incidents")).text)
        chosen = await browser.post("/watch", data={"csrf": mark, "watch": NEIGHBOUR})
        assert chosen.status_code == 303
        refused = await browser.get("/incidents")
        assert refused.status_code == 403
        assert "Du har ingen rolle" in refused.text
        unknown = await browser.post("/watch", data={"csrf": mark, "watch": "../../etc"})
        assert unknown.status_code == 403


async def test_a_person_on_duty_acknowledges(house: House) -> None:
    lead, step = await house.caller(VAKT, "kari"), Step(after_s=0, function=DutyFunction.PRIMARY)
    await lead.accepted(TakeOver(post="duty"))
    rules = [PolicyRules(priority=Priority.HIGH, steps=[step])]
    await lead.accepted(SetPolicy(watch=VAKT, rules=rules))
    async with gateway(house.gateway_port), house.signed_in() as browser:
        report = await house.report("organisation", notify=[VAKT])
        path = f"/incidents/{report['ref']}"
        for _ in range(100):
            page = (await browser.get(path)).text
            if 'name="chain"' in page and "venter på svar" in page:
                break
        assert "venter på svar" in page
        chain = re.search(r'name="chain" value="([^"]+)"', page)
        assert chain is not None, page
        said = {"csrf": csrf_in(page), "chain": chain[1]}
        done = await browser.post(f"{path}/ack", data=said)
        assert done.status_code == 303, done.text
        assert "kvittert" in (await browser.get(done.headers["location"])).text


async def test_every_colour_of_the_pages_can_be_read_by_day_and_by_night() -> None:
    css = (TEMPLATES.parent / "static" / "desk.css").read_text(encoding="utf-8")
    palettes = [
        dict(re.findall(r"--([\w-]+): (#\w{6});", block))
        for block in re.findall(r"\[data-color-scheme=\"\w+\"\] \{(.*)\}", css)
    ]
    assert len(palettes) == 2
    for colours in palettes:
        for name in ("ink", "soft", "link", "critical", "high"):
            for ground in ("paper", "panel", "chosen", "field"):
                assert contrast(colours[name], colours[ground]) >= 4.5, (name, ground)
        assert contrast(colours["critical-ink"], colours["critical"]) >= 4.5
        assert contrast(colours["high-ink"], colours["high"]) >= 4.5
        assert contrast("#14171b", colours["mark"]) >= 7


def contrast(one: str, other: str) -> float:
    """The contrast of two colours, 1 to 21, as WCAG 2.2 defines it."""
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour: str) -> float:
    """How bright a colour is, 0 to 1."""
    parts = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
