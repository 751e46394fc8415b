"""Whatever the hub says, it says in bokmål, nynorsk and English; nothing is missing, double or left over."""

import re
import string
from collections import Counter

import pytest
from babel.messages.pofile import read_po

from services.words.catalogue import Catalogue
from services.words.languages import LANGUAGES
from services.words.shared import SHARED
from tests.words.texts_used import ALL, ROOMS, shared_texts

TRANSLATED = [lang for lang in LANGUAGES if lang != "en"]
PAIRS = [(name, lang) for name in ALL for lang in TRANSLATED]
NOT_NYNORSK = {
    *("ikke", "jeg", "hva", "hvem", "hvor", "hvilken", "hvis", "hendelse", "hendelsen", "hendelser", "noe"),
    *("noen", "bare", "fra", "være", "ennå", "kjør", "vakten", "senterfilen", "meldingen", "oppføringen"),
    *("uten", "også", "mer", "gjøres", "øvelse", "øvelsen", "uke", "mottaker", "ble", "sendes", "lagres"),
}
NOT_BOKMAL = {"ikkje", "eg", "kva", "kven", "korleis", "hending", "hendinga", "noko", "nokon", "frå", "køyr"}


def entries(catalogue: Catalogue, lang: str) -> dict[str, str]:
    """What a file holds, also what is empty or marked as unsure."""
    with catalogue.path(lang).open("rb") as file:
        return {str(one.id): "" if one.fuzzy else str(one.string) for one in read_po(file) if one.id}


@pytest.mark.parametrize(("name", "lang"), PAIRS)
def test_every_text_is_translated_and_none_is_empty(name: str, lang: str) -> None:
    found = entries(ALL[name], lang)
    assert [key for key, text in found.items() if not text.strip()] == []
    assert found.keys() == entries(ALL[name], "nb").keys()


@pytest.mark.parametrize("room", sorted(ROOMS))
def test_what_a_room_says_is_in_its_catalogue_or_the_shared_one_and_nothing_is_left_over(room: str) -> None:
    catalogue, used = ROOMS[room]
    own, shared = entries(catalogue, "nb").keys(), entries(SHARED, "nb").keys()
    assert used() - own - shared == set()
    assert own - used() == set()


def test_the_shared_catalogue_holds_words_for_codes_refusals_and_what_several_rooms_say() -> None:
    said = Counter(text for _, used in ROOMS.values() for text in used())
    shared = entries(SHARED, "nb").keys()
    assert shared_texts() - shared == set()
    assert {text for text in shared - shared_texts() if said[text] < 2} == set()


def test_no_text_is_translated_in_two_catalogues() -> None:
    held = Counter(key for one in ALL.values() for key in entries(one, "nb"))
    assert [key for key, times in held.items() if times > 1] == []


@pytest.mark.parametrize(("name", "lang"), PAIRS)
def test_a_translation_names_the_same_parameters_and_commands(name: str, lang: str) -> None:
    for key, text in entries(ALL[name], lang).items():
        assert parameters(text) == parameters(key), key
        assert name == "paper" or commands(text) == commands(key), key


@pytest.mark.parametrize("name", sorted(ALL))
def test_nynorsk_is_nynorsk_bokmal_is_bokmal_and_english_is_english(name: str) -> None:
    for key, text in entries(ALL[name], "nn").items():
        assert words(text) & NOT_NYNORSK == set(), text
        assert not re.search("[æøå]", key.replace("Åsane", ""), re.IGNORECASE), key
    for text in entries(ALL[name], "nb").values():
        assert words(text) & NOT_BOKMAL == set(), text


def parameters(text: str) -> Counter[str]:
    """The names in braces, and how often each stands there."""
    return Counter(name for _, name, _, _ in string.Formatter().parse(text) if name)


def commands(text: str) -> list[str]:
    """What a reader can type."""
    return re.findall(r"samvirke [a-z]+(?: [a-z]+)?(?=[ .,;]|$)|--[a-z]+|SAMVIRKE_[A-Z_]+", text)


def words(text: str) -> set[str]:
    """The words of a text, in small letters."""
    return set(re.findall(r"[^\W\d_]+", text.lower()))
