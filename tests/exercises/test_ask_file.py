"""The exercise Ask as a file: its events, its planted words, and its official messages."""

import re
from pathlib import Path

import pytest

from schemas.exercise_file import Plan, load
from services.intake import parsers

ASK = Path(__file__).parents[2] / "deploy" / "exercises" / "ask.toml"
PAGE = Path(__file__).parents[2] / "docs" / "exercises.md"
NUMBERS = [f"{number:02d}" for number in range(1, 63)]
PASSED_OVER = {"53", "62"}
"""Events of which nothing can be played yet."""


@pytest.fixture(scope="module")
def plan() -> Plan:
    """The file, with its centre."""
    return load(ASK)


def test_the_file_has_all_62_events_and_says_what_the_hub_lacks_for_some(plan: Plan) -> None:
    events = plan.exercise.events
    assert sorted({event.no[:2] for event in events}) == NUMBERS
    silent = {event.no[:2] for event in events} - {event.no[:2] for event in events if event.act is not None}
    assert silent == PASSED_OVER
    assert all(event.needs or event.deadline for event in events if event.act is None)


def test_fourteen_words_are_planted_and_none_stands_anywhere_else(plan: Plan) -> None:
    markers = plan.exercise.markers
    assert [marker.id for marker in markers] == [f"K{number:02d}" for number in range(1, 15)]
    for marker in markers:
        holding = [event.no for event in plan.exercise.events if marker.text in event.model_dump_json()]
        assert marker.event in holding
        assert all(
            event.refused or event.no == marker.event for event in plan.exercise.events if event.no in holding
        )
    assert {marker.id for marker in markers if not marker.kept} == {"K08", "K09"}


def test_the_official_messages_are_exercise_messages_of_which_updates_follow_one_another(plan: Plan) -> None:
    taken = [
        warning
        for event in plan.exercise.events
        if event.intake is not None
        for warning in parsers.parse(plan.message_of(event))
    ]
    assert {warning.status for warning in taken} == {"exercise"}
    wind = [warning for warning in taken if warning.source == "met" and warning.event == "wind"]
    assert [warning.kind for warning in wind] == ["alert", "update", "update", "all_clear"]
    assert [later.replaces[-1] for later in wind[1:]] == [earlier.key for earlier in wind[:-1]]
    slide = [warning for warning in taken if warning.source == "nve"]
    assert [(one.revision, len(one.municipalities), one.awareness) for one in slide] == [
        (1, 33, 2),
        (2, 33, 3),
    ]
    assert len({one.key for one in slide}) == 1
    assert sorted(number for number, level in slide[1].levels if level == 3) == [
        "4601",
        "4623",
        "4628",
        "4630",
    ]


def test_the_file_that_the_page_shows_is_in_order(tmp_path: Path) -> None:
    shown = re.search(r"```toml\n(\[exercise\].*?)```", PAGE.read_text("utf-8"), re.S)
    assert shown is not None
    (tmp_path / "ask-centre.yaml").write_bytes((ASK.parent / "ask-centre.yaml").read_bytes())
    (tmp_path / "shown.toml").write_text(shown[1], "utf-8")
    event = load(tmp_path / "shown.toml").exercise.events[0]
    assert (event.escalates[0].to, event.answers[0].by) == (["backup"], "backup")
