"""The door: policies, acknowledging, declining, and the question which chains there are."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, cast

import orjson

from schemas import authorisation
from schemas.directory import Directory
from schemas.envelope import Accepted, Actor, Answer, Body, Command
from schemas.notifications import (
    Acknowledge,
    Acknowledged,
    Decline,
    Declined,
    Escalated,
    Failed,
    PolicySet,
    Sent,
    SetPolicy,
    Started,
)
from schemas.subjects import Address, Place
from schemas.vocabulary import DutyFunction
from services.notifications import store
from services.notifications.escalation import concerns
from services.notifications.pager import Pager
from services.notifications.picture import Picture
from services.notifications.rules import Chain
from services.notifications.store import ChainRow
from services.runtime.ledger import Recorded, command_draft
from services.runtime.reading import Received, Refusal, validate

POLICY = "policy"
"""The id under which a watch's policies lie."""
_SEEN = Sent | Escalated | Declined
"""Steps that others than the paged watch hear of."""
_STEPS = _SEEN | Failed


class Handlers:
    """Answers commands and questions of trade ``notifications``."""

    def __init__(self, pager: Pager, pictures: Mapping[str, Picture]) -> None:
        self._pager = pager
        self._pictures = pictures

    async def set_policy(self, received: Received) -> Answer:
        """Set how a watch is told: a leader's or the operations' act, in the own watch."""
        request, command = cast(SetPolicy, received.request), received.command
        mode, actor = received.address.mode, command.data.actor
        directory, now = self._pictures[mode].directory, datetime.now(UTC)
        refused = authorisation.check(actor, authorisation.ADMINISTER, POLICY, directory, now)
        if refused is not None:
            raise Refusal(refused.code, **refused.parameters)
        if not authorisation.is_centre(actor) and request.watch != actor.key:
            raise Refusal("NOT_ALLOWED", act=POLICY)
        _check_steps(request, actor, directory)
        body = PolicySet(watch=request.watch, rules=request.rules, channels=request.channels)
        draft = command_draft(command, mode, request.watch, POLICY, body)
        recorded = await self._pager.ledger.append(draft, resend=command.data.resend)
        return Accepted(id=command.id, subject=request.watch, receipt=recorded.fact.id)

    async def acknowledge(self, received: Received) -> Answer:
        """A named person has it: the chain ends."""
        request = cast(Acknowledge, received.request)
        answer = await self.answer(received.address.mode, received.command, request.chain, is_decline=False)
        received.said["chain"] = request.chain
        return answer

    async def decline(self, received: Received) -> Answer:
        """A named person cannot: the next step is taken at once."""
        request = cast(Decline, received.request)
        answer = await self.answer(received.address.mode, received.command, request.chain, is_decline=True)
        received.said["chain"] = request.chain
        return answer

    async def answer(self, mode: str, command: Command, chain_id: str, *, is_decline: bool) -> Answer:
        """Record an answer, once.

        Raises Refusal: PERSON_NEEDED, UNKNOWN_CHAIN, NOT_ALLOWED, CHAIN_ENDED.
        """
        actor = command.data.actor
        if actor.person is None or actor.machine is not None:
            raise Refusal("PERSON_NEEDED", act=command.type)
        async with self._pager.locks.holding(chain_id):
            chain = await self.find(chain_id)
            if chain is None or chain.mode != mode or not concerns(chain, actor.key):
                raise Refusal("UNKNOWN_CHAIN")
            function = self._function(chain, actor, actor.person)
            if chain.outcome is not None:
                await self._require_own_answer(chain, command.id)
            else:
                await self._append(chain, command, _answer(chain, actor.person, function, is_decline))
        if is_decline:
            self._pager.wake(chain_id)
        return Accepted(
            id=command.id,
            subject=chain.id,
            ref=chain.ref,
            receipt=command.id,
            result={"outcome": chain.outcome or "declined"},
        )

    async def find(self, chain_id: str) -> Chain | None:
        """A chain, open or ended; None when there is none."""
        chain = self._pager.open.get(chain_id)
        if chain is not None:
            return chain
        for row in await self._pager.rows.run(store.chains(chain=chain_id)):
            return (await self._pager.past(row.mode, place_of(row))).get(chain_id)
        return None

    def is_hidden(self, chain: Chain) -> bool:
        """True if the chain's page may not say what it is about."""
        return self._pager.is_hidden(chain)

    def is_shut(self, mode: str) -> bool:
        """True while nothing may be recorded."""
        return self._pager.ledger.gates[mode].reason is not None

    async def chains(self, query: dict[str, Any], address: Address) -> dict[str, Any]:
        """The chains of an incident, or the open ones, as far as they are the asking watch's business.

        The paged watch sees persons and times; the incident's own watch sees functions and what became of it.
        """
        actor = validate(Actor, orjson.dumps(query.get("actor")), "actor.")
        if actor.key != address.key:
            raise Refusal("WRONG_SENDER")
        directory, now = self._pictures[address.mode].directory, datetime.now(UTC)
        refused = authorisation.check(actor, authorisation.READ, "chains", directory, now)
        if refused is not None:
            raise Refusal(refused.code, **refused.parameters)
        incident = query.get("incident")
        if not isinstance(incident, str) and not query.get("open"):
            raise Refusal("MALFORMED", where=["incident"])
        where = {"incident": incident} if isinstance(incident, str) else {"outcome": ""}
        rows = await self._pager.rows.run(store.chains(mode=address.mode, **where))
        return {"status": "ok", "chains": await self._described(rows, address)}

    async def _described(self, rows: list[ChainRow], address: Address) -> list[dict[str, Any]]:
        found = []
        for place in dict.fromkeys(place_of(row) for row in rows):
            history = await self._pager.ledger.history(address.mode, place.id, place.org, place.watch)
            past = await self._pager.past(address.mode, place)
            chains = [past[row.chain] for row in rows if row.chain in past and place_of(row) == place]
            for chain in sorted(chains, key=_in_order(history)):
                if concerns(chain, address.key) or address.key == place.key:
                    found.append(describe(chain, history, full=concerns(chain, address.key)))
        return found

    def _function(self, chain: Chain, actor: Actor, person: str) -> DutyFunction:
        people = self._pictures[chain.mode].people
        function = people.function_of(chain, person, actor.key, chain.clock.time(datetime.now(UTC)))
        if function is None:
            raise Refusal("NOT_ALLOWED", act="ack")
        return function

    async def _require_own_answer(self, chain: Chain, command_id: str) -> None:
        """A command that was recorded before is answered as then; any other comes too late."""
        place = chain.place
        history = await self._pager.ledger.history(chain.mode, place.id, place.org, place.watch)
        if not any(one.fact.id == command_id for one in history):
            raise Refusal("CHAIN_ENDED", outcome=chain.outcome)

    async def _append(self, chain: Chain, command: Command, body: Body) -> None:
        owner, incident = chain.place.key, chain.place.id
        draft = command_draft(command, chain.mode, owner, incident, body, controller=chain.controller)
        self._pager.take(chain, await self._pager.ledger.append(draft, resend=command.data.resend))


