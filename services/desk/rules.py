"""What one watch sees of the board, and in which order. Pure; ``now`` is an argument."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from schemas import running
from schemas.directory import Directory
from schemas.sharing import may_see
from schemas.vocabulary import IncidentState, Level, Priority
from services.desk.board import Board, Change, Key, Standing, Words

RANKS: dict[Priority, int] = {priority: rank for rank, priority in enumerate(Priority)}
_AGES = 10**15


@dataclass(frozen=True, slots=True)
class Row:
    """An open incident as one watch sees it. ``name`` opens it; ``order`` sorts it, least first.

    ``is_own`` is one that the watch answers for, ``is_born_here`` one of its own log.
    ``since`` is from when the clock counts. ``chain`` is what an acknowledgement answers. Who has been shown
    a ``restricted`` one is recorded.
    """

    key: Key
    name: str
    order: str
    priority: str
    state: str
    type: str
    since: datetime
    occurred_at: datetime
    owner: str
    words: Words
    number: str | None = None
    ref: str | None = None
    chain: str | None = None
    unacknowledged: bool = False
    nobody_reached: bool = False
    is_own: bool = False
    is_born_here: bool = False
    shared: bool = False
    restricted: bool = False
    struck: bool = False
    erased: bool = False


@dataclass(frozen=True, slots=True)
class Counts:
    """How many open incidents a watch sees, in all and by priority; how many of each wait for an answer."""

    total: int
    priorities: tuple[int, ...]
    unacknowledged: tuple[int, ...]


def order_of(unacknowledged: bool, priority: Priority, opened_at: datetime) -> str:
    """Sorts as text, least first: unacknowledged first, then by priority, then the newest (desk rule 5)."""
    age = _AGES - int(opened_at.timestamp() * 1000)
    return f"{0 if unacknowledged else 1}{RANKS[priority]}{age:015d}"


def row_of(standing: Standing, viewer: str, directory: Directory, now: datetime) -> Row | None:
    """The row that the watch ``viewer`` sees; None if it may not see the incident, nor was told of a part."""
    chains = [chain for chain in standing.chains.values() if chain.watch == viewer]
    waiting = next((chain for chain in chains if chain.outcome == "open"), None)
    head = standing.head
    if head is None or not may_see(head.reach, viewer, directory, now):
        return _part(standing, viewer, directory, now)
    assert standing.opened_at is not None  # noqa: S101  every head was opened at a time
    assert standing.occurred_at is not None  # noqa: S101  the same
    is_born_here, is_own = standing.owner == viewer, standing.responsible == viewer
    unacknowledged = waiting is not None or (is_own and standing.state is IncidentState.NEW)
    return Row(
        key=standing.key,
        name=standing.ref,
        order=order_of(unacknowledged, standing.priority, standing.opened_at),
        priority=standing.priority.value,
        state=standing.state.value,
        type=standing.type,
        since=standing.opened_at if waiting is None else waiting.since,
        occurred_at=standing.occurred_at,
        owner=standing.owner,
        words=standing.replaced_by or head,
        number=number_of(standing, viewer, directory),
        ref=standing.ref,
        chain=None if waiting is None else waiting.id,
        unacknowledged=unacknowledged,
        nobody_reached=any(chain.outcome == "nobody_reached" for chain in chains),
        is_own=is_own,
        is_born_here=is_born_here,
        shared=is_born_here and head.reach.level.rank > 0,
        restricted=bool(standing.tags) or not (is_born_here or head.reach.level is Level.PUBLIC),
        struck=standing.struck,
        erased=standing.erased,
    )


def _part(standing: Standing, viewer: str, directory: Directory, now: datetime) -> Row | None:
    """A row for one item that the watch was told about, of an incident whose head it may not see."""
    for chain in standing.chains.values():
        words = standing.told.get(chain.item)
        if chain.watch != viewer or chain.outcome == "acknowledged" or words is None:
            continue
        if may_see(words.reach, viewer, directory, now):
            return Row(
                key=standing.key,
                name=standing.key[1],
                order=order_of(chain.outcome == "open", chain.priority, chain.since),
                priority=chain.priority.value,
                state="message_in",
                type="",
                since=chain.since,
                occurred_at=chain.since,
                owner=standing.owner,
                words=words,
                chain=chain.id if chain.outcome == "open" else None,
                unacknowledged=chain.outcome == "open",
                nobody_reached=chain.outcome == "nobody_reached",
                restricted=words.reach.level < Level.PUBLIC,
            )
    return None


def number_of(standing: Standing, viewer: str, directory: Directory) -> str | None:
    """The running number, for the own watch or house; a hidden watch's tells how much it has (D13)."""
    own_house = standing.owner.partition(".")[0] == viewer.partition(".")[0]
    known = directory.watches.get(standing.owner)
    may_count = standing.owner == viewer or (own_house and known is not None and not known.hidden)
    if known is None or not standing.number or not may_count:
        return None
    return running.written(known.code, standing.year, standing.number)


def learns_of(change: Change, viewer: str, directory: Directory, now: datetime) -> bool:
    """True if the watch may learn that something came into the log of an incident that it sees."""
    if change.watches is not None:
        return viewer in change.watches
    return change.reach is None or may_see(change.reach, viewer, directory, now)


def heard_from(board: Board, viewer: str, now: datetime) -> dict[str, datetime]:
    """When each other organisation last wrote something that the watch may see."""
    found: dict[str, datetime] = {}
    for (organisation, reach), at in board.heard.items():
        if organisation != viewer.partition(".")[0] and may_see(reach, viewer, board.directory, now):
            found[organisation] = max(at, found.get(organisation, at))
    return found


def count(rows: Iterable[Row]) -> Counts:
    """What the header says."""
    found = list(rows)
    priorities = tuple(sum(row.priority == one.value for row in found) for one in Priority)
    waiting = [row for row in found if row.unacknowledged]
    unacknowledged = tuple(sum(row.priority == one.value for row in waiting) for one in Priority)
    return Counts(len(found), priorities, unacknowledged)
