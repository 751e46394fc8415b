"""The pages for everybody's eyes: no barrier by axe, nothing told by colour alone, usable at 400 %."""

import pytest
from playwright.async_api import expect

from tests.browser.axe import faults
from tests.browser.rig import CHILD, ECHO, MARKS, OPENED, ROW, TYPED, VAKT, Desk, Rig

pytestmark = MARKS
THEMES = ("dark", "light")
THEN = "at=2030-01-01T00:00:00"
PATHS = (
    *("/", "/incidents", "/incidents?state=all", f"/incidents?state=all&{THEN}", "/search", "/situation"),
    *("/situation?which=all", "/watch", "/incidents/0000000", "/sign-in", f"/sign-in/{'x' * 43}"),
    *("/docs/http", "/docs/asyncapi"),
)
OWNER = "odd", CHILD
"""The archive owner of a watch, who may see who read what."""
NARROW = {"width": 320, "height": 256}
"""What is left of a screen of 1280 by 1024 at 400 % (WCAG 1.4.10)."""
REACHABLE = """() => {
  const all = document.querySelectorAll(
    "a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex='0']");
  const shown = [...all].filter(one => one.tabIndex >= 0 && one.checkVisibility({visibilityProperty: true})
    && !one.matches(":disabled") && (one.matches("summary") || !one.closest("details:not([open])")));
  return shown.filter(one => one.dataset.walked !== "yes").map(one => one.outerHTML.slice(0, 100));
}"""
"""What can be worked by hand and has not been walked to."""
WALKED = """() => {
  const one = document.activeElement, box = one.getBoundingClientRect(), style = getComputedStyle(one);
  one.dataset.walked = "yes";
  const top = document.elementFromPoint(box.x + Math.min(box.width, innerWidth) / 2, box.y + box.height / 2);
  const seen = one === top || one.contains(top) || !!top?.closest("label")?.contains(one);
  return one === document.body
    || (seen && parseFloat(style.outlineWidth) >= 2 && style.outlineStyle !== "none");
}"""
"""True if what has the focus lies in the window, is covered by nothing, and has a ring around it."""
TABS_MOST = 150


async def a_full_desk(rig: Rig) -> str:
    """Incidents of every priority, one of them with a log, a correction and a page that waits; its ref."""
    async with rig.api() as api:
        for priority in ("critical", "high", "normal", "info"):
            ref = await api.report(f"Vannlekkasje, {priority}", priority=priority, place="Åsane senter")
        ref = await api.report("Strømbrudd på Laksevåg", priority="high", notify=[VAKT])
        await api.entry(ref, "Netteier er varslet")
        await api.entry(ref, "Feil nummer")
        wrong = (await api.log(ref))["entries"][-1]["id"]
        said = {"entry": wrong, "manner": "strike", "ref": ref, "basis": "feil nummer"}
        async with rig.desk() as desk:
            await desk.page.request.post(
                f"{rig.home}/incidents/{ref}/correct",
                form=said | {"csrf": api.client.headers["X-CSRF-Token"], "text": "feil nummer"},
                headers={"Origin": rig.home, "Accept": "application/json"},
            )
    return ref


async def every_path(rig: Rig) -> list[str]:
    """The address of every page that an operator sees, with something on each."""
    ref = await a_full_desk(rig)
    async with rig.api() as api:
        template = (await api.client.get("/v1/templates")).json()["templates"][0]["template"]
        said = {"template": template, "content": {"headline": "Rapport"}}
        report = (await api.client.post("/v1/reports", json=said)).json()["report"]
    async with rig.api("geir", CHILD) as api:
        await api.log(await api.report("Bekymringsmelding", tags=["child"]))
    about = [f"/incidents/{ref}", f"/incidents/{ref}/log", f"/incidents/{ref}/log?{THEN}"]
    written = [f"/situation/new?incident={ref}&template={template}", f"/situation/{report}?new=1"]
    return [*PATHS, *about, *written]


