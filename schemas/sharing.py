"""Who may see an item: level, named list, agreement, region (D20). Pure; ``now`` is an argument."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from schemas.directory import Directory
from schemas.envelope import Refused
from schemas.vocabulary import ContentClass, Level


@dataclass(frozen=True, slots=True)
class Reach:
    """In whose log an item lies, its level and its named receivers (watch keys or organisations).

    ``author`` is the watch that wrote it, when that is not the owner: it always sees its own words.
    ``broken`` are watches for which the glass was broken, each until a moment of the owner's clock.
    """

    owner: str
    level: Level
    named: tuple[str, ...] = ()
    author: str | None = None
    broken: tuple[tuple[str, datetime], ...] = ()

    @property
    def organisation(self) -> str:
        """The owner's organisation."""
        return self.owner.partition(".")[0]


def may_see(reach: Reach, viewer: str, directory: Directory, now: datetime) -> bool:
    """True if the watch ``viewer`` may see the item now."""
    if viewer in (reach.owner, reach.author) or reach.level is Level.PUBLIC:
        return True
    if is_broken_for(reach, viewer, directory, now):
        return True
    organisation = viewer.partition(".")[0]
    if organisation == reach.organisation:
        return reach.level > Level.WATCH
    is_named = reach.level >= Level.NAMED and (viewer in reach.named or organisation in reach.named)
    if is_named and directory.agreed(reach.organisation, organisation, now):
        return True
    return _is_for_region(reach, organisation, directory, now)


def _is_for_region(reach: Reach, organisation: str, directory: Directory, now: datetime) -> bool:
    """True if the item is for the region, and the organisation a member of it now."""
    return reach.level >= Level.REGION and directory.share_region(reach.organisation, organisation, now)


def is_broken_for(reach: Reach, viewer: str, directory: Directory, now: datetime) -> bool:
    """True while the glass is broken for the watch ``viewer``; it ends by itself (R11)."""
    return bool(reach.broken) and any(
        watch == viewer and directory.now(reach.owner, now) < until for watch, until in reach.broken
    )


def organisation_may_see(reach: Reach, organisation: str, directory: Directory, now: datetime) -> bool:
    """True if some watch of the organisation may see the item now: then it belongs in its feed."""
    if may_see(reach, f"{organisation}.", directory, now):
        return True
    keys = (*reach.named, *(watch for watch, _ in reach.broken))
    return any(may_see(reach, key, directory, now) for key in keys if key.partition(".")[0] == organisation)


def is_restricted(reach: Reach, is_tagged: bool, viewer: str) -> bool:
    """True if reading it must be recorded: it is tagged, or another watch's and not public (R12)."""
    return is_tagged or (viewer not in (reach.owner, reach.author) and reach.level < Level.PUBLIC)


def least_level(owner: str, author: str) -> Level:
    """How far an item reaches at least: what one watch writes in another's log has left that watch."""
    if author == owner:
        return Level.WATCH
    is_own_house = author.partition(".")[0] == owner.partition(".")[0]
    return Level.ORGANISATION if is_own_house else Level.NAMED


def content_class(level: Level) -> ContentClass:
    """Where an item's content lies: shared content may be read by the feeds, watch content may not."""
    return ContentClass.SHARED if level >= Level.NAMED else ContentClass.WATCH


def check_reach(reach: Reach, notify: Iterable[str], directory: Directory, now: datetime) -> Refused | None:
    """Why an item cannot be shared so: no list, no agreement, or a blind addressee; None if it can."""
    if reach.level is Level.NAMED and not reach.named:
        return Refused(code="NAMED_NEEDS_LIST")
    for name in reach.named:
        organisation = name.partition(".")[0]
        if _is_for_region(reach, organisation, directory, now):
            continue
        if not directory.agreed(reach.organisation, organisation, now):
            return Refused(code="NO_AGREEMENT", parameters={"organisation": organisation})
    for watch in notify:
        if watch not in directory.watches:
            return Refused(code="UNKNOWN_WATCH", parameters={"watch": watch})
        if not may_see(reach, watch, directory, now):
            return Refused(code="ADDRESSEE_CANNOT_SEE", parameters={"watch": watch})
    return None
