"""What an item is found by, whatever was written and whoever asks."""

import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.directory import Directory
from schemas.sharing import may_see
from services.feeds.share import Item
from services.incidents import terms
from tests.feeds.test_share import NOW, WATCHES, directories, items


@given(items(), directories(), st.sampled_from(WATCHES))
def test_who_may_see_an_item_looks_in_a_circle_that_it_lies_in(
    item: Item, directory: Directory, watch: str
) -> None:
    seen = may_see(item.reach, watch, directory, NOW)
    own = set(terms.circles_of(watch, directory, NOW))
    assert not seen or own.intersection(terms.circles(item.reach))


@given(st.text(max_size=300))
def test_any_text_has_words_that_can_be_kept_and_looked_for_again(text: str) -> None:
    found = terms.words(text)
    assert all(0 < len(word) <= terms.LONGEST and "\x00" not in word for word in found)
    assert set(terms.words(" ".join(found))) >= {word for word in found if terms.words(word) == [word]}
    assert terms.words_of({"headline": text, "figures": {text: 1}}) == set(found)


@given(st.text(max_size=40), st.integers(0, 600))
def test_a_letter_in_two_pieces_is_the_letter_wherever_it_stands(text: str, before: int) -> None:
    said = "x" * before + " va\u030ann " + text
    assert terms.composed(unicodedata.normalize("NFD", said)) == unicodedata.normalize("NFC", said)


@pytest.mark.parametrize("marks", ["\u0301\u0316", "\u0345\u0301\u0316\u0327\u0334", "\u0301"])
def test_a_row_of_thousands_of_accents_does_not_hold_the_process_up(marks: str) -> None:
    began = time.process_time()
    assert terms.words("vann a" + marks * (20_000 // len(marks)))[0] == "vann"
    assert time.process_time() - began < 0.3


@given(st.floats(-999, 999), st.floats(-999, 999), st.floats(-999, 999), st.floats(-999, 999))
def test_a_box_of_any_size_names_its_cells_or_that_they_are_too_many(
    south: float, west: float, north: float, east: float
) -> None:
    found = terms.box_marks(south, west, north, east)
    assert found is None or len(found) <= terms.CELLS_MOST


@given(st.integers(-(2**63), 2**63), st.integers(-(2**63), 2**63))
def test_a_period_of_any_length_names_its_spans_or_that_they_are_too_many(since: int, until: int) -> None:
    found = terms.period_marks(since, until)
    assert found is None or len(found) <= terms.SPANS_MOST
