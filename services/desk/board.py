"""The desk's own picture of one mode: what stands open, folded from the ledger in memory (D21). Pure."""

import sys
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from schemas import attachments, incidents, notifications, relations, running, warnings
from schemas.clock import Exercises
from schemas.directory import Directory
from schemas.discards import Share
from schemas.envelope import Fact
from schemas.exercise import Discarded
from schemas.sharing import Reach
from schemas.subjects import Place
from schemas.vocabulary import ContentClass, IncidentState, Level, Priority, Tag

CLOSED_FOR = timedelta(hours=24)
CLOSED_MOST = 2000
"""What is closed stays on the board so long, and not more of it; older ones the archive shows."""
Key = tuple[str, str]
"""Birthplace and id of an incident."""


_NONE: Mapping[str, Any] = MappingProxyType({})
"""Most incidents tell nobody, have no guests and no chains: thousands stand open."""


def _nothing() -> Mapping[str, Any]:
    return _NONE


@dataclass(frozen=True, slots=True)
class Words:
    """Where the text of an item lies, and who may see it."""

    fact: str
    sort: ContentClass | None
    reach: Reach


@dataclass(frozen=True, slots=True)
class Chain:
    """One watch is being told, since a time; ``item`` is what it is told about."""

    id: str
    watch: str
    item: str
    since: datetime
    priority: Priority
    outcome: str = "open"


@dataclass(slots=True)
class Standing:
    """An incident as it stands; ``told`` are the items that somebody was to be told about.

    ``responsible`` is the watch that answers for it now.
    ``guests`` are the watches that wrote in its log without owning it, by item: they hear of what follows.
    """

    key: Key
    ref: str = ""
    responsible: str = ""
    number: int = 0
    year: int = 0
    type: str = ""
    priority: Priority = Priority.NORMAL
    state: IncidentState = IncidentState.NEW
    head: Words | None = None
    tags: tuple[Tag, ...] = ()
    opened_at: datetime | None = None
    occurred_at: datetime | None = None
    closed_at: datetime | None = None
    struck: bool = False
    erased: bool = False
    replaced_by: Words | None = None
    told: Mapping[str, Words] = field(default_factory=_nothing)
    guests: Mapping[str, str] = field(default_factory=_nothing)
    chains: Mapping[str, Chain] = field(default_factory=_nothing)

    @property
    def owner(self) -> str:
        """The key of the watch in whose log it lies."""
        return self.key[0]


@dataclass(frozen=True, slots=True)
class Change:
    """What a fact changed: the log by an item of that ``reach``, and where ``row`` is set the row as well.

    ``watches``, when given, are the only ones that may learn of it.
    """

    key: Key
    fact: str
    reach: Reach | None = None
    row: bool = False
    watches: frozenset[str] | None = None


