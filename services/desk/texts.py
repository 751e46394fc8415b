"""What the pages say, in the language of who looks; and how times are written."""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from services.words import sentences, shared
from services.words.catalogue import Catalogue
from services.words.languages import LANGUAGES, accepted
from services.words.norway import OSLO, norwegian

TEXTS = Catalogue(Path(__file__).parent / "locale", "desk", shared.SHARED)
LANGUAGE_COOKIE = "samvirke-language"


def language_of(cookies: Mapping[str, str], header: str | None) -> str:
    """The language that was chosen in this browser; before that, the one that it prefers."""
    chosen = cookies.get(LANGUAGE_COOKIE, "")
    return chosen if chosen in LANGUAGES else accepted(header)


def say(text: str, **parameters: Any) -> str:
    """A text in the language that is spoken."""
    return TEXTS.say(text, **parameters)


def word(code: str | None) -> str:
    """The word for a code; the code itself when there is none."""
    return shared.word(code) or ""


def sentence(code: str, parameters: Mapping[str, Any] | None = None) -> str:
    """What a refusal means, and what to do."""
    return sentences.brief(code, parameters)


def in_norway(said: str) -> str:
    """A time of a form: without an offset it is Norway's. What is no time is left as it is."""
    try:
        time = datetime.fromisoformat(said)
    except ValueError:
        return said
    return (time if time.tzinfo else time.replace(tzinfo=OSLO)).isoformat()


def clock(text: str | None) -> str:
    """The time of day in Norway, hours and minutes."""
    return moment(text)[11:16]


def moment(text: str | None) -> str:
    """A time as Norwegian watches write it: 24 h, in Norway; as it was sent when no calendar there has it."""
    if not text:
        return ""
    return norwegian(datetime.fromisoformat(text)).strftime("%d.%m.%Y %H:%M:%S")
