"""The desk speaks bokmål, nynorsk and English, as the browser prefers or as was chosen at its foot."""

import asyncio

import pytest
from playwright.async_api import Dialog

from tests.browser.axe import faults
from tests.browser.rig import ECHO, LIVE, MARKS, PATIENCE_S, TYPED, Desk, Rig, until
from tests.browser.test_sight import PATHS, THEMES, a_full_desk

pytestmark = MARKS
SPOKEN = {
    "nb-NO": ("nb", "Hendelser", "Tolket: "),
    "nn-NO": ("nn", "Hendingar", "Tolka: "),
    "en-GB": ("en", "Incidents", "Understood: "),
    "de-DE": ("nb", "Hendelser", "Tolket: "),
}


async def choose(desk: Desk, name: str, lang: str) -> None:
    """Press a language at the foot of the page; returns when the new page is connected."""
    async with desk.page.expect_navigation():
        await desk.page.get_by_role("button", name=name).click()
    await until(desk.page, f"document.querySelector('html[lang={lang}]') && {LIVE}")


@pytest.mark.parametrize("locale", SPOKEN)
async def test_a_first_visit_is_in_the_language_that_the_browser_prefers(rig: Rig, locale: str) -> None:
    lang, title, understood = SPOKEN[locale]
    async with rig.desk(locale=locale) as desk:
        await desk.live()
        assert await desk.page.locator("html").get_attribute("lang") == lang
        assert (await desk.page.locator("#list-title").inner_text()).startswith(title)
        await desk.page.fill(TYPED, "ny p2 vann Åsane: lekkasje")
        assert (await desk.page.locator(ECHO).inner_text()).startswith(understood)
        await desk.is_innocent()


async def test_another_language_is_chosen_and_what_was_being_written_stands_there(rig: Rig) -> None:
    ref = await a_full_desk(rig)
    async with rig.desk(path=f"/incidents/{ref}") as desk:
        await desk.live()
        await desk.page.fill("#log-text", "Straumen er ikkje attende før i kveld")
        await desk.page.fill(TYPED, "finn Åsane")
        await choose(desk, "nynorsk", "nn")
        assert desk.page.url == f"{rig.home}/incidents/{ref}"
        assert await desk.page.locator("#log-text").input_value() == "Straumen er ikkje attende før i kveld"
        assert await desk.page.locator(TYPED).input_value() == "finn Åsane"
        assert await desk.page.evaluate("sessionStorage.length") == 0
        await desk.page.fill("#log-text", "")
        await desk.goto("/incidents")
        assert "Alle hendingar" in await desk.page.locator("h1").inner_text()
        await desk.is_innocent()


async def test_a_report_that_is_being_written_is_there_in_the_other_language(rig: Rig) -> None:
    async with rig.desk() as desk:
        await desk.live()
        await desk.press("n")
        await desk.page.fill("#incident [name=headline]", "Røyk i Strandgata")
        await choose(desk, "English", "en")
        assert await desk.page.locator("#incident [name=headline]").input_value() == "Røyk i Strandgata"
        assert await desk.page.locator("#incident h2").inner_text() == "Report something new"


async def test_tagged_words_are_not_laid_aside_for_another_language_but_the_browser_asks(rig: Rig) -> None:
    ref = await a_full_desk(rig)
    async with rig.desk(path=f"/incidents/{ref}") as desk:
        await desk.live()
        log = desk.page.locator('form[data-send="log"]')
        await log.locator("[name=tag]").select_option("health")
        await desk.page.fill("#log-text", "Berre til vakta")
        asked: asyncio.Future[str] = asyncio.get_running_loop().create_future()

        async def stay(dialog: Dialog) -> None:
            await dialog.dismiss()
            asked.set_result(dialog.type)

        desk.page.once("dialog", stay)
        await desk.page.get_by_role("button", name="nynorsk").click(no_wait_after=True)
        assert await asyncio.wait_for(asked, PATIENCE_S) == "beforeunload"
        assert "Berre til vakta" not in await desk.page.evaluate("JSON.stringify({...sessionStorage})")
        assert await desk.page.locator("#log-text").input_value() == "Berre til vakta"


async def test_two_desks_of_one_watch_are_told_the_same_in_their_own_languages(rig: Rig) -> None:
    async with rig.desk(locale="nn-NO") as one, rig.desk(locale="en-GB") as other, rig.api() as api:
        await one.live()
        await other.live()
        ref = await api.report("Overvatn ved Bryggen", priority="critical")
        await one.row(ref).wait_for()
        assert await one.row(ref).locator(".state").inner_text() == "USTADFESTA"
        await other.row(ref).wait_for()
        assert await other.row(ref).locator(".state").inner_text() == "UNACKNOWLEDGED"


@pytest.mark.parametrize(("locale", "theme"), [("nn-NO", THEMES[0]), ("en-GB", THEMES[1])])
async def test_axe_finds_no_barrier_in_nynorsk_and_english(rig: Rig, locale: str, theme: str) -> None:
    ref = await a_full_desk(rig)
    found: dict[str, list[str]] = {}
    async with rig.desk(theme=theme, locale=locale) as desk:
        for path in (*PATHS, f"/incidents/{ref}"):
            await desk.goto(path)
            assert await desk.page.locator("html").get_attribute("lang") == SPOKEN[locale][0], path
            found[path] = await faults(desk.page, colours=False)
    assert {place: faults for place, faults in found.items() if faults} == {}
