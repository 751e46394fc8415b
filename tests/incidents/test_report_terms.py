"""Retention of situation reports: their own words go when their time is over, and not before."""

from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
from hypothesis import given
from hypothesis import strategies as st

from schemas import incidents, people, records, reports
from schemas.envelope import Body
from schemas.identifiers import new_id
from schemas.vocabulary import IncidentState, Level, Role, Tag
from services.incidents.kept_fold import Order
from services.incidents.report_terms import Report, due_words
from services.incidents.retention import Retention
from services.runtime import names
from tests.incidents.make import Made, opened
from tests.incidents.room import Office

VAKT = "4601.vaktsentral"
NOW = datetime(2026, 11, 1, 3, 0, tzinfo=UTC)
DAYS = st.integers(0, 500)


def _order(days: int, tag: Tag | None = None) -> Order:
    said = records.RetentionOrdered(where="4601", days=days, tag=tag, law="x")
    return Order(new_id(), VAKT, said, "owner", approved_by="dpo")


def _report(age: int, words: dict[str, tuple[Tag, ...]]) -> Report:
    return Report("r", VAKT, done_at=NOW - timedelta(days=age), words=words)


@given(days=st.integers(1, 400), age=DAYS, closed=st.lists(DAYS | st.none(), max_size=3))
def test_words_go_so_long_after_the_last_that_was_done_and_after_each_incident_was_closed(
    days: int, age: int, closed: list[int | None]
) -> None:
    closings = [None if one is None else NOW - timedelta(days=one) for one in closed]
    found = due_words(_report(age, {"f": ()}), [_order(days)], closings, NOW, hidden=False)
    ages = [age, *closed]
    assert bool(found) == all(one is not None and one >= days for one in ages)


def test_each_draft_goes_by_the_narrowest_order_that_fits_its_tags() -> None:
    short, long = _order(30, Tag.PERSON), _order(365)
    report = _report(90, {"tagged": (Tag.PERSON,), "plain": (), "again": (Tag.PERSON,)})
    (found,) = due_words(report, [short, long], [], NOW, hidden=False)
    assert (found.order, found.facts) == (short, ("tagged", "again"))
    assert due_words(report, [short, long], [], NOW, hidden=True) == [], "not by the order of the whole house"


LONG_AGO = datetime.now(UTC) - timedelta(days=90)


def _drafted(report: str, incident: str, at: datetime = LONG_AGO) -> Made:
    body = reports.Drafted(report=report, template="ledelse", version=1, incident=incident)
    return Made(body, about=report, at=at, content={"words": {"text": "Ola Nordmann er skadd"}})


def _of(body: Body, about: str, **more: Any) -> Made:
    return Made(body, about=about, at=LONG_AGO, **more)


async def test_each_night_erases_the_words_of_reports_and_a_hold_on_their_incident_keeps_them(
    here: Office,
) -> None:
    passed, held, still_open = (opened(f"Sak {n}", at=LONG_AGO) for n in range(3))
    closing = incidents.StateChanged(state=IncidentState.CLOSED, former=IncidentState.NEW)
    draft = _drafted("r1", passed.about)
    locked = reports.Approved(
        report="r1", version=1, draft=draft.fact.id, digest="0" * 64, template="ledelse", locked=True,
        level=Level.WATCH, incident=passed.about,
    )  # fmt: skip
    last = await here.write(
        *(passed, held, still_open),
        *(_of(closing, one.about) for one in (passed, held)),
        *(draft, _of(locked, "r1", content={"words": {"text": "Ola Nordmann er skadd"}})),
        *(_drafted("r2", held.about), _drafted("r3", still_open.about)),
        _drafted("r4", passed.about, at=datetime.now(UTC)),
        _of(records.HoldPlaced(ground="court_case"), held.about),
        Made(records.RetentionOrdered(where="4601", days=30, law="gdpr-5-1-e"), about="o1", person="owner"),
        Made(records.RetentionApproved(), about="o1", person="dpo"),
        Made(people.Granted(person="dpo", role=Role.DPO, where="4601")),
    )
    preview = await here.ask(VAKT, "retention", person="dpo")
    shown = [one["report"] for one in preview["due"] if one["report"] is not None]
    assert shown == ["r1", "r1"], "draft and locked version"
    retention = here.archive._retention
    assert isinstance(retention, Retention)
    nc = await here.client(names.RETENTION)
    assert await retention.erase(nc, "actual", datetime.now(UTC)) == 2, (
        "the incident's words and the report's"
    )
    await here.reached(last + 2)
    assert here.archive._store is not None
    (fact,) = [row for row in next(here.archive._store.facts("actual", last)) if row["about"] == "r1"]
    told = orjson.loads(bytes(fact["raw"]))["data"]["body"]
    assert (told["order"], told["asked_by"], told["ground"]) == ("o1", "owner", "retention")
    assert sorted(told["facts"]) == sorted(one["item"] for one in preview["due"] if one["report"])
    preview = await here.ask(VAKT, "retention", person="dpo")
    assert preview["due"] == []
    assert await retention.erase(nc, "actual", datetime.now(UTC)) == 0, "a second run finds nothing"
