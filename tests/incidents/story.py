"""A log that grows by what its rules decide, in a centre of a few watches."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from schemas import feeds, incidents, people, subjects, watch
from schemas.directory import Directory
from schemas.envelope import Actor, Body, Fact, Refused, Request
from schemas.sharing import may_see
from schemas.vocabulary import (
    Authentication,
    Mode,
    Role,
)
from services.incidents import log
from services.incidents.fold import Incident, Log
from services.incidents.limits import Case
from services.incidents.verdict import Decided

NOW = datetime(2027, 1, 15, 6, 0, tzinfo=UTC)
VAKT, BARN, NEIGHBOUR, FIRE, FAR = "4601.vakt", "4601.barn", "4624.main", "110.main", "5001.main"
SAID = {"headline": "Vann i kjeller"}
IDENTITY_NUMBER = "01010112377"


def centre() -> Directory:
    """A municipality of two watches, a neighbour by agreement, 110 by region, and a stranger."""
    directory = Directory()
    for key in (VAKT, BARN, NEIGHBOUR, FIRE, FAR):
        directory.apply(watch.Established(watch=key, code="X", title="X", posts=["duty"]))
    directory.watches[BARN] = directory.watches[BARN].model_copy(update={"health": "watch"})
    for person, where, role in (
        ("kari", "4601", Role.OPERATOR),
        ("leser", "4601", Role.READER),
        ("arkiv", "4601", Role.ARCHIVE_OWNER),
        ("vern", "4601", Role.DPO),
        ("nora", "4624", Role.OPERATOR),
        ("brann", "110", Role.OPERATOR),
        ("fjern", "5001", Role.OPERATOR),
    ):
        directory.apply(people.Granted(person=person, role=role, where=where))
    directory.apply(
        people.TokenIssued(machine="sensor", where=VAKT, scope=["report"], until=NOW + timedelta(days=1))
    )
    since = NOW - timedelta(days=1)
    directory.apply(
        feeds.Agreed(agreement="a", parties=["4601", "4624"], purpose="vertskommune", since=since)
    )
    directory.apply(feeds.RegionSet(region="vest", members=["4601", "110"], since=since))
    return directory


def actor(key: str = VAKT, person: str | None = "kari", machine: str | None = None) -> Actor:
    """Somebody in a watch."""
    org, code = subjects.split_key(key)
    proof = Authentication.TOKEN if machine else Authentication.SESSION
    return Actor(
        person=person, machine=machine, organisation=org, watch=code, via="test", authentication=proof
    )


NORA, BRANN, FJERN = actor(NEIGHBOUR, "nora"), actor(FIRE, "brann"), actor(FAR, "fjern")
SENSOR = actor(VAKT, None, "sensor")


@dataclass
class Story:
    """A log that grows by what is decided, as the ledger would have it."""

    directory: Directory = field(default_factory=centre)
    log: Log = field(default_factory=lambda: Log("i1"))
    sequence: int = 0
    taken: list[tuple[int, subjects.Place, Fact, Body]] = field(default_factory=list)

    def ask(
        self,
        rule: Any,
        request: Request,
        who: Actor | None = None,
        content: dict[str, Any] | None = None,
        **more: Any,
    ) -> Any:
        """What a rule says to a request."""
        case = Case(who or actor(), request, content, self.log, self.directory, NOW)
        return rule(case, **more)

    def do(self, rule: Any, request: Request, who: Actor | None = None, **more: Any) -> str:
        """Carry out what must be allowed; the fact's id."""
        decided = self.ask(rule, request, who, **more)
        assert isinstance(decided, Decided), decided
        return self.write(decided.part.owner, decided.body, who or actor(), bool(decided.content))

    def write(
        self, owner: str, body: Body, who: Actor, has_content: bool = False, trade: str = "incidents"
    ) -> str:
        """Put a fact into the log."""
        self.sequence += 1
        org, code = subjects.split_key(owner)
        data = Fact.Data(
            mode=Mode.EXERCISE,
            owner=owner,
            controller=org,
            actor=who,
            occurred_at=NOW,
            command="c",
            commitment="c" * 64 if has_content else None,
            body={},
        )
        at = NOW + timedelta(seconds=self.sequence)
        fact = Fact(
            id=f"f{self.sequence}",
            source="/t",
            type=body.type_name(),
            subject=self.log.id,
            time=at,
            data=data,
        )
        place = subjects.Place("exercise", org, code, trade, self.log.id, body.name)
        self.taken.append((self.sequence, place, fact, body))
        self.log.take(*self.taken[-1])
        return fact.id

    def opened(self, **more: Any) -> "Story":
        """With an incident of VAKT's."""
        request = incidents.OpenIncident(incident="i1", type="water.main", **more)
        self.do(log.open_incident, request, content=SAID, ref="ABCDEF1")
        return self

    def entry(self, who: Actor | None = None, **more: Any) -> str:
        """With an entry more."""
        return self.do(log.add_entry, incidents.AddEntry(incident="i1", **more), who, content=SAID)

    @property
    def incident(self) -> Incident:
        assert self.log.opened is not None
        return self.log.opened

    def sees(self, item: str, key: str) -> bool:
        """True if a watch may see an item."""
        found = self.incident.items[item]
        return may_see(found.reach, key, self.directory, NOW)


def code(outcome: Any) -> str | None:
    """The refusal's code."""
    return outcome.code if isinstance(outcome, Refused) else None
