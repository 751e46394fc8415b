"""What an export is told of reports: which are about an incident, each version with its words."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio

from schemas.identifiers import new_id
from schemas.people import Granted
from schemas.reports import ApproveReport, BeginWheel, DraftReport, RecallReport, ReportContent, SubmitReport
from schemas.vocabulary import Level, Role
from services.runtime import names
from tests.hub import Hub, running_hub
from tests.reports.house import HIDDEN, KEY, NEIGHBOUR, STRANGER, TEMPLATE, House, builder, house

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    """A broker of this file's own."""
    with running_hub(tmp_path_factory.mktemp("exporting")) as found:
        yield found


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def here(hub: Hub) -> AsyncIterator[House]:
    async with house(hub, builder) as found:
        body = Granted(person="dpo", role=Role.DPO, where="4601")
        await found.office.put_fact(names.PEOPLE_LEDGER, "4601.centre", "dpo", body)
        yield found


async def about(here: House, incident: str | None) -> str:
    """A locked report in own words that says which incident it is about."""
    report = new_id()
    kari, liv = await here.caller(KEY, "kari"), await here.caller(KEY, "liv")
    request = DraftReport(report=report, template=TEMPLATE, incident=incident)
    await kari.accepted(request, ReportContent(words={"measures": "Rolig"}))
    digest = (await kari.accepted(SubmitReport(report=report))).result["digest"]
    await liv.accepted(ApproveReport(report=report, digest=digest))
    return report


async def locked(here: House, key: str = KEY, person: str = "kari", **asked: Any) -> list[tuple[str, int]]:
    found = await (await here.caller(key, person)).ask("reports", "locked", **asked)
    return [(one["report"], one["version"]) for one in found["versions"]]


async def test_a_report_is_about_an_incident_by_its_entries_by_saying_so_or_by_answering_a_request_about_it(
    here: House,
) -> None:
    entry = await here.entry(Level.NAMED, "Pumpene er på plass", "4624")
    by_entry, other = new_id(), new_id()
    await here.locked(by_entry, entry, measures="Med sitat")
    by_word = await about(here, here.incident)
    await here.locked(other, measures="Om noe annet")
    siv = await here.caller(KEY, "siv")
    soon = datetime.now(UTC) + timedelta(hours=2)
    wheel = BeginWheel(
        wheel=new_id(), incident=here.incident, receiver="4624", reporters=[KEY], moments=[soon]
    )
    await siv.accepted(wheel)
    by_answer = await about(here, None)
    async with asyncio.timeout(10):
        while (by_answer, 1) not in await locked(here, incident=here.incident):  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    found = await locked(here, incident=here.incident)
    assert [one for one, _ in found][:2] == [by_entry, by_word]
    assert (other, 1) not in found
    assert (other, 1) in await locked(here)
    assert await locked(here, incident=new_id()) == []


async def test_all_versions_of_a_report_come_along_once_one_is_about_the_incident(here: House) -> None:
    entry = await here.entry(Level.NAMED, "Pumpene er på plass", "4624")
    report = new_id()
    await here.locked(report, measures="Før")
    await here.locked(report, entry, measures="Etter")
    assert [one for one in await locked(here, incident=here.incident) if one[0] == report] == [
        (report, 1),
        (report, 2),
    ]


async def test_a_receiver_is_told_of_what_it_has_and_not_which_incident_it_is_about_besides(
    here: House,
) -> None:
    await here.entry(Level.WATCH, "Internt")
    report = await about(here, here.incident)
    assert (report, 1) in await locked(here, incident=here.incident)
    assert (report, 1) not in await locked(here, NEIGHBOUR, "eva", incident=here.incident)
    eva = await here.caller(NEIGHBOUR, "eva")
    mine = (await eva.ask("reports", "locked"))["versions"]
    assert next(one["incidents"] for one in mine if one["report"] == report) == []
    assert await locked(here, STRANGER, "jan") == []


async def test_a_period_and_a_watch_narrow_what_is_told(here: House) -> None:
    report = await about(here, None)
    hour = timedelta(hours=1)
    now = datetime.now(UTC)
    assert (report, 1) in await locked(here, since=(now - hour).isoformat(), until=(now + hour).isoformat())
    assert (report, 1) not in await locked(here, until=(now - hour).isoformat())
    assert (report, 1) not in await locked(here, watch=HIDDEN)


async def test_a_version_is_exported_by_a_named_person_and_noted_as_read(here: House) -> None:
    report = await about(here, None)
    kari, eva = await here.caller(KEY, "kari"), await here.caller(NEIGHBOUR, "eva")
    dpo = await here.caller(KEY, "dpo")
    found = await eva.ask("reports", "export", report=report, version=1)
    assert found["report"]["fields"][0]["text"] == "Rolig"
    assert found["titles"] == {KEY: KEY, "4624": "4624"}
    assert (await eva.by(None).ask("reports", "export", report=report))["code"] == "PERSON_NEEDED"
    assert (await eva.by(None).ask("reports", "locked"))["code"] == "PERSON_NEEDED"
    read = (await dpo.ask("reports", "audit", report=report))["reads"]
    assert [one["what"] for one in read] == ["export"]
    await kari.accepted(RecallReport(report=report, ground="too_early"))
    assert (await eva.ask("reports", "export", report=report))["report"]["fields"] == []
