"""The register of incident types: names, defaults, questions to ask and action cards."""

from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints

from schemas.envelope import Body, Code, Line, Request, Strict, Token, WatchKey
from schemas.incidents import TRADE
from schemas.vocabulary import Priority

Version = Annotated[int, Field(ge=1, le=9999)]
Said = Annotated[Line, StringConstraints(min_length=1)]


class Words(Strict):
    """A text in bokmål, and in nynorsk and English where there is one."""

    nb: Said
    nn: Said | None = None
    en: Said | None = None

    def spoken(self, lang: str) -> str:
        """The text in ``lang``, in bokmål where there is none."""
        found: str | None = getattr(self, lang, None)
        return found or self.nb


class Told(Strict):
    """Who is told when ``watch`` reports without saying whom; without ``watch``, when any watch does."""

    watch: WatchKey | None = None
    notify: Annotated[list[WatchKey], Field(max_length=40)]


class CardStep(Strict):
    """One line of an action card. ``code`` stays the same from one version to the next."""

    code: Token
    text: Words


def _distinct(steps: list[CardStep]) -> list[CardStep]:
    if len({step.code for step in steps}) != len(steps):
        raise ValueError("a step's code stands twice")
    return steps


class Card(Strict):
    """An action card (tiltakskort): what is to be done. An incident keeps the version that it began with."""

    version: Version
    steps: Annotated[list[CardStep], Field(min_length=1, max_length=60), AfterValidator(_distinct)]


class SetType(Request):
    """Put a type into the register, the whole of it at once; the latest holds.

    ``used_by``: the watches that may see the type in the register, all when empty (D13).
    """

    trade = TRADE
    verb = "type"
    type: Code
    version: Version = 1
    title: Words
    priority: Priority | None = None
    told: Annotated[list[Told], Field(max_length=100)] = []
    questions: Annotated[list[Words], Field(max_length=20)] = []
    card: Card | None = None
    used_by: Annotated[list[WatchKey], Field(max_length=100)] = []


class TypeSet(Body):
    """A type as it is from now on."""

    trade = TRADE
    name = "type_set"
    type: str
    version: int
    title: Words
    priority: Priority | None = None
    told: list[Told] = []
    questions: list[Words] = []
    card: Card | None = None
    used_by: list[str] = []

    def told_by(self, watch: str) -> list[str]:
        """Who is told when ``watch`` reports: what is set for that watch, else what is set for all."""
        own = [one for one in self.told if one.watch == watch]
        rows = own or [one for one in self.told if one.watch is None]
        return list(dict.fromkeys(key for one in rows for key in one.notify))

    def is_for(self, watch: str) -> bool:
        """True if the watch may see the type in the register."""
        return not self.used_by or watch in self.used_by


COMMANDS = (SetType,)
FACTS = (TypeSet,)
