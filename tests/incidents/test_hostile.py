"""Anybody commands anything in any order: a clear refusal, or a fact that every reader can read."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas import entries, incidents, records, relations
from schemas.catalogue import read_fact
from schemas.envelope import Actor, Command, Refused, Request
from schemas.refusals import REFUSALS
from schemas.vocabulary import EntryKind, IncidentState, Level, Tag
from services.incidents import endings, glass, log, projection, retaining, staffing
from services.incidents.fold import Incident
from services.incidents.verdict import Decided
from services.runtime.facts import command_draft, fact_of, subject_of
from services.runtime.reading import Refusal, validate
from tests.incidents.story import (
    BARN,
    BRANN,
    FIRE,
    FJERN,
    NEIGHBOUR,
    NORA,
    NOW,
    SENSOR,
    VAKT,
    Story,
    actor,
)

PEOPLE = (
    *(
        actor(),
        actor(VAKT, "leser"),
        actor(VAKT, "arkiv"),
        actor(VAKT, "vern"),
        actor(BARN),
        actor(BARN, "arkiv"),
    ),
    *(NORA, BRANN, FJERN, SENSOR, actor(VAKT, "ukjent"), actor(VAKT, None), actor("9999.none"), actor(FIRE)),
)
USUAL = (actor(), actor(), actor(VAKT, "arkiv"), actor(VAKT, "vern"))
NO_WRITERS = {"leser", "vern", "ukjent", None}
RULES: dict[type[Request], Callable[[Any], Any]] = {
    incidents.AddEntry: log.add_entry,
    incidents.CorrectEntry: log.correct_entry,
    incidents.ShareWider: log.share_wider,
    incidents.ChangeState: log.change_state,
    incidents.CloseIncident: log.close_incident,
    incidents.AskErasure: log.ask_erasure,
    incidents.ApproveErasure: log.approve_erasure,
    entries.CloseTask: endings.close_task,
    entries.AnswerRequest: endings.answer_request,
    entries.TickStep: endings.tick_step,
    records.PlaceHold: retaining.place_hold,
    records.LiftHold: retaining.lift_hold,
    relations.BreakGlass: glass.break_glass,
    relations.ChangePlace: staffing.change_place,
    relations.AssignFunction: staffing.assign,
    relations.EndFunction: staffing.end_function,
    relations.AddReference: staffing.add_reference,
    relations.AskTransfer: staffing.ask_transfer,
    relations.AnswerTransfer: staffing.answer_transfer,
    relations.WithdrawTransfer: staffing.withdraw_transfer,
}
WATCHES = st.sampled_from([VAKT, BARN, NEIGHBOUR, FIRE, "9999.none"])
CODES = st.sampled_from(["fire", "4601.x:y", "01010112377", "-", ".", "__proto__", "x" * 80])
TEXTS = st.one_of(
    st.sampled_from(
        ["\u202eetxet", "\u2028", "\ufeff", "e" + "\u0301" * 40, "'; --", "=1+1", "\t\n", "💥" * 9]
    ),
    st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), max_size=40),
    st.just("x" * 20_000),
)
FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "kind": st.sampled_from(list(EntryKind)),
    "level": st.sampled_from(list(Level)),
    "tags": st.lists(st.sampled_from(list(Tag)), max_size=3),
    "named": st.lists(st.one_of(WATCHES, st.sampled_from(["4624", "110", "-"])), max_size=3),
    "notify": st.lists(WATCHES, max_size=2),
    "asks": st.lists(WATCHES, max_size=2),
    "assignee": st.one_of(WATCHES, st.just("kari")),
    "decider": st.sampled_from(["crisis_leader", "00000000-0000-7000-8000-000000000000"]),
    "due": st.sampled_from(["1900-01-01T00:00:00+14:00", "2199-12-31T23:59:59-14:00"]),
    "until": st.sampled_from([(NOW + timedelta(days=1)).isoformat(), "2199-12-31T23:59:59-14:00"]),
    "manner": st.sampled_from(["strike", "replace"]),
    "state": st.sampled_from(list(IncidentState)),
    "answer": st.sampled_from(["accept", "decline"]),
    "accept": st.booleans(),
    "to": WATCHES,
    "watch": WATCHES,
    "person": st.sampled_from(["kari", "nobody"]),
    "municipalities": st.lists(st.sampled_from(["4601", "0000", "9999"]), max_size=2),
    **dict.fromkeys(("channel", "ground", "law", "function", "system", "step"), CODES),
}
WORDS: dict[str, st.SearchStrategy[Any]] = {
    name: TEXTS for name in ("headline", "text", "place", "source", "reference", "basis")
}
WORDS["figures"] = st.dictionaries(st.just("antall"), st.integers(-(2**63), 2**63 - 1), max_size=1)
IDS = st.one_of(st.uuids().map(str), st.from_regex(r"[A-Za-z0-9_-]{1,64}", fullmatch=True))


@dataclass(frozen=True, slots=True)
class Act:
    """One command of somebody's; ``item`` picks what it names, from the newest back."""

    who: Actor
    model: type[Request]
    fields: dict[str, Any]
    words: dict[str, Any]
    item: int
    id: str


