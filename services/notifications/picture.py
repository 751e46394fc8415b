"""What notifications knows of one mode from its facts: who is who, who is on duty, policies, open chains."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from pydantic import TypeAdapter

from schemas import directory, notifications, subjects
from schemas.directory import Directory
from schemas.discards import Share
from schemas.duty import Duty
from schemas.exercise import Begun, ClockSet, Discarded, Ended
from schemas.notifications import Acknowledged, NobodyReached, PolicySet, Started
from schemas.subjects import Place
from schemas.watch import Manned, Released
from services.notifications.escalation import OnDuty
from services.runtime.follower import Trades
from services.runtime.ledger import Recorded

_KEPT = (
    Manned,
    Released,
    notifications.Started,
    notifications.Sent,
    notifications.Failed,
    notifications.Escalated,
    notifications.Acknowledged,
    notifications.Declined,
    notifications.NobodyReached,
)
TRADES: Trades = (
    *directory.FACTS,
    (notifications.TRADE, notifications.PolicySet.name),
)
GROWING: Trades = tuple((body.trade, body.name) for body in _KEPT)
_OPEN = TypeAdapter(dict[str, tuple[Place, datetime]])


@dataclass(slots=True)
class Picture:
    """A fold in memory.

    ``on_manning`` is called with the key of a watch whose manning has changed, ``on_end`` with the id of a
    chain and the fact that ended it, ``on_clock`` when an exercise's clock was set, ``on_discard`` with what
    was ended for good. ``open`` are the chains, where their facts lie, and since when.
    """

    on_manning: Callable[[str], None] = lambda watch: None
    on_end: Callable[[str, Recorded], None] = lambda chain, recorded: None
    on_clock: Callable[[], None] = lambda: None
    on_discard: Callable[[Share], None] = lambda share: None
    directory: Directory = field(default_factory=Directory)
    duty: Duty = field(default_factory=Duty)
    policies: dict[str, PolicySet] = field(default_factory=dict)
    open: dict[str, tuple[Place, datetime]] = field(default_factory=dict)

    def apply(self, recorded: Recorded) -> None:
        """Take in one fact, in ledger order."""
        place, body = subjects.parse_place(recorded.subject), recorded.body
        if place is None or body is None:
            return
        self.directory.apply(body)
        self.duty.apply(place.key, body)
        match body:
            case PolicySet():
                self.policies[body.watch] = body
            case Started():
                self.open[body.chain] = (place, recorded.fact.time)
            case Acknowledged() | NobodyReached():
                self.open.pop(body.chain, None)
                self.on_end(body.chain, recorded)
            case Manned() | Released():
                self.on_manning(place.key)
            case Begun() | ClockSet() | Ended():
                self.on_clock()
            case Discarded():
                self._discard(Share.of(body, self.directory))

    def _discard(self, share: Share) -> None:
        """Nobody is told any more of what was ended for good."""
        gone = [chain for chain, (place, since) in self.open.items() if share.holds(place.key, since)]
        for chain in gone:
            del self.open[chain]
        self.on_discard(share)

    def dump(self) -> bytes:
        """What is left of facts of ``GROWING``."""
        return self.duty.dump() + b"\n" + _OPEN.dump_json(self.open)

    def load(self, raw: bytes) -> None:
        """Take in what ``dump`` gave. Raises ValueError when it is something else."""
        duty, _, chains = raw.partition(b"\n")
        found = _OPEN.validate_json(chains)
        self.duty.load(duty)
        self.open = found

    def now(self, organisation: str, wall: datetime) -> datetime:
        """What time it is for an organisation: its exercise's, or the wall's."""
        return self.directory.now(organisation, wall)

    @property
    def people(self) -> OnDuty:
        """Who can be told."""
        return OnDuty(self.duty, self.directory)
