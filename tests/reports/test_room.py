"""The room reports at a real broker: drafts, approvals, locked versions, who sees what, and deadlines."""

import asyncio
import base64
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio

from schemas.identifiers import new_id
from schemas.reports import (
    Approved,
    ApproveReport,
    BeginWheel,
    DeadlineMet,
    DraftReport,
    EndWheel,
    NothingToReport,
    ReportContent,
    SetTemplate,
    SubmitReport,
)
from schemas.vocabulary import Level
from services.runtime import names
from tests.hub import Hub, running_hub
from tests.reports.house import HIDDEN, KEY, NEIGHBOUR, STRANGER, House, builder, house


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    """A broker of this file's own."""
    with running_hub(tmp_path_factory.mktemp("reports")) as found:
        yield found


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def here(hub: Hub) -> AsyncIterator[House]:
    async with house(hub, builder) as found:
        yield found


pytestmark = pytest.mark.asyncio(loop_scope="module")


def a_wheel(*reporters: str, **more: Any) -> BeginWheel:
    soon = datetime.now(UTC) + timedelta(hours=2)
    return BeginWheel(
        wheel=new_id(), **({"receiver": "4601", "reporters": [*reporters], "moments": [soon]} | more)
    )


async def test_a_report_is_written_approved_by_another_and_locked_and_its_receiver_can_read_it(
    here: House,
) -> None:
    report, entry = new_id(), await here.entry(Level.NAMED, "Pumpene er på plass", "4624")
    neighbour = await here.caller(NEIGHBOUR, "eva")
    assert (await neighbour.ask("reports", "get", report=report))["code"] == "UNKNOWN_REPORT"
    answer = await here.locked(report, entry, needs="To pumper")
    assert (answer.result["locked"], answer.result["named"], answer.result["notify"]) == (
        True,
        ["4624"],
        [NEIGHBOUR],
    )
    found = (await neighbour.ask("reports", "get", report=report))["report"]
    assert [(one["code"], one["text"]) for one in found["fields"]] == [
        ("measures", None),
        ("needs", "To pumper"),
    ]
    assert found["fields"][0]["entries"][0]["text"] == "Pumpene er på plass"
    assert "liv" not in str(found)
    assert "kari" not in str(found)
    assert report in str(await neighbour.ask("reports", "list"))


async def test_a_later_change_is_a_new_version_and_the_old_one_stays_as_it_was(here: House) -> None:
    report = new_id()
    first = await here.locked(report, measures="Alt er rolig")
    kari, neighbour = await here.caller(KEY, "kari"), await here.caller(NEIGHBOUR, "eva")
    await here.draft(kari, report, measures="Nytt utkast")
    now = (await neighbour.ask("reports", "get", report=report))["report"]
    assert (now["version"], now["state"], now["fields"][0]["text"]) == (1, "locked", "Alt er rolig")
    await here.locked(report, measures="Nå er det storm")
    now = (await neighbour.ask("reports", "get", report=report))["report"]
    old = (await neighbour.ask("reports", "get", report=report, version=1))["report"]
    assert (now["version"], now["fields"][0]["text"]) == (2, "Nå er det storm")
    assert (old["digest"], old["fields"][0]["text"]) == (first.result["digest"], "Alt er rolig")


async def test_what_a_receiver_may_not_see_goes_in_as_own_words_only(here: House) -> None:
    kari = await here.caller(KEY, "kari")
    own = await here.entry(Level.WATCH, "Pumpestasjonen er svak")
    refused = await here.draft(kari, new_id(), own, measures="Vi følger med")
    assert (refused.code, refused.parameters) == ("RECEIVER_CANNOT_SEE", {"entry": own, "receiver": "4624"})
    assert (await here.draft(kari, new_id(), new_id())).code == "UNKNOWN_ENTRY"
    await here.template(where=HIDDEN)
    odd = await here.caller(HIDDEN, "odd")
    assert (await here.draft(odd, new_id(), own)).code == "UNKNOWN_ENTRY"