@pytest.mark.parametrize("theme", THEMES)
async def test_axe_finds_no_barrier_on_any_page(rig: Rig, theme: str) -> None:
    paths = await every_path(rig)
    found: dict[str, list[str]] = {}
    async with rig.desk(theme=theme) as desk, rig.desk(*OWNER, theme=theme) as owner:
        for seat, path in (
            *((desk, path) for path in paths),
            (owner, "/audit"),
            (owner, "/audit?ref=0000000"),
        ):
            await seat.goto(path)
            assert path != "/audit" or await seat.page.locator("tbody tr").count()
            scheme = await seat.page.locator("html").get_attribute("data-color-scheme")
            assert scheme == theme, path
            found[path] = await faults(seat.page)
        await search(desk, "vannlekkasje")
        found["found"] = await faults(desk.page)
    assert {place: faults for place, faults in found.items() if faults} == {}


async def search(desk: Desk, words: str) -> None:
    """Look for words from the keyboard; something is found."""
    await desk.goto("/search")
    await desk.page.keyboard.type(words)
    await desk.press("Enter")
    await desk.page.locator("td.found").first.wait_for()


async def test_every_page_is_walked_with_tab_alone_and_shows_where_one_is(rig: Rig) -> None:
    paths = await every_path(rig)
    missed: dict[str, object] = {}
    async with rig.desk() as desk, rig.desk(*OWNER) as owner:
        for seat, path in (*((desk, path) for path in paths if "/docs/" not in path), (owner, "/audit")):
            await seat.goto(path)
            for _ in range(TABS_MOST):
                await seat.press("Tab")
                if not await seat.page.evaluate(WALKED):
                    missed[f"{path} hides"] = await seat.page.evaluate("document.activeElement.outerHTML")
                left = await seat.page.evaluate(REACHABLE)
                if not left:
                    break
            else:
                missed[path] = left
    assert missed == {}


@pytest.mark.parametrize("theme", THEMES)
async def test_axe_finds_no_barrier_in_what_a_page_opens(rig: Rig, theme: str) -> None:
    ref = await a_full_desk(rig)
    found: dict[str, list[str]] = {}
    async with rig.desk(theme=theme) as desk:
        await desk.live()
        await desk.press("?")
        await desk.page.locator("#help[open]").wait_for()
        found["help"] = await faults(desk.page)
        await desk.press("Escape")
        await desk.page.locator("#help").wait_for(state="hidden")
        await desk.press("n")
        await desk.page.locator("#incident form.new").wait_for()
        found["new"] = await faults(desk.page)
        await desk.line(ref)
        await desk.page.locator(OPENED).wait_for()
        found["opened"] = await faults(desk.page)
        await desk.press("r")
        await desk.page.locator(f"{OPENED} details[open]").wait_for()
        found["correct"] = await faults(desk.page)
        await desk.page.fill(TYPED, "tull og tøys")
        found["not understood"] = await faults(desk.page)
    assert {place: faults for place, faults in found.items() if faults} == {}


async def test_every_page_asks_this_host_alone_and_its_policy_refuses_nothing(rig: Rig) -> None:
    paths = await every_path(rig)
    async with rig.desk() as desk:
        for path in paths:
            await desk.goto(path)
            await desk.is_innocent()


async def test_a_priority_is_told_by_shape_and_words_and_not_by_colour_alone(rig: Rig) -> None:
    await a_full_desk(rig)
    async with rig.desk() as desk:
        await desk.live()
        told = set()
        for priority in ("critical", "high", "normal", "info"):
            shape = desk.page.locator(f"{ROW}.{priority} .shape").first
            told.add((await shape.inner_text()).strip())
            assert await shape.locator("[aria-hidden=true]").inner_text() != ""
        assert len(told) == 4
        assert len({one.split()[0] for one in told}) == 4
        assert any("P1" in one for one in told)


async def test_only_what_waits_for_an_answer_moves_and_nothing_for_who_wants_no_motion(rig: Rig) -> None:
    await a_full_desk(rig)
    moving = (
        "document.getAnimations().map(one => one.effect.target.closest('.row')?.className ?? 'elsewhere')"
    )
    async with rig.desk() as desk:
        await desk.live()
        assert all("waits" in one for one in await desk.page.evaluate(moving))
    async with rig.desk(reduced_motion="reduce") as desk:
        await desk.live()
        assert await desk.page.evaluate(moving) == []


