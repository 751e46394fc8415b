"""What is written is neither lost nor doubled: links break, sessions end, desks start anew, hands shake."""

import asyncio
import contextlib
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable

import httpx
import psutil
import pytest
from playwright.async_api import Error as PlaywrightError
from playwright.async_api import Route, expect

from tests.browser.rig import LIVE, MARKS, OPENED, PATIENCE_S, ROW, Desk, Rig, until
from tests.system_hub import eventually

pytestmark = MARKS
SHOWN_S = 3.0
AGAIN_S = 30
WATCH_ALERT = """() => {
  window.__alerted = null;
  const alert = document.querySelector("#alert");
  new MutationObserver(() => {
    if (window.__alerted === null && !alert.hidden)
      window.__alerted = (performance.timeOrigin + performance.now()) / 1000;
  }).observe(alert, {attributes: true, childList: true, subtree: true});
}"""


async def opened(rig: Rig, desk: Desk, headline: str) -> str:
    """A new incident that stands open on the desk, the focus in its log; its ref."""
    async with rig.api() as api:
        ref = await api.report(headline)
    await desk.live()
    await desk.line(ref)
    await desk.page.locator(f"{OPENED}[data-name='{ref}']").wait_for()
    await desk.press("l")
    await expect(desk.page.locator("#log-text")).to_be_focused()
    return ref


async def said_once(rig: Rig, ref: str, *texts: str) -> None:
    """Each text comes into the log, once, and stays there once."""

    async def all_there() -> bool:
        return set(texts) <= set(await log_of(rig, ref))

    await eventually(all_there, 20)
    await asyncio.sleep(0.5)
    found = await log_of(rig, ref)
    assert {text: found.count(text) for text in texts} == dict.fromkeys(texts, 1)


async def log_of(rig: Rig, ref: str) -> list[str]:
    """What the log says; nothing while nobody answers."""
    try:
        async with rig.api() as api:
            return await api.texts(ref)
    except (httpx.HTTPError, KeyError, AssertionError):
        return []


async def test_a_double_click_and_a_double_key_write_once(rig: Rig) -> None:
    async with rig.desk() as desk:
        ref = await opened(rig, desk, "Dobbelt trykk")
        await desk.page.keyboard.type("Skrevet med to klikk")
        await desk.page.locator("form[data-send=log] button").dblclick()
        await expect(desk.entries("Skrevet med to klikk")).to_have_count(1)
        await desk.page.fill("#log-text", "Skrevet med to trykk")
        await desk.press("Control+Enter", "Control+Enter")
        await expect(desk.entries("Skrevet med to trykk")).to_have_count(1)
        await desk.is_innocent()
    await said_once(rig, ref, "Skrevet med to klikk", "Skrevet med to trykk")


async def test_going_back_and_sending_a_form_again_writes_once_even_without_scripts(rig: Rig) -> None:
    async with rig.api() as api:
        ref = await api.report("Tilbakeknapp")
    async with rig.desk(path=f"/incidents/{ref}", java_script_enabled=False) as desk:
        await desk.page.fill("form[data-send=log] textarea", "Sendt, tilbake, sendt igjen")
        await desk.page.click("form[data-send=log] button")
        await expect(desk.entries("Sendt, tilbake, sendt igjen")).to_have_count(1)
        await desk.page.go_back()
        await desk.page.click("form[data-send=log] button")
        await desk.goto(f"/incidents/{ref}")
        await expect(desk.entries("Sendt, tilbake, sendt igjen")).to_have_count(1)
    async with rig.desk() as desk:
        await desk.live()
        await desk.line(ref)
        await expect(desk.page.locator("#incident-title")).to_be_focused()
        await desk.press("l")
        await desk.page.keyboard.type("Skrevet før tilbakeknappen")
        await desk.press("Control+Enter")
        await expect(desk.entries("Skrevet før tilbakeknappen")).to_have_count(1)
        async with desk.page.expect_event("load"):
            await desk.page.evaluate("history.back()")
        await desk.page.go_forward()
        await expect(desk.entries("Skrevet før tilbakeknappen")).to_have_count(1)
        await desk.is_innocent()
    await said_once(rig, ref, "Sendt, tilbake, sendt igjen", "Skrevet før tilbakeknappen")


async def test_two_desks_write_in_one_incident_and_neither_disturbs_the_other(rig: Rig) -> None:
    async with rig.desk() as one, rig.desk("jon") as other:
        ref = await opened(rig, one, "To pulter")
        await other.live()
        await other.line(ref)
        await other.page.locator(f"{OPENED}[data-name='{ref}']").wait_for()
        await other.press("l")
        await other.page.keyboard.type("Halvskrevet hos den andre")
        await one.page.keyboard.type("Skrevet hos den ene")
        await one.press("Control+Enter")
        for desk in (one, other):
            await expect(desk.entries("Skrevet hos den ene")).to_have_count(1)
        await expect(other.page.locator("#log-text")).to_have_value("Halvskrevet hos den andre")
        await expect(other.page.locator("#log-text")).to_be_focused()
        await asyncio.gather(one.press("F4"), other.press("F4"))
        await other.press("Control+Enter")
        for desk in (one, other):
            await expect(desk.entries("Halvskrevet hos den andre")).to_have_count(1)
            await expect(desk.page.locator(f"{OPENED} .state-now")).to_have_text("kvittert")
            await desk.is_innocent()
    await said_once(rig, ref, "Skrevet hos den ene", "Halvskrevet hos den andre")


