"""Every English text that a room can say, found in its code and its templates."""

import re
from collections.abc import Callable
from pathlib import Path

from services.cli.texts import TEXTS as CLI
from services.desk import keys, lexicon
from services.desk.texts import TEXTS as DESK
from services.words.catalogue import Catalogue
from services.words.sentences import OF_THE_HUB
from services.words.shared import SHARED, WORDS
from tests.cli.texts_used import texts_used as cli_texts

SERVICES = Path(__file__).parents[2] / "services"
_CALL = re.compile(r"""\b_\(\s*(?:"((?:[^"\\]|\\.)+)"|'([^']+)')""")


def said_in(*rooms: str) -> set[str]:
    """What stands in ``_("…")`` in the code and the templates of these folders."""
    files = [path for room in rooms for kind in ("*.py", "*.html") for path in (SERVICES / room).rglob(kind)]
    return {
        (double or single).replace('\\"', '"')
        for path in files
        for double, single in _CALL.findall(path.read_text(encoding="utf-8"))
    }


def desk_texts() -> set[str]:
    """What the pages of the desk say, their scripts too."""
    ways_in = {"session", "token"}
    scripts = {*lexicon.SAYINGS.values(), *(key.text for key in keys.KEYS)}
    return said_in("desk") | scripts | ways_in


def shared_texts() -> set[str]:
    """The words for codes and the sentences for refusals."""
    return set(WORDS.values()) | {text for sentences in OF_THE_HUB.values() for text in sentences}


ROOMS: dict[str, tuple[Catalogue, Callable[[], set[str]]]] = {
    "cli": (CLI, cli_texts),
    "desk": (DESK, desk_texts),
}
ALL: dict[str, Catalogue] = {"words": SHARED} | {room: one for room, (one, _) in ROOMS.items()}
