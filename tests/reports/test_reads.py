"""Who read which restricted report is kept, bound line to line, and shown to those who answer for it."""

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.engine import Engine

from schemas.identifiers import new_id
from schemas.people import Granted
from schemas.reports import ApproveReport, DraftReport, ReportContent, ReportEntry, SubmitReport
from schemas.sharing import Reach
from schemas.vocabulary import Level, ReadGround, Role, Tag
from services.reports import reads
from services.reports.reads import Item, Wanted
from services.reports.tables import READS
from services.runtime import names
from services.runtime.database import open_database
from services.runtime.reads import Checked
from tests.hub import Hub, running_hub
from tests.reports.house import HIDDEN, KEY, NEIGHBOUR, TEMPLATE, House, builder, house

NOW = datetime(2027, 1, 14, 3, tzinfo=UTC)
SHARED = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    """A broker of this file's own."""
    with running_hub(tmp_path_factory.mktemp("reads")) as found:
        yield found


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def here(hub: Hub) -> AsyncIterator[House]:
    async with house(hub, builder) as found:
        granted = [("dpo", Role.DPO, "4601"), ("eva", Role.DPO, "4624"), ("odd", Role.DPO, HIDDEN)]
        for person, role, where in granted:
            body = Granted(person=person, role=role, where=where)
            await found.office.put_fact(names.PEOPLE_LEDGER, "4601.centre", person, body)
        yield found


def a_line(number: int = 1, **more: Any) -> dict[str, Any]:
    row: dict[str, Any] = {
        "mode": "actual",
        "read_at": (NOW + timedelta(hours=number)).isoformat(),
        "watch": KEY,
    }
    row |= {"person": f"p{number % 2}", "machine": None, "via": "desk", "what": "report", "owner": KEY}
    about = {"report": "r1", "version": 1, "incident": "i1", "item": f"f{number}", "reason": "own"}
    return row | about | more


def test_a_line_that_is_changed_taken_out_or_cut_off_does_not_fit_the_chain(engine: Engine) -> None:
    log = reads.log_of(engine)
    log.append([a_line(number) for number in range(1, 5)])
    assert log.check() == Checked(4, None)
    for change, wrong in (
        (sa.update(READS).where(READS.c.position == 3).values(version=2), 3),
        (sa.delete(READS).where(READS.c.position == 2), 2),
        (sa.delete(READS).where(READS.c.position == 4), 2),
    ):
        with engine.begin() as connection:
            connection.execute(change)
        assert log.check().wrong == wrong


def test_the_newest_lines_of_a_report_an_incident_a_person_or_a_period_are_told(engine: Engine) -> None:
    reads.log_of(engine).append([a_line(number, report=f"r{number // 3}") for number in range(1, 6)])

    def told(**more: Any) -> list[str]:
        return [row["item"] for row in reads.lines(engine, Wanted("actual", [KEY], [], **more), 9)[0]]

    assert told() == ["f5", "f4", "f3", "f2", "f1"]
    assert (told(report="r0"), told(person="p1"), told(incident="i2")) == (
        ["f2", "f1"],
        ["f5", "f3", "f1"],
        [],
    )
    assert told(since=NOW + timedelta(hours=2), until=NOW + timedelta(hours=4)) == ["f3", "f2"]
    assert told(before=3) == ["f2", "f1"]
    assert reads.lines(engine, Wanted("actual", [KEY], []), 2)[1] is True
    assert reads.lines(engine, Wanted("actual", [NEIGHBOUR], []), 9)[0] == []
    assert reads.lines(engine, Wanted("actual", [KEY], [KEY]), 9)[0] == []


def test_lines_whose_term_is_over_go_and_the_rest_stays_bound(engine: Engine) -> None:
    log = reads.log_of(engine)
    log.append([a_line(number) for number in range(1, 5)])
    assert log.forget_before(NOW + timedelta(hours=3)) == 2
    assert log.check() == Checked(2, None)


TAGS = st.lists(st.sampled_from(Tag), max_size=2).map(tuple)
WATCHES = st.sampled_from(["4601.a", "4601.b", "4624.c"])
ITEMS = st.lists(
    st.builds(Item, st.just("f"), st.builds(Reach, WATCHES, st.sampled_from(Level)), TAGS), max_size=4
)


@given(ITEMS, WATCHES, st.booleans())
def test_a_reason_is_asked_only_for_another_watchs_tagged_words_of_whom_they_were_not_meant_for(
    items: list[Item], viewer: str, is_told: bool
) -> None:
    guarded = reads.restricted(items, viewer)
    assert all(one in guarded for one in items if one.tags)
    others = [one for one in guarded if one.reach.owner != viewer]
    found = reads.ground(guarded, viewer, is_told=is_told)
    assert (found is None) == (not is_told and any(one.tags for one in others))
    assert (found is ReadGround.OWN) == (not others)


