"""What the desk's list shows of incidents that are merged, handed over, or seen through a broken glass."""

from datetime import timedelta

from schemas import relations
from schemas.vocabulary import IncidentState, Level
from tests.desk.test_rules import ALVER, BARN, RESPONS, VAKT, Ledger


def pair(one: str, other: str) -> dict[str, str]:
    return {"incident": one, "owner": VAKT, "other": other, "other_owner": VAKT}


def test_a_duplicate_leaves_the_list_and_comes_back_as_it_was() -> None:
    ledger = Ledger()
    double, whole = ledger.open(), ledger.open()
    merged = relations.Merged(**pair(double, whole), former=IncidentState.IN_PROGRESS)
    change = ledger.add(VAKT, double, merged)
    assert change is not None
    assert change.row
    assert [key for _, key in ledger.board.open] == [whole]
    unmerged = relations.Unmerged(**pair(double, whole), state=IncidentState.IN_PROGRESS)
    ledger.add(VAKT, double, unmerged)
    assert [row.state for row in ledger.rows(VAKT) if row.key == (VAKT, double)] == ["in_progress"]


def test_an_incident_is_the_own_one_of_the_watch_that_took_it_over() -> None:
    ledger = Ledger()
    id = ledger.open(level=Level.ORGANISATION)
    answer = {"asked": "f", "accepted": True, "former": VAKT, "responsible": RESPONS}
    change = ledger.add(VAKT, id, relations.TransferAnswered.model_validate(answer))
    assert change is not None
    assert change.row
    rows = [row for key in (VAKT, RESPONS) for row in ledger.rows(key)]
    assert [(row.is_own, row.is_born_here) for row in rows] == [(False, True), (True, False)]
    assert [row.restricted for row in rows] == [False, True]


def test_that_a_hidden_watch_is_asked_to_take_over_is_not_heard_elsewhere() -> None:
    ledger = Ledger()
    id = ledger.open(level=Level.ORGANISATION)
    change = ledger.add(VAKT, id, relations.TransferAsked(to=BARN))
    assert change is not None
    assert change.watches == frozenset((VAKT, BARN))


def test_a_broken_glass_puts_the_row_on_one_watchs_list_until_its_end() -> None:
    ledger = Ledger()
    id = ledger.open(level=Level.ORGANISATION)
    assert ledger.rows(ALVER) == []
    until = ledger.now + timedelta(minutes=5)
    glass = relations.GlassBroken(entry="head", to=ALVER, ground="hpl-31", until=until)
    ledger.add(VAKT, id, glass)
    assert [row.key for row in ledger.rows(ALVER)] == [(VAKT, id)]
    ledger.now = until
    assert ledger.rows(ALVER) == []