async def test_a_template_of_the_whole_organisation_does_not_reach_a_hidden_watch(here: House) -> None:
    await here.template(template="hele")
    odd, kari = await here.caller(HIDDEN, "odd"), await here.caller(KEY, "kari")
    request = DraftReport(report=new_id(), template="hele")
    assert await odd.refused(request, ReportContent(words={"measures": "Rolig"})) == "UNKNOWN_TEMPLATE"
    await kari.accepted(request, ReportContent(words={"measures": "Rolig"}))
    assert "hele" not in str(await odd.ask("reports", "templates"))


async def test_who_may_not_approve_is_told_so_and_why(here: House) -> None:
    report = new_id()
    kari, ola, liv = [await here.caller(KEY, one) for one in ("kari", "ola", "liv")]
    await here.draft(kari, report, measures="Rolig")
    early = ApproveReport(report=report, digest="0" * 64)
    assert await liv.refused(early) == "NOT_SUBMITTED"
    digest = (await kari.accepted(SubmitReport(report=report))).result["digest"]
    approve = ApproveReport(report=report, digest=digest)
    assert await ola.refused(approve) == "APPROVER_NEEDED"
    assert await kari.refused(approve) == "AUTHOR_CANNOT_APPROVE"
    assert await kari.by(None).refused(approve) == "PERSON_NEEDED"
    assert await liv.refused(early) == "DRAFT_CHANGED"
    assert await (await here.caller(NEIGHBOUR, "eva")).refused(approve) == "UNKNOWN_REPORT"
    assert await kari.refused(SubmitReport(report=new_id())) == "UNKNOWN_REPORT"
    await liv.accepted(approve)
    assert await liv.refused(approve) == "NOT_SUBMITTED"
    assert await kari.refused(SubmitReport(report=report)) == "REPORT_LOCKED"


async def test_where_two_must_approve_one_person_counts_once(here: House) -> None:
    await here.template(template="to", approvals=2)
    report = new_id()
    kari, liv = await here.caller(KEY, "kari"), await here.caller(KEY, "liv")
    await kari.accepted(DraftReport(report=report, template="to"), ReportContent(words={"measures": "Rolig"}))
    digest = (await kari.accepted(SubmitReport(report=report))).result["digest"]
    approve = ApproveReport(report=report, digest=digest)
    assert (await liv.accepted(approve)).result["locked"] is False
    assert await liv.refused(approve) == "SECOND_PERSON_NEEDED"
    neighbour = await here.caller(NEIGHBOUR, "eva")
    assert (await neighbour.ask("reports", "get", report=report))["code"] == "UNKNOWN_REPORT"
    answer = await liv.by("per").accepted(approve)
    assert answer.result["locked"] is True
    bodies = [body for _, body in await here.office.facts(names.REPORTS_LEDGER, report)]
    assert [body.locked for body in bodies if isinstance(body, Approved)] == [False, True]


async def test_fields_are_those_of_the_template_and_what_must_be_filled_is_asked_for(here: House) -> None:
    report, kari = new_id(), await here.caller(KEY, "kari")
    assert (await here.draft(kari, report, weather="Regn")).code == "UNKNOWN_FIELD"
    await here.draft(kari, report, needs="Ingen")
    refused = await kari.send(SubmitReport(report=report))
    assert (refused.code, refused.parameters) == ("FIELD_NEEDED", {"field": "measures"})  # type: ignore[union-attr]


async def test_a_leader_sets_templates_of_the_own_watch_and_nobody_elses(here: House) -> None:
    siv = await here.caller(KEY, "siv")
    wanted = {"template": "egen", "title": "Egen", "receivers": ["4624"], "fields": [{"code": "needs"}]}
    await siv.accepted(SetTemplate.model_validate(wanted | {"where": KEY}))
    assert await siv.refused(SetTemplate.model_validate(wanted | {"where": NEIGHBOUR})) == "NOT_ALLOWED"
    assert await siv.by("ola").refused(SetTemplate.model_validate(wanted | {"where": KEY})) == "NOT_ALLOWED"
    assert "egen" in str(await siv.ask("reports", "templates"))
    assert "egen" not in str(await (await here.caller(HIDDEN, "odd")).ask("reports", "templates"))


