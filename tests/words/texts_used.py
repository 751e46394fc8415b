"""Every English text that a room can say, found in its code and its templates."""

import re
from collections.abc import Callable
from pathlib import Path

from services.cli.texts import TEXTS as CLI
from services.desk import keys, lexicon
from services.desk.texts import TEXTS as DESK
from services.notifications.texts import TEXTS as NOTIFICATIONS
from services.runtime.paper import page
from services.runtime.paper.page import TEXTS as PAPER
from services.words.catalogue import Catalogue
from services.words.sentences import OF_THE_HUB
from services.words.shared import SHARED, WORDS
from tests.cli.texts_used import texts_used as cli_texts

SERVICES = Path(__file__).parents[2] / "services"
PAPERS_BESIDE = ("notifications/paper.py", "notifications/templates/duty.html")
_CALL = re.compile(r"""\b(?:_|texts\.say)\(\s*(?:"((?:[^"\\]|\\.)+)"|'([^']+)')""")


def said_in(*rooms: str) -> set[str]:
    """What stands in ``_("…")`` and ``texts.say("…")`` in these files, and in all files of these folders."""
    places = [SERVICES / room for room in rooms]
    files = [path for place in places for kind in ("*.py", "*.html") for path in place.rglob(kind)]
    files += [place for place in places if place.is_file()]
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


def paper_texts() -> set[str]:
    """What papers say, wherever their templates lie."""
    return said_in("runtime/paper", "incidents", "reports", *PAPERS_BESIDE) | set(page.DAYS)


def notification_texts() -> set[str]:
    """What messages and the phone page say."""
    return said_in("notifications/texts.py", "notifications/phone.py", "notifications/templates/page.html")


def shared_texts() -> set[str]:
    """The words for codes and the sentences for refusals."""
    return set(WORDS.values()) | {text for sentences in OF_THE_HUB.values() for text in sentences}


ROOMS: dict[str, tuple[Catalogue, Callable[[], set[str]]]] = {
    "cli": (CLI, cli_texts),
    "desk": (DESK, desk_texts),
    "paper": (PAPER, paper_texts),
    "notifications": (NOTIFICATIONS, notification_texts),
}
ALL: dict[str, Catalogue] = {"words": SHARED} | {room: one for room, (one, _) in ROOMS.items()}
