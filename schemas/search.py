"""What a search over the log asks for."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from schemas.envelope import Code, Moment, Municipality, Strict, Token, WatchKey
from schemas.vocabulary import Priority, ReadReason

State = Literal["open", "closed", "all", "new", "acknowledged", "assigned", "in_progress"]
Degrees = Annotated[float, Field(ge=-180, le=180)]


class SearchFor(Strict):
    """Words that must all be in an item, and what else must hold of it; everything may be left out.

    ``text`` is words, never an expression. ``type``, ``priority``, ``state``, ``municipality`` are the
    incident's as it is now, ``organisation`` and ``watch`` whose log it is, ``person`` who wrote.
    ``since`` and ``until`` are about when it happened; ``box`` is south, west, north, east in degrees.
    ``page`` is the ``page`` of a former answer: what comes after it. ``reason`` opens the restricted words
    of what is long closed, and of others' tagged items.
    """

    text: Annotated[str, StringConstraints(max_length=200)] = ""
    organisation: Token | None = None
    watch: WatchKey | None = None
    type: Code | None = None
    state: State = "all"
    priority: Priority | None = None
    since: Moment | None = None
    until: Moment | None = None
    person: Token | None = None
    municipality: Municipality | None = None
    box: tuple[Degrees, Degrees, Degrees, Degrees] | None = None
    limit: Annotated[int, Field(ge=1, le=200)] = 50
    page: Token | None = None
    reason: ReadReason | None = None
