"""Decisions, tasks, requests for resources and action cards, as a duty officer would put them."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import entries, incident_types, incidents
from schemas.directory import Directory
from schemas.envelope import Actor, Refused
from schemas.vocabulary import Authentication, EntryKind, Level, Priority
from services.incidents import begun, defaults, endings, log
from services.incidents.viewer import Viewer
from tests.incidents.story import (
    BARN,
    BRANN,
    FIRE,
    NEIGHBOUR,
    NORA,
    NOW,
    SAID,
    SENSOR,
    VAKT,
    Story,
    actor,
    code,
)

CENTRE = Actor(
    machine="centre", organisation="4601", watch="centre", via="cli", authentication=Authentication.SERVICE
)
WORDS = {"nb": "Stenge ventiler", "en": "Close valves"}
DUE = NOW + timedelta(hours=2)


def a_type(**more: Any) -> incident_types.SetType:
    """The type that the stories open, with a card of two steps."""
    steps = [{"code": "valves", "text": WORDS}, {"code": "notice", "text": {"nb": "Kokevarsel"}}]
    fields = {"type": "water.main", "title": {"nb": "Brudd"}, "card": {"version": 1, "steps": steps}} | more
    return incident_types.SetType.model_validate(fields, strict=False)


def registered(*types: incident_types.SetType) -> Story:
    """A story in whose centre the types are set."""
    story = Story()
    for one in types:
        body = defaults.set_type(CENTRE, one, story.directory)
        assert not isinstance(body, Refused), body
        story.directory.apply(body)
    return story


def viewer(story: Story, key: str = VAKT) -> Viewer:
    return Viewer(key, story.directory, NOW)


def close(entry: str) -> entries.CloseTask:
    return entries.CloseTask(incident="i1", entry=entry)


def reply(entry: str, answer: Any = "accept") -> entries.AnswerRequest:
    return entries.AnswerRequest(incident="i1", entry=entry, answer=answer)


def tick(step: str = "valves") -> entries.TickStep:
    return entries.TickStep(incident="i1", step=step)


def strike(entry: str, manner: Any = "strike") -> incidents.CorrectEntry:
    return incidents.CorrectEntry(incident="i1", entry=entry, manner=manner)


def added(story: Story) -> incidents.EntryAdded:
    body = story.taken[-1][3]
    assert isinstance(body, incidents.EntryAdded)
    return body


# Decisions and late entries


def test_a_decision_says_who_decided_and_without_that_it_is_the_writers_own() -> None:
    story = Story().opened()
    story.entry(kind=EntryKind.DECISION, decider="crisis_leader")
    assert added(story).decider == "crisis_leader"
    story.entry(kind=EntryKind.DECISION)
    assert added(story).decider == "kari"


def test_a_machine_that_reports_a_decision_must_say_whose_it_is() -> None:
    story = Story().opened()
    said = incidents.AddEntry(incident="i1", kind=EntryKind.DECISION)
    assert code(story.ask(log.add_entry, said, SENSOR, content=SAID)) == "DECIDER_NEEDED"
    named = said.model_copy(update={"decider": "chief_doctor"})
    assert code(story.ask(log.add_entry, named, SENSOR, content=SAID)) is None


@pytest.mark.parametrize("field", [{"decider": "leder"}, {"assignee": VAKT}, {"due": DUE}, {"asks": [BARN]}])
def test_what_belongs_to_decisions_tasks_and_requests_stands_in_no_other_entry(field: dict[str, Any]) -> None:
    story = Story().opened()
    said = incidents.AddEntry(incident="i1", **field)
    assert code(story.ask(log.add_entry, said, content=SAID)) == "MALFORMED"


def test_an_entry_from_paper_is_marked_as_such() -> None:
    story = Story().opened()
    story.entry(late=True)
    assert added(story).late
    story.entry()
    assert added(story).late is None


# Tasks


def test_a_task_is_open_until_an_entry_closes_it_and_then_closed_once() -> None:
    story = Story().opened()
    task = story.entry(kind=EntryKind.TASK, due=DUE)
    ((shown),) = begun.tasks_of(story.incident, viewer(story))
    assert shown == {"entry": task, "assignee": VAKT, "due": DUE.isoformat(), "done_by": None}
    closing = story.do(endings.close_task, close(task))
    assert begun.tasks_of(story.incident, viewer(story))[0]["done_by"] == closing
    assert code(story.ask(endings.close_task, close(task))) == "ALREADY_DONE"


def test_only_a_task_can_be_closed_and_a_struck_one_is_gone() -> None:
    story = Story().opened()
    assert code(story.ask(endings.close_task, close(story.entry()))) == "NOT_A_TASK"
    assert code(story.ask(endings.close_task, close("unknown"))) == "UNKNOWN_ENTRY"
    task = story.entry(kind=EntryKind.TASK)
    story.do(log.correct_entry, strike(task))
    assert code(story.ask(endings.close_task, close(task))) == "NOT_A_TASK"
    assert begun.tasks_of(story.incident, viewer(story)) == []


def test_a_task_is_open_again_when_the_entry_that_closed_it_is_struck_but_not_when_it_is_replaced() -> None:
    story = Story().opened()
    task = story.entry(kind=EntryKind.TASK)
    first = story.do(endings.close_task, close(task))
    newer = story.do(log.correct_entry, strike(first, "replace"), content=SAID)
    assert story.incident.pending.closed_by(task) == first
    story.do(log.correct_entry, strike(newer))
    assert story.incident.pending.closed_by(task) is None
    story.do(endings.close_task, close(task))


def test_who_is_to_do_a_task_must_see_it_and_is_told_and_closes_it() -> None:
    story = Story().opened()
    blind = incidents.AddEntry(incident="i1", kind=EntryKind.TASK, assignee=BARN)
    assert code(story.ask(log.add_entry, blind, content=SAID)) == "ADDRESSEE_CANNOT_SEE"
    task = story.entry(kind=EntryKind.TASK, assignee=BARN, level=Level.ORGANISATION)
    assert added(story).notify == [BARN]
    closing = story.do(endings.close_task, close(task), actor(BARN))
    assert story.sees(closing, VAKT)
    assert story.sees(closing, BARN)


def test_a_watch_that_a_task_does_not_concern_cannot_close_it() -> None:
    story = Story().opened(level=Level.NAMED, named=["4624"])
    task = story.entry(kind=EntryKind.TASK, level=Level.NAMED, named=["4624"])
    refused = story.ask(endings.close_task, close(task), NORA)
    assert (code(refused), refused.parameters) == ("NOT_ALLOWED", {"act": "done"})


# Requests for resources (scenario event 28)


def asked(story: Story) -> str:
    """The neighbour asks for pumps in VAKT's incident."""
    circle = {"level": Level.NAMED, "named": ["4624", VAKT]}
    return story.entry(NORA, kind=EntryKind.MESSAGE_OUT, asks=[VAKT], **circle)


