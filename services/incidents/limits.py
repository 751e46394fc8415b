"""Who may do what with which item of the log, and what may be written there. Pure; ``now`` is an argument."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, TypeVar

from schemas import incidents, records
from schemas.authorisation import APPROVE_ERASURE, WRITE, check, check_report
from schemas.content_rules import check_item, holds_identity_number
from schemas.directory import Directory
from schemas.envelope import Actor, Refused, Request
from schemas.related import Relations
from schemas.sharing import Reach, check_reach, least_level, may_see
from schemas.vocabulary import EntryKind, Level, Role, Tag
from services.incidents.fold import Incident, Item, Log

R = TypeVar("R", bound=Request)
Content = dict[str, Any] | None
_WORDS = ("headline", "text", "reference", "figures")
_OF_ARCHIVE = (incidents.AskErasure, incidents.ApproveErasure, records.PlaceHold, records.LiftHold)
"""Who answers for an archive acts on what its own watch may not see."""
_OF_KIND = {
    "decider": EntryKind.DECISION,
    "assignee": EntryKind.TASK,
    "due": EntryKind.TASK,
    "asks": EntryKind.MESSAGE_OUT,
}


@dataclass(frozen=True, slots=True)
class Case(Generic[R]):
    """A command and all that it is judged by: who acts, what is asked and written, what lies in the log.

    ``other`` is the log of the second incident of a command about two; ``seen`` are the incidents, of those
    that ``relations`` ties them to, whose heads the sender may see.
    """

    actor: Actor
    request: R
    content: Content
    log: Log
    directory: Directory
    now: datetime
    other: Log | None = None
    relations: Relations = field(default_factory=Relations)
    seen: frozenset[str] = frozenset()

    def sees(self, item: Item) -> bool:
        """True if the sender's watch may see the item."""
        return may_see(item.reach, self.actor.key, self.directory, self.now)


def visible(log: Log, viewer: str, directory: Directory, now: datetime) -> Incident | None:
    """The incident, if the watch may see its head or any item of it."""
    incident = log.opened
    if incident is None or incident.owner == viewer:
        return incident
    seen = any(may_see(reach, viewer, directory, now) for reach in incident.reaches)
    return incident if seen else None


def of_head(case: Case[Any]) -> Incident | None:
    """The incident, if the sender may see its head."""
    return head_seen(case.log, case)


def head_seen(log: Log | None, case: Case[Any]) -> Incident | None:
    """The incident of a log, if there is one whose head the sender may see."""
    incident = None if log is None else log.opened
    return incident if incident is not None and case.sees(incident.items[incident.head]) else None


def concerns(case: Case[Any]) -> bool:
    """True if the command may be about this log: the sender sees it, or may erase there."""
    if visible(case.log, case.actor.key, case.directory, case.now) is not None:
        return True
    is_erasure = isinstance(case.request, _OF_ARCHIVE)
    return is_erasure and bool(parts_under(case.log, case.actor, APPROVE_ERASURE, case.directory, case.now))


def is_discarded(part: Incident, directory: Directory) -> bool:
    """True if its exercise was ended for good: what still lies there is a skeleton."""
    return part.began is not None and directory.is_discarded(part.owner, part.began)


def discarded(case: Case[Any]) -> Refused | None:
    """Nothing more is done to an incident whose exercise was ended for good; said to whom it concerned."""
    other = None if case.other is None else visible(case.other, case.actor.key, case.directory, case.now)
    own = case.log.opened if concerns(case) else None
    if any(part is not None and is_discarded(part, case.directory) for part in (own, other)):
        return Refused(code="EXERCISE_GONE")
    return None


def reporting(case: Case[Any]) -> Refused | None:
    """Who may open and write: an operator, or a machine with the scope for it, of a watch that is set up."""
    return _check_watch(case) or check_report(case.actor, case.directory, case.now)


def acting(case: Case[Any], act: str) -> Refused | None:
    """Who may do what only a named person may."""
    return _check_watch(case) or check(case.actor, WRITE, act, case.directory, case.now)