async def test_what_is_chosen_for_an_entry_stands_when_others_write(rig: Rig) -> None:
    async with rig.api() as api, rig.desk() as desk:
        ref = await opened(rig, desk, "Valgt og ikke glemt")
        await desk.page.keyboard.type("Gjelder en pasient")
        chosen = {"kind": "decision", "tag": "health"}
        for name, value in chosen.items():
            await desk.page.select_option(f"form[data-send=log] [name={name}]", value)
        await desk.page.fill("form[data-send=log] [name=basis]", "Lege har sagt det")
        await api.entry(ref, "En annen skriver", kind="task")
        await expect(desk.entries("En annen skriver")).to_have_count(1)
        await expect(desk.page.locator("#log-text")).to_have_value("Gjelder en pasient")
        for name, value in (chosen | {"basis": "Lege har sagt det"}).items():
            await expect(desk.page.locator(f"form[data-send=log] [name={name}]")).to_have_value(value)
        task = desk.page.locator(".todo li [name=text]")
        await task.fill("Halvveis utført")
        await api.entry(ref, "Enda en", kind="task")
        await expect(desk.page.locator(".todo li")).to_have_count(2)
        await expect(task.first).to_have_value("Halvveis utført")
        await expect(task.first).to_be_focused()


async def test_an_entry_that_is_written_while_an_incident_is_fetched_is_shown(rig: Rig) -> None:
    async with rig.api() as api, rig.desk() as desk:
        ref = await api.report("Hentes mens noen skriver")
        await desk.live()
        async with slow_fetch(desk, ref) as fetched:
            await desk.line(ref)
            await fetched()
            await api.entry(ref, "Skrevet mens siden var på vei")
            await heard(rig, desk)
        await expect(desk.entries("Skrevet mens siden var på vei")).to_have_count(1)


async def test_a_refresh_that_fails_is_made_again_and_what_is_being_written_stands(rig: Rig) -> None:
    async with rig.api() as api, rig.desk() as desk:
        ref = await opened(rig, desk, "Oppfriskes til det lykkes")
        await desk.page.keyboard.type("Halvskrevet")
        failures = [502, None, 503]

        async def fail(route: Route) -> None:
            if not failures:
                await route.continue_()
            elif status := failures.pop():
                await route.fulfill(status=status, body="<h1>Bad gateway</h1>", content_type="text/html")
            else:
                await route.abort()

        await desk.page.route(f"**/incidents/{ref}?after=*", fail)
        await api.entry(ref, "Kom da linjen var dårlig")
        await expect(desk.entries("Kom da linjen var dårlig")).to_have_count(1)
        assert failures == []
        await expect(desk.page.locator("#log-text")).to_have_value("Halvskrevet")
        await expect(desk.page.locator("#log-text")).to_be_focused()
        await desk.press("Control+Enter")
        await expect(desk.entries("Halvskrevet")).to_have_count(1)


async def test_what_a_person_opens_goes_before_refreshes_and_keys_reach_no_other_log(rig: Rig) -> None:
    async with rig.api() as api, rig.desk() as desk:
        other = await api.report("Den som åpnes")
        ref = await opened(rig, desk, "Den som stadig endres")
        async with slow_fetch(desk, ref, times=9) as fetched:
            for number in range(3):
                await api.entry(ref, f"Stadig noe nytt {number}")
            await fetched()
            await desk.row(other).locator("a").focus()
            await desk.press("Enter", "l")
            await desk.page.keyboard.type("Skrevet til den nye")
            await desk.press("Control+Enter")
            await desk.page.locator(f"{OPENED}[data-name='{other}']").wait_for()
        await expect(desk.entries("Skrevet til den nye")).to_have_count(1)
    await said_once(rig, other, "Skrevet til den nye")


async def test_keys_for_an_incident_that_does_not_come_are_kept_for_it_and_go_nowhere_else(rig: Rig) -> None:
    async with rig.api() as api, rig.desk() as desk:
        other = await api.report("Den som ikke kommer")
        ref = await opened(rig, desk, "Den som står åpen")
        typed = asyncio.Event()

        async def break_off(route: Route) -> None:
            await typed.wait()
            await route.abort()

        await desk.page.route(f"**/incidents/{other}", break_off, times=1)
        await desk.row(other).locator("a").focus()
        await desk.press("Enter", "l")
        await desk.page.keyboard.type("Skrevet til den andre")
        await desk.press("Control+Enter")
        typed.set()
        await expect(desk.page.locator("#incident")).to_contain_text("kunne ikke hentes")
        await expect(desk.page.locator("#outbox li")).to_have_count(0)
        await desk.line(other)
        await expect(desk.page.locator("#log-text")).to_have_value("Skrevet til den andre")
        assert await log_of(rig, ref) == []