async def test_a_report_comes_out_as_a_page_and_as_text(here: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.caller.ANSWER_S", 30.0)
    report = new_id()
    await here.locked(report, measures="<b>Rød</b> *beredskap*")
    liv = await here.caller(KEY, "liv")
    page = await liv.ask("reports", "document", report=report, format="html", names={"liv": "Liv <Li>"})
    html = base64.b64decode(page["body"]).decode()
    assert "&lt;b&gt;Rød&lt;/b&gt; *beredskap*" in html
    assert "Liv &lt;Li&gt;" in html
    text = await liv.ask("reports", "document", report=report, format="md", language="nn")
    assert "\\<b\\>Rød\\</b\\> \\*beredskap\\*" in base64.b64decode(text["body"]).decode()


async def test_nothing_to_report_answers_a_deadline_and_a_locked_report_does(here: House) -> None:
    siv, kari, odd = [
        await here.caller(key, one) for key, one in ((KEY, "siv"), (KEY, "kari"), (HIDDEN, "odd"))
    ]
    wheel = a_wheel(KEY, HIDDEN, receiver="4624")
    await siv.accepted(wheel)
    assert await kari.refused(a_wheel(KEY)) == "NOT_ALLOWED"
    await odd.accepted(NothingToReport(wheel=wheel.wheel))
    assert await odd.refused(NothingToReport(wheel=wheel.wheel)) == "DEADLINE_ANSWERED"
    report = new_id()
    await here.locked(report, measures="Rolig")
    met = await _wait_for(here, wheel.wheel, 2)
    assert [(one.watch, one.nothing, one.report, one.late) for one in met] == [
        (HIDDEN, True, None, False),
        (KEY, False, report, False),
    ]
    stranger = await here.caller(STRANGER, "jan")
    assert wheel.wheel not in str(await stranger.ask("reports", "deadlines", which="all"))
    told = await odd.ask("reports", "deadlines", which="all")
    assert {one["watch"] for one in told["deadlines"]} >= {HIDDEN}
    shown = await kari.ask("reports", "deadlines", which="all")
    assert {one["state"] for one in shown["deadlines"] if one["wheel"] == wheel.wheel} == {"met"}


async def test_a_wheel_asks_others_by_agreement_only_and_ends_when_its_leader_says_so(here: House) -> None:
    siv, eva = await here.caller(KEY, "siv"), await here.caller(NEIGHBOUR, "eva")
    assert await siv.refused(a_wheel(STRANGER)) == "NO_AGREEMENT"
    assert await siv.refused(a_wheel(NEIGHBOUR, receiver="110-vest")) == "NOT_ALLOWED"
    assert await eva.refused(a_wheel(HIDDEN, receiver="4624")) == "UNKNOWN_WATCH"
    assert await siv.refused(a_wheel(KEY, moments=[datetime.now(UTC)])) == "BAD_PERIOD"
    wheel = a_wheel(NEIGHBOUR)
    await siv.accepted(wheel)
    assert await eva.refused(EndWheel(wheel=wheel.wheel)) == "UNKNOWN_WHEEL"
    await siv.accepted(EndWheel(wheel=wheel.wheel))
    assert await eva.refused(NothingToReport(wheel=wheel.wheel)) == "WHEEL_ENDED"


async def _wait_for(here: House, wheel: str, count: int) -> list[DeadlineMet]:
    async with asyncio.timeout(10):
        while True:
            bodies = [body for _, body in await here.office.facts(names.REPORTS_LEDGER, wheel)]
            met = [body for body in bodies if isinstance(body, DeadlineMet)]
            if len(met) >= count:
                return met
            await asyncio.sleep(0.05)