@st.composite
def acts(draw: st.DrawFn) -> Act:
    """Whatever somebody may send, mostly in good form."""
    model = draw(st.sampled_from(list(RULES)))
    chosen = {
        name: FIELDS[name]
        for name, field in model.model_fields.items()
        if name in FIELDS and (field.is_required() or draw(st.integers(0, 3)) == 0)
    }
    words = draw(st.sets(st.sampled_from(list(WORDS)), max_size=2)) if model.content_model else set()
    return Act(
        draw(st.sampled_from(PEOPLE)) if draw(st.integers(0, 2)) == 0 else draw(st.sampled_from(USUAL)),
        model,
        {name: draw(strategy) for name, strategy in chosen.items()},
        {name: draw(WORDS[name]) for name in sorted(words)},
        draw(st.integers(0, 8)),
        draw(IDS),
    )


def asked(act: Act, incident: Incident) -> tuple[Request, dict[str, Any] | None] | None:
    """The command as it comes out of the reading, with its words; None if its form is refused there."""
    items = ["nothing", *incident.functions, *incident.items, incidents.HEAD]
    named = items[-1 - act.item % len(items)]
    known = {"incident": incident.id, "entry": named, "assignment": named, **act.fields}
    said = {name: value for name, value in known.items() if name in act.model.model_fields}
    try:
        request = validate(act.model, orjson.dumps(said))
        words = incidents.ItemContent if act.model.content_model else None
        content = None if words is None else validate(words, orjson.dumps(act.words))
    except Refusal:
        return None
    return request, None if content is None else content.model_dump(mode="json", exclude_none=True) or None


@settings(max_examples=40, deadline=None)
@given(st.lists(acts(), min_size=5, max_size=30))
def test_whatever_anybody_commands_it_is_refused_with_a_code_or_read_by_every_reader(done: list[Act]) -> None:
    story = Story().opened(level=Level.NAMED, named=["4624"])
    for act in done:
        said = asked(act, story.incident)
        if said is None:
            continue
        before = {item.id: item for item in story.incident.items.values()}
        verdict = story.ask(RULES[act.model], said[0], act.who, said[1])
        if isinstance(verdict, Refused):
            assert verdict.code in REFUSALS
            orjson.dumps(verdict.model_dump(mode="json"))
            continue
        assert act.who.person not in NO_WRITERS or may_without_writing(act)
        check_read(act, verdict, story)
        story.write(verdict.part.owner, verdict.body, act.who, bool(verdict.content))
        check_stands(before, story)


def may_without_writing(act: Act) -> bool:
    """A machine writes with its token; the data-protection officer and the archive have acts of their own."""
    is_officer = act.who.person == "vern"
    of_archive = (incidents.ApproveErasure, records.PlaceHold, records.LiftHold)
    return act.who is SENSOR if act.model is incidents.AddEntry else is_officer and act.model in of_archive


def check_read(act: Act, verdict: Decided, story: Story) -> None:
    """The fact is read by the archive and by the others as what it was meant to be."""
    data = Command.Data(actor=act.who, occurred_at=NOW, body={}, content=verdict.content)
    command = Command(id=act.id, source="/t", type=act.model.type_name(), time=NOW, data=data)
    draft = command_draft(
        command, "actual", verdict.part.owner, story.log.id, verdict.body, content=verdict.content
    )
    fact = fact_of(draft, None)
    taken = projection.read(1, subject_of(draft), fact.encode())
    assert (taken.reason, taken.id) == (None, act.id)
    assert read_fact(fact.encode())[1] == verdict.body


def check_stands(before: dict[str, Any], story: Story) -> None:
    """Nothing is gone, nothing is lowered, nothing erased alone, and no item is corrected twice."""
    items = story.incident.items
    corrections = [item.corrected_by for item in items.values() if item.corrected_by]
    assert len(set(corrections)) == len(corrections)
    for id, item in before.items():
        now = items[id]
        assert now.reach.level >= item.reach.level
        assert set(now.reach.named) >= set(item.reach.named)
        assert item.corrected_by in (None, now.corrected_by)
        assert not now.erased or item.erased or item.asked is not None
