"""A whole watch without a mouse: every key does what its list says, and no row moves under the hand."""

import time
from collections.abc import Awaitable, Callable

import pytest
from playwright.async_api import expect

from services.desk.keys import KEYS
from tests.browser.rig import ECHO, MARKS, OPENED, ROW, TYPED, Desk, Rig

pytestmark = MARKS
REPORTED_S = 15
FOCUSED_ROW = "document.activeElement.closest('.row')?.dataset.name ?? null"


@pytest.mark.timed
async def test_report_write_acknowledge_correct_and_close_by_keyboard_alone(rig: Rig) -> None:
    async with rig.desk() as desk, rig.api() as api:
        await desk.live()
        began = time.monotonic()
        ref = await reported(desk, "ny p1 vann Åsane: rør røk")
        assert time.monotonic() - began <= REPORTED_S
        await desk.press("F4")
        await expect(desk.page.locator(f"{OPENED} .state-now")).to_have_text("kvittert")
        for text in ("Rørlegger er på vei", "Feil telefon"):
            await desk.press("l")
            await desk.page.keyboard.type(text)
            await desk.press("Control+Enter")
            await expect(desk.entries(text)).to_have_count(1)
            await desk.press("Escape")
        await desk.press("r")
        await expect(desk.page.locator(f"{OPENED} details[open] textarea")).to_be_focused()
        await desk.page.keyboard.type("feil nummer")
        await desk.press("Control+Enter")
        await expect(desk.entries("Feil telefon").locator("s")).to_have_count(1)
        await expect(desk.entries("feil nummer")).to_have_count(1)
        await desk.press("Escape")
        await desk.press("a")
        await desk.page.keyboard.type("avs")
        await desk.press("Tab")
        await desk.page.keyboard.type("Røret er skiftet")
        await desk.press("Control+Enter")
        await expect(desk.page.locator(".states .fault")).to_contain_text("kritisk (P1)")
        assert (await api.log(ref))["incident"]["state"] == "acknowledged"
        await desk.press("Tab", "Space", "Control+Enter")
        await expect(desk.row(ref)).to_have_count(0)
        await desk.is_innocent()
        told = await api.log(ref)
    assert told["incident"]["state"] == "closed"
    kinds = [(one["kind"], one.get("manner")) for one in told["entries"] if one["kind"] != "status"]
    assert len([kind for kind in kinds if kind[0] == "information"]) == 2, kinds
    assert [one["manner"] for one in told["entries"] if one.get("manner")] == ["strike"], kinds


async def reported(desk: Desk, said: str) -> str:
    """Report on the command line, keystroke by keystroke; the ref of what then stands open in the list."""
    before = set(await desk.page.locator(ROW).evaluate_all("rows => rows.map(row => row.dataset.name)"))
    await desk.press("F2")
    await desk.page.keyboard.type(said)
    await expect(desk.page.locator(ECHO)).to_contain_text("Tolket: Ny hendelse")
    await desk.press("Enter")
    new = desk.page.locator(ROW).filter(has_text=said.rpartition(": ")[2]).first
    await new.wait_for()
    assert len(said) + 2 <= 60
    ref = str(await new.get_attribute("data-name"))
    assert ref not in before
    await expect(desk.page.locator(OPENED)).to_have_attribute("data-name", ref)
    return ref


async def test_every_act_can_also_be_written_on_the_command_line(rig: Rig) -> None:
    async with rig.desk() as desk, rig.api() as api:
        await desk.live()
        ref = await reported(desk, "ny p2 strøm Loddefjord: mørkt")
        said = {
            f"kvitt {ref}": "Kvitter",
            f"logg {ref} Netteier er varslet": "«Netteier er varslet»",
            f"status {ref} pågår": "pågår",
            f"lukk {ref} Strømmen er tilbake": "«Strømmen er tilbake»",
        }
        for line, understood in said.items():
            told = await desk.line(line)
            assert told.startswith("Tolket: ")
            assert understood in told
            await expect(desk.page.locator("#outbox li").first).to_have_class("sent")
        await expect(desk.row(ref)).to_have_count(0)
        assert (await api.log(ref))["incident"]["state"] == "closed"
        assert "Netteier er varslet" in await api.texts(ref)


async def test_the_list_of_keys_is_the_table_of_keys(rig: Rig) -> None:
    async with rig.desk() as desk:
        await desk.live()
        await desk.press("?")
        await expect(desk.page.locator("#help")).to_be_visible()
        assert await desk.page.locator("#help dt kbd").all_inner_texts() == [key.shown for key in KEYS]
        await desk.press("Escape")
        await expect(desk.page.locator("#help")).to_be_hidden()


