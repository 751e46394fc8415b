"""Which organisation's feed gets which fact as which item (D20, D21). Pure; ``now`` is an argument.

A feed carries what *others* wrote and let an organisation see; its own words reach its desks by query. Only
an organisation with an active subscription has rows, and those begin with its subscription. A public item
comes to members of its owner's region, to those it names, and to subscribers that asked for its owner's
(``public_from``); to nobody else. Official warnings come to whoever serves one of their municipalities.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

from schemas import warnings
from schemas.directory import Directory
from schemas.sharing import Reach, organisation_may_see
from schemas.vocabulary import Level

Kind = Literal["incident", "entry", "correction", "state", "shared", "warning", "nobody_reached", "notice"]
WARNING_CODES = (
    "source", "key", "revision", "replaces", "kind", "event", "severity", "urgency", "certainty", "response",
    "awareness", "effective", "onset", "expires", "event_ends",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Item:
    """What the feeds keep of one fact: codes, ids and times, never a word that was typed.

    ``home`` is the birthplace watch, under which the content lies; ``author`` the watch that wrote it;
    ``incident`` is the incident's key.
    ``recalled``: its sender took it back, and it stays a notice.
    ``about`` is the fact whose reach decides who sees this one: itself, the corrected entry, or the
    incident's head. ``broken`` are the watches for which the glass was broken, and until when; ``into``
    is the key of what a merged incident was merged into. ``passed`` is when the term of its deliveries was
    over: who was given it before is no longer known.
    """

    fact: str
    kind: Kind
    home: str
    author: str
    level: Level
    about: str
    occurred_at: str
    recorded_at: str
    named: tuple[str, ...] = ()
    incident: str | None = None
    entry: str | None = None
    type: str | None = None
    priority: str | None = None
    state: str | None = None
    tags: tuple[str, ...] = ()
    municipalities: tuple[str, ...] = ()
    commitment: str | None = None
    codes: dict[str, Any] | None = None
    erased: bool = False
    broken: tuple[tuple[str, str], ...] = ()
    into: str | None = None
    passed: str | None = None
    recalled: bool = False

    @property
    def reach(self) -> Reach:
        """What decides who sees it, when ``about`` is itself."""
        author = None if self.author == self.home else self.author
        broken = tuple((watch, datetime.fromisoformat(until)) for watch, until in self.broken)
        return Reach(self.home, self.level, self.named, author, broken)


@dataclass(frozen=True, slots=True)
class Head:
    """An incident as it stands: the fact that opened it, what people call it, its state.

    ``incident`` is its key: birthplace and id together, since an entry of a stranger may bear the same id.
    """

    incident: str
    fact: str
    ref: str
    state: str


def subscribers(directory: Directory, mode: str, now: datetime) -> list[str]:
    """Organisations with an active subscription in this mode."""
    return [name for name in directory.subscriptions if directory.subscription(name, mode, now)]


def gets(reach: Reach, subscriber: str, directory: Directory, now: datetime) -> bool:
    """True if an item of this reach is put into the subscriber's feed."""
    if subscriber == (reach.author or reach.owner).partition(".")[0]:
        return False
    if reach.level is not Level.PUBLIC:
        return organisation_may_see(reach, subscriber, directory, now)
    asked = directory.subscriptions.get(subscriber)
    if asked is not None and reach.organisation in asked.public_from:
        return True
    return organisation_may_see(replace(reach, level=Level.REGION), subscriber, directory, now)


def receivers(reach: Reach, directory: Directory, mode: str, now: datetime) -> list[str]:
    """The subscribers whose feeds get an item of this reach."""
    if reach.level < Level.NAMED and reach.author is None and not reach.broken:
        return []
    return [name for name in subscribers(directory, mode, now) if gets(reach, name, directory, now)]


def warned(warning: warnings.Published, directory: Directory, mode: str, now: datetime) -> list[str]:
    """The subscribers that serve one of a warning's municipalities; nobody for a quiet one."""
    if warning.quiet:
        return []
    places = set(warning.municipalities)
    return [
        name
        for name in subscribers(directory, mode, now)
        if (known := directory.organisations.get(name)) and places.intersection(known.serves)
    ]


def may_have(item: Item, about: Item, subscriber: str, directory: Directory, now: datetime) -> bool:
    """True if an item that lies in the subscriber's feed may be given out at this moment."""
    return item.kind == "warning" or organisation_may_see(about.reach, subscriber, directory, now)


def widened(item: Item, level: Level, named: Iterable[str]) -> Item:
    """The item at a wider level; those who were named before stay named."""
    return replace(item, level=max(item.level, level), named=tuple(dict.fromkeys((*item.named, *named))))
