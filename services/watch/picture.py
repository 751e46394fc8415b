"""What the room watch knows of one mode, folded from the ledger."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from pydantic import TypeAdapter

from schemas import directory, exercise, watch
from schemas.directory import Directory
from schemas.duty import Duty, Place
from schemas.notifications import Acknowledged, NobodyReached, Started
from services.runtime.follower import Trades
from services.runtime.ledger import Recorded

TRADES: Trades = (*directory.FACTS, (watch.TRADE, watch.GapFound.name), exercise.TRADE)
GROWING: Trades = tuple(
    (fact.trade, fact.name) for fact in (watch.Manned, watch.Released, Started, Acknowledged, NobodyReached)
)
_CHAINS = TypeAdapter(dict[str, str])


@dataclass(slots=True)
class Picture:
    """A fold in memory; ``on_clock`` is called when an exercise's clock was set, or a roster in one."""

    on_clock: Callable[[], None] = lambda: None
    directory: Directory = field(default_factory=Directory)
    duty: Duty = field(default_factory=Duty)
    leaders: dict[str, str] = field(default_factory=dict)
    chains: dict[str, str] = field(default_factory=dict)
    gaps_said: set[tuple[Place, datetime]] = field(default_factory=set)

    def apply(self, recorded: Recorded) -> None:
        """Take in one fact."""
        owner, body = recorded.fact.data.owner, recorded.body
        self.directory.apply(body)
        self.duty.apply(owner, body)
        match body:
            case watch.GapFound():
                self.gaps_said.add(((owner, body.post, body.function), body.since))
            case Started():
                run = self.directory.exercises.of(owner.partition(".")[0], recorded.fact.time)
                if run is not None:
                    self.chains[body.chain] = run.id
            case Acknowledged() | NobodyReached():
                self.chains.pop(body.chain, None)
            case exercise.Begun():
                self.leaders.setdefault(body.exercise, owner)
                self.on_clock()
            case exercise.ClockSet():
                self.on_clock()
            case watch.Manned() if self.directory.joined:
                self.on_clock()

    def dump(self) -> bytes:
        """What is left of facts of ``GROWING``."""
        return self.duty.dump() + b"\n" + _CHAINS.dump_json(self.chains)

    def load(self, raw: bytes) -> None:
        """Take in what ``dump`` gave. Raises ValueError when it is something else."""
        duty, _, chains = raw.partition(b"\n")
        found = _CHAINS.validate_json(chains)
        self.duty.load(duty)
        self.chains = found

    def has_chains(self, exercise_id: str) -> bool:
        """True while somebody is being told in an exercise."""
        return exercise_id in self.chains.values()
