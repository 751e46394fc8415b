"""One paper as HTML: self-contained, A4, readable in black and white."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from jinja2 import ChoiceLoader, Environment, FileSystemLoader
from markupsafe import Markup

from services.words.catalogue import Catalogue
from services.words.languages import spoken
from services.words.norway import norwegian
from services.words.shared import SHARED

HERE = Path(__file__).parent

TEXTS = Catalogue(HERE / "locale", "paper", SHARED)
_ = TEXTS.say


@dataclass(frozen=True, slots=True)
class Head:
    """What stands on every page of a paper: whose it is, when it was made, and until when it holds.

    ``until`` is None for what holds until it is used.
    """

    title: str
    watch: str
    mode: str
    made: datetime
    until: datetime | None

    @property
    def is_exercise(self) -> bool:
        """True if nothing on it is real."""
        return self.mode == "exercise"


class Pages:
    """The papers that a room makes, from the templates in its folder."""

    def __init__(self, templates: Path, words: Mapping[str, Any]) -> None:
        loader = ChoiceLoader([FileSystemLoader(templates), FileSystemLoader(HERE / "templates")])
        self._pages = Environment(loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True)
        self._pages.globals |= {"_": _, "spoken": spoken, "clock": clock, "hour": hour, **words}
        self._pages.filters["css"] = css_string

    def render(self, name: str, head: Head, **values: Any) -> str:
        """The paper of that template."""
        return self._pages.get_template(f"{name}.html").render(head=head, **values)


def clock(moment: datetime | None) -> str:
    """A time as people read it in Norway: «man. 23.11. kl. 19.04»; a dash for none."""
    if moment is None:
        return "–"
    local = norwegian(moment)
    return _(
        "{day} {date} at {time}", day=_(DAYS[local.weekday()]), date=f"{local:%d.%m.}", time=f"{local:%H.%M}"
    )


def hour(moment: datetime) -> str:
    """The clock only: «19.04»."""
    return f"{norwegian(moment):%H.%M}"


def css_string(text: str) -> Markup:
    """A text inside a string of a style sheet: whatever could end it there is written by its number."""
    kept = "".join(one if one.isalnum() or one in " .,:–-" else f"\\{ord(one):x} " for one in text)
    return Markup(kept)  # noqa: S704 - letters, digits, the signs above and backslashes: no markup is left


DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
