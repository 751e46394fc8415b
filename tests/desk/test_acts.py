"""What people do from a page: done once however often it is sent, in whose name it says, with a session."""

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest
import structlog

from schemas.identifiers import new_id
from services.desk import files
from services.runtime import logs
from tests.desk.house import VAKT, House
from tests.desk.test_pages import csrf_in

pytestmark = pytest.mark.asyncio(loop_scope="module")
SCRIPTED = {"Accept": "application/json"}


async def act(browser: httpx.AsyncClient, path: str, **fields: str) -> httpx.Response:
    """As a script of the page sends it."""
    mark = csrf_in((await browser.get("/incidents")).text)
    return await browser.post(path, data={"csrf": mark, **fields}, headers=SCRIPTED)


async def entries(browser: httpx.AsyncClient, ref: str, after: str) -> list[dict[str, Any]]:
    """The log as the archive has it."""
    found = (await browser.get(f"/v1/incidents/{ref}", params={"after": after})).json()
    shown: list[dict[str, Any]] = found["entries"]
    return shown


async def test_a_report_that_is_sent_twice_is_one_incident(house: House) -> None:
    said = {"id": new_id(), "type": "fire", "priority": "high", "headline": "Dobbeltklikk på Åsane"}
    async with house.signed_in() as browser:
        first, second = [(await act(browser, "/incidents", **said)) for _ in range(2)]
        listed = (await browser.get("/incidents")).text
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json() == second.json()
    assert listed.count("Dobbeltklikk på Åsane") == 1


async def test_a_report_is_stored_and_its_answer_names_what_it_may_be_the_same_as(house: House) -> None:
    said = {"type": "landslide", "municipalities": "4601, 4624", "headline": "Ras"}
    async with house.signed_in() as browser:
        first = (await act(browser, "/incidents", **said)).json()
        second = (await act(browser, "/incidents", **said | {"position": " 60.42, 5.46"})).json()
        unplaced = (await act(browser, "/incidents", type="landslide", headline="Ras et sted")).json()
    assert "beside" not in first
    assert second["beside"] == f"Kan være den samme som: {first['ref']}"
    assert "beside" not in unplaced


async def test_two_clicks_at_the_same_moment_are_one_entry(house: House) -> None:
    report = await house.report()
    path, said = (
        f"/incidents/{report['ref']}/entries",
        {"command": new_id(), "text": "én gang", "kind": "task"},
    )
    async with house.signed_in() as browser:
        mark = csrf_in((await browser.get("/incidents")).text)
        answers = await asyncio.gather(
            *(browser.post(path, data=said | {"csrf": mark}, headers=SCRIPTED) for _ in range(8))
        )
        found = await entries(browser, report["ref"], answers[0].json()["receipt"])
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["receipt"] for answer in answers}) == 1
    assert [entry["content"] for entry in found] == [{"text": "én gang"}]


async def test_a_task_of_a_page_is_closed_from_a_page_and_a_card_is_ticked(house: House) -> None:
    report = await house.report(type="water.main")
    path = f"/incidents/{report['ref']}"
    task = {"text": "Sett ut nødvann", "kind": "task", "due": "2027-01-15T09:00"}
    async with house.signed_in() as browser:
        written = (await act(browser, f"{path}/entries", **task)).json()
        (entry,) = await entries(browser, report["ref"], written["receipt"])
        assert (entry["due"], entry["assignee"]) == ("2027-01-15T09:00:00+01:00", VAKT)
        done = await act(browser, f"{path}/done", entry=entry["id"], text="Står ute")
        again = await act(browser, f"{path}/done", entry=entry["id"])
        ticked = await act(browser, f"{path}/tick", step="no-such-step")
        after = {"after": done.json()["receipt"]}
        found = (await browser.get(f"/v1/incidents/{report['ref']}", params=after)).json()
    assert (again.json()["code"], ticked.json()["code"]) == ("ALREADY_DONE", "UNKNOWN_STEP")
    assert found["tasks"][0]["done_by"] == done.json()["receipt"]


async def test_an_id_that_stands_for_something_else_is_told(house: House) -> None:
    report, id = await house.report(), new_id()
    async with house.signed_in() as browser:
        path = f"/incidents/{report['ref']}/entries"
        assert (await act(browser, path, command=id, text="a")).status_code == 201
        other = await act(browser, path, command=id, text="b")
        wrong = await act(browser, path, id="../x y", text="c")
    assert (other.status_code, other.json()["code"]) == (409, "ID_TAKEN")
    assert (wrong.status_code, wrong.json()["code"]) == (400, "MALFORMED")
    assert other.json()["sentence"]


async def test_a_line_is_struck_with_a_reason_and_replaced_by_other_words(house: House) -> None:
    report = await house.report()
    path = f"/incidents/{report['ref']}"
    async with house.signed_in() as browser:
        for manner in ("strike", "replace"):
            written = await act(browser, f"{path}/entries", text=f"feil {manner}")
            wrong = written.json()["receipt"]
            done = await act(browser, f"{path}/correct", entry=wrong, manner=manner, text="rett")
            assert done.status_code == 201, done.text
        found = await entries(browser, report["ref"], done.json()["receipt"])
        page = (await browser.get(path)).text
    words = {entry["id"]: entry["content"] for entry in found}
    assert [entry["manner"] for entry in found if entry["manner"]] == ["strike", "replace"]
    assert {"basis": "rett"} in words.values()
    assert {"text": "rett"} in words.values()
    assert page.count("<s>") == 2