@dataclass(slots=True)
class Board:
    """Each fact is applied once, in ledger order."""

    directory: Directory = field(default_factory=Directory)
    open: dict[Key, Standing] = field(default_factory=dict)
    closed: dict[Key, Standing] = field(default_factory=dict)
    numbers: Counter[tuple[str, int]] = field(default_factory=Counter)
    sources: dict[str, datetime] = field(default_factory=dict)
    heard: dict[tuple[str, Reach], datetime] = field(default_factory=dict)
    """When each organisation last wrote something of a reach."""
    exercises: Exercises = field(default_factory=Exercises)

    def apply(self, place: Place, fact: Fact, body: Any) -> Change | None:
        """Take in one fact; what it changed for those who look, if anything."""
        self.directory.apply(body)
        self.exercises.apply(body)
        if isinstance(body, Discarded):
            self._discard(Share.of(body, self.directory))
        if isinstance(body, warnings.Published):
            self.sources[body.source] = fact.time
        step = _STEPS.get(type(body))
        change = step(self, (sys.intern(place.key), place.id), fact, body) if step is not None else None
        if change is not None and change.reach is not None:
            self.heard[fact.data.actor.organisation, change.reach] = fact.time
        return change

    def _discard(self, share: Share) -> None:
        """Nothing of an exercise that was ended for good stands any more."""
        for standings in (self.open, self.closed):
            gone = [
                key
                for key, one in standings.items()
                if one.opened_at is not None and share.holds(one.owner, one.opened_at)
            ]
            for key in gone:
                del standings[key]

    def find(self, key: Key) -> Standing | None:
        """The incident, open or closed not long ago."""
        return self.open.get(key) or self.closed.get(key)

    def lacks(self, place: Place, body: Any) -> bool:
        """True if the fact opens again what the board has let go: ``restore`` needs all its facts."""
        reopens = isinstance(body, incidents.StateChanged) and body.former is IncidentState.CLOSED
        opens = reopens or isinstance(body, relations.Unmerged)
        return opens and self.find((place.key, place.id)) is None

    def restore(self, key: Key, history: Iterable[tuple[Fact, Any]]) -> Change | None:
        """Put an incident back as all its facts tell it; its running number is the archive's to say."""
        beside, last = Board(self.directory), None
        for fact, body in history:
            step, last = _STEPS.get(type(body)), fact
            if step is not None:
                step(beside, key, fact, body)
        standing = beside.find(key)
        if standing is None or standing.head is None or last is None:
            return None
        standing.number = 0
        self.open.pop(key, None)
        (self.open if key in beside.open else self.closed)[key] = standing
        return Change(key, last.id, standing.head.reach, row=True)

    def _open(self, key: Key, fact: Fact, body: incidents.Opened) -> Change:
        year = running.year_of(fact.time)
        self.numbers[key[0], year] += 1
        before = self.find(key)
        head = Words(fact.id, fact.data.content_class, _reach(key[0], body.level, tuple(body.named)))
        standing = Standing(
            key,
            body.ref,
            key[0],
            self.numbers[key[0], year],
            year,
            sys.intern(body.type),
            body.priority,
            head=head,
            tags=tuple(body.tags),
            opened_at=_plain(fact.time),
            occurred_at=_plain(fact.data.occurred_at),
            told=_NONE if before is None else before.told,
            chains=_NONE if before is None else before.chains,
        )
        if body.notify:
            standing.told = {**standing.told, fact.id: head}
        self.open[key] = standing
        return Change(key, fact.id, head.reach, row=True)

    def _add_entry(self, key: Key, fact: Fact, body: incidents.EntryAdded) -> Change:
        begun = getattr(body, "closes", None) or getattr(body, "answers", None)
        reach = Reach(key[0], body.level, tuple(body.named), self._guest(key, fact, begun))
        if body.notify:
            standing = self.find(key) or self.open.setdefault(key, Standing(key))
            told = Words(fact.id, fact.data.content_class, reach)
            standing.told = {**standing.told, fact.id: told}
        return Change(key, fact.id, reach)

    def _change_state(self, key: Key, fact: Fact, body: incidents.StateChanged) -> Change | None:
        return self._move(key, fact, body.state)

    def _move(self, key: Key, fact: Fact, state: IncidentState) -> Change | None:
        standing = self.find(key)
        if standing is None:
            return None
        standing.state = state
        is_closed = state is IncidentState.CLOSED
        standing.closed_at = fact.time if is_closed else None
        self.open.pop(key, None)
        self.closed.pop(key, None)
        (self.closed if is_closed else self.open)[key] = standing
        self._let_go(fact.time)
        return Change(key, fact.id, None if standing.head is None else standing.head.reach, row=True)

    def _merge(self, key: Key, fact: Fact, body: relations.Merged | relations.Unmerged) -> Change | None:
        """A duplicate leaves the list, and comes back as it was."""
        state = IncidentState.CLOSED if isinstance(body, relations.Merged) else body.state
        return self._move(key, fact, state)

    def _tell(self, key: Key, fact: Fact, body: Any) -> Change | None:
        """Something about the incident as a whole is new in its log."""
        standing = self.find(key)
        if standing is None or standing.head is None:
            return None
        named = (getattr(body, name, None) or key[0] for name in ("to", "responsible", "watch"))
        hidden = [watch for watch in named if watch != key[0] and self.directory.hidden(watch)]
        watches = frozenset((key[0], *hidden)) if hidden else None
        is_taken = isinstance(body, relations.TransferAnswered) and body.accepted
        if is_taken:
            standing.responsible = body.responsible
        return Change(key, fact.id, standing.head.reach, row=is_taken, watches=watches)

    def _break_glass(self, key: Key, fact: Fact, body: relations.GlassBroken) -> Change | None:
        """One watch more sees the head, for a time; other items are looked up when the log is shown."""
        standing = self.find(key)
        head = None if standing is None else standing.head
        if standing is None or head is None or body.entry not in (incidents.HEAD, head.fact):
            return None
        broken = (*head.reach.broken, (body.to, body.until))
        standing.head = replace(head, reach=replace(head.reach, broken=broken))
        return Change(key, fact.id, standing.head.reach, row=True)

    def _let_go(self, now: datetime) -> None:
        """Drop what was closed first, as long as it is too old or there is too much of it."""
        while self.closed:
            key, first = next(iter(self.closed.items()))
            is_old = first.closed_at is None or first.closed_at < now - CLOSED_FOR
            if not is_old and len(self.closed) <= CLOSED_MOST:
                return
            del self.closed[key]

    def _correct(self, key: Key, fact: Fact, body: incidents.Corrected) -> Change:
        reach = Reach(key[0], body.level, tuple(body.named), self._guest(key, fact, body.entry))
        standing = self.find(key)
        words = None if standing is None else standing.replaced_by or standing.head
        is_head = words is not None and words.fact == body.entry
        if standing is not None and is_head:
            standing.struck = body.manner == "strike"
            standing.replaced_by = Words(fact.id, fact.data.content_class, reach)
        return Change(key, fact.id, reach, row=is_head)

    def _guest(self, key: Key, fact: Fact, about: str | None) -> str | None:
        """The watch that hears of an item beside the owner: who wrote what it is about, else its writer."""
        standing, author = self.find(key), fact.data.actor.key
        known = standing.guests.get(about or "") if standing else None
        guest = known or (None if author == key[0] else author)
        if standing is not None and guest is not None:
            standing.guests = {**standing.guests, fact.id: guest}
        return guest

    def _share(self, key: Key, fact: Fact, body: incidents.SharedWider) -> Change | None:
        standing = self.find(key)
        if (
            standing is None
            or standing.head is None
            or body.entry not in (incidents.HEAD, standing.head.fact)
        ):
            if standing is not None and body.entry in standing.told:
                told = _wider(standing.told[body.entry], body)
                standing.told = {**standing.told, body.entry: told}
            return Change(key, fact.id, Reach(key[0], body.level, tuple(body.named)))
        standing.head = _wider(standing.head, body)
        if body.notify:
            standing.told = {**standing.told, standing.head.fact: standing.head}
        return Change(key, fact.id, standing.head.reach, row=True)

    def _erase(self, key: Key, fact: Fact, body: incidents.Erased) -> Change | None:
        standing = self.find(key)
        if standing is None or standing.head is None:
            return None
        is_head = body.fact == (standing.replaced_by or standing.head).fact
        standing.erased = standing.erased or is_head
        return Change(key, fact.id, standing.head.reach, row=True) if is_head else None

    def _start(self, key: Key, fact: Fact, body: notifications.Started) -> Change | None:
        standing = self.find(key)
        if standing is None:
            return None
        item = body.item or body.cause
        chain = Chain(body.chain, body.watch, item, fact.time, body.priority)
        standing.chains = {**standing.chains, chain.id: chain}
        return Change(key, fact.id, row=True, watches=self._concerned(standing, body.watch))

    def _step(self, key: Key, fact: Fact, body: Any) -> Change | None:
        standing = self.find(key)
        chain = None if standing is None else standing.chains.get(body.chain)
        if standing is None or chain is None:
            return None
        concerned, ended = self._concerned(standing, body.watch), False
        if isinstance(body, notifications.Acknowledged | notifications.NobodyReached):
            ended, outcome = True, body.name
            standing.chains = {**standing.chains, chain.id: replace(chain, outcome=outcome)}
            if standing.state is IncidentState.NEW and outcome == notifications.Acknowledged.name:
                standing.state, concerned = IncidentState.ACKNOWLEDGED, None
        return Change(key, fact.id, row=ended, watches=concerned)

    def _concerned(self, standing: Standing, told: str) -> frozenset[str] | None:
        """Who may learn of a step: all that see the incident, of a hidden watch's only the two sides."""
        return frozenset((standing.owner, told)) if self.directory.hidden(told) else None


