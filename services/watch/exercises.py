"""Commands and questions of trade exercise: begin, set the clock, end, and which time it is (D23)."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, cast

import orjson

from schemas import exercise, subjects
from schemas.authorisation import ADMINISTER, READ, check
from schemas.clock import Run
from schemas.envelope import Accepted, Actor, Body
from schemas.vocabulary import Mode
from services.runtime.guarded import Guarded
from services.runtime.reading import Received, Refusal, validate
from services.watch.leading import check_begin
from services.watch.picture import Picture


class ExerciseHandlers:
    """What the door of trade exercise calls. An exercise belongs to the watch that began it."""

    def __init__(self, guarded: Guarded, pictures: Mapping[str, Picture]) -> None:
        self._guarded = guarded
        self._pictures = pictures

    async def begin(self, received: Received) -> Accepted:
        """Begin an exercise; others with the same organisations end by it."""
        request, now = cast(exercise.Begin, received.request), _now()
        picture = self._picture(received, now)
        actor = received.command.data.actor
        refused = check_begin(actor, request.organisations, picture.directory, now)
        if refused is not None:
            raise Refusal(refused.code, **refused.parameters)
        unknown = [key for key in request.organisations if key not in picture.directory.organisations]
        if unknown:
            raise Refusal("UNKNOWN_WATCH", watch=unknown[0])
        if request.exercise in picture.directory.exercises.runs:
            raise Refusal("ID_TAKEN")
        said = {**request.model_dump(), "wall": now, "led_by": received.address.key}
        return await self._append(received, lambda: exercise.Begun(**said), exercise.Begun)

    async def clock(self, received: Received) -> Accepted:
        """Set speed and time; a jump only while nobody is being told."""
        request = cast(exercise.SetClock, received.request)
        picture = self._picture(received, _now())
        run = self._run(received, picture, request.exercise)

        def decide() -> Body:
            now = _now()
            running = run.clock.time(now)
            at = request.at or running
            if at < running:
                raise Refusal("TIME_GOES_BACK", at=running.isoformat())
            if at > running and picture.has_chains(run.id):
                raise Refusal("CHAIN_OPEN")
            return exercise.ClockSet(exercise=run.id, at=at, wall=now, speed=request.speed)

        return await self._append(received, decide, exercise.ClockSet)

    async def end(self, received: Received) -> Accepted:
        """End an exercise."""
        request = cast(exercise.End, received.request)
        run = self._run(received, self._picture(received, _now()), request.exercise)

        def decide() -> Body:
            now = _now()
            return exercise.Ended(exercise=run.id, at=run.clock.time(now), wall=now, speed=0)

        return await self._append(received, decide, exercise.Ended)

    async def clocks(self, asked: dict[str, Any], address: subjects.Address) -> dict[str, Any]:
        """Every exercise that runs and the asking organisation takes part in: both times, and its speed."""
        actor = validate(Actor, orjson.dumps(asked.get("actor")), "actor.")
        picture, now = self._pictures.get(address.mode), _now()
        if actor.key != address.key:
            raise Refusal("WRONG_SENDER")
        if picture is None:
            raise Refusal("UNKNOWN_TYPE")
        refused = check(actor, READ, "clock", picture.directory, now)
        if refused is not None:
            raise Refusal(refused.code, **refused.parameters)
        run = picture.directory.exercises.of(address.org, now)
        running = [run] if run is not None and not run.clock.ended else []
        return {"status": "ok", "wall": now.isoformat(), "exercises": [_shown(one, now) for one in running]}

    async def _append(self, received: Received, decide: Callable[[], Body], fact: type[Body]) -> Accepted:
        owner = received.address.key
        id = cast(Any, received.request).exercise
        recorded = await self._guarded.append(received, owner, id, fact, lambda _: decide())
        stored = recorded.fact
        return Accepted(id=stored.id, subject=stored.subject, receipt=stored.id, result=stored.data.body)

    def _picture(self, received: Received, now: datetime) -> Picture:
        """The picture of exercises, if the sender may lead one."""
        mode, actor = received.address.mode, received.command.data.actor
        if mode != Mode.EXERCISE:
            raise Refusal("NOT_ALLOWED", act=received.request.verb)
        picture = self._pictures[mode]
        refused = check(actor, ADMINISTER, received.request.verb, picture.directory, now)
        if refused is not None:
            raise Refusal(refused.code, **refused.parameters)
        return picture

    def _run(self, received: Received, picture: Picture, id: str) -> Run:
        """The sender's own exercise, while it runs."""
        run = picture.directory.exercises.runs.get(id)
        if run is None or run.clock.ended or picture.leaders.get(id) != received.address.key:
            raise Refusal("UNKNOWN_EXERCISE")
        return run


def _shown(run: Run, now: datetime) -> dict[str, Any]:
    at = run.clock.time(now)
    return {"exercise": run.id, "code": run.code, "at": at.isoformat(), "speed": run.clock.speed}


def _now() -> datetime:
    return datetime.now(UTC).astimezone()