async def test_an_incident_is_named_by_ref_number_or_not_at_all(house: House) -> None:
    report = await house.report()
    async with house.signed_in() as browser:
        number = (
            await browser.get(f"/v1/incidents/{report['ref']}", params={"after": report["receipt"]})
        ).json()
        name = number["incident"]["number"]
        done = await act(browser, f"/incidents/{name}/entries", text="ved nummer")
        page = (await browser.get(f"/incidents/{name}")).text
        for unknown in ("VAKT-2020-9999", "ABC1234", "x", "..%2f.."):
            assert (await act(browser, f"/incidents/{unknown}/entries", text="x")).json()["code"]
            assert (await browser.get(f"/incidents/{unknown}")).status_code == 404
    assert done.status_code == 201, done.text
    assert report["ref"] in page


async def test_an_own_incident_without_a_page_is_acknowledged_by_its_state(house: House) -> None:
    report = await house.report()
    async with house.signed_in() as browser:
        done = await act(browser, f"/incidents/{report['ref']}/ack")
        assert done.status_code == 201, done.text
        found = await entries(browser, report["ref"], done.json()["receipt"])
    assert [entry["state"] for entry in found] == ["acknowledged"]
    assert found[0]["actor"]["person"] == "kari"
    assert (found[0]["actor"]["organisation"], found[0]["actor"]["watch"]) == tuple(VAKT.split("."))


async def test_a_duty_is_taken_and_left_from_the_page(house: House) -> None:
    async with house.signed_in() as browser:
        assert (await act(browser, "/duty/take", post="duty")).status_code == 201
        assert "Kari Ås" in (await browser.get("/part/duty")).text
        assert (await act(browser, "/duty/release", post="duty")).status_code == 201
        nobody = await act(browser, "/duty/take", post="nowhere")
    assert nobody.json()["code"] == "UNKNOWN_POST"


async def test_what_is_sent_without_a_session_is_told_so_and_not_done(house: House) -> None:
    report = await house.report()
    async with house.client(headers={"Origin": house.url, **SCRIPTED}) as stranger:
        answer = await stranger.post(f"/incidents/{report['ref']}/entries", data={"text": "x"})
    assert (answer.status_code, answer.json()["code"]) == (401, "SESSION_ENDED")
    async with house.signed_in() as browser:
        said = {"text": "x", "csrf": csrf_in((await browser.get("/incidents")).text)}
        for headers in ({"Origin": "https://evil.example"}, {"Origin": "null"}):
            answer = await browser.post(
                f"/incidents/{report['ref']}/entries", data=said, headers=SCRIPTED | headers
            )
            assert (answer.status_code, answer.json()["code"]) == (403, "FOREIGN_PAGE")


async def test_every_answer_forbids_what_is_not_the_desk_s_own(house: House) -> None:
    async with house.signed_in() as browser:
        answers = [
            await browser.get(path) for path in ("/", "/part/rows", "/v1/incidents", "/static/desk.js", "/x")
        ]
    for answer in answers:
        policy = answer.headers["content-security-policy"]
        rules = dict(rule.strip().partition(" ")[::2] for rule in policy.split(";"))
        assert rules["default-src"] == "'self'"
        assert rules["object-src"] == rules["base-uri"] == rules["frame-ancestors"] == "'none'"
        assert rules["require-trusted-types-for"] == "'script'"
        assert rules["report-uri"] == "/csp-report"
        assert "unsafe" not in policy
        assert "http" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["x-frame-options"] == "DENY"
        assert answer.headers["cross-origin-opener-policy"] == "same-origin"


async def test_a_report_against_the_policy_is_counted_and_not_repeated(house: House, tmp_path: Path) -> None:
    with (tmp_path / "log").open("wb") as log:
        logs.configure("desk", file=log)
        async with house.client() as browser:
            answer = await browser.post(
                "/csp-report", content=b'{"csp-report": {"document-uri": "Hemmelig"}}'
            )
        assert answer.status_code == 204
        structlog.reset_defaults()
    said = (tmp_path / "log").read_text("utf-8")
    assert "desk.csp_report" in said
    assert "Hemmelig" not in said


async def test_files_of_the_pages_are_kept_by_caches_under_an_address_of_their_content(house: House) -> None:
    async with house.client() as browser:
        for name in files.every():
            plain, named = await browser.get(f"/static/{name}"), await browser.get(files.address(name))
            assert plain.content == named.content == files.every()[name].whole
            assert "immutable" in named.headers["cache-control"]
            assert plain.headers["cache-control"] == "no-cache"
            again = await browser.get(f"/static/{name}", headers={"If-None-Match": plain.headers["etag"]})
            assert again.status_code == 304
        for name in ("../app.py", "vendor", "nothing.js", "vendor/SOURCES.md"):
            assert (await browser.get(f"/static/{name}")).status_code == 404
