"""What a watch sees of the board, in which order, and with which running number."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas import incidents, notifications, subjects, watch
from schemas.envelope import Actor, Body, Fact
from schemas.identifiers import new_id
from schemas.vocabulary import (
    Authentication,
    Channel,
    DutyFunction,
    EntryKind,
    IncidentState,
    Level,
    Mode,
    Priority,
)
from services.desk import board
from services.desk.board import CLOSED_FOR, Board, Change
from services.desk.fresh import freshness
from services.desk.rules import Row, count, learns_of, order_of, row_of

NOW = datetime(2027, 1, 15, 3, 0, tzinfo=UTC)
VAKT, RESPONS, BARN, ALVER = "4601.vaktsentral", "4601.respons", "4601.barnevern", "4631.vakt"
RULES = notifications.PolicyRules(
    priority=Priority.HIGH, steps=[notifications.Step(after_s=0, function=DutyFunction.PRIMARY)]
)


class Ledger:
    """Facts as the ledger would hold them, applied to a board one by one."""

    def __init__(self) -> None:
        self.board = Board()
        self.now = NOW
        for key, code, hidden in ((VAKT, "VAKT", False), (BARN, "BARN", True), (ALVER, "VAKT", False)):
            body = watch.Established(watch=key, code=code, title=key, hidden=hidden, posts=["duty"])
            self.add(key, "post", body)

    def add(self, owner: str, id: str, body: Body, author: str | None = None) -> Change | None:
        fact = self.fact(owner, id, body, author)
        place = subjects.Place("actual", *subjects.split_key(owner), body.trade, id, body.name)
        return self.board.apply(place, fact, body)

    def fact(self, owner: str, id: str, body: Body, author: str | None = None) -> Fact:
        org = owner.partition(".")[0]
        by = (author or owner).partition(".")
        actor = Actor(
            organisation=by[0], watch=by[2], via="test", authentication=Authentication.SESSION, person="p"
        )
        data = Fact.Data(
            mode=Mode.ACTUAL,
            owner=owner,
            controller=org,
            actor=actor,
            occurred_at=self.now,
            command="c",
            body=body.model_dump(mode="json"),
        )
        fact = Fact(id=new_id(), source="/t", type=body.type_name(), subject=id, time=self.now, data=data)
        self.now += timedelta(seconds=1)
        return fact

    def open(self, owner: str = VAKT, priority: Priority = Priority.HIGH, **more: Any) -> str:
        id = new_id()
        body = incidents.Opened(
            ref=id[-7:], type="fire", priority=priority, level=more.pop("level", Level.WATCH)
        )
        self.add(owner, id, body.model_copy(update=more))
        return id

    def page(self, id: str, told: str, item: str, owner: str = VAKT) -> str:
        chain = new_id()
        body = notifications.Started(
            chain=chain,
            watch=told,
            cause=item,
            priority=Priority.HIGH,
            type="fire",
            rules=RULES,
            channels=[Channel.EMAIL],
        )
        self.add(owner, id, body)
        return chain

    def rows(self, viewer: str) -> list[Row]:
        found = (row_of(one, viewer, self.board.directory, self.now) for one in self.board.open.values())
        return sorted((row for row in found if row is not None), key=lambda row: row.order)


def head_of(ledger: Ledger, id: str, owner: str = VAKT) -> str:
    standing = ledger.board.find((owner, id))
    assert standing is not None
    assert standing.head is not None
    return standing.head.fact


def test_unacknowledged_comes_first_then_priority_then_the_newest() -> None:
    ledger = Ledger()
    old = ledger.open(priority=Priority.NORMAL)
    done = ledger.open(priority=Priority.CRITICAL)
    ledger.add(VAKT, done, incidents.StateChanged(state=IncidentState.ASSIGNED, former=IncidentState.NEW))
    first, newest = ledger.open(priority=Priority.CRITICAL), ledger.open(priority=Priority.CRITICAL)
    assert [row.key[1] for row in ledger.rows(VAKT)] == [newest, first, old, done]


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(st.booleans(), st.sampled_from(Priority), st.integers(0, 10**9)), max_size=30))
def test_the_order_is_the_rule_whatever_stands_open(
    found: Sequence[tuple[bool, Priority, int]],
) -> None:
    at = datetime(2000, 1, 1, tzinfo=UTC)
    wanted = sorted(found, key=lambda one: (not one[0], list(Priority).index(one[1]), -one[2]))
    keys = [order_of(waits, priority, at + timedelta(seconds=s)) for waits, priority, s in wanted]
    assert keys == sorted(keys)


def test_a_hidden_watch_s_incident_is_not_there_for_any_other_watch() -> None:
    ledger = Ledger()
    id = ledger.open(BARN)
    change = ledger.add(
        BARN, id, incidents.EntryAdded(incident=id, kind=EntryKind.INFORMATION, level=Level.WATCH)
    )
    assert change is not None
    for viewer in (VAKT, RESPONS, ALVER):
        assert ledger.rows(viewer) == []
        assert count(ledger.rows(viewer)).total == 0
        assert not learns_of(change, viewer, ledger.board.directory, ledger.now)
    assert [row.key[1] for row in ledger.rows(BARN)] == [id]
    assert learns_of(change, BARN, ledger.board.directory, ledger.now)


def test_who_wrote_in_anothers_log_hears_of_the_correction_and_of_what_ends_its_task() -> None:
    ledger = Ledger()
    id = ledger.open(level=Level.ORGANISATION)
    narrow: dict[str, Any] = {"incident": id, "level": Level.WATCH}
    task = incidents.EntryAdded(kind=EntryKind.TASK, **narrow)
    written = ledger.add(VAKT, id, task, author=RESPONS)
    assert written is not None
    done = incidents.EntryAdded(kind=EntryKind.STATUS, closes=written.fact, **narrow)
    wrong = incidents.Corrected(entry=written.fact, manner="replace", level=Level.WATCH)
    for body in (done, wrong):
        change = ledger.add(VAKT, id, body)
        assert change is not None
        assert learns_of(change, RESPONS, ledger.board.directory, NOW)
        assert not learns_of(change, BARN, ledger.board.directory, NOW)


def test_an_own_incident_waits_until_it_is_acknowledged_and_another_s_only_when_the_watch_is_told() -> None:
    ledger = Ledger()
    id = ledger.open(level=Level.ORGANISATION)
    (own,), (other,) = ledger.rows(VAKT), ledger.rows(RESPONS)
    assert (own.unacknowledged, other.unacknowledged) == (True, False)
    chain = ledger.page(id, RESPONS, head_of(ledger, id))
    assert ledger.rows(RESPONS)[0].chain == chain
    done = notifications.Acknowledged(
        chain=chain, watch=RESPONS, cause=head_of(ledger, id), person="p", function=DutyFunction.PRIMARY
    )
    ledger.add(VAKT, id, done)
    assert not ledger.rows(RESPONS)[0].unacknowledged
    assert ledger.rows(VAKT)[0].state == "acknowledged"


def test_nobody_reached_is_said_to_the_watch_that_was_told() -> None:
    ledger = Ledger()
    id = ledger.open(level=Level.ORGANISATION)
    chain = ledger.page(id, RESPONS, head_of(ledger, id))
    ledger.add(VAKT, id, notifications.NobodyReached(chain=chain, watch=RESPONS, cause=head_of(ledger, id)))
    assert ledger.rows(RESPONS)[0].nobody_reached
    assert ledger.rows(RESPONS)[0].chain is None


def test_the_steps_of_a_hidden_watch_s_page_are_the_two_sides_own() -> None:
    ledger = Ledger()
    id = ledger.open(level=Level.PUBLIC)
    change = ledger.add(
        VAKT,
        id,
        notifications.Started(
            chain="c",
            watch=BARN,
            cause="x",
            priority=Priority.HIGH,
            type="t",
            rules=RULES,
            channels=[Channel.EMAIL],
        ),
    )
    assert change is not None
    told = {key: learns_of(change, key, ledger.board.directory, NOW) for key in (VAKT, BARN, RESPONS, ALVER)}
    assert told == {VAKT: True, BARN: True, RESPONS: False, ALVER: False}


def test_one_part_that_a_watch_was_told_about_is_shown_without_the_rest() -> None:
    ledger = Ledger()
    id = ledger.open()
    asked = incidents.EntryAdded(incident=id, kind=EntryKind.TASK, level=Level.PUBLIC, notify=[ALVER])
    change = ledger.add(VAKT, id, asked)
    assert change is not None
    assert ledger.rows(ALVER) == []
    ledger.page(id, ALVER, change.fact)
    (row,) = ledger.rows(ALVER)
    assert (row.ref, row.number, row.type, row.name) == (None, None, "", id)
    assert row.unacknowledged


def test_what_is_closed_is_gone_and_comes_back_when_it_is_opened_again() -> None:
    ledger = Ledger()
    id = ledger.open()
    for state, shown in ((IncidentState.CLOSED, 0), (IncidentState.IN_PROGRESS, 1)):
        ledger.add(VAKT, id, incidents.StateChanged(state=state, former=IncidentState.NEW))
        assert len(ledger.rows(VAKT)) == shown


def test_running_numbers_are_told_to_the_own_house_only_and_a_hidden_watch_s_to_itself() -> None:
    ledger = Ledger()
    for owner in (VAKT, VAKT, BARN):
        ledger.open(owner, level=Level.PUBLIC)
    numbers = {viewer: {row.number for row in ledger.rows(viewer)} for viewer in (VAKT, RESPONS, BARN, ALVER)}
    vakt = {"VAKT-2027-0001", "VAKT-2027-0002"}
    assert numbers == {
        VAKT: vakt | {None},
        RESPONS: vakt | {None},
        BARN: vakt | {"BARN-2027-0001"},
        ALVER: {None},
    }


def test_a_struck_head_is_shown_struck_and_a_replaced_one_by_its_new_words() -> None:
    ledger = Ledger()
    id = ledger.open()
    change = ledger.add(
        VAKT, id, incidents.Corrected(entry=head_of(ledger, id), manner="replace", level=Level.WATCH)
    )
    assert change is not None
    assert ledger.rows(VAKT)[0].words.fact == change.fact
    ledger.add(VAKT, id, incidents.Corrected(entry=change.fact, manner="strike", level=Level.WATCH))
    assert ledger.rows(VAKT)[0].struck


def test_what_is_shared_wider_comes_into_the_other_s_list() -> None:
    ledger = Ledger()
    id = ledger.open()
    assert ledger.rows(RESPONS) == []
    ledger.add(VAKT, id, incidents.SharedWider(entry="head", level=Level.ORGANISATION))
    assert [row.key[1] for row in ledger.rows(RESPONS)] == [id]


@pytest.mark.parametrize(("hours", "outdated"), [(0, False), (23, False), (25, True)])
def test_a_source_that_was_silent_for_a_day_is_outdated(hours: int, outdated: bool) -> None:
    (one,) = freshness({"met": NOW - timedelta(hours=hours)}, NOW)
    assert one.outdated is outdated


def close(ledger: Ledger, id: str) -> None:
    ledger.add(VAKT, id, incidents.StateChanged(state=IncidentState.CLOSED, former=IncidentState.NEW))


def test_what_was_closed_a_day_ago_is_let_go_when_the_next_is_closed() -> None:
    ledger = Ledger()
    old, young = ledger.open(), ledger.open()
    close(ledger, old)
    ledger.now += CLOSED_FOR
    close(ledger, young)
    assert [id for _, id in ledger.board.closed] == [young]


def test_however_much_is_closed_the_board_keeps_a_bounded_part_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(board, "CLOSED_MOST", 3)
    ledger = Ledger()
    ids = [ledger.open() for _ in range(10)]
    for id in ids:
        close(ledger, id)
    assert [id for _, id in ledger.board.closed] == ids[-3:]


def test_what_was_let_go_comes_back_as_all_its_facts_tell_it() -> None:
    ledger, other = Ledger(), Ledger()
    history: list[tuple[Fact, Body]] = []
    opened = incidents.Opened(ref="ABCDEF1", type="fire", priority=Priority.HIGH, level=Level.WATCH)
    reopened = incidents.StateChanged(state=IncidentState.ASSIGNED, former=IncidentState.CLOSED)
    wider = incidents.SharedWider(entry="head", level=Level.PUBLIC)
    ledger.add(VAKT, "i1", opened)
    ledger.add(VAKT, "i1", wider)
    close(ledger, "i1")
    closed = incidents.StateChanged(state=IncidentState.CLOSED, former=IncidentState.NEW)
    told: list[Body] = [opened, wider, closed]
    for body in told:
        history.append((other.fact(VAKT, "i1", body), body))
    ledger.board.closed.clear()
    assert ledger.board.lacks(
        subjects.Place("actual", "4601", "vaktsentral", "incidents", "i1", ""), reopened
    )
    history.append((other.fact(VAKT, "i1", reopened), reopened))
    change = ledger.board.restore((VAKT, "i1"), history)
    assert change is not None
    assert [(row.name, row.state, row.number) for row in ledger.rows(ALVER)] == [
        ("ABCDEF1", "assigned", None)
    ]