def _check_steps(request: SetPolicy, actor: Actor, directory: Directory) -> None:
    """Refuse a step that tells a hidden watch, or another house: who is paged there is told to the own watch.

    What the centre file says was agreed upon.
    """
    if authorisation.is_centre(actor):
        return
    for step in (step for rules in request.rules for step in rules.steps):
        watch = step.watch or actor.key
        is_own_house = watch.partition(".")[0] == actor.organisation
        is_open = watch in directory.watches and is_own_house and not directory.hidden(watch)
        if watch != actor.key and not is_open:
            raise Refusal("UNKNOWN_WATCH", watch=watch)


def place_of(row: ChainRow) -> Place:
    """Where a chain's facts lie."""
    return Place(row.mode, row.org, row.owner, Started.trade, row.incident, Started.name)


def describe(chain: Chain, history: list[Recorded], *, full: bool) -> dict[str, Any]:
    """A chain as it is answered; without ``full`` neither names nor minutes of silence are told."""
    steps = [
        _step(one, one.body, full=full)
        for one in history
        if isinstance(one.body, _STEPS if full else _SEEN) and one.body.chain == chain.id
    ]
    cause = {"cause": chain.item} if full else {}
    return cause | {
        "chain": chain.id,
        "watch": chain.watch,
        "incident": chain.place.id,
        "priority": chain.priority,
        "type": chain.type,
        "ref": chain.ref,
        "state": chain.outcome or "open",
        "started_at": chain.started_at.isoformat(),
        "steps": steps,
    }


def _step(recorded: Recorded, body: Body, *, full: bool) -> dict[str, Any]:
    """One step; never the gateway's receipt, which may be a number that counts everybody's messages."""
    told = body.model_dump(mode="json", exclude_none=True, exclude={"chain", "watch", "receipt"})
    if full:
        occurred_at = recorded.fact.data.occurred_at.isoformat()
        at = recorded.fact.time.isoformat()
        return {"what": body.name, **told, "at": at, "occurred_at": occurred_at}
    return {"what": body.name, "function": told["function"]}


def _answer(chain: Chain, person: str, function: DutyFunction, is_decline: bool) -> Body:
    if not is_decline:
        return Acknowledged(
            chain=chain.id, watch=chain.watch, cause=chain.cause, person=person, function=function
        )
    return Declined(chain=chain.id, watch=chain.watch, person=person, function=function)


def _in_order(history: list[Recorded]) -> Callable[[Chain], tuple[int, str]]:
    """By what they tell of, then by watch: which of those told of one thing was first is chance."""
    places = {one.fact.id: place for place, one in enumerate(history)}
    return lambda chain: (places.get(chain.cause, len(places)), chain.watch)
