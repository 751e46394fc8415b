"""The chains of an exercise, as the room watch keeps them between two starts."""

from datetime import UTC, datetime

import pytest

from schemas.vocabulary import DutyFunction
from schemas.watch import Manned
from services.watch.picture import Picture

SINCE = datetime(2027, 1, 11, 8, tzinfo=UTC)
MANNED = Manned(post="duty", function=DutyFunction.PRIMARY, person="kari", since=SINCE)
DUTY = b'[[["4601.lvs","duty","primary"],[{"person":"kari","since":"2027-01-11T08:00:00Z"}],[]]]'


def test_who_is_still_being_told_in_an_exercise_is_known_after_a_restart() -> None:
    before, after = Picture(), Picture()
    before.chains = {"chain-1": "ask", "chain-2": "ask"}
    before.duty.apply("4601.lvs", MANNED)
    after.load(before.dump())
    assert after.has_chains("ask")
    assert not after.has_chains("brann")
    assert (after.chains, after.duty) == (before.chains, before.duty)


@pytest.mark.parametrize("raw", [b"", b"[]", b'{"chain": 1}', DUTY + b'\n{"chain": 1}', b"[[]]\n{}"])
def test_what_is_something_else_is_refused(raw: bytes) -> None:
    picture = Picture()
    with pytest.raises(ValueError, match=r"."):
        picture.load(raw)
    assert picture == Picture()
