"""Situation reports and deadlines over HTTP: written, approved, printed and answered, by who may."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest
import pytest_asyncio

from schemas.identifiers import new_id
from schemas.people import Grant
from schemas.reports import ReportField, SetTemplate
from schemas.vocabulary import Role
from services.reports.app import build
from tests.desk.house import VAKT, House
from tests.desk.test_pages import csrf_in

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def reports(house: House) -> AsyncIterator[House]:
    """The room reports runs too, with a template; Ola may approve."""
    room = build(house.hub.settings)
    await room.start()
    centre = await house.caller("4601.centre")
    await centre.accepted(Grant(person="ola", role=Role.APPROVER, where=VAKT))
    fields = [ReportField(code="measures", required=True)]
    template = SetTemplate(template="nabo", where=VAKT, title="Til 5001", receivers=["5001"], fields=fields)
    await centre.accepted(template)
    yield house
    await room.stop()


async def test_a_report_goes_from_draft_to_a_locked_version_that_can_be_printed(reports: House) -> None:
    async with reports.marked() as kari:
        content = {"headline": "Rapport 1", "words": {"measures": "Pumper <på> plass"}}
        answer = await kari.post("/v1/reports", json={"template": "nabo", "content": content})
        assert answer.status_code == 201, answer.text
        report = answer.json()["report"]
        handed = await kari.post(f"/v1/reports/{report}/submit")
        assert handed.status_code == 201, handed.text
        digest = handed.json()["digest"]
        own = await kari.post(f"/v1/reports/{report}/approve", json={"digest": digest})
        assert (own.status_code, own.json()["code"]) == (403, "APPROVER_NEEDED")
        draft = (await kari.get(f"/v1/reports/{report}")).json()["report"]
        assert (draft["state"], draft["digest"]) == ("submitted", digest)
    async with reports.signed_in("ola") as ola:
        ola.headers["X-CSRF-Token"] = (await ola.get("/v1/session")).json()["csrf"]
        locked = await ola.post(f"/v1/reports/{report}/approve", json={"digest": digest})
        assert (locked.status_code, locked.json()["locked"]) == (201, True)
        page = await ola.get(f"/v1/reports/{report}/document", params={"format": "html"}, timeout=60)
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "Pumper &lt;på&gt; plass" in page.text
    assert "Ola Ås" in page.text
    async with reports.signed_in("ola") as ola:
        shown = (await ola.get(f"/situation/{report}")).text
        assert "Kall tilbake denne versjonen" in shown
        said = {"csrf": csrf_in(shown), "id": new_id(), "version": "1", "ground": "wrong_content"}
        assert (await ola.post(f"/situation/{report}/recall", data=said)).status_code == 303
        shown = (await ola.get(f"/situation/{report}")).text
        assert "Kalt tilbake" in shown
        assert "Pumper &lt;på&gt; plass" in shown, "it stays readable to its own watch"
        ola.headers["X-CSRF-Token"] = (await ola.get("/v1/session")).json()["csrf"]
        again = await ola.post(f"/v1/reports/{report}/recall", json={"ground": "too_early"})
        assert (again.status_code, again.json()["code"]) == (409, "ALREADY_RECALLED")
    async with reports.machine("report") as program:
        listed = (await program.get("/v1/reports")).json()["reports"]
        assert [(one["id"], one["state"], one["locked"]) for one in listed] == [(report, "recalled", 1)]
        refused = await program.post("/v1/reports", json={"template": "nabo"})
        assert (refused.status_code, refused.json()["code"]) == (403, "PERSON_NEEDED")


async def test_a_deadline_is_set_and_answered_and_ends(reports: House) -> None:
    due = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    async with reports.marked() as kari:
        asked = {"receiver": "4601", "reporters": [VAKT], "moments": [due]}
        begun = await kari.post("/v1/deadlines", json=asked)
        assert begun.status_code == 201, begun.text
        wheel = begun.json()["wheel"]
        shown = (await kari.get("/v1/deadlines")).json()
        assert [(one["watch"], one["state"]) for one in shown["deadlines"]] == [(VAKT, "open")]
        met = await kari.post(f"/v1/deadlines/{wheel}/nothing")
        assert (met.status_code, met.json()["nothing"], met.json()["late"]) == (201, True, False)
        ended = await kari.post(f"/v1/deadlines/{wheel}/end")
        assert ended.status_code == 201, ended.text
        known = (await kari.get("/v1/deadlines", params={"which": "all"})).json()
    assert [(one["id"], one["state"]) for one in known["wheels"]] == [(wheel, "ended")]
    assert {one["state"] for one in known["deadlines"]} == {"met"}


async def test_what_is_malformed_is_refused_and_not_repeated(reports: House) -> None:
    async with reports.marked() as kari:
        for path, said in (
            ("/v1/reports", {"template": "nabo", "content": {"words": {"measures": ["Hemmelig"]}}}),
            ("/v1/deadlines", {"receiver": "4601", "reporters": "Hemmelig"}),
        ):
            answer = await kari.post(path, json=said)
            assert (answer.status_code, answer.json()["code"]) == (400, "MALFORMED")
            assert "Hemmelig" not in answer.text
        odd = await kari.get("/v1/reports/x/document", params={"format": "exe"})
        assert odd.json()["code"] in ("MALFORMED", "UNKNOWN_REPORT")
        assert (await kari.get("/v1/reports/x", params={"version": "-1"})).status_code == 400


async def test_a_leader_asks_for_reports_from_the_page_and_asks_no_longer(reports: House) -> None:
    first = (datetime.now(UTC) + timedelta(hours=3)).strftime("%Y-%m-%dT%H:%M")
    said = {"reporters": f"{VAKT}, {VAKT}", "receiver": "4601", "remind": "15", "escalate": "0"}
    async with reports.signed_in() as kari:

        async def ask(**fields: str) -> httpx.Response:
            mark = csrf_in((await kari.get("/situation")).text)
            return await kari.post("/situation/wheel", data={"csrf": mark, **said, **fields})

        assert (await ask(first=first)).status_code == 303
        assert (await ask(first=first, every="4")).status_code == 303
        assert (await ask(daily="08:00 18:00")).status_code == 303
        page = (await kari.get("/situation")).text
        assert "med 4 timers mellomrom fra" in page
        assert "hver dag kl. 08:00, 18:00" in page
        for wrong in ({"every": "fire"}, {"first": "snart"}, {"daily": "kveld"}, {"reporters": "??"}):
            refused = await ask(**{"first": first} | wrong)
            assert refused.status_code == 400, wrong
            assert "MALFORMED" in refused.text
        nothing = await ask()
        assert (nothing.status_code, "BAD_PERIOD" in nothing.text) == (422, True)
        gone = await ask(first=first, incident="0000000")
        assert (gone.status_code, "UNKNOWN_INCIDENT" in gone.text) == (404, True)
        open_ones = (await kari.get("/v1/deadlines")).json()["wheels"]
        assert len(open_ones) == 3
        for one in open_ones:
            mark = csrf_in((await kari.get("/situation")).text)
            ended = await kari.post("/situation/wheel/end", data={"csrf": mark, "wheel": one["id"]})
            assert ended.status_code == 303, ended.text
        assert (await kari.get("/v1/deadlines")).json()["wheels"] == []
        assert "Ingen er bedt om rapporter." in (await kari.get("/situation")).text
        answered = (await kari.get("/situation", params={"which": "all"})).text
    assert "ingenting å melde" in answered
    assert "avsluttet" in answered


async def test_nothing_to_report_about_what_is_no_wheel_is_refused_in_words(reports: House) -> None:
    async with reports.signed_in() as kari:
        mark = csrf_in((await kari.get("/situation")).text)
        for wheel, status in (("", 400), ("a b", 400), ("no-such-wheel", 404)):
            answer = await kari.post("/situation/nothing", data={"csrf": mark, "wheel": wheel})
            assert answer.status_code == status, wheel
            assert "<h1>" in answer.text
