"""Commands and questions of trade watch: set up, man, take over, release, and who is on duty."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, cast

import orjson

from schemas import subjects, watch
from schemas.authorisation import ADMINISTER, READ, WRITE, check, is_centre
from schemas.directory import Directory
from schemas.duty import Duty, picture
from schemas.envelope import Accepted, Actor, Body, Moment, Refused, Strict, WatchKey
from services.runtime import names
from services.runtime.guarded import Guarded
from services.runtime.ledger import Recorded
from services.runtime.reading import Received, Refusal, validate
from services.watch import roster
from services.watch.picture import Picture


class AskDuty(Strict):
    """Who is on duty ``at`` a time (now when None), everywhere or in one watch."""

    actor: Actor
    at: Moment | None = None
    watch: WatchKey | None = None


class Handlers:
    """What the door calls; each command becomes one fact."""

    def __init__(self, guarded: Guarded, pictures: Mapping[str, Picture]) -> None:
        self._guarded = guarded
        self._pictures = pictures

    async def establish(self, received: Received) -> Accepted:
        """Set a watch up, or change how it is set up."""
        request = cast(watch.Establish, received.request)
        _, code = subjects.split_key(request.watch)
        self._check_administers(received, request.watch)
        if code in names.RESERVED_WATCHES or self._is_code_taken(received, request):
            raise Refusal("ID_TAKEN")
        body = watch.Established(**request.model_dump())
        return await self._append(received, request.watch, code, body)

    async def man(self, received: Received) -> Accepted:
        """Put a person on the roster."""
        request = cast(watch.Man, received.request)
        actor = received.command.data.actor
        owner = request.watch or actor.on_behalf_of or actor.key
        self._check_administers(received, owner)
        directory = self._directory(received)
        _refuse(roster.check_post(directory.watches, owner, request.post))
        _refuse(roster.check_period(request.since, request.until))
        if not is_centre(actor) and not directory.has_role(request.person, owner, _now(), *WRITE):
            raise Refusal("UNKNOWN_PERSON")
        body = watch.Manned(**request.model_dump(exclude={"watch"}))
        return await self._append(received, owner, request.post, body)

    async def take(self, received: Received) -> Accepted:
        """The sender holds the function from now on, whatever the roster says."""
        request, now = cast(watch.TakeOver, received.request), self._now(received)
        person = self._check_serves(received, request.post)
        _refuse(roster.check_period(now, request.until))
        body = watch.Manned(person=person, since=now, manner="taken", **request.model_dump())
        return await self._append(received, received.address.key, request.post, body)

    async def release(self, received: Received) -> Accepted:
        """The sender no longer holds what he or she has taken over."""
        request, now = cast(watch.Release, received.request), self._now(received)
        person = self._check_serves(received, request.post)
        owner = received.address.key

        def decide(history: list[Recorded]) -> Body:
            place = (owner, request.post, request.function)
            if roster.taker(_duty_of(owner, history), place, now) != person:
                raise Refusal("NOT_HOLDING")
            return watch.Released(person=person, at=now, **request.model_dump())

        recorded = await self._guarded.append(received, owner, request.post, watch.Released, decide)
        return _accept(recorded)

    async def duty(self, asked: dict[str, Any], address: subjects.Address) -> dict[str, Any]:
        """Who is on duty: the own organisation in full, others only whether each function is filled."""
        question = validate(AskDuty, orjson.dumps(asked))
        if question.actor.key != address.key:
            raise Refusal("WRONG_SENDER")
        known = self._pictures.get(address.mode)
        if known is None:
            raise Refusal("UNKNOWN_TYPE")
        _refuse(check(question.actor, READ, "duty", known.directory, _now()))
        at, only = question.at or known.directory.now(address.org, _now()), question.watch
        gaps = roster.gaps(known.duty, at, at + roster.HORIZON)
        told = (gap for gap in gaps if _is_told(gap.place[0], address.key, only, known.directory))
        return {
            "status": "ok",
            "duty": list(picture(known.duty, known.directory.watches, address.key, at, only)),
            "gaps": [_gap(gap) for gap in told],
        }

    async def _append(self, received: Received, owner: str, id: str, body: Body) -> Accepted:
        return _accept(await self._guarded.append(received, owner, id, type(body), lambda _: body))

    def _now(self, received: Received) -> datetime:
        """What time it is for the sender: an exercise has its own."""
        return self._directory(received).now(received.address.org, _now())

    def _directory(self, received: Received) -> Directory:
        return self._pictures[received.address.mode].directory

    def _check_administers(self, received: Received, owner: str) -> None:
        """Refuse unless the sender may decide over a watch of his or her own organisation."""
        actor, verb, now = received.command.data.actor, received.request.verb, _now()
        directory = self._directory(received)
        _refuse(check(actor, ADMINISTER, verb, directory, now))
        own = subjects.split_key(owner)[0] == received.address.org
        may = is_centre(actor) or directory.has_role(actor.person or "", owner, now, *ADMINISTER)
        if not own or not may:
            raise Refusal("NOT_ALLOWED", act=verb)

    def _check_serves(self, received: Received, post: str) -> str:
        """The person who sends, if he or she is an operator or leader here and the post exists."""
        actor, directory = received.command.data.actor, self._directory(received)
        _refuse(check(actor, WRITE, received.request.verb, directory, _now()))
        if actor.person is None:
            raise Refusal("PERSON_NEEDED", act=received.request.verb)
        _refuse(roster.check_post(directory.watches, actor.key, post))
        return actor.person

    def _is_code_taken(self, received: Received, request: watch.Establish) -> bool:
        """True if another watch of the organisation has the code: its running numbers would be mixed up."""
        return any(
            known.code == request.code
            and key != request.watch
            and key.partition(".")[0] == received.address.org
            for key, known in self._directory(received).watches.items()
        )


def _duty_of(owner: str, history: list[Recorded]) -> Duty:
    duty = Duty()
    for recorded in history:
        duty.apply(owner, recorded.body)
    return duty


def _accept(recorded: Recorded) -> Accepted:
    fact = recorded.fact
    return Accepted(id=fact.id, subject=fact.subject, receipt=fact.id, result=fact.data.body)


def _refuse(refused: Refused | None) -> None:
    if refused is not None:
        raise Refusal(refused.code, **refused.parameters)


def _is_told(key: str, asking: str, only: str | None, directory: Directory) -> bool:
    """True for a gap of the own house; of a hidden watch for that watch alone (D13)."""
    own = key.partition(".")[0] == asking.partition(".")[0]
    return own and only in (None, key) and (key == asking or not directory.hidden(key))


def _gap(gap: roster.Gap) -> dict[str, Any]:
    watch_key, post, function = gap.place
    until = gap.until.isoformat() if gap.until else None
    return {
        "watch": watch_key,
        "post": post,
        "function": function.value,
        "since": gap.since.isoformat(),
        "until": until,
    }


def _now() -> datetime:
    return datetime.now(UTC).astimezone()
