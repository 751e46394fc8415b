"""Every code has words, in three languages, that say what happened, what it means and what to do."""

import re

import pytest

from schemas.refusals import REFUSALS
from services.cli.sentences_own import SENTENCES
from services.cli.texts import explain, language, say


@pytest.mark.parametrize("code", sorted(REFUSALS))
def test_each_refusal_says_what_happened_what_it_means_and_what_to_do(code: str) -> None:
    for lang in ("nb", "nn", "en"):
        lines = explain(code, {}, lang)
        assert len(lines) == 3
        assert all(re.fullmatch(r"[A-ZÆØÅ…].+[.…]", line, re.DOTALL) for line in lines), lines
    assert explain(code, {}, "nb") != explain(code, {}, "en") != explain(code, {}, "nn")


def test_a_code_that_this_version_does_not_know_is_shown_as_it_is() -> None:
    assert explain("FROM_A_NEWER_HUB", {}, "nb") == ["FROM_A_NEWER_HUB"]


def test_a_parameter_that_the_hub_did_not_give_is_left_open() -> None:
    assert (
        say("The watch {watch} is not set up in this mode.", "en")
        == "The watch … is not set up in this mode."
    )


def test_a_list_is_read_aloud_and_braces_in_it_do_no_harm() -> None:
    assert (
        explain("MALFORMED", {"where": ["a", "{b}"]}, "en")[0] == "The message has a wrong form in: a, {b}."
    )


@pytest.mark.parametrize(
    ("asked", "surroundings", "expected"),
    [
        (None, {}, "nb"),
        (None, {"LANG": "C.UTF-8"}, "nb"),
        (None, {"LANG": "en_GB.UTF-8"}, "en"),
        (None, {"LANG": "nn_NO.UTF-8"}, "nn"),
        (None, {"LANG": "en_GB.UTF-8", "LC_ALL": "nb_NO.UTF-8"}, "nb"),
        (None, {"SAMVIRKE_LANG": "nn", "LC_ALL": "en_GB.UTF-8"}, "nn"),
        (None, {"SAMVIRKE_LANG": "se", "LC_ALL": "en_GB.UTF-8"}, "en"),
        ("en", {"SAMVIRKE_LANG": "nn", "LANG": "nb_NO.UTF-8"}, "en"),
        ("nn", {"LANG": "nb_NO.UTF-8"}, "nn"),
        ("nb", {"LANG": "en_GB.UTF-8"}, "nb"),
        ("se", {}, "nb"),
    ],
)
def test_bokmal_is_spoken_unless_another_language_is_asked_for(
    asked: str | None, surroundings: dict[str, str], expected: str
) -> None:
    assert language(asked, surroundings) == expected


def test_no_sentence_is_said_twice_under_different_codes() -> None:
    happened = [sentences.happened for sentences in SENTENCES.values()]
    assert len(set(happened)) == len(happened)
