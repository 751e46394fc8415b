"""What one watch sees of an incident: the head, each item and each chain by its own level (D20). Pure.

What may not be seen leaves no trace: no empty place, no count, and an incident of which nothing may be seen
is not there.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any

from schemas import incidents, notifications, sharing, subjects
from schemas.canonical import unseal
from schemas.catalogue import read_fact
from schemas.envelope import Actor, Body, Fact
from schemas.sharing import Reach, may_see
from schemas.vocabulary import EntryKind
from services.incidents import begun, reasons
from services.incidents.around import Near, particulars, told_with_head
from services.incidents.attaching import file_told
from services.incidents.fold import Incident, Item, Log
from services.incidents.viewer import Viewer

_CHAINED = (
    notifications.Started
    | notifications.Sent
    | notifications.Failed
    | notifications.Escalated
    | notifications.Acknowledged
    | notifications.Declined
    | notifications.NobodyReached
)


@dataclass(frozen=True, slots=True)
class Filed:
    """A fact from the archive. ``content`` is None when there was none, or when it is erased or missing."""

    sequence: int
    place: subjects.Place
    fact: Fact
    body: Body
    content: dict[str, Any] | None
    erased: bool


@dataclass(slots=True)
class Shown:
    """An answer's parts, and the ids of the restricted items in it, which the log of reads must name.

    ``ground`` is why the viewer reads those without being asked, None when it must give a reason.
    """

    incident: dict[str, Any]
    entries: list[dict[str, Any]] = field(default_factory=list)
    chains: list[dict[str, Any]] = field(default_factory=list)
    tasks: list[dict[str, Any]] = field(default_factory=list)
    requests: list[dict[str, Any]] = field(default_factory=list)
    card: dict[str, Any] | None = None
    restricted: list[str] = field(default_factory=list)
    ground: str | None = None
    joined: list[tuple[str, str]] = field(default_factory=list)
    """The same for what was merged into it, each with its incident."""

    def join(self, other: "Shown") -> None:
        """Take in the log of an incident that was merged into this one; each line says whose it is."""
        of = {name: other.incident[name] for name in ("id", "ref")}
        self.entries += [entry | {"of": of} for entry in other.entries]
        self.entries.sort(key=_moment)
        self.chains += other.chains
        for name in ("functions", "references"):
            self.incident[name] = self.incident.get(name, []) + other.incident.get(name, [])
        self.tasks += other.tasks
        self.requests += other.requests
        self.joined += [(other.incident["id"], item) for item in other.restricted]


def _moment(entry: dict[str, Any]) -> tuple[datetime, str]:
    return datetime.fromisoformat(entry["occurred_at"]), entry["recorded_at"]


def filed(row: Any) -> Filed | None:
    """A row of facts and content; None for what this version cannot read."""
    place = subjects.parse_place(row["subject"])
    try:
        fact, body = read_fact(bytes(row["raw"]))
    except ValueError:
        return None
    if place is None or body is None:
        return None
    content = None if row["sealed"] is None else unseal(bytes(row["sealed"]))
    return Filed(row["sequence"], place, fact, body, content, bool(row["erased"]))


def show(
    id: str, found: list[Filed], viewer: Viewer, *, head_needed: bool, near: Near = MappingProxyType({})
) -> Shown | None:
    """What the viewer sees of the facts about one id; None if that is nothing.

    ``head_needed``: the viewer named the incident by what belongs to its head, so must be able to see it.
    ``near`` are the incidents that it is tied to, as far as the viewer sees them.
    """
    log = Log(id)
    for one in found:
        log.take(one.sequence, one.place, one.fact, one.body)
    facts = {one.fact.id: one for one in found}
    incident = log.opened
    head = incident.items.get(incident.head) if incident else None
    if incident is not None and head is not None and not viewer.sees(head.reach):
        head = None
    if head is None and head_needed:
        return None
    shown = Shown({"id": id} if head is None or incident is None else _head(incident, head, facts, viewer))
    if head is not None and is_restricted(head.reach, bool(head.tags), viewer):
        shown.restricted.append(head.id)
    for part in (one for one in log.parts.values() if _belongs(one, incident, head, viewer)):
        _add_entries(shown, part, facts, viewer, near)
        shown.tasks += begun.tasks_of(part, viewer)
        shown.requests += begun.requests_of(part, viewer)
    if head is not None and incident is not None:
        shown.card = begun.card_of(incident, viewer)
    if incident is not None:
        shown.incident |= particulars(incident, facts, viewer, head is not None)
    shown.entries.sort(key=_moment)
    shown.chains = list(_chains(log, found, head is not None, viewer))
    shown.ground = _ground(log, found, shown.restricted, viewer)
    is_something = head is not None or shown.entries or shown.chains or shown.incident.get("references")
    return shown if is_something else None


def chains_of(id: str, found: list[Filed], viewer: Viewer) -> list[dict[str, Any]]:
    """The chains of an incident whose head the viewer sees."""
    log = Log(id)
    for one in found:
        log.take(one.sequence, one.place, one.fact, one.body)
    return list(_chains(log, found, True, viewer))


def find_file(id: str, found: list[Filed], viewer: Viewer, fact: str) -> tuple[Item, str | None] | None:
    """A file's item, if the viewer may see it; and why it reads that without being asked for a reason."""
    log = Log(id)
    for one in found:
        log.take(one.sequence, one.place, one.fact, one.body)
    incident = log.opened
    head = incident.items.get(incident.head) if incident else None
    head = head if head is not None and viewer.sees(head.reach) else None
    for part in log.parts.values():
        item = part.items.get(fact)
        if item is not None and item.file is not None and _belongs(part, incident, head, viewer):
            return (item, _ground(log, found, [fact], viewer)) if viewer.sees(item.reach) else None
    return None