def shared() -> Story:
    return Story().opened(level=Level.NAMED, named=["4624"])


def test_a_request_is_open_until_the_watch_that_was_asked_has_answered_and_who_asked_is_told() -> None:
    story = shared()
    request = asked(story)
    assert added(story).notify == [VAKT]
    (shown,) = begun.requests_of(story.incident, viewer(story))
    assert shown["open"]
    story.do(endings.answer_request, reply(request, "decline"), content={"text": "Alle pumper er ute"})
    assert added(story).notify == [NEIGHBOUR]
    for key in (VAKT, NEIGHBOUR):
        (shown,) = begun.requests_of(story.incident, viewer(story, key))
        assert not shown["open"]
        assert shown["asked"] == [{"watch": VAKT, "answer": "decline", "by": story.taken[-1][2].id}]


def test_who_declines_says_why_and_nobody_answers_twice_or_for_others() -> None:
    story = shared()
    request = asked(story)
    assert code(story.ask(endings.answer_request, reply(request, "decline"))) == "CONTENT_NEEDED"
    assert code(story.ask(endings.answer_request, reply(request), NORA)) == "NOT_ADDRESSED"
    assert code(story.ask(endings.answer_request, reply(story.entry()))) == "NOT_A_REQUEST"
    given = story.do(endings.answer_request, reply(request))
    assert code(story.ask(endings.answer_request, reply(request))) == "ALREADY_ANSWERED"
    story.do(log.correct_entry, strike(given))
    story.do(endings.answer_request, reply(request, "decline"), content=SAID)


def test_a_watch_that_cannot_see_the_request_cannot_be_asked() -> None:
    story = Story().opened()
    said = incidents.AddEntry(incident="i1", kind=EntryKind.MESSAGE_OUT, asks=[FIRE])
    assert code(story.ask(log.add_entry, said, content=SAID)) == "ADDRESSEE_CANNOT_SEE"


