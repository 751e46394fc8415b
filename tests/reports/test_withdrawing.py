"""Recalling a locked version, and erasing own words by two persons: what each may see afterwards."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import pytest_asyncio

from schemas import subjects
from schemas.identifiers import new_id
from schemas.people import Granted
from schemas.records import HoldLifted, HoldPlaced
from schemas.reports import (
    Approved,
    ApproveReport,
    ApproveReportErasure,
    AskReportErasure,
    Drafted,
    DraftReport,
    Recalled,
    RecallReport,
    ReportContent,
    SubmitReport,
)
from schemas.vocabulary import Level, Role
from services.incidents.archive import build as build_archive
from services.runtime import names
from services.runtime.direct import Direct
from tests.hub import Hub, running_hub
from tests.reports.house import HIDDEN, KEY, NEIGHBOUR, STRANGER, House, builder, house

pytestmark = pytest.mark.asyncio(loop_scope="module")
LAW: dict[str, Any] = {"ground": "wrong_person", "law": "gdpr-17-1-d"}


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    """A broker of this file's own."""
    with running_hub(tmp_path_factory.mktemp("withdrawing")) as found:
        yield found


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def here(hub: Hub) -> AsyncIterator[House]:
    async with house(hub, builder, build_archive) as found:
        granted = [
            ("arne", Role.ARCHIVE_OWNER, "4601"),
            ("vera", Role.DPO, "4601"),
            ("vera", Role.READER, KEY),
        ]
        for person, role, where in granted:
            body = Granted(person=person, role=role, where=where)
            await found.office.put_fact(names.PEOPLE_LEDGER, "4601.centre", person, body)
        yield found


async def the_report(here: House, report: str, person: str = "kari", key: str = KEY, **more: Any) -> Any:
    """A report as somebody reads it."""
    answer = await (await here.caller(key, person)).ask("reports", "get", report=report, **more)
    return answer.get("report") or answer["code"]


def text_of(found: Any) -> str | None:
    said: str | None = found["fields"][0]["text"]
    return said


async def bodies(here: House, report: str, sort: type[Any]) -> list[Any]:
    found = await here.office.facts(names.REPORTS_LEDGER, report)
    return [body for _, body in found if isinstance(body, sort)]


async def contents(hub: Hub, facts: list[str]) -> list[str]:
    """Of these facts, those of which the broker still holds the words."""
    nc = await hub.connect(names.INCIDENTS_ARCHIVE)
    direct = Direct(nc)
    await direct.open()
    org, watch = subjects.split_key(KEY)
    places = [
        subjects.content("actual", org, watch, sort, one) for one in facts for sort in ("watch", "shared")
    ]
    found = await direct.newest_of(names.content("actual"), places)
    await nc.close()
    return sorted({one.subject.rpartition(".")[2] for one in found})


async def test_a_recalled_version_is_a_notice_to_its_receivers_and_stays_readable_to_its_own_watch(
    here: House,
) -> None:
    report = new_id()
    await here.locked(report, measures="Feil tall")
    liv = await here.caller(KEY, "liv")
    answer = await liv.accepted(RecallReport(report=report, ground="wrong_content"))
    assert (answer.result["version"], answer.result["named"], answer.result["notify"]) == (
        1,
        ["4624"],
        [NEIGHBOUR],
    )
    told = await the_report(here, report, "eva", NEIGHBOUR)
    assert (told["state"], told["recall_ground"], told["fields"], told["headline"]) == (
        "recalled",
        "wrong_content",
        [],
        None,
    )
    assert "Feil tall" not in str(told)
    assert "liv" not in str(told)
    own = await the_report(here, report)
    assert (own["state"], text_of(own), own["may_recall"]) == ("recalled", "Feil tall", False)
    listed = (await (await here.caller(NEIGHBOUR, "eva")).ask("reports", "list"))["reports"]
    assert next(one["state"] for one in listed if one["id"] == report) == "recalled"
    assert await liv.refused(RecallReport(report=report, ground="too_early")) == "ALREADY_RECALLED"


