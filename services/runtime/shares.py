"""The question of each room what it has of an exercise, asked before and after that is ended for good."""

from datetime import UTC, datetime
from typing import Any

import orjson
from pydantic import Field

from schemas.authorisation import APPROVE_ERASURE
from schemas.directory import Directory
from schemas.discards import Share, check_end, shares_of
from schemas.envelope import Actor, Strict, Token, WatchKey
from schemas.subjects import Address
from services.runtime.reading import Refusal, validate

WHAT = "exercise"
"""What the question is called in every trade."""


class AskShare(Strict):
    """What there is of an exercise in these shares; in all over which the asker has a say when empty."""

    actor: Actor
    exercise: Token
    where: list[Token | WatchKey] = Field(default_factory=list, max_length=500)


def asked_share(body: dict[str, Any], address: Address, directory: Directory | None) -> Share:
    """The share that is asked about, for those who order or approve its end. Raises Refusal."""
    question = validate(AskShare, orjson.dumps(body))
    actor, now = question.actor, datetime.now(UTC)
    if actor.key != address.key:
        raise Refusal("WRONG_SENDER")
    run = None if directory is None else directory.exercises.runs.get(question.exercise)
    if directory is None or run is None:
        raise Refusal("UNKNOWN_EXERCISE")
    where = question.where or shares_of(actor, run, APPROVE_ERASURE, directory, now)
    refused = check_end(actor, run, where, APPROVE_ERASURE, directory, now)
    if refused is not None:
        raise Refusal(refused.code, **refused.parameters)
    if not where:
        raise Refusal("NOT_ALLOWED", act=WHAT)
    return Share(run.id, tuple(where), directory)
