"""What an incident is now: a fold over its facts in ledger order, and the list of refs."""

import sys
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal

import orjson

from schemas import attachments, incidents, notifications
from schemas.envelope import Body, Fact
from schemas.identifiers import new_ref
from schemas.sharing import Reach
from schemas.subjects import Place
from schemas.vocabulary import IncidentState, Level, Tag
from services.incidents import kept_fold, particulars_fold
from services.incidents.particulars_fold import Assignment, Transfer
from services.incidents.pending import Pending

Kind = Literal["head", "entry", "correction", "outcome", "reference"]


@dataclass(frozen=True, slots=True)
class Asked:
    """An erasure that waits for a second person."""

    person: str
    ground: str
    law: str


@dataclass(frozen=True, slots=True)
class Item:
    """The head, an entry, a correction or the words of a closing: who may see it, and what became of it."""

    id: str
    kind: Kind
    reach: Reach
    author: str
    tags: tuple[Tag, ...] = ()
    notify: tuple[str, ...] = ()
    commitment: str | None = None
    corrected_by: str | None = None
    asked: Asked | None = None
    erased: bool = False
    file: attachments.Attached | None = None
    checked: attachments.AttachmentChecked | None = None


@dataclass(slots=True)
class Incident:
    """One incident, or a stranger's unattached entries under its id: then ``ref`` is None.

    ``reaches`` are all that an item of it ever had, since nothing is lowered; ``facts`` are sequences by the
    fact's id; ``sequence`` is the newest fact's, ``recorded_at`` when that was recorded, ``began`` when the
    first was. ``card`` is the version of the type's action card that holds here. ``merged`` is what it was
    merged into, ``before_merge`` the state that an unmerge gives back; ``places`` are the facts that said
    anew where it is; ``deliveries_erased`` is the sequence up to which records of deliveries are gone.
    """

    id: str
    owner: str
    ref: str | None = None
    head: str = ""
    type: str = ""
    card: int | None = None
    responsible: str = ""
    state: IncidentState = IncidentState.NEW
    items: dict[str, Item] = field(default_factory=dict)
    reaches: set[Reach] = field(default_factory=set)
    facts: dict[str, int] = field(default_factory=dict)
    sequence: int = 0
    began: datetime | None = None
    recorded_at: datetime | None = None
    pending: Pending = field(default_factory=Pending)
    merged: str | None = None
    before_merge: IncidentState | None = None
    transfer: Transfer | None = None
    functions: dict[str, Assignment] = field(default_factory=dict)
    places: list[str] = field(default_factory=list)
    order: "kept_fold.Order | None" = None
    held: str | None = None
    deliveries_erased: int = 0

    @property
    def controller(self) -> str:
        """Whose law, archive and erasure apply (D19)."""
        return self.owner.partition(".")[0]

    def item(self, named: str) -> Item | None:
        """The item with that id, or the head for ``head``."""
        return self.items.get(self.head if named == incidents.HEAD else named)

    def apply(self, fact: Fact, body: Body | None) -> None:
        """Take in one fact; what does not concern the log is passed over."""
        match body:
            case incidents.Opened():
                self.ref, self.head, self.responsible = body.ref, fact.id, self.owner
                self.type, self.card = sys.intern(body.type), body.card
                self._add(self._item(fact, "head", body))
            case incidents.EntryAdded():
                self._add_entry(fact, body)
            case incidents.Corrected():
                self._correct(fact, body)
            case incidents.StateChanged():
                self._change_state(fact, body)
            case incidents.SharedWider():
                self._widen(body)
            case incidents.ErasureAsked() | incidents.Erased():
                self._erase(fact, body)
            case notifications.Acknowledged() if self.state is IncidentState.NEW:
                self.state = IncidentState.ACKNOWLEDGED
            case _:
                particulars_fold.apply(self, fact, body)
        kept_fold.take(self, fact, body)
        self._take_file(fact.id, body)

    def add_item(self, fact: Fact, kind: Kind, body: Any) -> None:
        """Take in an item with a level of its own."""
        self._add(self._item(fact, kind, body))

    def add_outcome(self, fact: Fact, *, is_narrow: bool = False) -> None:
        """Take in words that reach as far as the head does, or no further than the log's own watch."""
        head = self.items.get(self.head)
        if head is not None and fact.data.commitment is not None:
            author, commitment = fact.data.actor.key, fact.data.commitment
            reach = self._reach(Level.WATCH, [], author) if is_narrow else head.reach
            outcome = Item(fact.id, "outcome", reach, author, head.tags, commitment=commitment)
            self.items[outcome.id] = outcome

    def _item(self, fact: Fact, kind: Kind, body: Any) -> Item:
        author = sys.intern(fact.data.actor.key)
        reach = self._reach(body.level, body.named, author)
        return Item(fact.id, kind, reach, author, tuple(body.tags), tuple(body.notify), fact.data.commitment)

    def _take_file(self, id: str, body: Body | None) -> None:
        if isinstance(body, attachments.Attached):
            self.items[id] = replace(self.items[id], file=body)
        elif isinstance(body, attachments.AttachmentChecked) and body.attachment in self.items:
            self.items[body.attachment] = replace(self.items[body.attachment], checked=body)

    def _reach(self, level: Level, named: list[str], author: str) -> Reach:
        return Reach(self.owner, level, tuple(named), None if author == self.owner else author)

    def _add(self, item: Item) -> None:
        self.items[item.id] = item
        self.reaches.add(item.reach)

    def _add_entry(self, fact: Fact, body: incidents.EntryAdded) -> None:
        """Who wrote a task or a request sees what ends it, whoever wrote that."""
        item = self._item(fact, "entry", body)
        begun = self.items.get(body.closes or body.answers or "")
        if begun is not None:
            item = replace(item, reach=replace(item.reach, author=begun.reach.author))
        self._add(item)
        self.pending.take(fact.id, item.author, body)

    def _correct(self, fact: Fact, body: incidents.Corrected) -> None:
        """Who wrote the corrected item sees the correction too, whoever made it."""
        wrong = self.items.get(body.entry)
        correction = self._item(fact, "correction", body)
        if wrong is not None:
            self.items[wrong.id] = replace(wrong, corrected_by=fact.id)
            correction = replace(correction, reach=replace(correction.reach, author=wrong.reach.author))
        self._add(correction)
        if body.manner == "strike":
            self.pending.strike(self._root(body.entry), fact.id)

    def _root(self, entry: str) -> str:
        """The item that a row of corrections began with."""
        while (
            before := next((i.id for i in self.items.values() if i.corrected_by == entry), None)
        ) is not None:
            entry = before
        return entry

    def _change_state(self, fact: Fact, body: incidents.StateChanged) -> None:
        self.state = body.state
        self.add_outcome(fact)

    def _widen(self, body: incidents.SharedWider) -> None:
        item = self.item(body.entry)
        if item is None:
            return
        named = tuple(dict.fromkeys((*item.reach.named, *body.named)))
        level = max(item.reach.level, body.level, key=lambda level: level.rank)
        notify = tuple(dict.fromkeys((*item.notify, *body.notify)))
        self._add(replace(item, reach=replace(item.reach, level=level, named=named), notify=notify))

    def _erase(self, fact: Fact, body: incidents.ErasureAsked | incidents.Erased) -> None:
        item = self.items.get(body.fact)
        if item is None:
            return
        if isinstance(body, incidents.Erased):
            self.items[item.id] = replace(item, erased=True)
        else:
            asked = Asked(fact.data.actor.person or "", body.ground, body.law)
            self.items[item.id] = replace(item, asked=asked)