def writable(case: Case[Any], part: Incident) -> Refused | None:
    """The reason why an item of the sender's must not lie so in ``part``, or None."""
    request, sender = case.request, case.actor
    level = max(request.level, least_level(part.owner, sender.key))
    author = None if sender.key == part.owner else sender.key
    reach = Reach(part.owner, request.level, tuple(request.named), author)
    addressees = _addressees(request) if isinstance(request, incidents.AddEntry) else request.notify or []
    return (
        check_item(request.tags, level, case.content, _health(case, part))
        or _check_level(case, part)
        or check_reach(reach, addressees, case.directory, case.now)
    )


def wordable(case: Case[Any], part: Incident, item: Item) -> Refused | None:
    """The reason why the sender's words must not stand with an item that is there already, or None."""
    level = max(item.reach.level, least_level(part.owner, case.actor.key))
    return check_item(list(item.tags), level, case.content, _health(case, part))


def fileable(case: Case[Any], part: Incident) -> Refused | None:
    """Health information in a file is text too: kept only where the watch keeps such text (event 32)."""
    is_health = Tag.HEALTH in case.request.tags and _health(case, part) == "reference"
    return Refused(code="HEALTH_BY_REFERENCE") if is_health else None


def entry_form(case: Case[incidents.AddEntry]) -> Refused | None:
    """An entry names its incident and says something; a correction has a command of its own.

    What belongs to decisions, tasks and requests stands in these only; somebody has decided.
    """
    request = case.request
    wrong = [name for name, kind in _OF_KIND.items() if getattr(request, name) and request.kind is not kind]
    if request.kind is EntryKind.CORRECTION or wrong:
        return Refused(code="MALFORMED", parameters={"where": ["data.body.kind"]})
    if request.kind is EntryKind.DECISION and not (request.decider or case.actor.person):
        return Refused(code="DECIDER_NEEDED")
    return None if has_words(case.content) else Refused(code="CONTENT_NEEDED")


def filled(case: Case[incidents.AddEntry]) -> dict[str, Any]:
    """What an entry says beyond its sender: whose decision it is, and that who is asked or to act is told."""
    request, kind = case.request, case.request.kind
    found: dict[str, Any] = {"notify": [key for key in _addressees(request) if key != case.actor.key]}
    found["notify"] = list(dict.fromkeys((*request.notify, *found["notify"])))
    if kind is EntryKind.DECISION:
        found["decider"] = request.decider or case.actor.person
    if kind is EntryKind.TASK:
        found["assignee"] = request.assignee or case.actor.key
    return found


def _addressees(request: incidents.AddEntry) -> list[str]:
    """The watches that must see the entry: to be told, to do the task, to answer the request."""
    to_act = [request.assignee] if request.assignee and "." in request.assignee else []
    return list(dict.fromkeys((*request.notify, *(request.asks or []), *to_act)))


def codes(*written: str | None) -> Refused | None:
    """What goes into the fact itself, which is never erased, holds no person's number."""
    if any(holds_identity_number(code) for code in written if code):
        return Refused(code="PERSON_TAG_MISSING")
    return None


def has_words(content: Content) -> bool:
    """True if something was said, be it by reference and figures."""
    return any((content or {}).get(field) for field in _WORDS)


def responsible(case: Case[Any], act: str) -> Incident | Refused:
    """The incident, if the sender's watch answers for it."""
    refused = acting(case, act)
    if refused is not None:
        return refused
    incident = visible(case.log, case.actor.key, case.directory, case.now)
    if incident is None:
        return Refused(code="UNKNOWN_INCIDENT")
    if case.actor.key != incident.responsible:
        return Refused(code="NOT_ALLOWED", parameters={"act": act})
    return incident


def item_of(case: Case[Any], act: str) -> tuple[Incident, Item] | Refused:
    """The item that the request names, where the sender sees it; also of its own unattached entries."""
    refused = acting(case, act)
    if refused is not None:
        return refused
    part = visible(case.log, case.actor.key, case.directory, case.now) or case.log.part(case.actor.key)
    item = part.item(case.request.entry)
    if item is not None and item.kind != "outcome" and case.sees(item):
        return part, item
    return Refused(code="UNKNOWN_INCIDENT" if part.ref is None else "UNKNOWN_ENTRY")


