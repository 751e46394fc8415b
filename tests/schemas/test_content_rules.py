"""What is refused before a byte of it reaches a disk (R9, R10)."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.content_rules import CAPS, check_item, holds_identity_number
from schemas.vocabulary import Level, Tag


def _code(
    tags: list[Tag], level: Level, content: dict[str, Any] | None = None, health: str = "reference"
) -> str:
    refused = check_item(tags, level, content, health)
    return refused.code if refused else "ok"


def test_graded_information_is_refused_at_every_level() -> None:
    assert {_code([Tag.GRADED], level) for level in Level} == {"GRADED_NEVER_STORED"}


@pytest.mark.parametrize("tag", list(CAPS))
def test_a_tag_caps_the_level_whatever_the_sender_chose(tag: Tag) -> None:
    for level in Level:
        expected = "LEVEL_ABOVE_CAP" if level > CAPS[tag] else "ok"
        assert _code([tag], level) == expected


def test_the_narrowest_cap_of_several_tags_holds() -> None:
    assert _code([Tag.VULNERABILITY, Tag.PERSON], Level.NAMED) == "LEVEL_ABOVE_CAP"


def test_health_text_is_refused_but_a_reference_and_figures_are_kept() -> None:
    assert _code([Tag.HEALTH], Level.WATCH, {"text": "diagnose"}) == "HEALTH_BY_REFERENCE"
    assert _code([Tag.HEALTH], Level.WATCH, {"reference": "SAK-1", "figures": {"rullestol": 9}}) == "ok"
    assert _code([Tag.HEALTH], Level.WATCH, {"text": "diagnose"}, health="watch") == "ok"


def test_a_national_identity_number_is_refused_without_a_tag_for_person_data() -> None:
    number = "01010750160"
    assert holds_identity_number(f"Bruker {number[:6]} {number[6:]} ringte")
    assert _code([], Level.ORGANISATION, {"text": f"Bruker {number} ringte"}) == "PERSON_TAG_MISSING"
    assert _code([Tag.PERSON], Level.ORGANISATION, {"text": f"Bruker {number} ringte"}) == "ok"


_NOT_A_DIGIT = st.text(st.characters(codec="utf-8", exclude_categories=["Nd"]), max_size=20)


@given(
    before=_NOT_A_DIGIT,
    after=_NOT_A_DIGIT,
    field=st.sampled_from(["headline", "text", "source", "reference"]),
)
@pytest.mark.parametrize("gap", ["", " ", "\u00a0", "\u202f", "-", "\u2013", ".", "\t"])
def test_an_identity_number_is_found_wherever_it_stands_and_however_it_is_parted(
    gap: str, before: str, after: str, field: str
) -> None:
    said = {field: f"{before}010107{gap}50160{after}"}
    assert _code([], Level.WATCH, said) == "PERSON_TAG_MISSING"


_WORDS = st.dictionaries(
    st.sampled_from(["headline", "text", "figures", "basis", "more"]), st.text(max_size=40)
)


@given(
    st.lists(st.sampled_from(list(Tag)), max_size=5),
    st.sampled_from(list(Level)),
    _WORDS,
    st.text(max_size=9),
)
def test_whatever_is_tagged_and_written_nothing_above_a_cap_is_kept(
    tags: list[Tag], level: Level, content: dict[str, Any], health: str
) -> None:
    if _code(tags, level, content, health) == "ok":
        assert Tag.GRADED not in tags
        assert all(level <= CAPS[tag] for tag in tags)


@pytest.mark.parametrize("text", ["55 56 00 00", "12345678901", "kl. 0549 den 15.01.2027", "010107501605"])
def test_telephone_numbers_and_times_are_no_identity_numbers(text: str) -> None:
    assert not holds_identity_number(text)
