"""Facts of an exercise that has ended, and of what lies before, beside and after it."""

from datetime import UTC, datetime, timedelta
from typing import Any

from schemas import exercise, incidents, people, relations, watch
from schemas.envelope import Body
from schemas.identifiers import new_ref
from schemas.vocabulary import EntryKind, IncidentState, Level, Mode, Priority, Role
from tests.incidents.make import Made

VAKT, BARN, NEIGHBOUR = "4601.vaktsentral", "4601.barnevern", "4624.main"
WORD = "Fjellfiolett"
BEGAN = datetime.now(UTC) - timedelta(hours=2)
ENDED, NEXT = BEGAN + timedelta(minutes=30), BEGAN + timedelta(minutes=60)
STORM = datetime.fromisoformat("2027-01-14T08:00:00+01:00")
X, Y = "exercise-x", "exercise-y"


def made(body: Body, minute: float, **more: Any) -> Made:
    """A fact of mode exercise, recorded so many minutes after the exercise began."""
    return Made(body, mode=Mode.EXERCISE, at=BEGAN + timedelta(minutes=minute), **more)


def centre() -> list[Made]:
    """Two houses, one of them with a hidden watch, and who may read."""
    watches = ((VAKT, "VAKT", False), (BARN, "BV", True), (NEIGHBOUR, "AUST", False))
    found = [
        made(
            watch.Established(watch=key, code=code, title=code, posts=["duty"], hidden=hidden),
            -60,
            about=code,
            owner=key,
        )
        for key, code, hidden in watches
    ]
    roles = ((Role.READER, "4601"), (Role.READER, BARN), (Role.READER, "4624"), (Role.ARCHIVE_OWNER, "4601"))
    granted = (people.Granted(person="p1", role=role, where=where) for role, where in roles)
    return [*found, *(made(body, -60, owner=f"{body.where.partition('.')[0]}.centre") for body in granted)]


def begun(id: str, minute: float, *organisations: str) -> Made:
    """An exercise begins."""
    reading = {"at": STORM, "wall": BEGAN + timedelta(minutes=minute), "speed": 1}
    body = exercise.Begun(exercise=id, code="ask", organisations=list(organisations), led_by=VAKT, **reading)  # type: ignore[arg-type]
    return made(body, minute, about=id)


def ended(minute: float) -> Made:
    """The exercise ends."""
    reading = {"at": STORM, "wall": BEGAN + timedelta(minutes=minute), "speed": 0}
    return made(exercise.Ended.model_validate({"exercise": X, **reading}), minute, about=X)


def discarded(minute: float, *where: str) -> Made:
    """The exercise is ended for good."""
    body = exercise.Discarded(
        exercise=X,
        order="order-1",
        where=list(where),
        law="arkivlova-15",
        asked_by="liv",
        wall=BEGAN + timedelta(minutes=minute),
    )
    return made(body, minute, about=X)


def incident(minute: float, owner: str = VAKT, level: Level = Level.WATCH, **said: Any) -> Made:
    """An incident opened, with a word by which it can be found."""
    fields = {"ref": new_ref(), "type": "flood", "priority": Priority.NORMAL, "level": level, **said}
    content = {"headline": f"{WORD} {owner}", "text": f"{WORD} ved brua"}
    return made(incidents.Opened(**fields), minute, owner=owner, content=content)


def entry(of: Made, minute: float, level: Level = Level.WATCH, **more: Any) -> Made:
    """An entry in an incident's log; ``owner`` elsewhere makes it a stranger's."""
    owner = more.pop("owner", of.owner)
    body = incidents.EntryAdded(incident=of.about, kind=EntryKind.INFORMATION, level=level, **more)
    return made(body, minute, about=of.about, owner=owner, content={"text": f"{WORD} i kjelleren"})


def reference(of: Made, minute: float) -> Made:
    """The incident's case number in another system."""
    body = relations.Referenced(system="110", level=Level.WATCH)
    return made(body, minute, about=of.about, owner=of.owner, content={"reference": "110-4711"})


def closed(of: Made, minute: float) -> Made:
    """The incident is closed."""
    body = incidents.StateChanged(state=IncidentState.CLOSED, former=IncidentState.NEW)
    return made(body, minute, about=of.about, owner=of.owner)


class Story:
    """What happened, in the order of the ledger, up to the fact that ends the exercise for good in 4601."""

    def __init__(self) -> None:
        self.before = incident(-30)
        self.gone, self.hidden = incident(5, level=Level.REGION), incident(6, BARN)
        self.neighbours, self.stray = incident(7, NEIGHBOUR), entry(incident(8), 9)
        self.after_the_end, self.next_one = incident(40), incident(70)
        self.late = entry(self.gone, 75)
        self.early = entry(self.before, 12)
        self.entry = entry(self.gone, 10, Level.REGION)
        self.discarded = discarded(90, "4601")

    @property
    def facts(self) -> list[Made]:
        """All of them."""
        return [
            *centre(),
            self.before,
            begun(X, 0, "4601", "4624"),
            *(self.gone, self.hidden, self.neighbours, self.stray, self.entry, reference(self.gone, 11)),
            *(self.early, closed(self.gone, 20), ended(30), self.after_the_end),
            begun(Y, 60, "4601"),
            *(self.next_one, self.late, self.discarded),
        ]

    @property
    def exercise_alone(self) -> list[Made]:
        """The same without what keeps its words."""
        return [one for one in self.facts if one.id not in self.kept]

    @property
    def taken(self) -> set[str]:
        """The facts whose words go."""
        return {one.id for one in (self.gone, self.entry, self.late, self.stray, self.after_the_end)}

    @property
    def kept(self) -> set[str]:
        """The facts whose words stay."""
        return {one.id for one in (self.before, self.early, self.hidden, self.neighbours, self.next_one)}