def test_that_a_hidden_watch_was_asked_is_shown_to_it_and_to_who_asked_only() -> None:
    story = Story().opened(level=Level.NAMED, named=["4624"])
    hidden = story.directory.watches[BARN].model_copy(update={"hidden": True})
    story.directory.watches[BARN] = hidden
    story.entry(kind=EntryKind.MESSAGE_OUT, asks=[BARN], level=Level.NAMED, named=["4624"])
    known = {
        key: begun.requests_of(story.incident, viewer(story, key))[0]["asked"]
        for key in (VAKT, BARN, NEIGHBOUR)
    }
    assert [len(known[key]) for key in (VAKT, BARN, NEIGHBOUR)] == [1, 1, 0]


def test_what_ended_something_is_raised_with_it() -> None:
    story = shared()
    request = asked(story)
    story.do(endings.answer_request, reply(request))
    share = incidents.ShareWider(incident="i1", entry=request, level=Level.REGION)
    story.do(log.share_wider, share, NORA)
    ((number, decided),) = log.raise_followers(story.incident, request)
    assert number == 1
    assert isinstance(decided.body, incidents.SharedWider)
    assert decided.body.level is Level.REGION


# Action cards


def test_an_incident_keeps_the_version_of_the_card_that_it_was_opened_with() -> None:
    story = registered(a_type()).opened()
    newer = {"version": 2, "steps": [{"code": "other", "text": WORDS}]}
    body = defaults.set_type(CENTRE, a_type(version=2, card=newer), story.directory)
    story.directory.apply(body)
    card = begun.card_of(story.incident, viewer(story))
    assert card is not None
    assert (card["version"], [step["code"] for step in card["steps"]]) == (1, ["valves", "notice"])
    assert code(story.ask(endings.tick_step, tick("other"))) == "UNKNOWN_STEP"


def test_a_card_that_has_been_in_force_is_changed_by_a_new_version_only() -> None:
    story = registered(a_type())
    other = {"version": 1, "steps": [{"code": "other", "text": WORDS}]}
    refused = defaults.set_type(CENTRE, a_type(card=other), story.directory)
    assert isinstance(refused, Refused)
    assert (refused.code, refused.parameters) == ("VERSION_TAKEN", {"version": 1})
    story.directory.apply(incident_types.TypeSet(**a_type(card=other).model_dump()))
    assert [step.code for step in story.directory.cards["water.main", 1].steps] == ["valves", "notice"]


def test_a_step_is_ticked_once_and_a_struck_tick_is_taken_back() -> None:
    story = registered(a_type()).opened()
    ticked = story.do(endings.tick_step, tick())
    card = begun.card_of(story.incident, viewer(story))
    assert card is not None
    assert [step["done_by"] for step in card["steps"]] == [ticked, None]
    assert code(story.ask(endings.tick_step, tick())) == "ALREADY_DONE"
    story.do(log.correct_entry, strike(ticked))
    assert story.incident.pending.ticked_by("valves") is None
    story.do(endings.tick_step, tick())


def test_a_card_is_for_the_house_of_the_incident_only() -> None:
    story = registered(a_type()).opened(level=Level.REGION)
    assert begun.card_of(story.incident, viewer(story, BARN)) is not None
    assert begun.card_of(story.incident, viewer(story, FIRE)) is None
    assert code(story.ask(endings.tick_step, tick(), BRANN)) == "UNKNOWN_STEP"
    ticked = story.do(endings.tick_step, tick(), actor(BARN))
    assert story.sees(ticked, VAKT)
    assert not story.sees(ticked, FIRE)


def test_a_card_of_an_incident_that_cannot_be_seen_is_not_there() -> None:
    story = registered(a_type()).opened()
    assert code(story.ask(endings.tick_step, tick(), BRANN)) == "UNKNOWN_INCIDENT"


# The register


def test_the_register_fills_in_what_the_sender_leaves_out_and_nothing_else() -> None:
    told = [{"watch": VAKT, "notify": [BARN, FIRE, "4601.borte"]}, {"notify": [VAKT]}]
    story = registered(a_type(priority="critical", told=told)).opened(level=Level.ORGANISATION)
    body = story.taken[-1][3]
    assert isinstance(body, incidents.Opened)
    assert (body.priority, body.notify, body.card) == (Priority.CRITICAL, [BARN], 1)
    other = registered(a_type(priority="critical", told=told))
    other.opened(level=Level.ORGANISATION, priority=Priority.INFO, notify=[])
    body = other.taken[-1][3]
    assert isinstance(body, incidents.Opened)
    assert (body.priority, body.notify) == (Priority.INFO, [])


