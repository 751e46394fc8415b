"""Subjects: built from safe tokens only, and read back to the same parts."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import subjects

_TOKENS = st.from_regex(r"[A-Za-z0-9_-]{1,64}", fullmatch=True)


@given(_TOKENS, _TOKENS, _TOKENS, _TOKENS)
def test_a_command_reads_back_to_its_parts(org: str, watch: str, trade: str, verb: str) -> None:
    address = subjects.parse_address(subjects.command("actual", org, watch, trade, verb))
    assert address == subjects.Address("cmd", "actual", org, watch, trade, verb)


@given(_TOKENS, _TOKENS, _TOKENS, _TOKENS, _TOKENS)
def test_a_fact_reads_back_to_its_parts(org: str, watch: str, trade: str, id: str, name: str) -> None:
    place = subjects.parse_place(subjects.fact("exercise", org, watch, trade, id, name))
    assert place == subjects.Place("exercise", org, watch, trade, id, name)


@given(st.text(max_size=70))
def test_no_text_can_change_the_meaning_of_a_subject(text: str) -> None:
    try:
        made = subjects.command("actual", "4601", text, "incidents", "open")
    except subjects.BadToken:
        return
    if text not in ("*", ">"):
        assert made.count(".") == 6
        assert "*" not in made
        assert ">" not in made


@given(st.text(max_size=80))
def test_what_is_neither_command_nor_fact_is_none(subject: str) -> None:
    assert subjects.parse_address(subject) is None
    assert subjects.parse_place(subject) is None


def test_a_command_is_no_fact_and_a_fact_no_command() -> None:
    assert subjects.parse_place(subjects.command("actual", "4601", "kk", "incidents", "open")) is None
    assert subjects.parse_address(subjects.fact("actual", "4601", "kk", "incidents", "i", "opened")) is None


@pytest.mark.parametrize("key", ["4601", "4601.", ".kk", "46 01.kk", "4601.k*"])
def test_a_key_without_organisation_or_watch_is_refused(key: str) -> None:
    with pytest.raises(subjects.BadToken):
        subjects.split_key(key)


def test_subjects_are_spelt_in_one_place_only() -> None:
    root = Path(__file__).parents[2]
    stray = [
        path.relative_to(root)
        for path in [*root.glob("services/**/*.py"), *root.glob("schemas/**/*.py")]
        for line in path.read_text("utf-8").splitlines()
        if path.name != "subjects.py" and any(f'"samvirke.{sort}.' in line for sort in _SORTS)
    ]
    assert stray == []


_SORTS = ("cmd", "query", "actual", "exercise", "content", "timer", "feed", "parked", "mark")
