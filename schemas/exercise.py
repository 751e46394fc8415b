"""Commands and facts of exercises: who takes part, and which time it is there (D23)."""

from typing import Annotated

from pydantic import AwareDatetime, Field

from schemas.envelope import Body, Code, Moment, Request, Token, WatchKey

TRADE = "exercise"
FASTEST = 60
"""Seconds of exercise time in a second of the wall clock, at most: more would outrun a person's answer."""

Speed = Annotated[int, Field(ge=0, le=FASTEST)]
Organisations = Annotated[list[Token], Field(min_length=1, max_length=500)]
Shares = Annotated[list[Token | WatchKey], Field(min_length=1, max_length=500)]
"""Houses, each for its watches that are not hidden, and watches."""


class Begin(Request):
    """Begin an exercise of these organisations at a time of its own; ``code`` says which file is played.

    An exercise of any of them that still runs ends by it: an organisation is in one at a time.
    """

    trade = TRADE
    verb = "begin"
    exercise: Token
    code: Code
    organisations: Organisations
    at: Moment
    speed: Speed = 1


class SetClock(Request):
    """Let the exercise's time run at another speed (0 stands still), and jump on to ``at`` if it is given."""

    trade = TRADE
    verb = "clock"
    exercise: Token
    at: Moment | None = None
    speed: Speed


class End(Request):
    """End the exercise: its time stands still for good."""

    trade = TRADE
    verb = "end"
    exercise: Token


class Discard(Request):
    """Order that an exercise be ended for good in some houses or watches; it needs a second person.

    Nothing happens before another person has approved it under the order's id.
    """

    trade = TRADE
    verb = "discard"
    exercise: Token
    order: Token
    where: Shares
    law: Code


class ApproveDiscard(Request):
    """A second person approves the order: words and rows of these shares are gone for good."""

    trade = TRADE
    verb = "discard_approve"
    exercise: Token
    order: Token


class _Reading(Body):
    """From the wall time ``wall`` on the exercise's time is ``at``, and runs ``speed`` times as fast."""

    trade = TRADE
    at: AwareDatetime
    wall: AwareDatetime
    speed: int


class Begun(_Reading):
    """An exercise began; ``led_by`` is the watch that leads it."""

    name = "begun"
    exercise: str
    code: str
    organisations: list[str]
    led_by: str | None = None


class ClockSet(_Reading):
    """The exercise's clock was set."""

    name = "clock_set"
    exercise: str


class Ended(_Reading):
    """The exercise ended."""

    name = "ended"
    exercise: str


class DiscardOrdered(Body):
    """It was ordered that an exercise be ended for good in ``where``; nothing is gone yet."""

    trade = TRADE
    name = "discard_ordered"
    exercise: str
    order: str
    where: list[str]
    law: str


class Discarded(Body):
    """An exercise is ended for good in ``where``.

    What took place there before this fact has no words and no rows any more; its facts stay as a skeleton.
    """

    trade = TRADE
    name = "discarded"
    exercise: str
    order: str
    where: list[str]
    law: str
    asked_by: str
    wall: AwareDatetime


COMMANDS = (Begin, SetClock, End, Discard, ApproveDiscard)
FACTS = (Begun, ClockSet, Ended, DiscardOrdered, Discarded)