_STEPS: dict[type, Callable[[Board, Key, Fact, Any], Change | None]] = {
    incidents.Opened: Board._open,
    incidents.EntryAdded: Board._add_entry,
    attachments.Attached: Board._add_entry,
    incidents.StateChanged: Board._change_state,
    relations.Merged: Board._merge,
    relations.Unmerged: Board._merge,
    relations.PlaceChanged: Board._tell,
    relations.FunctionAssigned: Board._tell,
    relations.FunctionEnded: Board._tell,
    relations.TransferAsked: Board._tell,
    relations.TransferAnswered: Board._tell,
    relations.TransferWithdrawn: Board._tell,
    relations.GlassBroken: Board._break_glass,
    incidents.Corrected: Board._correct,
    incidents.SharedWider: Board._share,
    incidents.Erased: Board._erase,
    notifications.Started: Board._start,
    notifications.Sent: Board._step,
    notifications.Failed: Board._step,
    notifications.Escalated: Board._step,
    notifications.Acknowledged: Board._step,
    notifications.Declined: Board._step,
    notifications.NobodyReached: Board._step,
}


@lru_cache(maxsize=1024)
def _reach(owner: str, level: Level, named: tuple[str, ...]) -> Reach:
    """The same for all incidents that reach as far."""
    return Reach(owner, level, named)


def _plain(moment: datetime) -> datetime:
    """A moment whose offset is one object for all."""
    return moment.replace(tzinfo=_offset(moment.utcoffset() or timedelta()))


_offset = lru_cache(maxsize=128)(timezone)


def _wider(words: Words, body: incidents.SharedWider) -> Words:
    level: Level = max(words.reach.level, body.level, key=lambda level: level.rank)
    named = tuple(dict.fromkeys((*words.reach.named, *body.named)))
    return replace(words, reach=replace(words.reach, level=level, named=named))
