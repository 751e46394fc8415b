"""From a batch of ledger facts to rows of feeds. Pure: what stood before is handed in."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from schemas import attachments, incidents, notifications, relations, reports, warnings
from schemas.directory import Directory
from schemas.envelope import Fact
from schemas.subjects import Place
from schemas.vocabulary import IncidentState, Level
from services.feeds.share import WARNING_CODES, Head, Item, Kind, receivers, subscribers, warned, widened


@dataclass(frozen=True, slots=True)
class Taken:
    """A fact as it came from the ledger."""

    sequence: int
    place: Place
    fact: Fact
    body: Any

    @property
    def incident(self) -> str:
        """The key of the incident that the fact hangs on."""
        return incident_key(self.place)


@dataclass(frozen=True, slots=True)
class NewRow:
    """A row to be: whose feed, what kind, which fact, and when that was recorded."""

    subscriber: str
    kind: Kind
    fact: str
    at: datetime


@dataclass(slots=True)
class Picture:
    """What the facts of a batch build on, and what they change.

    ``had`` holds the subscribers with a row of an item.
    """

    mode: str
    directory: Directory
    items: dict[str, Item] = field(default_factory=dict)
    heads: dict[str, Head] = field(default_factory=dict)
    had: dict[str, set[str]] = field(default_factory=dict)
    rows: list[NewRow] = field(default_factory=list)
    changed_items: set[str] = field(default_factory=set)
    changed_heads: set[str] = field(default_factory=set)
    erased: list[str] = field(default_factory=list)

    def take(self, taken: Taken) -> None:
        """Take in one fact."""
        self.directory.apply(taken.body)
        step = _STEPS.get(type(taken.body))
        if step is not None:
            step(self, taken, taken.body)

    def _open(self, taken: Taken, body: incidents.Opened) -> None:
        item = replace(
            _item(taken, "incident"),
            **_reach(body),
            type=body.type,
            priority=body.priority.value,
            municipalities=tuple(body.municipalities),
        )
        self._keep(item)
        self._keep_head(Head(taken.incident, item.fact, body.ref, IncidentState.NEW.value))
        self._give(self._receivers(item, taken), "incident", item.fact, taken)

    def _add_entry(self, taken: Taken, body: incidents.EntryAdded) -> None:
        codes = {"kind": body.kind.value, "confirmed": body.confirmed, "channel": body.channel}
        codes |= self._begun(body)
        if isinstance(body, attachments.Attached):
            codes["attachment"] = body.media_type
        item = replace(
            _item(taken, "entry"),
            **_reach(body),
            author=taken.fact.data.actor.key,
            entry=taken.fact.id,
            priority=None if body.priority is None else body.priority.value,
            codes=codes,
        )
        self._keep(item)
        self._give(self._receivers(item, taken), "entry", item.fact, taken)

    def _begun(self, body: incidents.EntryAdded) -> dict[str, Any]:
        """What an entry began or ended, for others than its house: no person, and no hidden watch (D13)."""
        said = body.model_dump(mode="json", include=_BEGUN, exclude_none=True)
        if "-" in said.get("decider", ""):
            del said["decider"]
        if not self._is_shown(said.get("assignee", "")):
            said.pop("assignee", None)
        if body.asks:
            said["asks"] = [watch for watch in body.asks if self._is_shown(watch)]
        return said

    def _is_shown(self, watch: str) -> bool:
        return "." in watch and not self.directory.hidden(watch)

    def _change_state(self, taken: Taken, body: incidents.StateChanged) -> None:
        head = self.heads.get(taken.incident)
        if head is not None:
            self._move(head, body.state, taken)

    def _merge(self, taken: Taken, body: relations.Merged | relations.Unmerged) -> None:
        """One item to each that sees the duplicate; delivery says what it was merged into (event 31)."""
        head = self.heads.get(taken.incident)
        if head is None:
            return
        state = IncidentState.CLOSED if isinstance(body, relations.Merged) else body.state
        self._move(head, state, taken, {"change": body.name})
        item = self.items[taken.fact.id]
        self._keep(replace(item, into=f"{body.other_owner}.{body.other}"))

    def _tell_of_head(self, taken: Taken, body: Any) -> None:
        """Another place, or another watch that answers for it: told to whoever sees the head."""
        head = self.heads.get(taken.incident)
        if head is None or (isinstance(body, relations.TransferAnswered) and not body.accepted):
            return
        codes: dict[str, Any] = {"change": body.name}
        if isinstance(body, relations.TransferAnswered):
            if self.directory.hidden(body.responsible):
                return
            codes["responsible"] = body.responsible
        if isinstance(body, relations.PlaceChanged) and body.municipalities is not None:
            changed = replace(self.items[head.fact], municipalities=tuple(body.municipalities))
            self._keep(changed)
        self._move(head, IncidentState(head.state), taken, codes)

    def _break_glass(self, taken: Taken, body: relations.GlassBroken) -> None:
        """The named receiver gets the item; each way out looks at its end (R11)."""
        head = self.heads.get(taken.incident)
        item = self.items.get(body.entry if body.entry != incidents.HEAD else head.fact if head else "")
        if item is None or item.kind == "state":
            return
        held = self._holders(item.fact, taken)
        broken = (*item.broken, (body.to, body.until.isoformat()))
        item = replace(item, broken=broken, commitment=body.commitment or item.commitment)
        self._keep(item)
        late = set(self._receivers(item, taken)) - held
        self._give(late, "shared", item.fact, taken)

    def _acknowledge(self, taken: Taken, body: notifications.Acknowledged) -> None:
        """What a watch on duty has acknowledged is no longer new."""
        head = self._head_of(taken, body.cause)
        if head is not None and head.state == IncidentState.NEW:
            self._move(head, IncidentState.ACKNOWLEDGED, taken)

    def _move(
        self, head: Head, state: IncidentState, taken: Taken, codes: dict[str, Any] | None = None
    ) -> None:
        self._keep_head(replace(head, state=state.value))
        item = replace(_item(taken, "state"), state=state.value, codes=codes)
        self._keep(self._about_head(head, item))
        self._give(self._receivers(self.items[head.fact], taken), "state", taken.fact.id, taken)

    def _correct(self, taken: Taken, body: incidents.Corrected) -> None:
        """Whoever had the entry gets its correction, and so does who wrote it when another house corrects it.

        Both reach equally far.
        """
        entry = self.items.get(body.entry)
        author = entry.author if entry else taken.place.key
        codes = {"manner": body.manner}
        item = replace(
            _item(taken, "correction"), **_reach(body), author=author, entry=body.entry, codes=codes
        )
        self._keep(item)
        holders = {*self._holders(body.entry, taken), *self._written_by(entry, taken)}
        self._give(holders, "correction", item.fact, taken)

    def _written_by(self, entry: Item | None, taken: Taken) -> set[str]:
        """The house that wrote an entry, if it is not its own act and it has a feed here."""
        house = entry.author.partition(".")[0] if entry else ""
        if house in (taken.fact.data.actor.organisation, taken.place.org):
            return set()
        return {house} & set(subscribers(self.directory, self.mode, taken.fact.time))

    def _share(self, taken: Taken, body: incidents.SharedWider) -> None:
        """A late item for those who did not have it; the others are not told again (R8)."""
        head = self.heads.get(taken.incident)
        fact = body.entry if body.entry != incidents.HEAD else head.fact if head else ""
        item = self.items.get(fact)
        held = self._holders(fact, taken)
        if item is not None and item.kind == "state" and body.commitment is not None:
            late = set(self._receivers(self.items[item.about], taken)) - held
            self._give(late, "state", fact, taken)
        if item is None or item.kind == "state":
            return
        item = replace(widened(item, body.level, body.named), commitment=body.commitment or item.commitment)
        self._keep(item)
        late = set(self._receivers(item, taken)) - held
        self._give(late, "correction" if item.kind == "correction" else "shared", fact, taken)

    def _erase(self, taken: Taken, body: incidents.Erased) -> None:
        """Rows of the item become notices, and each of its holders gets a notice more (D21)."""
        self._erase_one(taken, body.fact)

    def _erase_report(self, taken: Taken, body: reports.ReportErased) -> None:
        for fact in body.facts:
            self._erase_one(taken, fact)

    def _erase_one(self, taken: Taken, fact: str) -> None:
        self.erased.append(fact)
        item = self.items.get(fact)
        if item is not None:
            held = self._holders(fact, taken)
            self._keep(replace(item, erased=True))
            self._give(held, "notice", fact, taken)

    def _recall(self, taken: Taken, body: reports.Recalled) -> None:
        """The same for a version that its sender has taken back; who it was given to learns so (R8)."""
        item = self.items.get(body.fact)
        if item is not None and item.home == taken.place.key:
            held = self._holders(body.fact, taken)
            self._keep(replace(item, recalled=True))
            self._give(held, "notice", body.fact, taken)

    def _nobody_reached(self, taken: Taken, body: notifications.NobodyReached) -> None:
        """Said to all who may see the incident and what the page was for; of a hidden watch to nobody."""
        head = self._head_of(taken, body.cause)
        if head is not None and not self.directory.hidden(body.watch):
            self._keep(self._about_head(head, _item(taken, "nobody_reached")))
            cause = self.items.get(body.cause, self.items[head.fact])
            heard = {*self._receivers(cause, taken), cause.author.partition(".")[0]}
            heard.intersection_update(self._receivers(self.items[head.fact], taken))
            self._give(heard, "nobody_reached", taken.fact.id, taken)

    def _head_of(self, taken: Taken, cause: str) -> Head | None:
        """The incident that a chain was started for, by the item that started it."""
        item = self.items.get(cause)
        return self.heads.get((item.incident or "") if item else taken.incident)

    def _about_head(self, head: Head, item: Item) -> Item:
        home = self.items[head.fact].home
        return replace(item, about=head.fact, incident=head.incident, home=home, author=home)

    def _warn(self, taken: Taken, body: warnings.Published) -> None:
        said = body.model_dump(mode="json", exclude_none=True)
        item = replace(
            _item(taken, "warning"),
            level=Level.PUBLIC,
            incident=f"warning.{body.thread}",
            type=body.event,
            state=body.kind,
            municipalities=tuple(body.municipalities),
            codes={code: said[code] for code in WARNING_CODES if code in said},
        )
        self._keep(item)
        self._give(warned(body, self.directory, self.mode, taken.fact.time), "warning", item.fact, taken)

    def _report(self, taken: Taken, body: reports.Approved) -> None:
        """A locked version goes to its receivers as an entry; all versions of a report belong together."""
        if not body.locked:
            return
        told = body.model_dump(mode="json", include={"report", "version", "template", "digest", "entries"})
        item = replace(
            _item(taken, "entry"),
            **_reach(body),
            incident=f"report.{taken.incident}",
            entry=taken.fact.id,
            type=reports.REPORT,
            priority=None if body.priority is None else body.priority.value,
            codes={"kind": reports.REPORT, **told},
        )
        self._keep(item)
        self._give(self._receivers(item, taken), "entry", item.fact, taken)

    def _holders(self, fact: str, taken: Taken) -> set[str]:
        """Who was given an item; where that is no longer known, whoever would be given it now."""
        had, item = self.had.get(fact, set()), self.items.get(fact)
        if item is None or item.passed is None:
            return set(had)
        return had | set(self._receivers(self.items.get(item.about, item), taken))

    def _receivers(self, item: Item, taken: Taken) -> list[str]:
        return receivers(item.reach, self.directory, self.mode, taken.fact.time)

    def _keep(self, item: Item) -> None:
        self.items[item.fact] = item
        self.changed_items.add(item.fact)

    def _keep_head(self, head: Head) -> None:
        self.heads[head.incident] = head
        self.changed_heads.add(head.incident)

    def _give(self, to: Iterable[str], kind: Kind, fact: str, taken: Taken) -> None:
        for subscriber in sorted(to):
            self.had.setdefault(fact, set()).add(subscriber)
            self.rows.append(NewRow(subscriber, kind, fact, taken.fact.time))


_STEPS: dict[type, Callable[[Picture, Taken, Any], None]] = {
    incidents.Opened: Picture._open,
    incidents.EntryAdded: Picture._add_entry,
    attachments.Attached: Picture._add_entry,
    incidents.StateChanged: Picture._change_state,
    relations.Merged: Picture._merge,
    relations.Unmerged: Picture._merge,
    relations.PlaceChanged: Picture._tell_of_head,
    relations.TransferAnswered: Picture._tell_of_head,
    relations.GlassBroken: Picture._break_glass,
    incidents.Corrected: Picture._correct,
    incidents.SharedWider: Picture._share,
    incidents.Erased: Picture._erase,
    notifications.Acknowledged: Picture._acknowledge,
    notifications.NobodyReached: Picture._nobody_reached,
    warnings.Published: Picture._warn,
    reports.Approved: Picture._report,
    reports.Recalled: Picture._recall,
    reports.ReportErased: Picture._erase_report,
}

_BEGUN = {"late", "decider", "assignee", "due", "closes", "asks", "answers", "answer", "step"}


def incident_key(place: Place) -> str:
    """Birthplace and id together."""
    return f"{place.key}.{place.id}"


def mentioned(batch: Iterable[Taken]) -> tuple[set[str], set[str]]:
    """The incidents' keys and the facts that a batch speaks of: what must be known to take it in."""
    heads, facts = set(), set()
    for taken in batch:
        match taken.body:
            case incidents.Corrected() | incidents.SharedWider() | relations.GlassBroken():
                facts.add(taken.body.entry)
            case incidents.Erased() | reports.Recalled():
                facts.add(taken.body.fact)
            case reports.ReportErased():
                facts.update(taken.body.facts)
            case notifications.NobodyReached() | notifications.Acknowledged():
                facts.add(taken.body.cause)
            case relations.Merged() | relations.Unmerged():
                heads.add(f"{taken.body.other_owner}.{taken.body.other}")
        new = isinstance(taken.body, incidents.Opened)
        if taken.place.trade in (incidents.TRADE, notifications.TRADE) and not new:
            heads.add(taken.incident)
    return heads, facts


def _item(taken: Taken, kind: Kind) -> Item:
    fact = taken.fact
    return Item(
        fact=fact.id,
        kind=kind,
        home=taken.place.key,
        author=taken.place.key,
        level=Level.WATCH,
        about=fact.id,
        occurred_at=fact.data.occurred_at.isoformat(),
        recorded_at=fact.time.isoformat(),
        incident=taken.incident,
        commitment=fact.data.commitment,
    )


def _reach(
    body: incidents.Opened | incidents.EntryAdded | incidents.Corrected | reports.Approved,
) -> dict[str, Any]:
    return {
        "level": body.level,
        "named": tuple(body.named),
        "tags": tuple(tag.value for tag in body.tags),
    }
