"""Hostile text in every field that a page shows: it is shown as it was written, and that is all."""

import asyncio
import json
from typing import Any

import pytest
from playwright.async_api import Page, expect

from tests.browser.payloads import ALL, TYPES
from tests.browser.rig import (
    ECHO,
    HOSTILE_NAME,
    HOSTILE_TITLE,
    MARKS,
    OPENED,
    ROW,
    TYPED,
    Api,
    Desk,
    Rig,
    until,
)

pytestmark = MARKS
PLAIN = "helt vanlig tekst"
AT_ONCE = 6
LOGGED = f"{OPENED} .entry .text bdi"
FIELDS = ("headline", "text", "place", "source", "reference", "basis")
OPEN = """ref => new Promise(done => {
  document.querySelector(`#i-${ref} a`).click();
  const look = () => {
    const opened = document.querySelector(`#incident .opened[data-name="${ref}"]`);
    if (!opened) return setTimeout(look, 5);
    done({
      tags: [...opened.querySelectorAll("*")].map(one => one.tagName + "." + one.className).join(" "),
      said: [...opened.querySelectorAll(":is(.headline, .text, .detail) bdi")].map(one => one.textContent),
      fits: document.documentElement.scrollWidth <= innerWidth,
    });
  };
  look();
})"""
ROWS = """rows => Object.fromEntries(rows.map(row => [row.dataset.name, {
  // what it is made of, what it says, where its parts lie, and whether no word turns what stands beside it
  tags: [...row.querySelectorAll("*")].map(one => one.tagName + "." + one.className).join(" "),
  said: [...row.querySelectorAll(".said bdi")].map(one => one.textContent),
  lefts: [".shape", ".ref", ".age", ".said"].map(one => row.querySelector(one).getBoundingClientRect().left),
  isolated: [...row.querySelectorAll("bdi")].every(one => getComputedStyle(one).unicodeBidi === "isolate"),
}]))"""


async def spread(api: Api, ref_of: dict[str, str], said: str) -> None:
    """One incident with the text in every field of its head, in a task, as a new place and as a name."""
    ref = await api.report(said, **dict.fromkeys(FIELDS, said))
    await api.entry(ref, said, source=said, kind="task")
    for path, content in (("place", {"place": said}), ("functions", {"text": said})):
        fields = {"function": "liaison"} if path == "functions" else {}
        answer = await api.client.post(f"/v1/incidents/{ref}/{path}", json={"content": content, **fields})
        assert answer.status_code == 201, answer.text
    await api.log(ref, answer.json()["receipt"])
    ref_of[said] = ref


async def spread_all(rig: Rig, texts: tuple[str, ...]) -> dict[str, str]:
    """An incident for each text: text to ref."""
    ref_of: dict[str, str] = {}
    gate = asyncio.Semaphore(AT_ONCE)
    async with rig.api() as api, asyncio.TaskGroup() as work:
        for said in texts:
            work.create_task(_when_free(gate, api, ref_of, said))
    return ref_of


async def _when_free(gate: asyncio.Semaphore, api: Api, ref_of: dict[str, str], said: str) -> None:
    async with gate:
        await spread(api, ref_of, said)


@pytest.mark.timeout(300)
async def test_no_text_runs_or_alters_a_page_in_any_field_of_lists_pages_and_the_live_stream(
    rig: Rig,
) -> None:
    async with rig.desk() as live, rig.desk("jon") as late:
        await live.live()
        ref_of = await spread_all(rig, (PLAIN, *ALL))
        shown = set(ref_of.values())
        await until(live.page, f"{sorted(shown)}.every(ref => document.querySelector(`#i-${{ref}}`))")
        await late.goto("/")
        for desk in (live, late):
            await check_rows(desk.page, ref_of)
        await check_opened(late, ref_of)
        await check_table(late, ref_of)
        for desk in (live, late):
            await desk.is_innocent()


async def check_rows(page: Page, ref_of: dict[str, str]) -> None:
    """Each row is built like the one of plain text, says its text, and lies as that one lies."""
    rows: dict[str, Any] = await page.locator(ROW).evaluate_all(ROWS)
    plain = rows[ref_of[PLAIN]]
    for said, ref in ref_of.items():
        row = rows[ref]
        assert row["tags"] == plain["tags"], said
        assert said.startswith(row["said"][0]), said
        assert len(row["said"][0]) >= min(len(said), 100)
        assert row["said"][1] == said
        assert row["lefts"] == plain["lefts"], said
        assert row["isolated"], said


async def check_opened(desk: Desk, ref_of: dict[str, str]) -> None:
    """Each opened incident is built like the one of plain text, and says its text in every field."""
    plain = None
    for said, ref in ref_of.items():
        found = await desk.page.evaluate(OPEN, ref)
        plain = plain or found["tags"]
        assert found["tags"] == plain, said
        assert len(found["said"]) == len(FIELDS) + 5, "of the head; task, place, function; where it is now"
        assert set(found["said"]) == {said}
        assert found["fits"], said


async def check_table(desk: Desk, ref_of: dict[str, str]) -> None:
    """The page of all incidents says each text in its cell."""
    await desk.goto("/incidents")
    cells = await desk.page.locator("td.said").evaluate_all(
        "cells => cells.map(cell => [cell.textContent, cell.querySelectorAll('*').length])"
    )
    told = {text for text, _ in cells}
    assert {count for _, count in cells} == {1}
    assert all(said in told or said[:77] + "..." in told for said in ref_of if len(said) <= 80)


async def test_no_text_runs_or_alters_the_page_of_who_writes_it(rig: Rig) -> None:
    async with rig.api() as api:
        ref = await api.report("Det skrives i loggen")
    async with rig.desk() as desk:
        await desk.live()
        before = await desk.page.evaluate("document.querySelectorAll('body *').length")
        for said in ALL:
            await desk.page.fill(TYPED, f"ny p2 vann {said}")
            assert await desk.page.locator(f"{ECHO} *").count() <= 3
        await desk.page.fill(TYPED, "")
        after = await desk.page.evaluate("document.querySelectorAll('body *').length")
        assert abs(after - before) <= 5
        await desk.line(ref)
        await desk.page.locator(f"{OPENED}[data-name='{ref}']").wait_for()
        for said in ALL[::12]:
            await desk.press("l")
            await desk.page.keyboard.insert_text(said)
            await desk.press("Control+Enter")
            await until(
                desk.page,
                f"[...document.querySelectorAll('{LOGGED}')].at(-1)?.textContent === {json.dumps(said)}",
            )
            await desk.press("Escape")
        await desk.is_innocent()


async def test_no_name_of_a_person_or_watch_and_no_type_runs_or_alters_a_page(rig: Rig) -> None:
    async with rig.api("marit") as api:
        for code in TYPES:
            await api.report("En type", type=code)
    async with rig.desk("marit") as desk:
        await desk.live()
        await expect(desk.page.locator(".user bdi")).to_have_text(HOSTILE_NAME)
        await expect(desk.page.locator("#duty bdi").get_by_text(HOSTILE_TITLE, exact=True)).to_have_count(1)
        await desk.goto("/incidents")
        for code in TYPES:
            assert await desk.page.get_by_role("cell", name=code, exact=True).count() >= 1
        await desk.is_innocent()
