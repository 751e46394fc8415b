"""Commands about two incidents, and about who answers for one: from the command to its facts."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from schemas import incidents, relations
from schemas.envelope import Accepted, Answer, Refused, Request
from schemas.identifiers import read_ref
from schemas.vocabulary import IncidentState
from services.incidents import glass, handlers, limits, log, staffing, ties
from services.incidents.fold import Incident, Log
from services.incidents.handlers import TRIES, Handlers, Rule
from services.incidents.picture import Picture
from services.runtime.appender import Conflict
from services.runtime.door import Route
from services.runtime.guarded import Folded
from services.runtime.ledger import Ledger, Recorded, next_id
from services.runtime.reading import Received

_TIES = "ties"
"""One command that ties incidents is decided on after another, in each mode."""


class TieHandlers(Handlers):
    """What the door of the incident log does with each command, ties of incidents among them."""

    def __init__(self, ledger: Ledger, pictures: Mapping[str, Picture], folds: Mapping[str, Folded]) -> None:
        super().__init__(ledger, pictures)
        self._folds = folds

    async def tie(self, rule: Rule, received: Received) -> Answer:
        """Decide on two incidents as they are now. The next such command knows of it."""
        mode = received.address.mode
        async with self._locks.holding(f"{mode}.{_TIES}"):
            for _ in range(TRIES):
                answer = await self._tie_once(rule, received)
                if answer is not None:
                    return answer
        raise Conflict(received.command.id)

    async def _tie_once(self, rule: Rule, received: Received) -> Answer | None:
        named = await self._find(received)
        one = named if isinstance(received.request, _AS_NAMED) else await self._seen_or(received, named)
        other = await self._other(received, one)
        for known in filter(None, (named, one, other, await self._left(received, one))):
            earlier = await self._earlier(received, known)
            if earlier is not None:
                return await self._tied(received, earlier, named)
        seen = await self._seen_line(received, one, other)
        case = replace(self._case(received, one), other=other, seen=seen)
        verdict = limits.discarded(case) or rule(case)
        if isinstance(verdict, Refused):
            return verdict
        draft = self._draft(received, verdict, verdict.part.id)
        try:
            recorded = await self._ledger.append(draft, resend=received.command.data.resend, looked=True)
        except Conflict:
            return None
        return await self._tied(received, recorded, named)

    async def _tied(self, received: Received, recorded: Recorded, named: Log) -> Answer:
        """Accepted, once the next command will be decided on knowing of it; it bears the first one's name."""
        await self._folds[received.address.mode].reached(recorded.sequence)
        answer = self._accepted(received, recorded, named)
        incident = limits.of_head(self._case(received, named))
        if incident is not None:
            answer = answer.model_copy(update={"subject": incident.id, "ref": incident.ref})
        return await self._say_so(received, answer, named)

    async def ask_transfer(self, received: Received) -> Answer:
        """Ask another watch to answer for the incident; first it is let see the head, if it does not.

        The share has an id derived from the command's: sent again after a crash between them, both are done.
        """
        mode, id = received.address.mode, (await self._where(received, await self._find(received))).id
        async with self._locks.holding(f"{mode}.{id}"):
            known = await self._logs.look(mode, id)
            case = self._case(received, known)
            verdict = limits.discarded(case) or staffing.share_first(case)
        if isinstance(verdict, Refused):
            return verdict
        if verdict is not None and known.sequence_of(received.command.id) is None:
            first = next_id(received.command.id, 1)
            draft = replace(self._draft(received, verdict, id), id=first, content=None)
            await self._copy(mode, verdict, draft)
            await self._ledger.append(draft, resend=received.command.data.resend)
        return await self.in_turn(staffing.ask_transfer, received)

    async def close(self, received: Received) -> Answer:
        """Close the incident; the answer names its open children that the sender may see (event 61)."""
        answer = await self.in_turn(log.close_incident, received)
        if not isinstance(answer, Accepted):
            return answer
        mode = received.address.mode
        below = sorted(self._pictures[mode].relations.below.get(answer.subject, ()))
        found = await asyncio.gather(*(self._logs.look(mode, id) for id in below))
        heads = (limits.of_head(self._case(received, one)) for one in found)
        refs = [head.ref for head in heads if head is not None and head.state is not IncidentState.CLOSED]
        result = answer.result | ({"open_children": refs} if refs else {})
        return answer.model_copy(update={"result": result})

    def _is_repeated(self, request: Any, body: Any, part: Incident) -> bool:
        if type(request) in ties.LEADS_TO:
            return ties.is_repeated(request, body)
        if type(request) in staffing.LEADS_TO:
            return staffing.is_repeated(request, body)
        if isinstance(request, relations.BreakGlass):
            return glass.is_repeated(request, body)
        return super()._is_repeated(request, body, part)

    async def _other(self, received: Received, named: Log) -> Log | None:
        """The second incident; where none is named, the present parent, or what the first was merged into.

        Two are read in any case, as for the first: the time it takes tells nothing.
        """
        mode, request = received.address.mode, received.request
        picture = self._pictures[mode]
        id, said = getattr(request, "other", None), getattr(request, "other_ref", None)
        if id is None and said is not None:
            ref = read_ref(said) or said
            id = picture.refs.find(ref) or log.unattached_id(received.command.data.actor.key, ref)
        if id is None:
            up = picture.relations.merged if isinstance(request, _AS_NAMED) else picture.relations.parents
            id = up.get(named.id)
            return None if id is None else await self._logs.look(mode, id)
        return await self._seen_or(received, await self._logs.look(mode, id))

    async def _left(self, received: Received, child: Log) -> Log | None:
        """The log of the parent that an incident was taken from last: there the command may lie already."""
        mode, request = received.address.mode, received.request
        id = self._pictures[mode].relations.left.get(child.id)
        is_wanted = isinstance(request, relations.SetParent) and not ties.names_other(request)
        return await self._logs.look(mode, id) if is_wanted and id is not None else None

    async def _seen_or(self, received: Received, named: Log) -> Log:
        return await self._seen_survivor(received, named) or named

    async def _seen_line(self, received: Received, one: Log, other: Log | None) -> frozenset[str]:
        """Of the incidents between the two in the line of parents, those whose heads the sender may see."""
        mode = received.address.mode
        line = [] if other is None else self._pictures[mode].relations.ancestors(other.id)
        if one.id not in line:
            return frozenset()
        between = await asyncio.gather(*(self._logs.look(mode, id) for id in line[: line.index(one.id)]))
        return frozenset(
            found.id for found in between if limits.of_head(self._case(received, found)) is not None
        )