@pytest.mark.parametrize("theme", THEMES)
async def test_at_400_percent_everything_can_be_reached_without_scrolling_sideways(
    rig: Rig, theme: str
) -> None:
    paths = await every_path(rig)
    ref = next(path for path in paths if path.endswith("/log")).split("/")[2]
    async with rig.desk(*OWNER, theme=theme, viewport=NARROW) as owner:
        await fits(owner, "/audit")
    async with rig.desk(theme=theme, viewport=NARROW) as desk:
        for path in paths:
            await fits(desk, path)
        await search(desk, "vannlekkasje")
        await fits(desk, None)
        for _ in range(TABS_MOST):
            await desk.press("Tab")
            if await desk.page.evaluate("document.activeElement.matches('td a')"):
                break
        assert await is_seen(desk, "td a:focus")
        await desk.goto("/")
        await desk.live()
        await desk.line(ref)
        log = desk.page.locator("#log-text")
        await log.wait_for()
        await desk.press("l")
        await desk.page.keyboard.insert_text("Skrevet på liten skjerm")
        assert await is_seen(desk, "#log-text")
        await desk.press("Control+Enter")
        await desk.entries("Skrevet på liten skjerm").wait_for()


async def fits(desk: Desk, path: str | None) -> None:
    """The page, or the one that is open, is no wider than the window, and axe finds nothing.

    The contract's pages are long, and the same in any width: axe has looked at them elsewhere.
    """
    if path is not None:
        await desk.goto(path)
    assert await desk.page.evaluate("document.documentElement.scrollWidth") <= NARROW["width"], path
    if path is None or "/docs/" not in path:
        assert await faults(desk.page) == [], path


async def is_seen(desk: Desk, selector: str) -> bool:
    """True if the middle of the element lies in the window and nothing covers it."""
    return bool(
        await desk.page.evaluate(
            """selector => {
              const element = document.querySelector(selector), box = element.getBoundingClientRect();
              const top = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);
              return element === top || element.contains(top);
            }""",
            selector,
        )
    )


async def test_text_is_large_enough_for_a_night_at_arm_s_length(rig: Rig) -> None:
    small: dict[str, list[str]] = {}
    paths = await every_path(rig)
    async with rig.desk() as desk, rig.desk(*OWNER) as owner:
        for seat, path in (*((desk, path) for path in paths), (owner, "/audit")):
            await seat.goto(path)
            small[path] = await seat.page.evaluate(
                """() => [...document.querySelectorAll("main *, header *, footer *")]
                  .filter(one => [...one.childNodes].some(node => node.nodeType === 3 && node.data.trim()))
                  .filter(one => one.checkVisibility())
                  .filter(one => !one.closest(".sr") && parseFloat(getComputedStyle(one).fontSize) < 16)
                  .map(one => one.outerHTML.slice(0, 120))"""
            )
    assert {path: found for path, found in small.items() if found} == {}


async def test_colour_is_kept_for_what_waits_for_an_answer(rig: Rig) -> None:
    async with rig.api() as api, rig.desk() as desk:
        ref = await api.report("Ras i Arna", priority="critical")
        await desk.goto(f"/incidents/{ref}")
        await desk.live()
        title, grey = (
            desk.page.locator("#incident-title .shape"),
            await desk.page.evaluate("getComputedStyle(document.querySelector('#incident-title')).color"),
        )
        colour = "one => getComputedStyle(one).color"
        assert await title.evaluate(colour) != grey
        await desk.press("F4")
        await expect(desk.page.locator(f"{OPENED} .state-now")).to_have_text("kvittert")
        assert await title.evaluate(colour) == grey
        assert await desk.row(ref).locator(".shape").evaluate(colour) == grey


async def test_every_word_on_the_pages_is_bokmål(rig: Rig) -> None:
    async with rig.desk() as desk:
        await desk.live()
        assert await desk.page.locator("html").get_attribute("lang") == "nb"
        await desk.page.fill(TYPED, "ny p2 vann Åsane: lekkasje")
        assert (await desk.page.locator(ECHO).inner_text()).startswith("Tolket: ")
