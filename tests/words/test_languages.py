"""Which language is spoken: the one that is preferred most among ours, else bokmål."""

import pytest

from schemas.refusals import REFUSALS
from services.desk.texts import language_of
from services.words.languages import accepted, speaking, spoken
from services.words.sentences import brief
from services.words.shared import priority_word, word


@pytest.mark.parametrize(
    ("header", "lang"),
    [
        (None, "nb"),
        ("nn", "nn"),
        ("no,en;q=0.5", "nb"),
        ("de,en;q=0.5,nn;q=0.7", "nn"),
        ("en;q=0,nn;q=0.1", "nn"),
        ("*", "nb"),
        ("nn;q=much", "nb"),
        (",;q=", "nb"),
        ("EN-gb", "en"),
    ],
)
def test_a_browsers_wish_is_heard_and_nonsense_is_bokmal(header: str | None, lang: str) -> None:
    assert accepted(header) == lang


def test_what_was_chosen_goes_before_what_the_browser_prefers() -> None:
    assert language_of({"samvirke-language": "nn"}, "en") == "nn"
    assert language_of({"samvirke-language": "../x"}, "en") == "en"


def test_a_language_is_spoken_only_where_it_was_asked_for() -> None:
    with speaking("nn"):
        assert (spoken(), word("public"), priority_word("high")) == ("nn", "alle", "P2 høg")
    with speaking("xx"):
        assert spoken() == "nb"
    assert (spoken(), priority_word("high"), priority_word("info")) == ("nb", "P2 høy", "til orientering")


@pytest.mark.parametrize("code", sorted(REFUSALS))
def test_a_page_says_what_to_do_and_never_names_a_command_of_the_terminal(code: str) -> None:
    for lang in ("nb", "nn", "en"):
        said = brief(code, {}, lang)
        assert said.count(".") + said.count("…") >= 2
        assert "samvirke " not in said
        assert "--" not in said
    assert brief("FROM_A_NEWER_HUB") == "FROM_A_NEWER_HUB"
