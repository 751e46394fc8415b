"""From a command at the door to its facts in the ledger, and the answer."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any, cast

from schemas import entries, incident_types, incidents, records, subjects
from schemas.envelope import Accepted, Answer, Refused
from schemas.identifiers import derived_id, read_ref
from services.incidents import defaults, endings, limits, log, retaining
from services.incidents.fold import Incident, Log
from services.incidents.limits import Case
from services.incidents.picture import Logs, Picture
from services.incidents.verdict import Decided, Verdict
from services.runtime.appender import Conflict
from services.runtime.door import Route
from services.runtime.ledger import Draft, IdTaken, Ledger, Recorded, command_draft, next_id
from services.runtime.locks import KeyedLocks
from services.runtime.reading import Received, Refusal

TRIES = 5

Rule = Callable[[Case[Any]], Verdict]
Then = Callable[[Received, str], Awaitable[None]]


class Handlers:
    """What the door of the incident log does with each command."""

    def __init__(self, ledger: Ledger, pictures: Mapping[str, Picture]) -> None:
        self._ledger = ledger
        self._pictures = pictures
        self._logs = Logs(ledger)
        self._locks = KeyedLocks()

    async def open(self, received: Received) -> Answer:
        """Open an incident. Nothing is read before, unless it came before or its id is in use."""
        mode, id = received.address.mode, received.request.incident  # type: ignore[attr-defined]
        refs = self._pictures[mode].refs
        rule = partial(log.open_incident, ref=refs.draw())
        async with self._locks.holding(f"{mode}.{id}"):
            is_known = received.command.data.resend or refs.owner(id) is not None
            known = await self._logs.look(mode, id) if is_known else Log(id)
            for _ in range(TRIES):
                answer = await self._attempt(received, known, rule)
                if answer is not None:
                    return answer
                known = await self._logs.look(mode, id)
        raise Conflict(id)

    async def add(self, received: Received) -> Answer:
        """Write an entry; nothing that others write meanwhile stands in its way."""
        return await self.write(log.add_entry, received)

    async def write(self, rule: Rule, received: Received) -> Answer:
        """Decide on what nothing that others write meanwhile stands in the way of."""
        known = await self._find(received)
        answer = await self._attempt(received, known, rule)
        if answer is None:
            raise Conflict(received.command.id)
        return await self._say_so(received, answer, known)

    async def share(self, received: Received) -> Answer:
        """Raise an item, and then what corrects or ends it."""
        return await self.in_turn(log.share_wider, received, then=self._raise_followers)

    async def set_type(self, received: Received) -> Answer:
        """Put a type into the register. Raises Refusal."""
        mode, command = received.address.mode, received.command
        request = cast(incident_types.SetType, received.request)
        body = defaults.set_type(command.data.actor, request, self._pictures[mode].directory)
        if isinstance(body, Refused):
            return body
        draft = command_draft(command, mode, received.address.key, derived_id("type", body.type), body)
        recorded = await self._ledger.append(draft, resend=command.data.resend)
        return Accepted(id=command.id, subject=body.type, receipt=recorded.fact.id)

    async def in_turn(self, rule: Rule, received: Received, then: Then | None = None) -> Answer:
        """Decide on a log as it is now, and again when others were faster; one command of a log at a time."""
        mode, named = received.address.mode, await self._find(received)
        id = (await self._where(received, named)).id
        async with self._locks.holding(f"{mode}.{id}"):
            for _ in range(TRIES):
                known = await self._logs.look(mode, id)
                answer = await self._attempt(received, known, rule)
                if isinstance(answer, Accepted) and then is not None:
                    await then(received, id)
                if answer is not None:
                    return await self._say_so(received, answer, named)
        raise Conflict(id)

    async def _where(self, received: Received, named: Log) -> Log:
        """The log in which a command takes effect; that which it names, unless it was merged.

        An item is dealt with where it lies; what concerns the incident as a whole is done to what it was
        merged into, as far as the sender may see that.
        """
        mode, request = received.address.mode, received.request
        relations = self._pictures[mode].relations
        if named.sequence_of(received.command.id) is not None:
            return named
        item = getattr(request, "entry", None) or getattr(request, "assignment", None)
        if item == incidents.HEAD:
            return named
        if item is not None:
            top = relations.survivor(named.id)
            for id in (named.id, top, *relations.family(top)):
                found = await self._logs.look(mode, id)
                is_there = any(item in part.facts for part in found.parts.values())
                if is_there and limits.concerns(self._case(received, found)):
                    return found
            return named
        return await self._seen_survivor(received, named) or named

    async def _seen_survivor(self, received: Received, named: Log) -> Log | None:
        """What an incident is gone on with as, if it was merged and the sender may see both heads."""
        mode = received.address.mode
        if limits.of_head(self._case(received, named)) is None:
            return None
        for id in reversed(self._pictures[mode].relations.line(named.id)):
            found = await self._logs.look(mode, id)
            if limits.of_head(self._case(received, found)) is not None:
                return found
        return None

    async def _say_so(self, received: Received, answer: Answer, named: Log) -> Answer:
        """Tell a sender who named a merged incident what it is gone on with as."""
        if not isinstance(answer, Accepted):
            return answer
        found = await self._seen_survivor(received, named)
        if found is None or found.opened is None:
            return answer
        return answer.model_copy(update={"result": answer.result | {"merged_into": found.opened.ref}})

    async def _attempt(self, received: Received, known: Log, rule: Rule) -> Answer | None:
        """The answer to a command on what is known; None if that is no longer so."""
        mode, command = received.address.mode, received.command
        if command.id == incidents.HEAD:
            raise IdTaken(command.id)
        earlier = await self._earlier(received, known)
        if earlier is not None:
            return self._accepted(received, earlier, known)
        case = self._case(received, known)
        verdict = limits.discarded(case) or rule(case)
        if isinstance(verdict, Refused):
            return verdict
        draft = self._draft(received, verdict, known.id)
        await self._copy(mode, verdict, draft)
        try:
            recorded = await self._ledger.append(draft, resend=command.data.resend, looked=True)
        except Conflict:
            return None
        return self._accepted(received, recorded, known)

    async def _find(self, received: Received) -> Log:
        """The log that the sender means; one of its own if it may not see what it means.

        By ref, two are read in any case: how long it takes does not tell whether there is such an incident.
        """
        mode, request, sender = received.address.mode, received.request, received.command.data.actor.key
        id = getattr(request, "incident", None) or getattr(request, "order", None)
        said = getattr(request, "ref", None)
        if id is not None:
            return await self._logs.look(mode, id)
        if said is None:
            raise Refusal("MALFORMED", where=["data.body.incident"])
        ref = read_ref(said) or said
        own = log.unattached_id(sender, ref)
        meant = await self._logs.look(mode, self._pictures[mode].refs.find(ref) or own)
        unattached = await self._logs.look(mode, own)
        if unattached.sequence_of(received.command.id) is not None:
            return unattached
        return meant if limits.concerns(self._case(received, meant)) else unattached

    async def _earlier(self, received: Received, known: Log) -> Recorded | None:
        """The fact that an earlier sending led to. Raises IdTaken if the id stands for something else."""
        mode, command = received.address.mode, received.command
        sequence = known.sequence_of(command.id)
        if sequence is None:
            return None
        found = await self._ledger.at(mode, sequence)
        if found is None or found.fact.data.actor.key != command.data.actor.key:
            raise IdTaken(command.id)
        part = known.part(found.fact.data.owner)
        is_same = self._is_repeated(received.request, found.body, part)
        if not is_same or not await self._ledger.holds(mode, found, received.content_dict()):
            raise IdTaken(command.id)
        return found

    def _is_repeated(self, request: Any, body: Any, part: Incident) -> bool:
        return log.is_repeated(request, body, part)

    async def _copy(self, mode: str, decided: Decided, draft: Draft) -> None:
        if decided.copies is None:
            return
        if await self._ledger.copy_content(mode, draft.place, decided.copies) is None:
            raise LookupError("content to be shared is missing")

    async def _raise_followers(self, received: Received, id: str) -> None:
        mode, request, command = received.address.mode, received.request, received.command
        known = await self._logs.look(mode, id)
        part = next(part for part in known.parts.values() if command.id in part.facts)
        for number, decided in log.raise_followers(part, request.entry):  # type: ignore[attr-defined]
            draft = replace(self._draft(received, decided, id), id=next_id(command.id, number))
            await self._copy(mode, decided, draft)
            await self._ledger.append(draft, resend=command.data.resend)

    def _draft(self, received: Received, decided: Decided, id: str) -> Draft:
        part, mode, command = decided.part, received.address.mode, received.command
        guard = subjects.facts_of(mode, id, *subjects.split_key(part.owner)) if decided.guarded else None
        said = command.data.occurred_at
        directory = self._pictures[mode].directory
        return command_draft(
            command,
            mode,
            part.owner,
            id,
            decided.body,
            occurred_at=directory.occurred(received.address.key, said, command.time),
            controller=part.controller,
            content=decided.content,
            level=decided.level,
            guard=guard,
            expected=part.sequence,
            not_before=part.recorded_at,
        )

    def _case(self, received: Received, known: Log) -> Case[Any]:
        picture = self._pictures[received.address.mode]
        return Case(
            received.command.data.actor,
            received.request,
            received.content_dict(),
            known,
            picture.directory,
            datetime.now(UTC),
            relations=picture.relations,
        )

    def _accepted(self, received: Received, recorded: Recorded, known: Log) -> Accepted:
        """The incident's id and ref are told to those who may see its head; others hear what they said."""
        command, body = received.command, recorded.body
        if not self._pictures[received.address.mode].directory.hidden(recorded.fact.data.owner):
            received.said["incident"] = recorded.fact.subject
        subject, ref = getattr(received.request, "incident", None) or command.id, None
        if isinstance(body, incidents.Opened):
            self._pictures[received.address.mode].apply(recorded)
            ref = body.ref
        elif (incident := limits.of_head(self._case(received, known))) is not None:
            is_there = recorded.fact.data.owner == incident.owner
            subject, ref = (incident.id, incident.ref) if is_there else (subject, None)
        mark = getattr(body, "mark", None)
        result = {"mark": mark} if mark else {}
        return Accepted(id=command.id, subject=subject, ref=ref, receipt=command.id, result=result)


