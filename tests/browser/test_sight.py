"""The pages for everybody's eyes: no barrier by axe, nothing told by colour alone, usable at 400 %."""

import pytest

from tests.browser.axe import faults
from tests.browser.rig import ECHO, MARKS, OPENED, ROW, TYPED, VAKT, Desk, Rig

pytestmark = MARKS
THEMES = ("dark", "light")
PATHS = (
    *("/", "/incidents", "/incidents?state=all", "/watch", "/incidents/0000000", "/sign-in"),
    f"/sign-in/{'x' * 43}",
)
NARROW = {"width": 320, "height": 256}
"""What is left of a screen of 1280 by 1024 at 400 % (WCAG 1.4.10)."""
LUMINANCE = """element => {
  const [r, g, b] = getComputedStyle(element).color.match(/[\\d.]+/g).map(Number);
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}"""


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


@pytest.mark.parametrize("theme", THEMES)
async def test_axe_finds_no_barrier_on_any_page(rig: Rig, theme: str) -> None:
    ref = await a_full_desk(rig)
    found: dict[str, list[str]] = {}
    async with rig.desk(theme=theme) as desk:
        for path in (*PATHS, f"/incidents/{ref}"):
            await desk.goto(path)
            scheme = await desk.page.locator("html").get_attribute("data-color-scheme")
            assert scheme == theme, path
            found[path] = await faults(desk.page)
    assert {place: faults for place, faults in found.items() if faults} == {}


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
    ref = await a_full_desk(rig)
    async with rig.desk() as desk:
        for path in (*PATHS, f"/incidents/{ref}"):
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
    ref = await a_full_desk(rig)
    async with rig.desk(theme=theme, viewport=NARROW) as desk:
        for path in ("/", f"/incidents/{ref}", "/incidents", "/watch", "/sign-in"):
            await desk.goto(path)
            assert await desk.page.evaluate("document.documentElement.scrollWidth") <= NARROW["width"], path
            assert await faults(desk.page) == [], path
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
    ref = await a_full_desk(rig)
    async with rig.desk(path=f"/incidents/{ref}") as desk:
        await desk.live()
        small = await desk.page.evaluate(
            """() => [...document.querySelectorAll("main *, header *, footer *")]
              .filter(one => [...one.childNodes].some(node => node.nodeType === 3 && node.data.trim()))
              .filter(one => one.checkVisibility())
              .filter(one => !one.closest(".sr, kbd") && parseFloat(getComputedStyle(one).fontSize) < 16)
              .map(one => one.outerHTML.slice(0, 120))"""
        )
        assert small == []


async def test_every_word_on_the_pages_is_bokmål(rig: Rig) -> None:
    async with rig.desk() as desk:
        await desk.live()
        assert await desk.page.locator("html").get_attribute("lang") == "nb"
        await desk.page.fill(TYPED, "ny p2 vann Åsane: lekkasje")
        assert (await desk.page.locator(ECHO).inner_text()).startswith("Tolket: ")
