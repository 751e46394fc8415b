"""The log at the desk: tasks, action card, files, search, reports and who read what, from the keyboard."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from playwright.async_api import expect

from schemas.envelope import Accepted, Actor
from schemas.reports import BeginWheel, ReportField, SetTemplate
from schemas.vocabulary import Authentication
from services.runtime.edge import Edge
from tests.browser.axe import faults
from tests.browser.rig import ASKOY, MARKS, OPENED, VAKT, Desk, Rig

pytestmark = MARKS
HOSTILE = "<img src=x onerror=alert(1)> \u202eås"


async def opened(rig: Rig, desk: Desk, headline: str, **more: object) -> str:
    """A burst water main that stands open on the desk, with an action card; its ref."""
    async with rig.api() as api:
        ref = await api.report(headline, type="water.main", **more)
    await desk.live()
    await desk.line(ref)
    await desk.page.locator(f"{OPENED}[data-name='{ref}']").wait_for()
    return ref


async def write(desk: Desk, kind: str, text: str) -> None:
    """Write an entry of a kind, from the keyboard."""
    await desk.press("l")
    await desk.page.keyboard.type(text)
    await desk.press("Tab")
    await desk.page.keyboard.type(kind)


async def test_a_decision_a_task_and_the_action_card_are_written_and_ended_by_keyboard_alone(
    rig: Rig,
) -> None:
    async with rig.desk() as desk:
        ref = await opened(rig, desk, "Hovedledning brutt")
        await write(desk, "besl", "Kokevarsel sendes")
        await expect(desk.page.locator(".for-decision textarea")).to_be_visible()
        await desk.page.fill(".for-decision textarea", "Prøve viser bakterier")
        await desk.press("Control+Enter")
        await expect(desk.entries("Kokevarsel sendes")).to_contain_text("Prøve viser bakterier")
        await desk.press("Escape")
        await write(desk, "oppg", "Sett ut nødvann")
        await desk.press("Control+Enter")
        await expect(desk.page.locator(".todo")).to_contain_text("Åpne oppgaver (1)")
        await desk.press("Escape")
        await desk.press("t")
        await desk.page.keyboard.type("Tre tanker står ute")
        await desk.press("Control+Enter")
        await expect(desk.entries("Tre tanker står ute")).to_contain_text("Oppgaven er utført")
        await expect(desk.page.locator(".todo")).not_to_contain_text("Åpne oppgaver")
        steps = await desk.page.locator(".card .step").count()
        assert steps > 1
        await desk.press("Escape")
        await desk.press("t", "Enter")
        await expect(desk.page.locator(".card .step")).to_have_count(steps - 1)
        await expect(desk.page.locator(".entry").filter(has_text="Krysset av")).to_have_count(1)
        await desk.is_innocent()
    async with rig.api() as api:
        told = await api.log(ref)
    assert [task["done_by"] is None for task in told["tasks"]] == [False]
    assert len([step for step in told["card"]["steps"] if step["done_by"]]) == 1


async def test_what_came_on_paper_is_written_with_its_own_time_and_read_in_both_orders(rig: Rig) -> None:
    async with rig.desk() as desk:
        ref = await opened(rig, desk, "Ført fra papir")
        await desk.press("l")
        await desk.page.keyboard.type("Sett fra båt")
        await desk.page.click(".write details.rest summary")
        await desk.page.fill("[name=occurred_at]", "2026-01-15T07:02:00")
        await desk.page.fill(".write [name=source]", HOSTILE)
        await desk.page.check("[name=late]")
        await desk.page.check("[name=unconfirmed]")
        await desk.press("Control+Enter")
        line = desk.entries("Sett fra båt")
        await expect(line).to_contain_text("07:02")
        await expect(line).to_contain_text("Fra papir, ført inn")
        await expect(line).to_contain_text(HOSTILE)
        await desk.goto(f"/incidents/{ref}/log?order=recorded")
        await expect(desk.page.locator("tbody tr")).to_contain_text("15.01.2026 07:02:00")
        assert await faults(desk.page) == []
        await desk.goto(f"/incidents/{ref}/log?at=2030-01-01T00:00:00")
        await expect(desk.page.locator("[role=note]")).to_contain_text("Slik stod det da")
        await desk.is_innocent()


async def test_a_file_is_attached_and_the_search_finds_what_was_written_with_it(
    rig: Rig, tmp_path: Path
) -> None:
    file = tmp_path / "<img src=x onerror=alert(1)>.txt"
    file.write_text("Skisse av ledningen\n", encoding="utf-8")
    async with rig.desk() as desk:
        ref = await opened(rig, desk, "Med vedlegg")
        await desk.page.click("details.rest:has([type=file]) > summary")
        await desk.page.set_input_files("[type=file]", file)
        await desk.page.fill("form[action*=attach] [name=text]", f"Ledningsskisse {HOSTILE}")
        await desk.page.click("form[action*=attach] button")
        await expect(desk.entries("Ledningsskisse")).to_contain_text(".txt")
        await desk.goto("/search")
        await desk.page.keyboard.type("skisse")
        await desk.press("Enter")
        await expect(desk.page.locator("td.found")).to_have_text([f"Ledningsskisse {HOSTILE}"])
        assert await faults(desk.page) == []
        await expect(desk.page.locator("tbody a")).to_have_text(ref)
        await desk.is_innocent()


async def test_closing_a_parent_names_what_is_open_beneath_it(rig: Rig) -> None:
    async with rig.desk() as desk, rig.api() as api:
        child = await api.report("Under")
        ref = await opened(rig, desk, "Over")
        answer = await api.client.post(f"/v1/incidents/{child}/parent", json={"other_ref": ref})
        assert answer.status_code == 201, answer.text
        await desk.goto(f"/incidents/{ref}")
        await desk.live()
        await expect(desk.page.locator(".ties")).to_contain_text(child)
        await desk.press("a")
        await desk.page.keyboard.type("avs")
        await expect(desk.page.locator("p.for-closed")).to_contain_text(child)
        await desk.press("Tab")
        await desk.page.keyboard.type("Ferdig")
        await desk.press("Control+Enter")
        await expect(desk.page.locator("#outbox li").first).to_contain_text(f"Åpne under den: {child}")
        await desk.is_innocent()


async def test_place_and_functions_are_said_by_keyboard_and_no_news_disturbs_it(rig: Rig) -> None:
    async with rig.desk() as desk, rig.api() as api:
        ref = await opened(rig, desk, "Uviss adresse", place="Et sted i Arna")
        await desk.press("p")
        place = desk.page.locator("#place [name=place]")
        await expect(place).to_be_focused()
        await desk.press("Control+a")
        await desk.page.keyboard.type("Arna stasjon")
        await desk.press("Tab")
        await desk.page.keyboard.type("60.4207, 5.4676")
        await api.entry(ref, "Kom imens")
        await expect(desk.entries("Kom imens")).to_have_count(1)
        await expect(place).to_have_value("Arna stasjon")
        await expect(desk.page.locator("#place [name=position]")).to_be_focused()
        await desk.press("Control+Enter")
        now = desk.page.locator(".about-one .detail", has_text="Er nå ved")
        await expect(now).to_contain_text("Arna stasjon · 60.4207,5.4676")
        await expect(desk.page.locator("#place")).to_have_attribute("open", "")
        await desk.page.focus("#place [name=function]")
        await desk.page.keyboard.type("lia")
        await desk.press("Tab", "Tab", "Tab")
        await desk.page.keyboard.type(HOSTILE)
        await desk.press("Control+Enter")
        await expect(desk.page.locator("#place li")).to_contain_text(HOSTILE)
        await desk.page.focus("#place li button")
        await desk.press("Enter")
        await expect(desk.page.locator("#place li")).to_have_count(0)
        await desk.is_innocent()
    async with rig.api() as api:
        told = (await api.log(ref))["incident"]
    assert [(one["function"], one["until"] is None) for one in told["functions"]] == [("liaison", False)]


async def test_a_leader_breaks_the_glass_and_its_words_never_lie_on_the_disk(rig: Rig) -> None:
    until = (datetime.now(UTC) + timedelta(days=1)).strftime("%Y-%m-%dT%H:%M")
    async with rig.desk("jon") as desk:
        ref = await opened(rig, desk, "Bare for egen vakt")
        await desk.page.focus("details:has(#glass) > summary")
        await desk.press("Enter")
        assert await faults(desk.page) == []
        for name, said in (("to", ASKOY), ("ground", "hpl-31"), ("until", until), ("text", "Fare for liv")):
            await desk.page.fill(f"#glass [name={name}]", said)
        await desk.page.route("**/break-glass*", lambda route: route.abort(), times=1)
        await desk.press("Control+Enter")
        await expect(desk.entries("Fare for liv")).to_contain_text("nødtilgang")
        assert "Fare for liv" not in await desk.page.evaluate("JSON.stringify({...localStorage})")
        await desk.is_innocent()
    async with rig.api("harald", ASKOY) as neighbour:
        assert (await neighbour.log(ref))["incident"]["ref"] == ref
    async with rig.desk() as desk:
        await desk.goto(f"/incidents/{ref}")
        await expect(desk.page.locator("#glass")).to_have_count(0)


async def test_a_leader_asks_for_reports_by_keyboard(rig: Rig) -> None:
    async with rig.desk("jon") as desk:
        await desk.goto("/situation")
        await desk.page.focus("details.rest > summary")
        await desk.press("Enter", "Tab")
        await desk.page.keyboard.type("4601.ikt")
        await desk.press("Tab")
        await desk.page.keyboard.type(VAKT)
        for name in ("template", "incident", "first", "every", "daily"):
            while await desk.page.evaluate("document.activeElement.name") != name:
                await desk.press("Tab")
        await desk.page.keyboard.type("08:00")
        assert await faults(desk.page) == []
        await desk.press("Enter")
        await expect(desk.page.locator("tr", has_text="hver dag kl. 08:00")).to_contain_text("går")
        assert await faults(desk.page) == []
        await desk.is_innocent()


async def test_a_situation_report_is_written_of_chosen_entries_and_handed_on(rig: Rig) -> None:
    await asked_for_reports(rig)
    async with rig.desk() as desk, rig.api() as api:
        ref = await api.report("Til rapporten")
        await api.entry(ref, f"Nødvann er satt ut {HOSTILE}", level="organisation")
        await desk.goto(f"/situation/new?incident={ref}&template=ledelsen")
        await desk.page.fill("[name='words:summary']", HOSTILE)
        await desk.page.select_option("select[name^='entry:']", "measures")
        assert await faults(desk.page) == []
        await desk.page.get_by_role("button", name="Lagre utkastet").click()
        sheet = desk.page.locator("article.sheet")
        await expect(sheet).to_contain_text(f"Nødvann er satt ut {HOSTILE}")
        assert await faults(desk.page) == []
        await desk.page.get_by_role("button", name="Send til godkjenning").click()
        await expect(sheet).to_contain_text("venter på godkjenning")
        await desk.goto("/situation")
        assert await faults(desk.page) == []
        await desk.page.get_by_role("button", name="Ingenting å melde").first.click()
        await expect(desk.page.get_by_role("button", name="Ingenting å melde")).to_have_count(0)
        await desk.is_innocent()


async def asked_for_reports(rig: Rig) -> None:
    """A template and one deadline of Vaktsentralen, set by its leader."""
    org, _, code = VAKT.partition(".")
    session = Authentication.CREDENTIAL
    actor = Actor(person=rig.leader(VAKT), organisation=org, watch=code, via="test", authentication=session)
    due = datetime.now(UTC) + timedelta(hours=1)
    fields = [ReportField(code="summary"), ReportField(code="measures")]
    template = SetTemplate(template="ledelsen", where=VAKT, title=HOSTILE, receivers=["4601"], fields=fields)
    wheel = BeginWheel(wheel="hjul", receiver="4601", reporters=[VAKT], moments=[due])
    edge = await Edge.open(rig.hub.settings, VAKT, "test")
    try:
        for command in (template, wheel):
            answer = await edge.send("actual", command, actor)
            assert isinstance(answer, Accepted), answer
    finally:
        await edge.close()