def test_a_type_that_is_not_in_the_register_is_taken_without_defaults() -> None:
    story = Story().opened()
    body = story.taken[-1][3]
    assert isinstance(body, incidents.Opened)
    assert (body.priority, body.notify, body.card) == (Priority.NORMAL, [], None)


def test_a_report_that_was_sent_twice_is_the_same_though_the_register_filled_it_in() -> None:
    story = registered(a_type(priority="critical", told=[{"notify": [BARN]}]))
    story.opened(level=Level.ORGANISATION)
    request = incidents.OpenIncident(incident="i1", type="water.main", level=Level.ORGANISATION)
    assert log.is_repeated(request, story.taken[-1][3], story.incident)
    other = request.model_copy(update={"priority": Priority.INFO})
    assert not log.is_repeated(other, story.taken[-1][3], story.incident)


def test_only_the_centre_sets_types_and_no_persons_number_stands_in_them() -> None:
    directory = Directory()
    assert code(defaults.set_type(actor(), a_type(), directory)) == "NOT_ALLOWED"
    numbered = a_type(title={"nb": "Sak 01010112377"})
    assert code(defaults.set_type(CENTRE, numbered, directory)) == "PERSON_TAG_MISSING"


def test_a_type_of_some_watches_only_is_not_in_the_register_for_others_who_report_it() -> None:
    story = registered(a_type(used_by=[BARN], priority="critical")).opened()
    body = story.taken[-1][3]
    assert isinstance(body, incidents.Opened)
    assert (body.priority, body.card) == (Priority.NORMAL, None)
    assert story.directory.type_for(VAKT, "water.main") is None
    assert story.directory.type_for(BARN, "water.main") is not None


def test_a_strike_is_not_corrected() -> None:
    story = Story().opened()
    correction = story.do(log.correct_entry, strike(story.entry()))
    assert code(story.ask(log.correct_entry, strike(correction))) == "STRIKE_STANDS"
    assert code(story.ask(log.correct_entry, strike(correction, "replace"), content=SAID)) == "STRIKE_STANDS"


def test_a_resent_ending_is_the_same_as_what_was_stored() -> None:
    story = Story().opened()
    task = story.entry(kind=EntryKind.TASK)
    story.do(endings.close_task, close(task))
    body = story.taken[-1][3]
    assert log.is_repeated(close(task), body, story.incident)
    assert not log.is_repeated(close(story.entry(kind=EntryKind.TASK)), body, story.incident)


@given(st.lists(st.sampled_from(["close", "strike", "replace"]), max_size=12))
def test_a_task_is_closed_exactly_when_its_last_closing_was_not_struck(acts: list[str]) -> None:
    story = Story().opened()
    task = story.entry(kind=EntryKind.TASK)
    closing: str | None = None
    shown = newest = ""
    for act in acts:
        if act == "close" and closing is None:
            closing = newest = story.do(endings.close_task, close(task))
        elif act == "strike" and closing is not None:
            story.do(log.correct_entry, strike(newest))
            closing = None
        elif act == "replace" and closing is not None:
            newest = story.do(log.correct_entry, strike(newest, "replace"), content=SAID)
        shown = begun.tasks_of(story.incident, viewer(story))[0]["done_by"] or ""
        assert shown == (closing or "")


@given(st.lists(st.sampled_from(["task", "request", "tick", "close", "answer", "strike"]), max_size=15))
def test_a_replay_of_the_log_gives_the_same_open_tasks_requests_and_ticks(acts: list[str]) -> None:
    story = registered(a_type()).opened(level=Level.NAMED, named=["4624"])
    for act in acts:
        last = next(reversed(story.incident.items))
        asks = {
            "task": (log.add_entry, incidents.AddEntry(incident="i1", kind=EntryKind.TASK)),
            "request": (
                log.add_entry,
                incidents.AddEntry(incident="i1", kind=EntryKind.MESSAGE_OUT, asks=[VAKT]),
            ),
            "tick": (endings.tick_step, tick()),
            "close": (endings.close_task, close(last)),
            "answer": (endings.answer_request, reply(last)),
            "strike": (log.correct_entry, strike(last)),
        }
        decided = story.ask(*asks[act], content=SAID)
        if not isinstance(decided, Refused):
            story.write(decided.part.owner, decided.body, actor(), has_content=True)
    again = Story(story.directory)
    for sequence, place, fact, body in story.taken:
        again.log.take(sequence, place, fact, body)
    assert again.incident.pending == story.incident.pending
    assert begun.card_of(again.incident, viewer(story)) == begun.card_of(story.incident, viewer(story))
