"""A board that was kept and taken up again shows what the one shows that has heard everything."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas import incidents, notifications, relations
from schemas.vocabulary import DutyFunction, EntryKind, IncidentState, Level, Priority, Tag
from services.desk import board_kept
from services.desk.board import Board
from tests.desk.test_rules import ALVER, BARN, RESPONS, VAKT, Ledger, head_of

DUTY = DutyFunction.PRIMARY
BARE = b'{"standing":0,"numbers":[],"sources":{},"heard":[]}'


def taken_up(kept: Board) -> Board:
    """The board as it begins after a stop: directory and exercises are read from the ledger anew."""
    fresh = Board(directory=kept.directory, exercises=kept.exercises)
    board_kept.load(fresh, board_kept.dump(kept))
    return fresh


class Restarting(Ledger):
    """After each fact the desk is stopped and started."""

    def add(self, *args: Any, **more: Any) -> Any:
        change = super().add(*args, **more)
        fresh = taken_up(self.board)
        assert fresh == self.board
        self.board = fresh
        return change


def _told(ledger: Ledger, id: str, owner: str) -> None:
    chain = ledger.page(id, RESPONS, head_of(ledger, id, owner), owner)
    ledger.add(
        owner, id, notifications.Declined(chain=chain, watch=RESPONS, cause="c", person="p", function=DUTY)
    )
    ledger.add(owner, id, notifications.NobodyReached(chain=chain, watch=RESPONS, cause="c"))


def _acknowledged(ledger: Ledger, id: str, owner: str) -> None:
    chain = ledger.page(id, VAKT, head_of(ledger, id, owner), owner)
    ledger.add(
        owner, id, notifications.Acknowledged(chain=chain, watch=VAKT, cause="c", person="p", function=DUTY)
    )


def _entry(ledger: Ledger, id: str, owner: str) -> None:
    body = incidents.EntryAdded(
        incident=id, kind=EntryKind.INFORMATION, level=Level.NAMED, named=["4631"], notify=[ALVER]
    )
    written = ledger.add(owner, id, body, author=RESPONS)
    assert written is not None
    ledger.add(owner, id, incidents.SharedWider(entry=written.fact, level=Level.REGION))
    ledger.add(owner, id, incidents.Corrected(entry=written.fact, manner="strike", level=Level.WATCH))


def _stranger(ledger: Ledger, id: str, owner: str) -> None:
    body = incidents.EntryAdded(incident="x", kind=EntryKind.INFORMATION, level=Level.WATCH, notify=[RESPONS])
    ledger.add(owner, f"unknown-{id}", body)


def _corrected(ledger: Ledger, id: str, owner: str) -> None:
    head = head_of(ledger, id, owner)
    ledger.add(owner, id, incidents.Corrected(entry=head, manner="replace", level=Level.WATCH))


def _erased(ledger: Ledger, id: str, owner: str) -> None:
    body = incidents.Erased(
        fact=head_of(ledger, id, owner), ground="g", law="l", approved_by="a", asked_by="b"
    )
    ledger.add(owner, id, body)


def _wider(ledger: Ledger, id: str, owner: str) -> None:
    ledger.add(
        owner, id, incidents.SharedWider(entry="head", level=Level.NAMED, named=["4631"], notify=[ALVER])
    )


def _glass(ledger: Ledger, id: str, owner: str) -> None:
    until = ledger.now + timedelta(hours=1)
    ledger.add(owner, id, relations.GlassBroken(to=ALVER, entry="head", until=until, ground="g"))


def _closed(ledger: Ledger, id: str, owner: str) -> None:
    ledger.add(owner, id, incidents.StateChanged(state=IncidentState.CLOSED, former=IncidentState.NEW))


def _reopened(ledger: Ledger, id: str, owner: str) -> None:
    ledger.add(owner, id, incidents.StateChanged(state=IncidentState.ASSIGNED, former=IncidentState.CLOSED))


def _later(ledger: Ledger, id: str, owner: str) -> None:
    ledger.now += timedelta(hours=13, microseconds=7)


HAPPENS = (
    _told,
    _acknowledged,
    _entry,
    _stranger,
    _corrected,
    _erased,
    _wider,
    _glass,
    _closed,
    _reopened,
    _later,
)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=40)
@given(
    st.lists(
        st.tuples(st.sampled_from(HAPPENS), st.integers(0, 3), st.sampled_from((VAKT, BARN)), st.booleans()),
        max_size=12,
    )
)
def test_whenever_the_desk_is_restarted_its_board_shows_the_same(found: list[Any]) -> None:
    ledger, ids = Restarting(), dict[str, list[str]]()
    for happens, which, owner, is_new in found:
        known = ids.setdefault(owner, [])
        if is_new or not known:
            known.append(ledger.open(owner, Priority.HIGH, tags=[Tag.PERSON], notify=[RESPONS]))
        id = known[which % len(known)]
        if ledger.board.find((owner, id)) is not None:
            happens(ledger, id, owner)


def test_a_sources_last_word_is_kept_with_the_board() -> None:
    ledger = Restarting()
    ledger.board.sources["nve"] = ledger.now
    assert taken_up(ledger.board).sources == {"nve": ledger.now}


@pytest.mark.parametrize("raw", [b"", b"{}", b"[1]", BARE[:-2], BARE.replace(b":0", b":1"), BARE + b"\n[]"])
def test_what_is_no_board_is_refused(raw: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        board_kept.load(Board(), raw)


def test_an_empty_board_is_a_board() -> None:
    assert board_kept.dump(Board()) == BARE
    board_kept.load(Board(), BARE)
