"""What may be asked of the archive about incidents."""

from typing import Annotated, Literal

from pydantic import Field

from schemas.envelope import Actor, Moment, Strict, Token
from schemas.vocabulary import ReadReason


class Question(Strict):
    """What every question says: who asks, and the receipt that the answer must know of."""

    actor: Actor
    after: Token | None = None


class Reasoned(Question):
    """``reason`` is why one reads what is closed, or another watch's and tagged."""

    reason: ReadReason | None = None


class GetQuestion(Reasoned):
    """One incident by one of its names; ``after`` is a receipt that the answer must know of.

    ``at`` asks how it stood, and ``order`` whether entries stand as things happened or were recorded.
    """

    at: Moment | None = None
    order: Literal["occurred", "recorded"] = "occurred"

    ref: str | None = Field(None, max_length=20)
    id: Token | None = None
    number: str | None = Field(None, max_length=90)


class ListQuestion(Question):
    """Heads, the newest first. Without ``reason`` the restricted words of long closed ones are held back.

    ``at`` asks how the list stood at a past moment.
    """

    reason: ReadReason | None = None
    at: Moment | None = None
    state: str = Field("open", pattern="^(open|closed|all)$")
    limit: int = Field(100, ge=1, le=500)


class SeenQuestion(Question):
    """Incidents and items that a page of the asking watch has shown to a person."""

    items: Annotated[list[tuple[Token, Token]], Field(max_length=500)]
