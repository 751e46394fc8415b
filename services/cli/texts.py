"""Codes become words: bokmål, or English when asked. The catalogue is gettext's, in locale/<language>/."""

import os
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from services.cli.sentences_own import SENTENCES

LANGUAGES = ("nb", "en")
CATALOGUES = Path(__file__).parent / "locale"


def language(asked: str | None, surroundings: Mapping[str, str] = os.environ) -> str:
    """The language to answer in: as asked, else English where LC_ALL, LC_MESSAGES or LANG say so; else nb."""
    if asked in LANGUAGES:
        return str(asked)
    named = next(
        (surroundings[key] for key in ("LC_ALL", "LC_MESSAGES", "LANG") if surroundings.get(key)), ""
    )
    return "en" if named.startswith("en") else "nb"


def say(text: str, lang: str, /, **parameters: Any) -> str:
    """An English text in the language, with its parameters."""
    return _translated(text, lang).format_map(_Given(parameters))


def explain(code: str, parameters: Mapping[str, Any], lang: str) -> list[str]:
    """What happened, what it means and what to do, a line each."""
    sentences = SENTENCES.get(code)
    if sentences is None:
        return [code]
    return [say(text, lang, **parameters) for text in sentences]


class _Given(dict[str, Any]):
    """Parameters as people read them; one that the hub did not give is left open."""

    def __missing__(self, key: str) -> str:
        return "…"

    def __getitem__(self, key: str) -> Any:
        found = super().__getitem__(key)
        return ", ".join(map(str, found)) if isinstance(found, list | tuple) else found


def _translated(text: str, lang: str) -> str:
    return text if lang == "en" else catalogue(lang).get(text, text)


@cache
def catalogue(lang: str) -> dict[str, str]:
    """English to translated text, for all that is translated."""
    from babel.messages.pofile import read_po

    with (CATALOGUES / lang / "LC_MESSAGES" / "samvirke.po").open("rb") as file:
        return {str(entry.id): str(entry.string) for entry in read_po(file) if entry.id and entry.string}