async def test_after_a_recall_the_next_version_holds_and_the_recalled_one_stays_recalled(here: House) -> None:
    report = new_id()
    await here.locked(report, measures="Feil tall")
    siv = await here.caller(KEY, "siv")
    await siv.accepted(RecallReport(report=report, ground="wrong_content"))
    await here.locked(report, measures="Rette tall")
    now = await the_report(here, report, "eva", NEIGHBOUR)
    assert (now["version"], now["state"], text_of(now)) == (2, "locked", "Rette tall")
    old = await the_report(here, report, "eva", NEIGHBOUR, version=1)
    assert (old["state"], old["fields"]) == ("recalled", [])
    assert text_of(await the_report(here, report, version=1)) == "Feil tall"


async def test_who_may_not_recall_is_told_so_and_a_draft_cannot_be_recalled(here: House) -> None:
    report = new_id()
    kari, ola = await here.caller(KEY, "kari"), await here.caller(KEY, "ola")
    await here.draft(kari, report, measures="Rolig")
    recall = RecallReport(report=report, ground="wrong_content")
    assert await kari.refused(recall) == "NOT_LOCKED"
    await here.locked(report, measures="Rolig")
    assert await ola.refused(recall) == "NOT_ALLOWED"
    assert await ola.by(None).refused(recall) == "PERSON_NEEDED"
    assert await (await here.caller(NEIGHBOUR, "eva")).refused(recall) == "UNKNOWN_REPORT"
    assert await kari.refused(RecallReport(report=report, version=7, ground="x")) == "NOT_LOCKED"
    assert await kari.refused(RecallReport(report=report, ground="01010750160")) == "PERSON_TAG_MISSING"
    assert await bodies(here, report, Recalled) == []


async def test_own_words_are_erased_by_two_persons_everywhere_and_the_chain_of_facts_stays(
    here: House, hub: Hub
) -> None:
    report, entry = new_id(), await here.entry(Level.NAMED, "Pumpene er på plass", "4624")
    await here.locked(report, entry, needs="Gjelder NN")
    ids = [one.id for one, _ in await here.office.facts(names.REPORTS_LEDGER, report)]
    held = await contents(hub, ids)
    assert len(held) == 2, "the draft's words, and those that were locked"
    arne, vera, kari = [await here.caller(KEY, one) for one in ("arne", "vera", "kari")]
    approve = ApproveReportErasure(report=report)
    assert await vera.refused(approve) == "NOT_ASKED"
    assert await kari.refused(AskReportErasure(report=report, **LAW)) == "NOT_ALLOWED"
    asked = await arne.accepted(AskReportErasure(report=report, **LAW))
    assert sorted(asked.result["facts"]) == held
    assert (await the_report(here, report))["erasures_asked"][0]["law"] == LAW["law"]
    assert "erasures_asked" not in await the_report(here, report, "eva", NEIGHBOUR)
    assert await arne.refused(approve) == "SECOND_PERSON_NEEDED"
    assert text_of(await the_report(here, report)) is None
    await vera.accepted(approve)
    for key, person in ((KEY, "kari"), (NEIGHBOUR, "eva")):
        found = await the_report(here, report, person, key)
        assert (found["erased"], found["headline"], found["state"]) == (True, None, "locked")
        assert "Gjelder NN" not in str(found)
        assert found["fields"][0]["entries"][0]["text"] == "Pumpene er på plass", (
            "entries stand where they stand"
        )
    async with asyncio.timeout(20):
        while await contents(hub, ids):  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    assert {one for one in held if (hub.settings.home / "erasures" / f"{one}.json").exists()} == set(held)
    assert await vera.refused(approve) == "ALREADY_ERASED"
    assert await arne.refused(AskReportErasure(report=report, **LAW)) == "ALREADY_ERASED"