def _ground(log: Log, found: list[Filed], restricted: list[str], viewer: Viewer) -> str | None:
    items = [part.items[id] for part in log.parts.values() for id in restricted if id in part.items]
    facts = [(one.place.key, one.fact, one.body) for one in found]
    closed_at = reasons.closed_at(facts, log.opened)
    return reasons.ground(log.opened, items, closed_at, viewer.watch, viewer.now)


def is_restricted(reach: Reach, is_tagged: bool, viewer: Viewer) -> bool:
    """True if its reading by the viewer must be recorded."""
    return sharing.is_restricted(reach, is_tagged, viewer.watch)


def _belongs(part: Incident, incident: Incident | None, head: Item | None, viewer: Viewer) -> bool:
    """A stray entry joins only an incident that its own watch may see; else it stays in that watch."""
    if part.owner == viewer.watch or incident is None:
        return part.owner == viewer.watch
    if part is incident:
        return True
    return head is not None and may_see(head.reach, part.owner, viewer.directory, viewer.now)


def _head(incident: Incident, head: Item, facts: dict[str, Filed], viewer: Viewer) -> dict[str, Any]:
    one = facts[head.id]
    body = one.body
    assert isinstance(body, incidents.Opened)  # noqa: S101  the fold took it for the head
    return {
        "id": incident.id,
        "ref": incident.ref,
        "number": None,
        "owner": incident.owner,
        "controller": one.fact.data.controller,
        "responsible": incident.responsible,
        "state": incident.state.value,
        "type": body.type,
        "type_title": _title(body.type, viewer),
        "priority": body.priority.value,
        "municipalities": body.municipalities,
        "confirmed": body.confirmed is not False,
        "channel": body.channel,
        "late": bool(body.late),
        **_item(one, head, viewer),
    }


def _title(type: str, viewer: Viewer) -> dict[str, Any] | None:
    """What the register calls a type, by language."""
    known = viewer.directory.type_for(viewer.watch, type)
    return known.title.model_dump() if known else None


def _item(one: Filed, item: Item, viewer: Viewer) -> dict[str, Any]:
    """What the head and an entry have alike. Only the owner's house learns with whom it is shared."""
    return {
        "level": item.reach.level.value,
        "tags": [tag.value for tag in item.tags],
        "named": list(item.reach.named) if viewer.is_house_of(item.reach.owner) else [],
        "occurred_at": one.fact.data.occurred_at.isoformat(),
        "recorded_at": one.fact.recorded_at.isoformat(),
        "content": one.content,
        "erased": one.erased,
        "corrected_by": item.corrected_by,
        "erasure_asked": item.asked is not None and viewer.is_house_of(item.reach.owner),
    }


