"""The rules of ending an exercise for good: ordered by an archive owner, approved by another. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from schemas import exercise
from schemas.authorisation import APPROVE_ERASURE, ERASE
from schemas.clock import Run
from schemas.directory import Directory
from schemas.discards import check_end
from schemas.envelope import Actor, Refused


@dataclass(frozen=True, slots=True)
class Order:
    """An order that an exercise be ended for good in some shares; ``done`` once it was approved."""

    id: str
    where: tuple[str, ...]
    law: str
    by: str
    done: bool = False


def orders(history: Iterable[tuple[str | None, Any]]) -> dict[str, Order]:
    """The orders about one exercise, by id, from the person and the body of each of its facts."""
    found: dict[str, Order] = {}
    for person, body in history:
        match body:
            case exercise.DiscardOrdered() if body.order not in found:
                found[body.order] = Order(body.order, tuple(body.where), body.law, person or "")
            case exercise.Discarded() if body.order in found:
                found[body.order] = replace(found[body.order], done=True)
    return found


def check_order(
    actor: Actor, run: Run, request: exercise.Discard, directory: Directory, now: datetime
) -> Refused | None:
    """The archive owner of each share orders, once the exercise has ended."""
    refused = check_end(actor, run, request.where, ERASE, directory, now)
    if refused is None and not run.clock.ended:
        return Refused(code="EXERCISE_RUNS")
    return refused


def check_approval(
    actor: Actor, run: Run, order: Order | None, directory: Directory, now: datetime
) -> Refused | None:
    """Another person than the one who ordered approves; a hold is looked for besides."""
    if order is None:
        return Refused(code="UNKNOWN_ORDER")
    refused = check_end(actor, run, order.where, APPROVE_ERASURE, directory, now)
    if refused is not None:
        is_hidden = any(directory.hidden(where) for where in order.where)
        return Refused(code="UNKNOWN_ORDER") if is_hidden else refused
    if order.by == actor.person:
        return Refused(code="SECOND_PERSON_NEEDED")
    return Refused(code="SAME_STATE") if order.done else None