async def a_report(here: House, *tags: Tag, entry: str | None = None) -> tuple[str, int]:
    """A locked report of these tags; its id and version."""
    report = new_id()
    kari, liv = await here.caller(KEY, "kari"), await here.caller(KEY, "liv")
    used = [ReportEntry(field="measures", incident=here.incident, entry=entry)] if entry else []
    request = DraftReport(report=report, template=TEMPLATE, entries=used, tags=list(tags))
    await kari.accepted(request, ReportContent(words={"measures": "Alt er rolig"}))
    digest = (await kari.accepted(SubmitReport(report=report))).result["digest"]
    await liv.accepted(ApproveReport(report=report, digest=digest))
    return report, 1


async def read_of(here: House, report: str, person: str = "dpo", watch: str = KEY) -> list[dict[str, Any]]:
    asker = await here.caller(watch, person)
    found: list[dict[str, Any]] = (await asker.ask("reports", "audit", report=report))["reads"]
    return found


@SHARED
async def test_a_receivers_reading_is_kept_and_shown_by_watch_to_the_own_house_and_by_name_to_its_own(
    here: House,
) -> None:
    report, _ = await a_report(here)
    eva, kari = await here.caller(NEIGHBOUR, "eva"), await here.caller(KEY, "kari")
    assert (await kari.ask("reports", "get", report=report))["status"] == "ok"
    assert await read_of(here, report) == [], "the own watch reads its own untagged words"
    assert (await eva.ask("reports", "get", report=report, brief=True))["report"]["fields"] == []
    assert await read_of(here, report) == [], "nothing that was written was told"
    assert (await eva.ask("reports", "get", report=report))["status"] == "ok"
    assert (await eva.ask("reports", "document", report=report, format="md"))["status"] == "ok"
    (printed, seen) = await read_of(here, report)
    assert (printed["what"], seen["what"]) == ("document", "report")
    told = {name: seen[name] for name in ("watch", "person", "owner", "report", "version", "reason")}
    assert told == {
        "watch": NEIGHBOUR,
        "person": None,
        "owner": KEY,
        "report": report,
        "version": 1,
        "reason": "told",
    }
    (_, own) = await read_of(here, report, "eva", NEIGHBOUR)
    assert own["person"] == "eva"
    assert (await kari.ask("reports", "audit"))["code"] == "NOT_ALLOWED"


@SHARED
async def test_a_tagged_report_is_noted_for_its_own_watch_too_and_each_restricted_entry_in_it(
    here: House,
) -> None:
    entry = await here.entry(Level.NAMED, "Pumpene er på plass", "4624")
    report, _ = await a_report(here, Tag.VULNERABILITY, entry=entry)
    kari, eva = await here.caller(KEY, "kari"), await here.caller(NEIGHBOUR, "eva")
    await kari.ask("reports", "get", report=report)
    (own,) = await read_of(here, report)
    assert (own["person"], own["reason"], own["item"] == entry) == ("kari", "own", False)
    await eva.ask("reports", "get", report=report)
    lines = await read_of(here, report)
    assert [one["item"] for one in lines[:2]].count(entry) == 1
    dpo = await here.caller(KEY, "dpo")
    of_incident = (await dpo.ask("reports", "audit", incident=here.incident))["reads"]
    assert [one["item"] for one in of_incident] == [entry]


@SHARED
async def test_who_it_was_not_written_for_gives_a_reason_which_holds_for_the_shift(here: House) -> None:
    """A hidden watch's reading leaves no line that others see."""
    report, _ = await a_report(here, Tag.VULNERABILITY)
    odd = await here.caller(HIDDEN, "odd")
    refused = await odd.ask("reports", "get", report=report)
    assert (refused["code"], "urgent" in refused["parameters"]["reasons"]) == ("REASON_NEEDED", True)
    assert (await odd.ask("reports", "document", report=report, format="md"))["code"] == "REASON_NEEDED"
    assert (await odd.ask("reports", "get", report=report, reason="curious"))["code"] == "MALFORMED"
    assert (await odd.ask("reports", "get", report=report, reason="urgent"))["status"] == "ok"
    assert (await odd.ask("reports", "get", report=report))["status"] == "ok", "it holds for the shift"
    assert await read_of(here, report) == []
    lines = await read_of(here, report, "odd", HIDDEN)
    assert [(one["person"], one["reason"]) for one in lines] == [("odd", "urgent")] * 2


@SHARED
async def test_looking_into_the_log_is_a_line_in_it_and_a_long_one_is_read_page_by_page(here: House) -> None:
    report, _ = await a_report(here)
    eva, dpo = await here.caller(NEIGHBOUR, "eva"), await here.caller(KEY, "dpo")
    for _ in range(3):
        await eva.ask("reports", "get", report=report)
    first = await dpo.ask("reports", "audit", report=report, limit=2)
    rest = await dpo.ask("reports", "audit", report=report, before=first["reads"][-1]["position"])
    assert (len(first["reads"]), first["more"], len(rest["reads"]), rest["more"]) == (2, True, 1, False)
    looked = (await dpo.ask("reports", "audit", person="dpo"))["reads"]
    assert {one["what"] for one in looked} == {"audit"}
    engine = open_database(here.office.hub.settings, "reports")
    assert reads.log_of(engine).check().wrong is None
    engine.dispose()
