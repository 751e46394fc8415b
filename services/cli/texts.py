"""What the command line says, in the language of its call."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from services.cli.sentences_own import SENTENCES
from services.words.catalogue import Catalogue
from services.words.languages import of_surroundings as language
from services.words.shared import SHARED

TEXTS = Catalogue(Path(__file__).parent / "locale", "samvirke", SHARED)
say = TEXTS.say

__all__ = ["TEXTS", "explain", "language", "say"]


def explain(code: str, parameters: Mapping[str, Any], lang: str) -> list[str]:
    """What happened, what it means and what to do, a line each."""
    sentences = SENTENCES.get(code)
    if sentences is None:
        return [code]
    return [say(text, lang, **parameters) for text in sentences]
