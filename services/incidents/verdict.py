"""What a rule of the incident log says to a command."""

from dataclasses import dataclass

from schemas.envelope import Body, Refused
from schemas.vocabulary import Level
from services.incidents.fold import Incident
from services.incidents.limits import Content


@dataclass(frozen=True, slots=True)
class Decided:
    """A fact to be written in ``part``; ``level`` says in which class its content is kept.

    ``guarded``: only if nothing was added to the part since. ``copies`` is the fact whose content is to lie
    in class ``shared`` before.
    """

    part: Incident
    body: Body
    content: Content = None
    level: Level = Level.WATCH
    guarded: bool = True
    copies: str | None = None


Verdict = Decided | Refused
