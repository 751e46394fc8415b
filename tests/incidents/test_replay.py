"""Facts of every version that is frozen come to the same state for ever."""

import json
from typing import Any

import pytest

from tests.incidents.replay import STATES, ledger, state


def _kept(frozen: Any, today: Any) -> Any:
    """Of what there is today, what there was then: new tables, columns and fields are passed over."""
    if isinstance(frozen, dict) and isinstance(today, dict):
        return {name: _kept(value, today.get(name)) for name, value in frozen.items()}
    if isinstance(frozen, list) and isinstance(today, list) and len(frozen) == len(today):
        return [_kept(*pair) for pair in zip(frozen, today, strict=True)]
    return today


@pytest.mark.parametrize("version", sorted(path.stem for path in STATES.glob("*.json")))
def test_the_facts_of_a_version_come_to_the_state_that_they_then_came_to(version: str) -> None:
    frozen = json.loads((STATES / f"{version}.json").read_text("utf-8"))
    assert _kept(frozen, state(ledger(version))) == frozen


def test_the_first_version_is_frozen() -> None:
    assert (STATES / "v1.json").exists()
