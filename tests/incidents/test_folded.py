"""What the archive folds again at each start: all that leaves something there, and not each sign-in."""

import copy

import pytest

from schemas import subjects
from schemas.catalogue import BODIES
from schemas.directory import Directory
from schemas.envelope import Body
from schemas.people import Granted
from schemas.related import Relations
from schemas.vocabulary import Role
from services.incidents.manning import Manning
from services.incidents.projection import is_folded


@pytest.mark.parametrize("body", BODIES.values(), ids=list(BODIES))
def test_a_fact_that_leaves_something_is_folded_at_each_start(body: type[Body]) -> None:
    directory, ties, manning = Directory(), Relations(), Manning()
    directory.apply(Granted(person="kari", role=Role.LEADER, where="4601"))
    before, empty = copy.deepcopy((directory, ties, manning)), body.model_construct()
    try:
        directory.apply(empty)  # empty: whoever looks into it fails
        ties.apply(empty)
        manning.apply(None, empty)  # type: ignore[arg-type]
        leaves_something = (directory, ties, manning) != before
    except AttributeError:
        leaves_something = True
    subject = subjects.fact("actual", "4601", "vaktsentral", body.trade, "id", body.name)
    assert is_folded(subject) or not leaves_something


@pytest.mark.parametrize("name", ["link_made", "locked_out"])
def test_a_sign_in_leaves_nothing_to_fold(name: str) -> None:
    assert not is_folded(subjects.fact("actual", "4601", "vaktsentral", "people", "kari", name))
