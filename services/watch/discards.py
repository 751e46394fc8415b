"""Commands and questions of ending an exercise for good: order, approve, and which exercises there are."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, cast

import orjson

from schemas import exercise, incidents, records, subjects
from schemas.authorisation import APPROVE_ERASURE, ERASE, READ, check
from schemas.clock import Run
from schemas.directory import Directory
from schemas.discards import Share, shares_of
from schemas.envelope import Accepted, Actor, Refused
from schemas.subjects import Place
from schemas.vocabulary import Mode
from services.runtime import names
from services.runtime.guarded import Guarded
from services.runtime.ledger import Ledger, Recorded, read
from services.runtime.reading import Received, Refusal, validate
from services.watch import discarding
from services.watch.discarding import Order
from services.watch.picture import Picture

_HELD = (records.HoldPlaced.name, records.HoldLifted.name)


class DiscardHandlers:
    """What the door of trade exercise calls once an exercise has ended."""

    def __init__(self, ledger: Ledger, guarded: Guarded, pictures: Mapping[str, Picture]) -> None:
        self._ledger = ledger
        self._guarded = guarded
        self._pictures = pictures

    async def order(self, received: Received) -> Accepted:
        """Note that an archive owner orders it."""
        request = cast(exercise.Discard, received.request)
        run, directory = self._run(received, request.exercise)

        def decide(history: list[Recorded]) -> exercise.DiscardOrdered:
            if request.order in _orders(history):
                raise Refusal("ID_TAKEN")
            actor = received.command.data.actor
            _refuse(discarding.check_order(actor, run, request, directory, _now()))
            return exercise.DiscardOrdered(**request.model_dump())

        return await self._append(received, run, exercise.DiscardOrdered, decide)

    async def approve(self, received: Received) -> Accepted:
        """End it for good: every service lets go of its rows when it reads the fact. A hold stops it."""
        request = cast(exercise.ApproveDiscard, received.request)
        run, directory = self._run(received, request.exercise)

        def decide(history: list[Recorded]) -> exercise.Discarded:
            order, now = _orders(history).get(request.order), _now()
            actor = received.command.data.actor
            _refuse(discarding.check_approval(actor, run, order, directory, now))
            return _discarded(run, cast(Order, order), now)

        async def watch_holds(history: list[Recorded]) -> tuple[str, int]:
            share = Share(run.id, _orders(history)[request.order].where, directory)
            return await self._watch_holds(received.address.mode, share)

        return await self._append(received, run, exercise.Discarded, decide, watching=watch_holds)

    async def listing(self, asked: dict[str, Any], address: subjects.Address) -> dict[str, Any]:
        """The exercises that the asker's house took part in, what is gone of each, and what was ordered."""
        actor = validate(Actor, orjson.dumps(asked.get("actor")), "actor.")
        if actor.key != address.key:
            raise Refusal("WRONG_SENDER")
        picture, now = self._pictures.get(address.mode), _now()
        if picture is None:
            raise Refusal("UNKNOWN_TYPE")
        directory = picture.directory
        _refuse(check(actor, READ, "exercises", directory, now))
        runs = [run for run in directory.exercises.runs.values() if _took_part(run, actor)]
        found = [await self._described(address.mode, run, actor, directory, now) for run in runs]
        return {"status": "ok", "exercises": found}

    async def _append(self, received: Received, run: Run, fact: Any, decide: Any, **more: Any) -> Accepted:
        """The fact lies in the log of the watch in which the person acts."""
        more["everywhere"] = True
        recorded = await self._guarded.append(received, received.address.key, run.id, fact, decide, **more)
        stored = recorded.fact
        return Accepted(id=stored.id, subject=stored.subject, receipt=stored.id, result=stored.data.body)

    async def _described(
        self, mode: str, run: Run, actor: Actor, directory: Directory, now: datetime
    ) -> dict[str, Any]:
        say = set(shares_of(actor, run, APPROVE_ERASURE, directory, now))
        owned = set(shares_of(actor, run, ERASE, directory, now))
        history = await self._guarded.history(mode, exercise.TRADE, run.id) if say else []
        orders = [_shown(one) for one in _orders(history).values() if say.issuperset(one.where)]
        named = [actor.key] if directory.hidden(actor.key) else run.organisations
        began, ended = run.clock.pieces[0].wall, run.clock.pieces[-1].wall
        return {
            "exercise": run.id,
            "code": run.code,
            "began": began.isoformat(),
            "ended": ended.isoformat() if run.clock.ended else None,
            "led_by": run.led_by.partition(".")[0] or None,
            "shares": [
                {
                    "where": one,
                    "gone": _gone(run, one),
                    "may_order": one in owned,
                    "may_approve": one in say,
                }
                for one in sorted(named)
            ],
            "orders": orders,
        }

    async def _watch_holds(self, mode: str, share: Share) -> tuple[str, int]:
        """Refuse when an incident of it is held; else what must not be said before the fact lies there."""
        placed, lifted = [await self._about(mode, name) for name in _HELD]
        for (watch, id), sequence in placed.items():
            if sequence < lifted.get((watch, id), 0):
                continue
            opened = await self._ledger.history(mode, id, *subjects.split_key(watch))
            if opened and share.holds(watch, opened[0].fact.time):
                raise Refusal("EXERCISE_HELD", incident=id)
        return subjects.facts_of_trade(mode, incidents.TRADE, _HELD[0]), max(placed.values(), default=0)

    async def _about(self, mode: str, name: str) -> dict[tuple[str, str], int]:
        """The last of these facts about each incident."""
        wanted = subjects.facts_of_trade(mode, incidents.TRADE, name)
        stored = await self._ledger.direct.history(names.ledger(mode), wanted)
        read_back = ((one, subjects.parse_place(one.subject)) for one in stored if read(one) is not None)
        return {(place.key, place.id): one.sequence for one, place in read_back if isinstance(place, Place)}

    def _run(self, received: Received, id: str) -> tuple[Run, Directory]:
        """The exercise, if the sender's house has to do with it."""
        mode = received.address.mode
        if mode != Mode.EXERCISE:
            raise Refusal("NOT_ALLOWED", act=received.request.verb)
        directory = self._pictures[mode].directory
        run = directory.exercises.runs.get(id)
        if run is None or not _took_part(run, received.command.data.actor):
            raise Refusal("UNKNOWN_EXERCISE")
        return run, directory


def _took_part(run: Run, actor: Actor) -> bool:
    return actor.organisation in (*run.organisations, run.led_by.partition(".")[0])


def _orders(history: list[Recorded]) -> dict[str, Order]:
    return discarding.orders((one.fact.data.actor.person, one.body) for one in history)


def _discarded(run: Run, order: Order, now: datetime) -> exercise.Discarded:
    return exercise.Discarded(
        exercise=run.id, order=order.id, where=list(order.where), law=order.law, asked_by=order.by, wall=now
    )


def _gone(run: Run, where: str) -> str | None:
    """Until when what took place there is gone."""
    walls = [wall for share, wall in run.gone if share == where]
    return max(walls).isoformat() if walls else None


def _shown(order: Order) -> dict[str, Any]:
    state = "done" if order.done else "asked"
    return {"order": order.id, "where": list(order.where), "law": order.law, "by": order.by, "state": state}


def _refuse(refused: Refused | None) -> None:
    if refused is not None:
        raise Refusal(refused.code, **refused.parameters)


def _now() -> datetime:
    return datetime.now(UTC).astimezone()
