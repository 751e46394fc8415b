"""Who is to be told of what, who answers, and when. Pure; times are those of the exercise."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from schemas.centre import Centre
from schemas.exercise_parts import Answerer, Answers, Event
from schemas.notifications import Step, chain_id, reference_of
from schemas.vocabulary import DutyFunction, Priority, Role
from services.cli.player.phones import Message

ATTEMPTS = 12
WAITING, SCHEDULED, ANSWERED, SILENT, FAILED = "waiting", "scheduled", "answered", "silent", "failed"
_LEADER = [Step(after_s=0, function=DutyFunction.LEADER)]


@dataclass(slots=True)
class Telling:
    """One chain that an event must start: what is told to a watch, and how the file lets it be answered.

    ``chain`` is empty where it is not known beforehand: of an event left out, and of an empty post.
    """

    event: Event
    order: tuple[int, int]
    watch: str
    answers: Answers
    steps: Sequence[Step]
    after_s: int
    chain: str = ""
    incident: str = ""
    left_out: bool = False
    state: str = WAITING
    due: datetime | None = None
    link: str = ""
    heard: list[tuple[str, Message]] = field(default_factory=list)

    @property
    def is_gap(self) -> bool:
        """True if it is about an empty post."""
        return self.watch in self.event.gaps

    @property
    def pending(self) -> bool:
        """True while the exercise waits for it."""
        return self.state in (WAITING, SCHEDULED)

    @property
    def awaited_at(self) -> datetime:
        """When the one who answers is told, if nobody answers before."""
        steps = (step for step in self.steps if self.who(step) == self.answers.by)
        step = next(steps, self.steps[0])
        return self.event.at + timedelta(seconds=step.after_s)

    def who(self, step: Step) -> str:
        """Whom a step tells, in the words of the file."""
        return "coordinator" if step.watch not in (None, self.watch) else step.function.value

    def place_of(self, message: Message, person: str) -> str | None:
        """Whom this message of the chain tells, or None if it is another's."""
        for number, step in enumerate(self.steps):
            for attempt in range(1, ATTEMPTS):
                if self.chain and reference_of(self.chain, number, person, attempt) == message.reference:
                    return self.who(step)
        return None

    def hear(self, who: str, message: Message, now: datetime) -> None:
        """Take in a message of this chain; the one who answers will do so after the scripted time."""
        self.heard.append((who, message))
        if self.state != WAITING or who != self.answers.by:
            return
        waits = timedelta(seconds=self.after_s)
        told = now if self.is_gap else self.awaited_at
        self.state, self.link, self.due = SCHEDULED, message.link, max(told + waits, self.event.at)

    def declined(self) -> None:
        """The one who answered could not: the next step's person acknowledges."""
        following = [self.who(step) for step in self.steps]
        place = following.index(self.answers.by) + 1 if self.answers.by in following else 0
        by = following[place] if place < len(following) else self.answers.by
        self.answers = self.answers.model_copy(update={"by": by, "act": "acknowledge"})
        self.state = WAITING


def tellings_of(
    event: Event,
    notified: Sequence[str],
    index: int,
    centre: Centre,
    after_s: int,
    priority: Priority,
    cause: str | None,
) -> Iterator[Telling]:
    """The chains that an event starts; ``cause`` is its fact, None when the event is left out."""
    for place, watch in enumerate([*notified, *event.gaps]):
        is_gap = place >= len(notified)
        steps = _LEADER if is_gap else steps_of(centre, watch, priority)
        if not steps:
            continue
        answers = answers_of(event, watch, "leader" if is_gap else "primary")
        telling = Telling(event, (index, place), watch, answers, steps, answers.after_s or after_s)
        if answers.act == "silent":
            telling.state = SILENT
        if cause is None:
            telling.left_out = True
            telling.state = SCHEDULED
            telling.due = telling.awaited_at + timedelta(seconds=telling.after_s)
        elif not is_gap:
            telling.chain = chain_id(cause, watch)
        yield telling


def answers_of(event: Event, watch: str, by: Answerer) -> Answers:
    """How a watch answers: as the event says, else ``by`` acknowledges."""
    default = Answers(watch=watch, by=by)
    return next((one for one in event.answers if one.watch == watch), default)


def steps_of(centre: Centre, watch: str, priority: Priority) -> list[Step]:
    """The steps by which a watch is told of something that urgent; none when nobody is paged."""
    known = centre.watch(watch)
    policy = centre.policy_of(known) if known else None
    rules = next((one for one in policy.rules if one.priority is priority), None) if policy else None
    return sorted(rules.steps, key=lambda step: step.after_s) if rules else []


def leads(centre: Centre, person: str, watch: str) -> bool:
    """True if the person (by id) is a leader of the watch, by the file."""
    where = (watch, watch.partition(".")[0])
    found = centre.person(person)
    is_leader = any(
        role.role is Role.LEADER and role.where in where and found and found.key in role.persons
        for role in centre.roles
    )
    return is_leader or any(
        manning.watch == watch and found and manning.leader == found.key for manning in centre.manning
    )