async def test_one_version_is_erased_and_the_others_stay_and_what_is_written_later_is_not_meant(
    here: House,
) -> None:
    report = new_id()
    await here.locked(report, measures="Første")
    await here.locked(report, measures="Andre")
    arne, vera, kari = [await here.caller(KEY, one) for one in ("arne", "vera", "kari")]
    await arne.accepted(AskReportErasure(report=report, version=1, **LAW))
    assert await vera.refused(ApproveReportErasure(report=report)) == "NOT_ASKED"
    await vera.accepted(ApproveReportErasure(report=report, version=1))
    assert text_of(await the_report(here, report, version=1)) is None
    assert text_of(await the_report(here, report)) == "Andre"
    await arne.accepted(AskReportErasure(report=report, **LAW))
    await here.draft(kari, report, measures="Tredje")
    await vera.accepted(ApproveReportErasure(report=report))
    assert text_of(await the_report(here, report, version=2)) is None
    assert text_of(await the_report(here, report)) == "Tredje"
    assert await arne.refused(AskReportErasure(report=report, version=9, **LAW)) == "UNKNOWN_REPORT"


async def test_a_draft_whose_words_are_erased_cannot_be_approved(here: House) -> None:
    report = new_id()
    kari, arne, vera, liv = [await here.caller(KEY, one) for one in ("kari", "arne", "vera", "liv")]
    await here.draft(kari, report, measures="Gjelder NN")
    digest = (await kari.accepted(SubmitReport(report=report))).result["digest"]
    await arne.accepted(AskReportErasure(report=report, **LAW))
    await vera.accepted(ApproveReportErasure(report=report))
    assert await liv.refused(ApproveReport(report=report, digest=digest)) == "ALREADY_ERASED"
    assert await bodies(here, report, Approved) == []


async def test_a_legal_hold_of_an_incident_stops_the_erasure_of_reports_about_it(here: House) -> None:
    report, entry = new_id(), await here.entry(Level.NAMED, "Under gransking", "4624")
    await here.locked(report, entry, measures="Vurdering")
    arne, vera = await here.caller(KEY, "arne"), await here.caller(KEY, "vera")
    await here.say(here.incident, HoldPlaced(ground="inquiry"))
    assert await arne.refused(AskReportErasure(report=report, **LAW)) == "ON_HOLD"
    await here.say(here.incident, HoldLifted())
    await arne.accepted(AskReportErasure(report=report, **LAW))
    await here.say(here.incident, HoldPlaced(ground="inquiry"))
    assert await vera.refused(ApproveReportErasure(report=report)) == "ON_HOLD"
    await here.say(here.incident, HoldLifted())
    await vera.accepted(ApproveReportErasure(report=report), id=(id := new_id()))
    await here.say(here.incident, HoldPlaced(ground="inquiry"))
    again = await vera.accepted(ApproveReportErasure(report=report), id=id)
    assert again.id == id, "sent again, it is answered as it was"
    await here.say(here.incident, HoldLifted())


async def test_a_hidden_watchs_report_is_erased_by_a_role_in_that_watch_alone(here: House) -> None:
    await here.template(where=HIDDEN)
    report, odd = new_id(), await here.caller(HIDDEN, "odd")
    await here.draft(odd, report, measures="Gjelder NN")
    arne, jan = await here.caller(KEY, "arne"), await here.caller(STRANGER, "jan")
    for who in (arne, jan):
        assert await who.refused(AskReportErasure(report=report, **LAW)) == "UNKNOWN_REPORT"
    await here.office.put_fact(
        names.PEOPLE_LEDGER,
        "4601.centre",
        "odd",
        Granted(person="odd", role=Role.ARCHIVE_OWNER, where=HIDDEN),
    )
    async with asyncio.timeout(10):
        while (await odd.send(AskReportErasure(report=report, **LAW))).status != "accepted":  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def test_a_report_says_which_incident_it_is_about_to_its_own_house_only(here: House) -> None:
    await here.entry(Level.WATCH, "Noe skjer")
    report, kari = new_id(), await here.caller(KEY, "kari")
    request = DraftReport(report=report, template="nabo", incident=here.incident)
    await kari.accepted(request, ReportContent(words={"measures": "Rolig"}))
    assert (await the_report(here, report))["incident"] == here.incident
    (drafted,) = await bodies(here, report, Drafted)
    assert drafted.incident == here.incident
    unknown = DraftReport(report=new_id(), template="nabo", incident=new_id())
    assert await kari.refused(unknown, ReportContent(words={"measures": "Rolig"})) == "UNKNOWN_INCIDENT"