def _add_entries(shown: Shown, part: Incident, facts: dict[str, Filed], viewer: Viewer, near: Near) -> None:
    for item in part.items.values():
        if item.kind in ("head", "outcome") or not viewer.sees(item.reach):
            continue
        if item.kind != "reference":
            shown.entries.append(_entry(facts[item.id], item, facts, viewer))
        if is_restricted(item.reach, bool(item.tags), viewer):
            shown.restricted.append(item.id)
    head = part.items.get(part.head)
    if head is not None and viewer.sees(head.reach):
        _add_outcomes(shown, part, head, facts, viewer, near)


def _add_outcomes(
    shown: Shown, part: Incident, head: Item, facts: dict[str, Filed], viewer: Viewer, near: Near
) -> None:
    """What became of the incident: lines that go with its head."""
    for one in facts.values():
        if one.place.key != part.owner:
            continue
        told = told_with_head(one.body, viewer, part, near)
        if told is not None or isinstance(one.body, incidents.StateChanged):
            item = Item(one.fact.id, "outcome", head.reach, one.fact.data.actor.key, head.tags)
            shown.entries.append(_entry(one, item, facts, viewer) | (told or {}))


def _entry(one: Filed, item: Item, facts: dict[str, Filed], viewer: Viewer) -> dict[str, Any]:
    entry = {
        "id": one.fact.id,
        **{"kind": EntryKind.STATUS.value, "priority": None, "confirmed": True, "channel": None},
        **{"mark": None, "manner": None},
        "actor": shown_actor(one.fact.data.actor, viewer),
        **_item(one, item, viewer),
    }
    match one.body:
        case incidents.EntryAdded():
            names = ("kind", "priority", "confirmed", "channel", "mark")
            entry |= {name: getattr(one.body, name) for name in names}
            entry |= begun.said_of(one.body, item, viewer)
        case incidents.Corrected():
            entry |= {"kind": EntryKind.CORRECTION.value, "corrects": one.body.entry}
        case incidents.StateChanged():
            entry["state"] = one.body.state.value
    if item.file is not None:
        entry |= file_told(item, item.file, one.content or {}, viewer.watch)
    correction = facts.get(item.corrected_by or "")
    if correction is not None and isinstance(correction.body, incidents.Corrected):
        entry["manner"] = correction.body.manner
    return entry


def shown_actor(actor: Actor, viewer: Viewer) -> dict[str, Any]:
    """Persons are named to their own house only; others see the post."""
    shown = actor.model_dump(mode="json", exclude_none=True)
    if actor.organisation != viewer.organisation:
        shown = {name: shown[name] for name in ("organisation", "watch", "post") if name in shown}
    return shown


def _chains(log: Log, found: Iterable[Filed], head_seen: bool, viewer: Viewer) -> Iterable[dict[str, Any]]:
    """Steps are the paged watch's own; others see functions and outcome, neither names nor times."""
    chains: dict[str, dict[str, Any]] = {}
    for one in found:
        body = one.body
        if not isinstance(body, _CHAINED) or not (head_seen or body.watch == viewer.watch):
            continue
        if isinstance(body, notifications.Started) and _sees_page(log, one.place.key, body, viewer):
            told = {"chain": body.chain, "watch": body.watch, "priority": body.priority.value}
            chains[body.chain] = told | {"outcome": "open", "sent": False, "steps": []}
        elif body.chain in chains:
            _take_step(chains[body.chain], one, body, viewer)
    return chains.values()


def _sees_page(log: Log, owner: str, started: notifications.Started, viewer: Viewer) -> bool:
    """True for the paged watch, the log's owner, and who sees the item; for a hidden one, its author."""
    if viewer.watch in (started.watch, owner):
        return True
    item = log.part(owner).items.get(started.item or started.cause)
    if item is None or not viewer.sees(item.reach):
        return False
    return viewer.watch == item.author or not viewer.directory.hidden(started.watch)


def _take_step(chain: dict[str, Any], one: Filed, body: Any, viewer: Viewer) -> None:
    match body:
        case notifications.Sent():
            chain["sent"] = True
        case notifications.Acknowledged():
            chain["outcome"] = "acknowledged"
        case notifications.NobodyReached():
            chain["outcome"] = "nobody_reached"
    function = getattr(body, "function", None)
    if body.watch == viewer.watch:
        told = body.model_dump(mode="json", exclude_none=True, exclude={"chain", "watch", "receipt"})
        chain["steps"].append({"what": body.name, "at": one.fact.recorded_at.isoformat(), **told})
    elif function is not None and {"function": function.value} not in chain["steps"]:
        chain["steps"].append({"function": function.value})
