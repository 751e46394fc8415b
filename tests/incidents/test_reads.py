"""The log of reads: what is asked before, what is kept, who may look into it, that it cannot be altered."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from schemas import incidents, notifications, people, watch
from schemas.identifiers import new_id
from schemas.sharing import Reach
from schemas.vocabulary import SHIFT, DutyFunction, EntryKind, IncidentState, Level, Role, Tag
from services.incidents import reads, reasons
from services.incidents.fold import Incident, Item
from services.incidents.lookups import Lookups
from services.incidents.reads import Reading, Wanted
from services.incidents.tables import READS
from services.runtime.reads import Checked
from tests.incidents.make import Made, opened
from tests.incidents.room import Office
from tests.incidents.shelf import Shelf

VAKT, BARN, AUST = "4601.vaktsentral", "4601.barnevern", "4624.main"
NOW = datetime(2026, 11, 1, 3, 0, tzinfo=UTC)


@pytest.fixture
def shelf(store_url: str, tmp_path: Path) -> Iterator[Shelf]:
    found = Shelf(store_url, tmp_path)
    yield found
    found.close()


@pytest.fixture
async def here(here: Office) -> Office:
    await here.write(*_overseers())
    return here


def _overseers() -> list[Made]:
    hidden = watch.Established(watch=BARN, code="BV", title="BV", posts=["duty"], hidden=True, health="watch")
    roles = [("dpo", Role.DPO, "4601"), ("bvdpo", Role.DPO, BARN), ("naboens", Role.DPO, "4624")]
    return [
        Made(hidden, about="BV", owner=BARN),
        *(Made(people.Granted(person=who, role=role, where=where)) for who, role, where in roles),
    ]


def _line(person: str = "p1", at: datetime = NOW, **more: Any) -> Reading:
    fields = {"mode": "actual", "watch": VAKT, "machine": None, "via": "test", "what": "get", **more}
    return Reading(person=person, read_at=at.isoformat(), **fields)


def _wanted(**more: Any) -> Wanted:
    return Wanted("actual", [VAKT], [], **more)


def _entry(about: str, **more: Any) -> Made:
    fields = {"level": more.pop("level", Level.WATCH), "tags": more.pop("tags", [])}
    body = incidents.EntryAdded(incident=about, kind=EntryKind.INFORMATION, **fields)
    return Made(body, about=about, content={"text": "to hunder"}, **more)


def test_lines_are_found_by_incident_item_person_and_period_the_newest_first(shelf: Shelf) -> None:
    engine = shelf.store.engine
    for number in range(5):
        reads.append(engine, _line(f"p{number % 2}", NOW + timedelta(hours=number)), [("i1", f"f{number}")])
    found, is_cut = reads.lines(engine, _wanted(), 3)
    assert ([row["item"] for row in found], is_cut) == (["f4", "f3", "f2"], True)
    assert [row["item"] for row in reads.lines(engine, _wanted(person="p1"), 9)[0]] == ["f3", "f1"]
    assert [row["item"] for row in reads.lines(engine, _wanted(item="f2"), 9)[0]] == ["f2"]
    assert reads.lines(engine, _wanted(incident="i2"), 9) == ([], False)
    period = _wanted(since=NOW + timedelta(hours=1), until=NOW + timedelta(hours=3))
    assert [row["item"] for row in reads.lines(engine, period, 9)[0]] == ["f2", "f1"]


def test_an_altered_or_missing_line_of_the_log_of_reads_is_found(shelf: Shelf) -> None:
    engine = shelf.store.engine
    reads.append(engine, _line(), [("i1", f"f{number}") for number in range(4)])
    assert reads.check(engine) == Checked(4, None)
    for change, wrong in (
        (sa.update(READS).where(READS.c.position == 3).values(person="somebody else"), 3),
        (sa.delete(READS).where(READS.c.position == 2), 2),
        (sa.delete(READS).where(READS.c.position == 4), 2),
    ):
        with engine.begin() as connection:
            connection.execute(change)
        assert reads.check(engine).wrong == wrong


def test_lines_pass_after_their_term_and_the_rest_stays_bound(shelf: Shelf) -> None:
    engine = shelf.store.engine
    for number in range(4):
        reads.append(engine, _line(at=NOW + timedelta(days=number)), [("i1", f"f{number}")])
    assert reads.forget_before(engine, NOW + timedelta(days=2)) == 2
    assert reads.forget_before(engine, NOW + timedelta(days=2)) == 0
    assert [row["item"] for row in reads.lines(engine, _wanted(), 9)[0]] == ["f3", "f2"]
    assert reads.check(engine) == Checked(2, None)
    reads.append(engine, _line(at=NOW + timedelta(days=9)), [("i1", "f9")])
    assert reads.check(engine) == Checked(3, None)


def test_the_archive_knows_when_an_incident_was_acknowledged_and_closed(shelf: Shelf) -> None:
    made = opened()
    told = notifications.Acknowledged(
        chain="c", watch=VAKT, step=0, cause="c", person="p1", function=DutyFunction.PRIMARY
    )
    ack = Made(told, about=made.about)
    closing = incidents.StateChanged(state=IncidentState.CLOSED, former=IncidentState.NEW)
    closed = Made(closing, about=made.about)
    shelf.put(made, ack, closed)
    (row,) = Lookups(shelf.store.engine).by_id("actual", made.about)
    assert datetime.fromisoformat(row["acknowledged_at"]) == ack.fact.time
    assert datetime.fromisoformat(row["closed_at"]) == closed.fact.time
    again = incidents.StateChanged(state=IncidentState.IN_PROGRESS, former=IncidentState.CLOSED)
    shelf.put(Made(again, about=made.about))
    (row,) = Lookups(shelf.store.engine).by_id("actual", made.about)
    assert row["closed_at"] is None


def _item(**more: Any) -> Item:
    reach = Reach(VAKT, more.pop("level", Level.ORGANISATION), more.pop("named", ()))
    return Item(new_id(), "entry", reach, VAKT, **more)


def test_what_was_just_closed_is_read_without_a_reason_and_a_shift_later_it_is_asked_for() -> None:
    own, late = _item(tags=(Tag.PERSON,)), NOW + SHIFT
    assert reasons.ground(None, [own], NOW, VAKT, late - timedelta(seconds=1)) == reasons.OWN
    assert reasons.ground(None, [own], NOW, VAKT, late) is None


def test_a_watch_that_was_told_named_or_wrote_is_not_asked_and_a_curious_one_is() -> None:
    tagged = _item(tags=(Tag.PERSON,), notify=("4601.lvs",))
    incident = Incident("i", VAKT, items={tagged.id: tagged})
    assert reasons.ground(incident, [tagged], None, "4601.lvs", NOW) == reasons.TOLD
    assert reasons.ground(incident, [tagged], None, "4601.ikt", NOW) is None
    assert reasons.ground(incident, [_item()], None, "4601.ikt", NOW) == reasons.SHARED


@given(
    tags=st.lists(st.sampled_from([Tag.PERSON, Tag.VULNERABILITY]), max_size=2).map(tuple),
    hours=st.none() | st.integers(0, 48),
    mine=st.booleans(),
)
def test_an_open_incident_of_the_own_watch_never_asks(
    tags: tuple[Tag, ...], hours: int | None, mine: bool
) -> None:
    closed_at = None if hours is None else NOW - timedelta(hours=hours)
    found = reasons.ground(None, [_item(tags=tags)], closed_at, VAKT if mine else AUST, NOW)
    asked = found is None
    assert asked == ((hours is not None and hours >= 12) or (not mine and bool(tags)))


async def test_another_watchs_tagged_entry_opens_with_any_reason_which_then_stands_for_the_shift(
    here: Office,
) -> None:
    made = opened(level=Level.ORGANISATION)
    await here.write(made, _entry(made.about, level=Level.ORGANISATION, tags=[Tag.PERSON]))
    assert (await here.get(VAKT, id=made.about))["status"] == "ok", "the own watch is never asked"
    refused = await here.get(BARN, id=made.about)
    assert (refused["code"], refused["parameters"]["reasons"][0]) == ("REASON_NEEDED", "urgent")
    assert (await here.get(AUST, id=made.about))["code"] == "UNKNOWN_INCIDENT", (
        "who sees nothing is told nothing"
    )
    for reason in ("urgent", None):
        answer = await here.get(BARN, id=made.about, **({"reason": reason} if reason else {}))
        assert [entry["content"]["text"] for entry in answer["entries"]] == ["to hunder"]
    seen = (await here.ask(BARN, "audit", person="bvdpo"))["reads"]
    assert {one["reason"] for one in seen} == {"urgent"}
    assert (await here.get(BARN, id=made.about, reason="just so"))["code"] == "MALFORMED"


async def test_a_list_holds_back_restricted_words_of_what_was_closed_a_shift_ago(here: Office) -> None:
    long_ago = datetime.now(UTC) - timedelta(days=30)
    plain, tagged = opened("Flom", at=long_ago), opened("Gjelder NN", at=long_ago, tags=[Tag.PERSON])
    body = incidents.StateChanged(state=IncidentState.CLOSED, former=IncidentState.NEW)
    await here.write(plain, tagged, *(Made(body, about=one.about, at=long_ago) for one in (plain, tagged)))
    held, shown = (await here.ask(VAKT, "list", state="closed"))["incidents"]
    assert (held["content"], held["reason_needed"]) == (None, True)
    assert (shown["content"]["headline"], shown["reason_needed"]) == ("Flom", False)
    held, _ = (await here.ask(VAKT, "list", state="closed", reason="complaint"))["incidents"]
    assert held["content"]["headline"] == "Gjelder NN"
    assert (await here.get(VAKT, id=plain.about))["status"] == "ok", "own and untagged: nothing to ask"
    assert (await here.get(VAKT, id=tagged.about))["status"] == "ok", "the reason given stands for the shift"


async def test_who_answers_for_the_log_of_reads_sees_its_own_house_and_a_neighbours_watch(
    here: Office,
) -> None:
    made, hidden = opened(level=Level.NAMED, named=["4624"]), opened(owner=BARN)
    await here.write(made, hidden, _entry(hidden.about, owner=BARN, tags=[Tag.CHILD]))
    await here.get(AUST, id=made.about)
    await here.get(BARN, id=hidden.about)
    await here.get(BARN, id=made.about)
    assert (await here.ask(VAKT, "audit"))["code"] == "NOT_ALLOWED"
    answer = await here.ask(VAKT, "audit", person="dpo")
    (line,) = [one for one in answer["reads"] if one["what"] == "get"]
    assert (line["watch"], line["person"], line["owner"], line["reason"]) == (AUST, None, VAKT, "told")
    assert line["ref"] == made.fact.data.body["ref"]
    assert (await here.ask(VAKT, "audit", person="dpo", ref=line["ref"]))["reads"] == [line]
    (own, *_) = (await here.ask(AUST, "audit", person="naboens"))["reads"]
    assert (own["person"], own["item"]) == ("p1", made.id)
    seen = (await here.ask(BARN, "audit", person="bvdpo"))["reads"]
    assert {one["owner"] for one in seen if one["what"] == "get"} == {BARN, VAKT}
    again = (await here.ask(VAKT, "audit", person="dpo"))["reads"]
    assert [one["what"] for one in again].count("audit") == 2, "looking into it is a line in it too"
    assert all(BARN not in (one["watch"], one["owner"]) for one in again)
