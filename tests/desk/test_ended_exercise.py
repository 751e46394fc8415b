"""The board lets go of what belongs to an exercise that is over for good, and of nothing else."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from schemas import exercise, incidents
from schemas.identifiers import new_id, new_ref
from schemas.vocabulary import IncidentState, Level, Priority
from tests.desk.test_rules import ALVER, BARN, NOW, VAKT, Ledger

STORM = datetime(2027, 1, 14, 8, tzinfo=UTC)


def reading(ledger: Ledger, speed: int) -> dict[str, Any]:
    return {"exercise": "x1", "at": STORM, "wall": ledger.now, "speed": speed}


@pytest.fixture
def ledger() -> Ledger:
    return Ledger()


def opened(ledger: Ledger, owner: str) -> str:
    id = new_id()
    body = incidents.Opened(ref=new_ref(), type="flood", priority=Priority.NORMAL, level=Level.REGION)
    ledger.add(owner, id, body)
    return id


def test_incidents_of_the_exercise_leave_the_board_open_or_closed(ledger: Ledger) -> None:
    before = opened(ledger, VAKT)
    ledger.now = NOW + timedelta(minutes=1)
    begun = exercise.Begun(code="ask", organisations=["4601", "4631"], led_by=VAKT, **reading(ledger, 1))
    ledger.add(VAKT, "x1", begun)
    ledger.now = NOW + timedelta(minutes=2)
    gone, closed, hidden, other = (opened(ledger, key) for key in (VAKT, VAKT, BARN, ALVER))
    state = incidents.StateChanged(state=IncidentState.CLOSED, former=IncidentState.NEW)
    ledger.add(VAKT, closed, state)
    ledger.now = NOW + timedelta(minutes=3)
    ledger.add(VAKT, "x1", exercise.Ended(**reading(ledger, 0)))
    said = {"exercise": "x1", "order": "o1", "where": ["4601"], "law": "x", "asked_by": "liv"}
    ledger.add(VAKT, "x1", exercise.Discarded(wall=ledger.now, **said))  # type: ignore[arg-type]
    assert {key[1] for key in ledger.board.open} == {before, hidden, other}
    assert ledger.board.closed == {}
    assert gone not in str(ledger.board.open)