def erasable(case: Case[Any], act: str, roles: tuple[Role, ...]) -> tuple[Incident, Item] | Refused:
    """The item whose content a person with one of ``roles`` over its log wants erased."""
    person = case.actor.person
    if person is None:
        return Refused(code="PERSON_NEEDED", parameters={"act": act})
    refused = _check_watch(case)
    if refused is not None:
        return refused
    parts = parts_under(case.log, case.actor, roles, case.directory, case.now)
    found = next(((part, item) for part in parts if (item := part.item(case.request.entry))), None)
    if found is not None and any(part.held is not None for part in parts):
        return Refused(code="ON_HOLD")
    if found is not None:
        is_there = found[1].commitment is not None and not found[1].erased
        return found if is_there else Refused(code="ALREADY_ERASED")
    if parts:
        return Refused(code="UNKNOWN_ENTRY")
    if visible(case.log, case.actor.key, case.directory, case.now) is None:
        return Refused(code="UNKNOWN_INCIDENT")
    return Refused(code="NOT_ALLOWED", parameters={"act": act})


def raisable(case: Case[incidents.ShareWider], part: Incident, item: Item) -> Refused | None:
    """The reason why the sender may not raise the item so, or None.

    An item's own watch raises it; the owner of the log also what others of its house wrote there.
    """
    request, sender, former = case.request, case.actor, item.reach
    is_of_house = item.author.partition(".")[0] == part.controller
    if sender.key != item.author and not (sender.key == part.owner and is_of_house):
        return Refused(code="NOT_ALLOWED", parameters={"act": "share"})
    if item.erased:
        return Refused(code="ALREADY_ERASED")
    is_longer = request.level is former.level and not set(request.named) <= set(former.named)
    if not (request.level > former.level or is_longer):
        return Refused(code="NOT_WIDER", parameters={"level": former.level.value})
    agreed = [name for name in former.named if _is_agreed(name, part, case)]
    reach = Reach(part.owner, request.level, (*agreed, *request.named), former.author)
    return (
        check_item(list(item.tags), request.level, None, _health(case, part))
        or _check_level(case, part)
        or check_reach(reach, request.notify, case.directory, case.now)
    )


def parts_under(
    log: Log, actor: Actor, roles: tuple[Role, ...], directory: Directory, now: datetime
) -> list[Incident]:
    """What lies under the id in the actor's organisation, where the person has one of the roles."""
    return [
        part
        for part in log.parts.values()
        if part.controller == actor.organisation
        and actor.person is not None
        and directory.has_role(actor.person, part.owner, now, *roles)
    ]


def named_with_author(item: Item, level: Level) -> list[str]:
    """Who is named in what follows an item: its list, and its author where that is in another house."""
    named = list(item.reach.named)
    author = item.reach.author
    if author is not None and level >= Level.NAMED and author not in named:
        named.append(author)
    return named


def _check_watch(case: Case[Any]) -> Refused | None:
    if case.actor.key in case.directory.watches:
        return None
    return Refused(code="UNKNOWN_WATCH", parameters={"watch": case.actor.key})


def _check_level(case: Case[Any], part: Incident) -> Refused | None:
    """A machine raises nothing; what is for everybody is said by the owner's own house."""
    level = case.request.level
    if case.actor.person is None and level > Level.WATCH:
        return Refused(code="PERSON_NEEDED", parameters={"act": "share"})
    if level is Level.PUBLIC and part.controller != case.actor.organisation:
        return Refused(code="NOT_ALLOWED", parameters={"act": "publish"})
    return None


def _is_agreed(name: str, part: Incident, case: Case[Any]) -> bool:
    return case.directory.agreed(part.controller, name.partition(".")[0], case.now)


def _health(case: Case[Any], part: Incident) -> str:
    watch = case.directory.watches.get(part.owner)
    return watch.health if watch else "reference"
