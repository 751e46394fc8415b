"""Texts in all languages: the key is the English text, the others lie in gettext's catalogues."""

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from services.words.languages import LANGUAGES, spoken

SOURCE = "en"
"""The language of the keys; it has no catalogue."""


class Catalogue:
    """The texts of one domain in ``folder/<language>/LC_MESSAGES/<domain>.po``, else those ``beneath`` it."""

    def __init__(self, folder: Path, domain: str, beneath: "Catalogue | None" = None) -> None:
        self.folder = folder
        self.domain = domain
        self.beneath = beneath

    def path(self, lang: str) -> Path:
        """The file of a language."""
        return self.folder / lang / "LC_MESSAGES" / f"{self.domain}.po"

    def of(self, lang: str) -> Mapping[str, str]:
        """English to the language, without what lies beneath."""
        return self._all[lang]

    def say(self, text: str, lang: str | None = None, /, **parameters: Any) -> str:
        """An English text in the language, else in the one that is spoken, with its parameters."""
        found = self._translated(text, lang or spoken())
        return found.format_map(_Given(parameters)) if parameters or "{" in found else found

    def _translated(self, text: str, lang: str) -> str:
        if lang == SOURCE:
            return text
        found = self._all[lang].get(text)
        if found is None and self.beneath is not None:
            return self.beneath._translated(text, lang)
        return text if found is None else found

    @cached_property
    def _all(self) -> Mapping[str, Mapping[str, str]]:
        return {lang: _read(self.path(lang)) for lang in LANGUAGES if lang != SOURCE}


class _Given(dict[str, Any]):
    """Parameters as people read them; one that the hub did not give is left open."""

    def __missing__(self, key: str) -> str:
        return "…"

    def __getitem__(self, key: str) -> Any:
        found = super().__getitem__(key)
        return ", ".join(map(str, found)) if isinstance(found, list | tuple) else found


def _read(path: Path) -> Mapping[str, str]:
    from babel.messages.pofile import read_po

    with path.open("rb") as file:
        return {str(entry.id): str(entry.string) for entry in read_po(file) if entry.id and entry.string}
