"""What facts and timers set going: a fact that asks for it starts a chain for each watch to be told."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from schemas import subjects
from schemas.catalogue import read_fact
from schemas.discards import Share
from schemas.envelope import Body, Fact
from schemas.exercise import TRADE as EXERCISE
from schemas.exercise import Discarded
from schemas.incidents import TRADE as INCIDENTS
from schemas.incidents import Opened, SharedWider
from schemas.notifications import TRADE, PolicyRules, Started, chain_id
from schemas.records import DeliveriesErased
from schemas.relations import GlassBroken
from schemas.reports import TRADE as REPORTS
from schemas.reports import DeadlineMissed, DeadlineReminded
from schemas.subjects import Place
from schemas.vocabulary import Channel, Priority
from schemas.watch import TRADE as WATCH
from schemas.watch import GapFound
from services.notifications import forgetting, store
from services.notifications.matter import OF_INCIDENTS, OF_REPORTS, Matter, Past, addressees, matter
from services.notifications.pager import Pager
from services.notifications.picture import Picture
from services.notifications.policy import (
    dpo_rules,
    gap_rules,
    missed_rules,
    reminder_rules,
    rules_for,
)
from services.notifications.store import DoneRow
from services.runtime.appender import Unreachable
from services.runtime.reaction import UNREADABLE, Delivered, Unreadable
from services.runtime.timers import Key

DEFAULT_CHANNELS = [Channel.GATEWAY, Channel.EMAIL]
GAP = "roster_gap"
"""The type that a chain about an empty post bears."""
YOUNG = timedelta(minutes=1)
_NOBODY = b'"notify":[]'
_LOUD = tuple(f'"{body.type_name()}"'.encode() for body in (GapFound, GlassBroken))
_TELLING = {(INCIDENTS, body.name) for body in OF_INCIDENTS}
_BY_THEMSELVES = (GapFound, GlassBroken)
"""Facts that somebody is told of although they name nobody."""
_REPORTS = {(REPORTS, body.name) for body in OF_REPORTS}
_FORGETTING = {(EXERCISE, Discarded.name), (INCIDENTS, DeliveriesErased.name)}
"""Facts by which rows go."""
_WANTED = {*_TELLING, *_REPORTS, *_FORGETTING, (WATCH, GapFound.name), (INCIDENTS, GlassBroken.name)}


class Reactions:
    """Handlers of facts and fired timers; each may be called again with the same message."""

    def __init__(self, pager: Pager, pictures: Mapping[str, Picture]) -> None:
        self._pager = pager
        self._pictures = pictures

    async def on_fact(self, delivered: Delivered) -> None:
        """Start the chains that a fact asks for. Raises Unreadable; Unreachable while the gate is shut."""
        place = subjects.parse_place(delivered.subject)
        if place is None or (place.trade, place.fact) not in _WANTED or place.mode not in self._pictures:
            return
        try:
            fact, body = read_fact(delivered.data)
        except ValueError:
            raise Unreadable(UNREADABLE) from None
        if isinstance(body, Discarded | DeliveriesErased):
            await self._forget(place, body)
            return
        if body is None or not (addressees(body) or isinstance(body, _BY_THEMSELVES)):
            return
        if self._pictures[place.mode].directory.is_discarded(place.key, fact.time):
            return
        if await self._is_done(delivered, place, fact):
            return
        if self._pager.ledger.gates[place.mode].reason is not None:
            raise Unreachable(fact.id)
        await self._start_chains(place, fact, body)
        self._pager.spawn(self._pager.keep(store.add([DoneRow(mode=place.mode, fact=fact.id)])))

    async def _forget(self, place: Place, body: Discarded | DeliveriesErased) -> None:
        """Let rows go; once more does no harm."""
        if isinstance(body, DeliveriesErased):
            await self._pager.rows.run(forgetting.pass_term(place))
            return
        share = Share.of(body, self._pictures[place.mode].directory)
        self._pager.discard(place.mode, share)
        await self._pager.rows.run(forgetting.discard(place.mode, share))

    async def on_timer(self, delivered: Delivered) -> None:
        """Look at the chain whose moment has come; what is due is read from its state."""
        _, _, mode, _, name = delivered.subject.split(".")
        self._pager.timers.fired(Key(mode, name))
        self._pager.wake(name)

    async def _is_done(self, delivered: Delivered, place: Place, fact: Fact) -> bool:
        """True if the fact was reacted to; a young one that is delivered for the first time was not."""
        if delivered.attempt == 1 and datetime.now(UTC) - fact.time < YOUNG:
            return False
        return bool(await self._pager.keep(store.is_done(place.mode, fact.id)))

    async def _start_chains(self, place: Place, fact: Fact, body: Body) -> None:
        picture = self._pictures[place.mode]
        if isinstance(body, GapFound):
            rules = gap_rules(place.key, picture.directory)
            told = Matter(fact.id, Priority.HIGH, GAP, None)
            await self._start(place, fact, place.key, told, rules)
            return
        if isinstance(body, GlassBroken):
            told = Matter(fact.id, Priority.HIGH, body.name, None)
            await self._start(place, fact, place.key, told, dpo_rules())
            return
        past, now = await self._past(place, body), datetime.now(UTC)
        for watch in addressees(body):
            told = matter(fact, body, past, watch, picture.directory, now)
            rules_now = self._rules(picture, body, told, watch)
            if rules_now is None or _was_told(past, told.item, watch, body):
                continue
            await self._start(place, fact, watch, told, rules_now)

    def _rules(self, picture: Picture, body: Body, told: Matter, watch: str) -> PolicyRules | None:
        """A report that is due has rules of its own: a policy would wait where time is up already."""
        match body:
            case DeadlineReminded():
                return reminder_rules()
            case DeadlineMissed():
                return missed_rules(watch, picture.directory)
        return rules_for(picture.policies.get(watch), told.priority, watch, picture.directory)

    async def _past(self, place: Place, body: Body) -> Past:
        if isinstance(body, (Opened, *OF_REPORTS)):
            return []
        history = await self._pager.ledger.history(place.mode, place.id, place.org, place.watch)
        return [(one.fact, one.body) for one in history]

    async def _start(self, place: Place, fact: Fact, watch: str, told: Matter, rules: PolicyRules) -> None:
        policy = self._pictures[place.mode].policies.get(watch)
        started = Started(
            chain=chain_id(fact.id, watch),
            watch=watch,
            cause=fact.id,
            item=told.item,
            priority=told.priority,
            type=told.type,
            ref=told.ref,
            rules=rules,
            channels=policy.channels if policy else DEFAULT_CHANNELS,
        )
        at = Place(place.mode, place.org, place.watch, TRADE, place.id, Started.name)
        await self._pager.start(place.mode, at, started, fact.data.controller, fact.data.trace)


def _was_told(past: Past, item: str, watch: str, body: Body) -> bool:
    """True if the watch was told of the item before it was shared wider: it is not told again."""
    return isinstance(body, SharedWider) and any(
        isinstance(one, Started) and (one.item or one.cause, one.watch) == (item, watch) for _, one in past
    )


def asks(raw: bytes) -> bool:
    """False for the many facts whose canonical bytes say that nobody is to be told."""
    return _NOBODY not in raw or any(loud in raw for loud in _LOUD)
