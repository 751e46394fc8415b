"""A fact before it is stored, and as it is read back."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from schemas import subjects
from schemas.canonical import commitment
from schemas.catalogue import read_body
from schemas.envelope import Actor, Body, Command, Fact
from schemas.identifiers import TOKEN, derived_id
from schemas.sharing import content_class
from schemas.vocabulary import Level, Mode
from services.runtime.direct import Stored


@dataclass(frozen=True, slots=True)
class Draft:
    """A fact to be: where it lies, its body, what was typed, and whom it follows.

    ``guard`` is the filter whose last sequence must still be ``expected``; None for what is never refused.
    """

    id: str
    place: subjects.Place
    body: Body
    actor: Actor
    occurred_at: datetime
    command: str
    controller: str
    content: dict[str, Any] | None = None
    level: Level = Level.WATCH
    trace: str | None = None
    guard: str | None = None
    expected: int = 0
    not_before: datetime | None = None


@dataclass(frozen=True, slots=True)
class Recorded:
    """A fact in the ledger; ``fresh`` is False when an earlier sending had stored it."""

    fact: Fact
    body: Body | None
    sequence: int
    subject: str
    fresh: bool = False


def says_same(recorded: Recorded, draft: Draft) -> bool:
    """True if the stored fact says what the draft says, save for what the door itself adds."""
    drawn = {"ref", "mark", "former"}
    stored = {k: v for k, v in recorded.fact.data.body.items() if k not in drawn}
    wanted = draft.body.model_dump(mode="json", exclude_none=True)
    data = recorded.fact.data
    of_stored = (recorded.fact.type, recorded.fact.subject, data.owner, data.actor.key)
    of_draft = (draft.body.type_name(), draft.place.id, draft.place.key, draft.actor.key)
    return of_stored == of_draft and stored == {k: v for k, v in wanted.items() if k not in drawn}


def subject_of(draft: Draft) -> str:
    """Where the fact is to lie."""
    place = draft.place
    return subjects.fact(place.mode, place.org, place.watch, place.trade, place.id, place.fact)


def fact_of(draft: Draft, sealed: bytes | None) -> Fact:
    """The fact, recorded now, or when the log has it that time is already further on."""
    now = datetime.now(UTC).astimezone()
    if draft.not_before is not None:
        now = max(now, draft.not_before)
    data = Fact.Data(
        mode=Mode(draft.place.mode),
        owner=draft.place.key,
        controller=draft.controller,
        actor=draft.actor,
        occurred_at=draft.occurred_at,
        command=draft.command,
        trace=draft.trace,
        commitment=None if sealed is None else commitment(sealed),
        content_class=None if sealed is None else content_class(draft.level),
        body=draft.body.model_dump(mode="json", exclude_none=True),
    )
    return Fact(
        id=draft.id,
        source=f"/{draft.actor.organisation}/{draft.actor.watch}",
        type=draft.body.type_name(),
        subject=draft.place.id,
        time=now,
        data=data,
    )


def read(stored: Stored) -> Recorded | None:
    """The fact in a message, or None if this version cannot read it."""
    try:
        fact = Fact.model_validate_json(stored.data)
        return Recorded(fact, read_body(fact), stored.sequence, stored.subject)
    except ValueError:
        return None


def command_draft(command: Command, mode: str, owner: str, id: str, body: Body, **more: Any) -> Draft:
    """The draft of a command's first fact, which takes the command's id."""
    org, watch = subjects.split_key(owner)
    place = subjects.Place(mode, org, watch, body.trade, id, body.name)
    defaults: dict[str, Any] = {
        "id": command.id,
        "actor": command.data.actor,
        "occurred_at": command.data.occurred_at,
        "command": command.id,
        "controller": org,
        "trace": command.data.trace,
    }
    return Draft(place=place, body=body, **(defaults | more))


def next_id(command_id: str, index: int) -> str:
    """The id of a command's further facts (D3); one of its own where the sender's leaves no room for more."""
    made = f"{command_id}-{index}"
    return made if TOKEN.fullmatch(made) else derived_id(command_id, str(index))