def routes(handlers: Handlers) -> tuple[Route, ...]:
    """Every command of the trade and what answers it."""
    return (
        Route(incidents.OpenIncident, handlers.open),
        Route(incidents.AddEntry, handlers.add),
        Route(incidents.ChangeState, partial(handlers.in_turn, log.change_state)),
        Route(incidents.CloseIncident, partial(handlers.in_turn, log.close_incident)),
        Route(incidents.CorrectEntry, partial(handlers.in_turn, log.correct_entry)),
        Route(incidents.ShareWider, handlers.share),
        Route(incidents.AskErasure, partial(handlers.in_turn, log.ask_erasure)),
        Route(incidents.ApproveErasure, partial(handlers.in_turn, log.approve_erasure)),
        Route(entries.CloseTask, partial(handlers.in_turn, endings.close_task)),
        Route(entries.AnswerRequest, partial(handlers.in_turn, endings.answer_request)),
        Route(entries.TickStep, partial(handlers.in_turn, endings.tick_step)),
        Route(incident_types.SetType, handlers.set_type),
        Route(records.OrderRetention, partial(handlers.in_turn, retaining.order_retention)),
        Route(records.OrderDeliveryTerm, partial(handlers.in_turn, retaining.order_delivery_term)),
        Route(records.AdoptRetention, partial(handlers.in_turn, retaining.adopt_retention)),
        Route(records.ApproveRetention, partial(handlers.in_turn, retaining.approve_retention)),
        Route(records.EndRetention, partial(handlers.in_turn, retaining.end_retention)),
        Route(records.PlaceHold, partial(handlers.in_turn, retaining.place_hold)),
        Route(records.LiftHold, partial(handlers.in_turn, retaining.lift_hold)),
    )