async def test_every_key_of_the_list_works(rig: Rig) -> None:
    tried = set()
    async with rig.api() as api:
        refs = [await api.report(f"Tastetrykk {number}") for number in range(12)]
        for ref in refs:
            await api.entry(ref, "Noe å gjøre", kind="task")
            await api.entry(ref, "Noe å rette")
    async with rig.desk() as desk:
        await desk.live()
        for key in KEYS:
            check = CHECKS[key.act]
            await choose(desk, refs[-1])
            await check(desk, key.press)
            tried.add(key.act)
        await desk.is_innocent()
    assert tried == set(CHECKS)


async def choose(desk: Desk, ref: str) -> None:
    """Put the focus on the row below an incident's, with nothing open."""
    await desk.goto("/")
    await desk.live()
    await desk.row(ref).locator("a").focus()
    await desk.press("ArrowDown")


async def _line(desk: Desk, press: str) -> None:
    await desk.press(press)
    await expect(desk.page.locator(TYPED)).to_be_focused()


async def _ack(desk: Desk, press: str) -> None:
    ref = await focused_row(desk)
    async with desk.page.expect_response(lambda answer: answer.url.endswith(f"{ref}/ack")):
        await desk.press(press)


async def _save(desk: Desk, press: str) -> None:
    await _log(desk, "l")
    await desk.page.keyboard.type("Lagret med tasten")
    await desk.press(press)
    await expect(desk.entries("Lagret med tasten").first).to_be_visible()


async def _down(desk: Desk, press: str) -> None:
    await moves(desk, press, 1)


async def _up(desk: Desk, press: str) -> None:
    await desk.press("ArrowDown")
    await moves(desk, press, -1)


async def _pagedown(desk: Desk, press: str) -> None:
    await moves(desk, press, 10)


async def _pageup(desk: Desk, press: str) -> None:
    await desk.press("PageDown")
    await moves(desk, press, -10)


async def _newest(desk: Desk, press: str) -> None:
    await desk.press("ArrowDown", "ArrowDown", press)
    names = await order(desk)
    assert await focused_row(desk) == names[0]


async def _open(desk: Desk, press: str) -> None:
    ref = await focused_row(desk)
    await desk.press(press)
    await desk.page.locator(f"{OPENED}[data-name='{ref}']").wait_for()


async def _back(desk: Desk, press: str) -> None:
    ref = await focused_row(desk)
    await desk.press("F2", press)
    assert await focused_row(desk) == ref


async def _help(desk: Desk, press: str) -> None:
    await desk.press(press)
    await expect(desk.page.locator("#help")).to_be_visible()


async def _new(desk: Desk, press: str) -> None:
    await desk.press(press)
    await expect(desk.page.locator("#incident form.new :focus")).to_have_count(1)


async def _log(desk: Desk, press: str) -> None:
    await desk.press("Enter")
    await desk.press(press)
    await expect(desk.page.locator("#log-text")).to_be_focused()


async def _correct(desk: Desk, press: str) -> None:
    await desk.press("Enter")
    await desk.press(press)
    await expect(desk.page.locator(f"{OPENED} details[open] :focus")).to_have_count(1)


async def _steps(desk: Desk, press: str) -> None:
    await desk.press("Enter")
    await desk.press(press)
    await expect(desk.page.locator(f"{OPENED} .todo :focus")).to_have_count(1)


async def _state(desk: Desk, press: str) -> None:
    await desk.press("Enter")
    await desk.press(press)
    await expect(desk.page.locator("#state-choice")).to_be_focused()


async def _place(desk: Desk, press: str) -> None:
    await desk.press("Enter")
    await desk.press(press)
    await expect(desk.page.locator("#place [name=place]")).to_be_focused()


async def _duty(desk: Desk, press: str) -> None:
    await desk.press(press)
    await expect(desk.page.locator("#duty")).to_be_focused()


CHECKS: dict[str, Callable[[Desk, str], Awaitable[None]]] = {
    "line": _line,
    "ack": _ack,
    "save": _save,
    "down": _down,
    "up": _up,
    "pagedown": _pagedown,
    "pageup": _pageup,
    "newest": _newest,
    "open": _open,
    "back": _back,
    "help": _help,
    "new": _new,
    "log": _log,
    "correct": _correct,
    "state": _state,
    "steps": _steps,
    "place": _place,
    "duty": _duty,
}
"""What each act must do, tried with every key that is said to do it."""


async def order(desk: Desk) -> list[str]:
    """The names of the rows, as they lie."""
    names: list[str] = await desk.page.locator(ROW).evaluate_all("rows => rows.map(row => row.dataset.name)")
    return names


async def focused_row(desk: Desk) -> str | None:
    """The name of the row that has the focus."""
    name: str | None = await desk.page.evaluate(FOCUSED_ROW)
    return name