@dataclass(slots=True)
class Log:
    """All facts under one id: the incident, and entries of those who did not know or may not see it."""

    id: str
    sequence: int = 0
    parts: dict[str, Incident] = field(default_factory=dict)
    """By birthplace."""
    opened: Incident | None = None

    def part(self, owner: str) -> Incident:
        """What lies under that birthplace; empty if nothing does."""
        return self.parts.get(owner) or Incident(self.id, owner)

    def take(self, sequence: int, place: Place, fact: Fact | None, body: Body | None) -> None:
        """Take in the fact with that sequence, once; ``fact`` is None when this version cannot read it."""
        if sequence <= self.sequence:
            return
        self.sequence = sequence
        key = sys.intern(place.key)
        part = self.parts.get(key)
        if part is None:
            part = self.parts[key] = Incident(self.id, key)
        part.sequence = sequence
        if fact is None:
            return
        part.began = part.began or fact.time
        part.recorded_at = max(fact.time, part.recorded_at or fact.time)
        if place.trade == incidents.TRADE:
            part.facts[fact.id] = sequence
        part.apply(fact, body)
        if part.ref is not None:
            self.opened = self.opened or part

    def sequence_of(self, fact_id: str) -> int | None:
        """Where a fact lies, if it lies here."""
        return next((part.facts[fact_id] for part in self.parts.values() if fact_id in part.facts), None)


class Refs:
    """What people say, and the incident that it stands for: id and birthplace."""

    def __init__(self) -> None:
        self._ids: dict[str, str] = {}
        self._owners: dict[str, str] = {}

    def learn(self, ref: str, id: str, owner: str) -> None:
        """Take in an opened incident; the first that took a ref keeps it."""
        self._ids.setdefault(ref, id)
        self._owners.setdefault(id, sys.intern(owner))

    def find(self, ref: str) -> str | None:
        """The id of the incident with that ref."""
        return self._ids.get(ref)

    def owner(self, id: str) -> str | None:
        """The birthplace of an opened incident."""
        return self._owners.get(id)

    def dump(self) -> bytes:
        """All that is known, for ``load``."""
        return orjson.dumps([self._ids, self._owners])

    def load(self, raw: bytes) -> None:
        """Take in what ``dump`` gave. Raises ValueError when it is something else."""
        found = orjson.loads(raw)
        if not isinstance(found, list) or [type(one) for one in found] != [dict, dict]:
            raise ValueError("no refs")
        self._ids, owners = found
        self._owners = {id: sys.intern(owner) for id, owner in owners.items()}

    def draw(self) -> str:
        """A ref that stands for no incident yet."""
        while (ref := new_ref()) in self._ids:
            pass
        return ref