_AS_NAMED = (relations.MergeIncident, relations.UnmergeIncident)
"""Commands that are about the very incident that they name, merged or not."""


def routes(found: TieHandlers) -> tuple[Route, ...]:
    """Every command of the trade and what answers it."""
    own = [route for route in handlers.routes(found) if route.request is not incidents.CloseIncident]
    in_turn: dict[type[Request], Rule] = {
        relations.ChangePlace: staffing.change_place,
        relations.AssignFunction: staffing.assign,
        relations.EndFunction: staffing.end_function,
        relations.AnswerTransfer: staffing.answer_transfer,
        relations.WithdrawTransfer: staffing.withdraw_transfer,
        relations.BreakGlass: glass.break_glass,
    }
    tied: dict[type[Request], Rule] = {
        relations.SetParent: ties.set_parent,
        relations.LinkIncidents: ties.link,
        relations.UnlinkIncidents: ties.unlink,
        relations.MergeIncident: ties.merge,
        relations.UnmergeIncident: ties.unmerge,
    }
    return (
        *own,
        Route(incidents.CloseIncident, found.close),
        Route(relations.AskTransfer, found.ask_transfer),
        Route(relations.AddReference, partial(found.write, staffing.add_reference)),
        *(Route(request, partial(found.in_turn, rule)) for request, rule in in_turn.items()),
        *(Route(request, partial(found.tie, rule)) for request, rule in tied.items()),
    )