async def moves(desk: Desk, press: str, steps: int) -> None:
    """The key moves the focus by so many rows, as far as there are any."""
    names = await order(desk)
    before = names.index(str(await focused_row(desk)))
    await desk.press(press)
    assert names.index(str(await focused_row(desk))) == max(0, min(len(names) - 1, before + steps))


async def test_what_is_typed_while_an_incident_is_fetched_reaches_its_log(rig: Rig) -> None:
    async with rig.api() as api:
        ref = await api.report("Åpnes i full fart")
    async with rig.desk() as desk:
        await desk.live()
        await desk.row(ref).locator("a").focus()
        await desk.press("Enter", "l")
        await desk.page.keyboard.type("Skrevet med en gang, n og l er bare tegn")
        await desk.press("Control+Enter")
        await expect(desk.entries("Skrevet med en gang, n og l er bare tegn")).to_have_count(1)
        await desk.press("Escape", "F1", "Escape", "n")
        await expect(desk.page.locator("#incident form.new :focus")).to_have_count(1)
        await desk.is_innocent()


async def test_single_letters_do_nothing_in_a_field_and_can_be_switched_off(rig: Rig) -> None:
    async with rig.desk() as desk:
        await desk.live()
        await desk.press("F2")
        await desk.page.keyboard.type("nklav?")
        await expect(desk.page.locator(TYPED)).to_have_value("nklav?")
        await expect(desk.page.locator("#help")).to_be_hidden()
        await desk.press("Escape", "F1")
        await desk.page.locator("#singles").uncheck()
        await desk.press("Escape", "n")
        await expect(desk.page.locator("#incident form.new")).to_have_count(0)
        await desk.goto("/")
        await desk.live()
        await desk.press("n", "v")
        await expect(desk.page.locator("#incident form.new")).to_have_count(0)
        await desk.press("F1")
        await expect(desk.page.locator("#help")).to_be_visible()


async def test_no_row_moves_under_the_focus_and_newcomers_wait_until_they_are_let_in(rig: Rig) -> None:
    async with rig.api() as api, rig.desk() as desk:
        await api.report("Stod her fra før")
        await desk.goto("/")
        await desk.live()
        await desk.page.locator(f"{ROW} a").first.focus()
        await desk.press("ArrowDown")
        ref, before = await focused_row(desk), await order(desk)
        top = await desk.row(str(ref)).evaluate("row => row.getBoundingClientRect().top")
        for _ in range(3):
            newest = await api.report("Kom mens noen leste", priority="critical")
        waiting = desk.page.locator("#newcomers")
        await expect(waiting).to_contain_text("3 nye ▲3")
        assert (await focused_row(desk), await order(desk)) == (ref, before)
        assert await desk.row(str(ref)).evaluate("row => row.getBoundingClientRect().top") == top
        await desk.press("Home")
        await expect(waiting).to_be_hidden()
        assert (await order(desk))[0] == newest == await focused_row(desk)


async def test_the_list_lies_by_rule_unacknowledged_first_then_priority_then_newest(rig: Rig) -> None:
    async with rig.api() as api:
        older = await api.report("Eldre", priority="normal")
        newer = await api.report("Nyere", priority="normal")
        first = await api.report("Viktigst", priority="critical")
        done = await api.report("Kvittert, viktigst", priority="critical")
        form = {"csrf": api.client.headers["X-CSRF-Token"]}
        answer = await api.client.post(
            f"/incidents/{done}/ack", data=form, headers={"Accept": "application/json"}
        )
        assert answer.status_code == 201, answer.text
    async with rig.desk() as desk:
        await desk.live()
        await expect(desk.row(done).locator(".state")).to_have_text("kvittert")
        names = await order(desk)
        assert names.index(first) < names.index(newer) < names.index(older) < names.index(done)


async def test_what_the_hub_refuses_is_said_and_the_words_come_back_to_their_field(rig: Rig) -> None:
    async with rig.desk() as desk:
        await desk.live()
        await reported(desk, "ny p3 ikt Rådhuset: nettet er nede")
        await desk.press("l")
        await desk.page.keyboard.insert_text("Fødselsnummer 01010110013 skal ikke hit")
        await desk.press("Control+Enter")
        await expect(desk.page.locator("#echo")).to_contain_text("ikke gjort")
        await expect(desk.page.locator("#outbox li").first).to_have_class("refused")
        await expect(desk.page.locator("#log-text")).to_have_value("Fødselsnummer 01010110013 skal ikke hit")
        await expect(desk.page.locator("#log-text")).to_be_focused()
        await expect(desk.page.locator("#log-text")).to_have_attribute("aria-invalid", "true")
        await expect(desk.page.locator("label:has(#log-text) + .fault")).to_contain_text("fødselsnummer")
        await desk.page.keyboard.type(" mer")
        await expect(desk.page.locator(".fault")).to_have_count(0)
