"""Every code has words, in two languages, that say what happened, what it means and what to do."""

import re
import string

import pytest
from babel.messages.pofile import read_po

from schemas.refusals import REFUSALS
from services.cli.sentences_own import SENTENCES
from services.cli.texts import CATALOGUES, explain, language, say
from tests.cli.texts_used import texts_used


@pytest.mark.parametrize("code", sorted(REFUSALS))
def test_each_refusal_says_what_happened_what_it_means_and_what_to_do(code: str) -> None:
    for lang in ("nb", "en"):
        lines = explain(code, {}, lang)
        assert len(lines) == 3
        assert all(re.fullmatch(r"[A-ZÆØÅ…].+[.…]", line, re.DOTALL) for line in lines), lines
    assert explain(code, {}, "nb") != explain(code, {}, "en")


def test_a_code_that_this_version_does_not_know_is_shown_as_it_is() -> None:
    assert explain("FROM_A_NEWER_HUB", {}, "nb") == ["FROM_A_NEWER_HUB"]


def test_every_text_is_translated_and_no_translation_is_left_over() -> None:
    with (CATALOGUES / "nb" / "LC_MESSAGES" / "samvirke.po").open("rb") as file:
        entries = {str(entry.id): entry for entry in read_po(file) if entry.id}
    assert set(entries) == texts_used()
    assert not [key for key, entry in entries.items() if not entry.string or entry.fuzzy]


@pytest.mark.parametrize("text", sorted(texts_used()))
def test_a_translation_names_the_same_parameters_and_commands(text: str) -> None:
    translated = say(text, "nb", **{name: "{" + name + "}" for name in _parameters(text)})
    assert _parameters(translated) == _parameters(text)
    assert _commands(translated) == _commands(text)


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
        (None, {"LANG": "en_GB.UTF-8", "LC_ALL": "nb_NO.UTF-8"}, "nb"),
        ("en", {"LANG": "nb_NO.UTF-8"}, "en"),
        ("nb", {"LANG": "en_GB.UTF-8"}, "nb"),
        ("se", {}, "nb"),
    ],
)
def test_bokmal_is_spoken_unless_english_is_asked_for(
    asked: str | None, surroundings: dict[str, str], expected: str
) -> None:
    assert language(asked, surroundings) == expected


def test_no_sentence_is_said_twice_under_different_codes() -> None:
    happened = [sentences.happened for sentences in SENTENCES.values()]
    assert len(set(happened)) == len(happened)


def _parameters(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def _commands(text: str) -> list[str]:
    return re.findall(r"samvirke [a-z]+(?: [a-z]+)?(?=[ .,;]|$)|--[a-z]+|SAMVIRKE_[A-Z_]+", text)