@contextlib.asynccontextmanager
async def slow_fetch(desk: Desk, ref: str, times: int = 1) -> AsyncIterator[Callable[[], Awaitable[object]]]:
    """The next answers about an incident lie on the line while the block runs; what waits for the first."""
    on_its_way, arrive = asyncio.Event(), asyncio.Event()

    async def hold(route: Route) -> None:
        answer = await route.fetch()
        on_its_way.set()
        await arrive.wait()
        with contextlib.suppress(PlaywrightError):
            await route.fulfill(response=answer)

    await desk.page.route(re.compile(rf"/incidents/{ref}(\?.*)?$"), hold, times=times)
    try:
        yield lambda: asyncio.wait_for(on_its_way.wait(), PATIENCE_S)
    finally:
        arrive.set()


async def heard(rig: Rig, desk: Desk) -> None:
    """The desk has heard of all that has happened until now."""
    async with rig.api() as api:
        ref = await api.report("Et tegn på strømmen")
    await desk.row(ref).wait_for()


@pytest.mark.timed
async def test_a_lost_link_is_shown_in_three_seconds_and_what_is_written_meanwhile_is_sent_once(
    rig: Rig,
) -> None:
    async with rig.desk() as desk:
        ref = await opened(rig, desk, "Brutt linje")
        await desk.page.evaluate(WATCH_ALERT)
        worker = worker_of_the_desk(rig)
        worker.suspend()
        began = time.time()
        try:
            await until(desk.page, "window.__alerted !== null")
            assert await desk.page.evaluate("window.__alerted") - began <= SHOWN_S
            assert await desk.page.locator("#alert").inner_text() != ""
            for number in (1, 2, 3):
                await desk.press("l")
                await desk.page.fill("#log-text", f"Skrevet uten forbindelse {number}")
                await desk.press("Control+Enter")
            assert await desk.page.locator("#outbox li").filter(has_text="Skrevet").count() <= 3
        finally:
            worker.resume()
        await until(desk.page, LIVE, AGAIN_S)
        await expect(desk.page.locator("#alert")).to_be_hidden()
        texts = [f"Skrevet uten forbindelse {number}" for number in (1, 2, 3)]
        await said_once(rig, ref, *texts)
        for text in texts:
            await expect(desk.entries(text)).to_have_count(1)
    async with rig.api() as api:
        assert [text for text in await api.texts(ref) if text in texts] == texts


async def test_a_desk_killed_under_eight_open_pages_loses_and_doubles_nothing(rig: Rig) -> None:
    people = ("leif", "jon", "marit", "leif", "jon", "marit", "leif", "jon")
    async with rig.desks(*people) as desks:
        ref = await opened(rig, desks[0], "Pulten startes på nytt")
        for desk in desks[1:]:
            await desk.live()
            await desk.line(ref)
            await desk.page.locator(f"{OPENED}[data-name='{ref}']").wait_for()
        texts = [f"Pult {number} skriver" for number in range(len(desks))]
        for desk, text in zip(desks, texts, strict=True):
            await desk.page.fill("#log-text", text)
            await desk.page.focus("#log-text")
        sending = [asyncio.create_task(desk.press("Control+Enter")) for desk in desks]
        worker_of_the_desk(rig).kill()
        await asyncio.gather(*sending)
        await said_once(rig, ref, *texts)
        for desk in desks:
            await until(desk.page, LIVE, AGAIN_S)
            for text in texts:
                await expect(desk.entries(text)).to_have_count(1, timeout=AGAIN_S * 1000)
            names = await desk.page.locator(ROW).evaluate_all("rows => rows.map(row => row.dataset.name)")
            assert len(names) == len(set(names))


async def test_a_session_that_ends_while_one_writes_costs_a_new_link_and_no_word(rig: Rig) -> None:
    await rig.renew("marit")
    async with rig.desk("marit") as desk:
        ref = await opened(rig, desk, "Økten tar slutt")
        await desk.page.keyboard.type("Skrevet da økten tok slutt")
        await rig.end("marit")
        await desk.press("Control+Enter")
        link = desk.page.locator("#link")
        await link.wait_for()
        await link.fill(f"{rig.home}{await rig.new_link('marit')}")
        await link.press("Enter")
        await expect(desk.page.locator("#alert")).to_be_hidden()
        await expect(desk.entries("Skrevet da økten tok slutt")).to_have_count(1)
        await desk.is_innocent()
    await said_once(rig, ref, "Skrevet da økten tok slutt")
    await rig.renew("marit")


def worker_of_the_desk(rig: Rig) -> psutil.Process:
    """The process that serves the pages."""
    port = rig.hub.settings.port_desk
    serving = [
        process
        for process in rig.hub.processes()
        if any(
            one.laddr.port == port and one.status == psutil.CONN_LISTEN for one in process.net_connections()
        )
    ]
    assert len(serving) == 1
    return serving[0]
