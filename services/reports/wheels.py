"""Commands of the reporting wheel: begin, end, and answer that there is nothing to report."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, cast

from schemas.authorisation import LEAD, WRITE, check
from schemas.directory import Directory
from schemas.envelope import Accepted, Body
from schemas.reports import BeginWheel, DeadlineMet, EndWheel, NothingToReport, WheelBegun, WheelEnded
from services.reports import rules
from services.reports.handlers import accept, check_incident, refuse
from services.reports.picture import Picture, Turning
from services.reports.rules import Deadline, Wheel
from services.runtime.guarded import Guarded
from services.runtime.ledger import Ledger, Recorded
from services.runtime.reading import Received, Refusal


class Wheels:
    """What the door calls about deadlines. A wheel belongs to the watch that began it."""

    def __init__(self, ledger: Ledger, guarded: Guarded, pictures: Mapping[str, Picture]) -> None:
        self._ledger = ledger
        self._guarded = guarded
        self._pictures = pictures

    async def begin(self, received: Received) -> Accepted:
        """Ask watches for reports: a leader's act, towards the own house or those with an agreement."""
        request, actor = cast(BeginWheel, received.request), received.command.data.actor
        directory = self._directory(received)
        refuse(check(actor, LEAD, "wheel", directory, _now()))
        body = WheelBegun(**request.model_dump())
        if not rules.check(body, directory.now(actor.key, _now())):
            raise Refusal("BAD_PERIOD")
        self._check_asked(request, actor.key, directory)
        await check_incident(self._ledger, received, request.incident, directory)

        def decide(history: list[Recorded]) -> Body:
            if history:
                raise Refusal("ID_TAKEN")
            return body

        return accept(await self._guarded.append(received, actor.key, request.wheel, WheelBegun, decide))

    async def end(self, received: Received) -> Accepted:
        """Ask for no more: a leader's act in the watch that began it."""
        request, actor = cast(EndWheel, received.request), received.command.data.actor
        refuse(check(actor, LEAD, "wheel", self._directory(received), _now()))
        turning = self._picture(received).wheels.get(f"{actor.key}.{request.wheel}")
        if turning is None:
            raise Refusal("UNKNOWN_WHEEL")

        def decide(history: list[Recorded]) -> Body:
            _require_open(_fold(turning, history))
            return WheelEnded(wheel=request.wheel)

        return accept(await self._guarded.append(received, actor.key, request.wheel, WheelEnded, decide))

    async def nothing(self, received: Received) -> Accepted:
        """The sender's watch has nothing to report: that answers a deadline, also late."""
        request, actor = cast(NothingToReport, received.request), received.command.data.actor
        refuse(check(actor, WRITE, "report", self._directory(received), _now()))
        turning = self._asked(received, request.wheel)

        def decide(history: list[Recorded]) -> Body:
            wheel = _fold(turning, history)
            _require_open(wheel)
            now = self._picture(received).clock(turning).time(_now())
            deadline = _which(wheel, actor.key, request.deadline, now)
            if (actor.key, deadline.due) in wheel.met:
                raise Refusal("DEADLINE_ANSWERED")
            return DeadlineMet(
                wheel=wheel.id,
                deadline=deadline.id,
                watch=actor.key,
                due=deadline.due,
                nothing=True,
                late=now > deadline.due,
            )

        owner = turning.place.key
        return accept(await self._guarded.append(received, owner, request.wheel, DeadlineMet, decide))

    def _check_asked(self, request: BeginWheel, key: str, directory: Directory) -> None:
        """Others are asked by who receives it, with an agreement; a hidden watch by its own house only."""
        org = key.partition(".")[0]
        for watch in request.reporters:
            other = watch.partition(".")[0]
            is_seen = watch in directory.watches and (other == org or not directory.hidden(watch))
            if not is_seen:
                raise Refusal("UNKNOWN_WATCH", watch=watch)
            if other != org and request.receiver.partition(".")[0] != org:
                raise Refusal("NOT_ALLOWED", act="wheel")
            if not directory.agreed(org, other, _now()):
                raise Refusal("NO_AGREEMENT", organisation=other)

    def _asked(self, received: Received, wheel: str) -> Turning:
        """The wheel of that id that asks the sender's watch. Raises Refusal: UNKNOWN_WHEEL."""
        for turning in self._picture(received).wheels.values():
            if turning.wheel.id == wheel and received.address.key in turning.wheel.asked.reporters:
                return turning
        raise Refusal("UNKNOWN_WHEEL")

    def _picture(self, received: Received) -> Picture:
        return self._pictures[received.address.mode]

    def _directory(self, received: Received) -> Directory:
        return self._picture(received).directory


def _which(wheel: Wheel, watch: str, named: str | None, now: datetime) -> Deadline:
    """The deadline that is answered: as named, else the nearest. Raises Refusal: UNKNOWN_DEADLINE."""
    if named is None:
        due = rules.nearest(wheel, now)
        if due is None:
            raise Refusal("UNKNOWN_DEADLINE")
        return Deadline(wheel.id, watch, due)
    known = [Deadline(wheel.id, *key) for key in wheel.missed]
    for one in (*rules.open_deadlines(wheel, now), *known, *(Deadline(wheel.id, *key) for key in wheel.met)):
        if one.id == named and one.watch == watch:
            return one
    raise Refusal("UNKNOWN_DEADLINE")


def _fold(turning: Turning, history: list[Recorded]) -> Wheel:
    """The wheel as its facts tell it, straight from the ledger."""
    wheel = Wheel(turning.wheel.asked, turning.wheel.began)
    for one in history:
        body: Any = one.body
        wheel.apply(body)
    return wheel


def _require_open(wheel: Wheel) -> None:
    if wheel.ended:
        raise Refusal("WHEEL_ENDED")


def _now() -> datetime:
    return datetime.now(UTC).astimezone()
