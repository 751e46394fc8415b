"""The languages of the hub, and which of them is spoken: bokmål unless something else is asked for."""

import contextlib
import os
from collections.abc import Iterator, Mapping
from contextvars import ContextVar

LANGUAGES: Mapping[str, str] = {"nb": "bokmål", "nn": "nynorsk", "en": "English"}
"""Each language's code (BCP 47), and its name in its own words."""
FIRST = "nb"
_CALLED = {"nb": "nb", "no": "nb", "nn": "nn", "en": "en"}
_QUALITIES = 20

_spoken: ContextVar[str] = ContextVar("spoken", default=FIRST)


def spoken() -> str:
    """The language of what is being said now."""
    return _spoken.get()


@contextlib.contextmanager
def speaking(lang: str) -> Iterator[None]:
    """Say all in this language; in bokmål if it is none of ours."""
    before = _spoken.set(lang if lang in LANGUAGES else FIRST)
    try:
        yield
    finally:
        _spoken.reset(before)


def known(name: str) -> str | None:
    """The language that a name such as ``nn-NO`` or ``en_GB.UTF-8`` stands for; None for all others."""
    return _CALLED.get(name.strip().replace("_", "-").partition("-")[0].lower())


def accepted(header: str | None) -> str:
    """The language that a browser prefers (RFC 9110, Accept-Language) among ours; else bokmål."""
    wanted = [_quality(part) for part in (header or "").split(",")[:_QUALITIES]]
    best = sorted((one for one in wanted if one[0] > 0), key=lambda one: -one[0])
    return next((lang for _, name in best if (lang := known(name))), FIRST)


def of_surroundings(asked: str | None, surroundings: Mapping[str, str] = os.environ) -> str:
    """The language of a program: as asked, else SAMVIRKE_LANG, LC_ALL, LC_MESSAGES or LANG; else bokmål."""
    if asked in LANGUAGES:
        return str(asked)
    own = surroundings.get("SAMVIRKE_LANG", "")
    if own in LANGUAGES:
        return own
    named = (surroundings[key] for key in ("LC_ALL", "LC_MESSAGES", "LANG") if surroundings.get(key))
    return known(next(named, "")) or FIRST


def _quality(part: str) -> tuple[float, str]:
    name, _, rest = part.partition(";")
    said = rest.strip().removeprefix("q=")
    try:
        return (float(said) if rest.strip() else 1.0), name
    except ValueError:
        return 0.0, name
