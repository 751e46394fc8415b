"""The rules of the incident log, as a duty officer would put them."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import feeds, incidents, notifications, people
from schemas.envelope import Actor, Refused, Request
from schemas.identifiers import read_ref
from schemas.vocabulary import (
    DutyFunction,
    EntryKind,
    IncidentState,
    Level,
    Role,
    Tag,
)
from services.incidents import log
from services.incidents.fold import Item, Log, Refs
from services.incidents.verdict import Decided
from tests.incidents.story import (
    BARN,
    BRANN,
    FAR,
    FIRE,
    FJERN,
    IDENTITY_NUMBER,
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


def to_open(**more: Any) -> incidents.OpenIncident:
    return incidents.OpenIncident(incident="i1", type=more.pop("type", "water.main"), **more)


def to_write(**more: Any) -> incidents.AddEntry:
    return incidents.AddEntry(incident="i1", **more)


# Opening


def test_an_incident_is_born_in_its_senders_watch_with_the_narrowest_level() -> None:
    story = Story().opened()
    head = story.incident.items[story.incident.head]
    assert (story.incident.owner, story.incident.state) == (VAKT, IncidentState.NEW)
    assert head.reach.level is Level.WATCH
    assert not story.sees(head.id, BARN)


def test_an_id_is_opened_once_wherever_it_was_opened() -> None:
    story = Story().opened()
    assert code(story.ask(log.open_incident, to_open(), ref="ABCDEF2")) == "ID_TAKEN"
    assert code(story.ask(log.open_incident, to_open(), NORA, ref="ABCDEF2")) == "ID_TAKEN"


def test_an_incident_may_be_opened_after_its_first_entry_came_in() -> None:
    story = Story()
    story.entry()
    assert story.opened().incident.state is IncidentState.NEW


@pytest.mark.parametrize(
    ("who", "expected"),
    [
        (actor(person="leser"), "NOT_ALLOWED"),
        (actor(person="nora"), "NOT_ALLOWED"),
        (actor("4601.ukjent"), "UNKNOWN_WATCH"),
        (actor(person=None, machine="ukjent"), "TOKEN_ENDED"),
        (actor(BARN, None, "sensor"), "TOKEN_ENDED"),
        (actor(person=None), "TOKEN_ENDED"),
    ],
)
def test_who_may_not_report_is_refused(who: Actor, expected: str) -> None:
    assert code(Story().ask(log.open_incident, to_open(), who, SAID, ref="R")) == expected
    assert code(Story().ask(log.add_entry, to_write(), who, SAID)) == expected


def test_a_machine_reports_but_raises_nothing() -> None:
    assert code(Story().ask(log.open_incident, to_open(), SENSOR, ref="R")) is None
    wide = to_open(level=Level.ORGANISATION)
    assert code(Story().ask(log.open_incident, wide, SENSOR, ref="R")) == "PERSON_NEEDED"


@pytest.mark.parametrize(
    "rule_and_request",
    [
        (log.change_state, incidents.ChangeState(incident="i1", state=IncidentState.ASSIGNED)),
        (log.close_incident, incidents.CloseIncident(incident="i1")),
        (log.correct_entry, incidents.CorrectEntry(incident="i1", entry="head")),
        (log.share_wider, incidents.ShareWider(incident="i1", level=Level.REGION)),
        (log.ask_erasure, incidents.AskErasure(incident="i1", entry="head", ground="gdpr", law="gdpr-17")),
        (log.approve_erasure, incidents.ApproveErasure(incident="i1", entry="head")),
    ],
)
def test_a_machine_never_closes_corrects_raises_or_erases(rule_and_request: Any) -> None:
    rule, request = rule_and_request
    assert code(Story().opened().ask(rule, request, SENSOR)) == "PERSON_NEEDED"


def test_what_lies_in_the_fact_for_ever_holds_no_identity_number() -> None:
    asked = to_open(type=IDENTITY_NUMBER)
    assert code(Story().ask(log.open_incident, asked, ref="R")) == "PERSON_TAG_MISSING"
    asked_entry = to_write(channel=IDENTITY_NUMBER)
    assert code(Story().ask(log.add_entry, asked_entry, content=SAID)) == "PERSON_TAG_MISSING"


# Content and reach


@given(
    tags=st.lists(st.sampled_from(list(Tag)), max_size=4),
    level=st.sampled_from(list(Level)),
    author=st.sampled_from([VAKT, BARN, NEIGHBOUR]),
)
def test_no_tag_is_ever_exceeded_by_an_entry_whoever_writes_it(
    tags: list[Tag], level: Level, author: str
) -> None:
    story = Story().opened(level=Level.REGION)
    story.do(log.share_wider, incidents.ShareWider(incident="i1", level=Level.REGION, named=["4624"]))
    who = {VAKT: actor(), BARN: actor(BARN), NEIGHBOUR: NORA}[author]
    request = to_write(level=level, tags=tags, named=["4624"])
    decided = story.ask(log.add_entry, request, who, {"reference": "sak 12"})
    if Tag.GRADED in tags:
        assert code(decided) == "GRADED_NEVER_STORED"
        return
    if code(decided) is not None:
        return
    item = story.write(VAKT, decided.body, who)
    viewers = {key for key in (VAKT, BARN, NEIGHBOUR, FIRE, FAR) if story.sees(item, key)}
    if {Tag.HEALTH, Tag.CHILD} & set(tags):
        assert viewers == {VAKT}
    if Tag.PERSON in tags:
        assert viewers <= {VAKT, BARN}
    if Tag.VULNERABILITY in tags:
        assert viewers <= {VAKT, BARN, NEIGHBOUR}


def test_health_text_is_refused_where_the_watch_keeps_references_only() -> None:
    health = to_write(tags=[Tag.HEALTH])
    assert code(Story().opened().ask(log.add_entry, health, content=SAID)) == "HEALTH_BY_REFERENCE"
    by_reference = {"reference": "sak 12", "figures": {"personer": 3}}
    assert code(Story().opened().ask(log.add_entry, health, content=by_reference)) is None
    assert code(Story().ask(log.add_entry, health, actor(BARN), SAID)) is None


def test_health_is_not_written_in_another_watchs_log() -> None:
    story = Story().opened(level=Level.ORGANISATION)
    health = to_write(tags=[Tag.HEALTH])
    refused = story.ask(log.add_entry, health, actor(BARN), {"reference": "sak 12"})
    assert refused == Refused(code="LEVEL_ABOVE_CAP", parameters={"tag": "health", "cap": "watch"})


def test_an_identity_number_needs_a_tag_in_any_field() -> None:
    for content in ({"text": f"fnr {IDENTITY_NUMBER}"}, {"reference": IDENTITY_NUMBER}):
        for tags in ([], [Tag.VULNERABILITY]):
            refused = Story().opened().ask(log.add_entry, to_write(tags=tags), content=content)
            assert code(refused) == "PERSON_TAG_MISSING"
    tagged = to_write(tags=[Tag.PERSON])
    assert code(Story().opened().ask(log.add_entry, tagged, content={"text": IDENTITY_NUMBER})) is None


@pytest.mark.parametrize(
    ("reach", "expected"),
    [
        ({"level": Level.NAMED}, "NAMED_NEEDS_LIST"),
        ({"level": Level.NAMED, "named": ["5001"]}, "NO_AGREEMENT"),
        ({"level": Level.ORGANISATION, "notify": [NEIGHBOUR]}, "ADDRESSEE_CANNOT_SEE"),
        ({"level": Level.REGION, "notify": ["4601.ukjent"]}, "UNKNOWN_WATCH"),
        ({"level": Level.NAMED, "named": ["4624"], "notify": [NEIGHBOUR]}, None),
        ({"level": Level.REGION, "notify": [FIRE]}, None),
    ],
)
def test_who_is_told_must_be_able_to_see_it(reach: dict[str, Any], expected: str | None) -> None:
    assert code(Story().ask(log.open_incident, to_open(**reach), ref="R")) == expected
    assert code(Story().opened().ask(log.add_entry, to_write(**reach), content=SAID)) == expected


def test_an_entry_says_something_and_a_correction_has_its_own_command() -> None:
    story = Story().opened()
    assert code(story.ask(log.add_entry, to_write())) == "CONTENT_NEEDED"
    assert code(story.ask(log.add_entry, to_write(), content={"place": "Arna"})) == "CONTENT_NEEDED"
    correction = to_write(kind=EntryKind.CORRECTION)
    assert code(story.ask(log.add_entry, correction, content=SAID)) == "MALFORMED"


# Entries


def test_an_entry_to_a_closed_incident_is_taken_in_and_marked() -> None:
    story = Story().opened()
    story.do(log.close_incident, incidents.CloseIncident(incident="i1"))
    decided = story.ask(log.add_entry, to_write(), content=SAID)
    assert (decided.body.mark, decided.guarded) == ("closed", False)
    assert decided.part is story.incident


@pytest.mark.parametrize("who", [NORA, BRANN, FJERN, actor(BARN)])
def test_to_who_may_not_see_it_an_incident_is_as_if_it_were_not(who: Actor) -> None:
    unknown, hidden = Story(), Story().opened()
    outcomes = [story.ask(log.add_entry, to_write(), who, SAID) for story in (unknown, hidden)]
    assert outcomes[0].body == outcomes[1].body
    assert outcomes[0].body.mark == "unattached"
    assert [outcome.part.owner for outcome in outcomes] == [who.key, who.key]
    for rule, request in (
        (log.change_state, incidents.ChangeState(incident="i1", state=IncidentState.ASSIGNED)),
        (log.correct_entry, incidents.CorrectEntry(incident="i1", entry="f1")),
        (log.share_wider, incidents.ShareWider(incident="i1", level=Level.REGION)),
    ):
        assert [code(story.ask(rule, request, who)) for story in (unknown, hidden)] == [
            "UNKNOWN_INCIDENT"
        ] * 2


def test_who_may_see_one_item_may_write_in_the_log_and_always_sees_its_own_words() -> None:
    story = Story().opened()
    story.entry(level=Level.NAMED, named=["4624"])
    own = story.entry(NORA)
    assert story.incident.items[own].reach.owner == VAKT
    assert story.sees(own, NEIGHBOUR)
    assert story.sees(own, VAKT)
    assert not story.sees(own, BARN)
    assert not story.sees(own, FIRE)


def test_a_stranger_publishes_nothing_in_anothers_name() -> None:
    story = Story().opened(level=Level.REGION)
    refused = story.ask(log.add_entry, to_write(level=Level.PUBLIC), BRANN, SAID)
    assert refused == Refused(code="NOT_ALLOWED", parameters={"act": "publish"})


# State


def test_only_the_responsible_watch_moves_an_incident() -> None:
    story = Story().opened(level=Level.REGION)
    request = incidents.ChangeState(incident="i1", state=IncidentState.ASSIGNED)
    assert code(story.ask(log.change_state, request, actor(BARN))) == "NOT_ALLOWED"
    assert code(story.ask(log.change_state, request, BRANN)) == "NOT_ALLOWED"
    story.do(log.change_state, request)
    assert story.incident.state is IncidentState.ASSIGNED
    assert code(story.ask(log.change_state, request)) == "SAME_STATE"


def test_a_closed_incident_is_reopened_but_never_new_again() -> None:
    story = Story().opened()
    story.do(log.close_incident, incidents.CloseIncident(incident="i1"), content=SAID)
    assert code(story.ask(log.close_incident, incidents.CloseIncident(incident="i1"))) == "ALREADY_CLOSED"
    anew = incidents.ChangeState(incident="i1", state=IncidentState.NEW)
    assert code(story.ask(log.change_state, anew)) == "NOT_ALLOWED"
    story.do(log.change_state, incidents.ChangeState(incident="i1", state=IncidentState.IN_PROGRESS))
    assert story.incident.state is IncidentState.IN_PROGRESS


def test_the_words_of_a_closing_reach_as_far_as_the_head() -> None:
    story = Story().opened(level=Level.NAMED, named=["4624"])
    decided = story.ask(log.close_incident, incidents.CloseIncident(incident="i1"), content=SAID)
    assert decided.level is Level.NAMED
    number = story.ask(
        log.close_incident, incidents.CloseIncident(incident="i1"), content={"text": IDENTITY_NUMBER}
    )
    assert code(number) == "PERSON_TAG_MISSING"


def test_an_acknowledged_page_makes_a_new_incident_acknowledged() -> None:
    body = notifications.Acknowledged(
        chain="c", watch=VAKT, cause="f1", person="kari", function=DutyFunction.PRIMARY
    )
    story = Story().opened()
    story.write(VAKT, body, actor(), trade="notifications")
    assert story.incident.state is IncidentState.ACKNOWLEDGED
    story.do(log.close_incident, incidents.CloseIncident(incident="i1"))
    story.write(VAKT, body, actor(), trade="notifications")
    assert story.incident.state.value == "closed"


# Corrections


def test_whoever_has_an_entry_gets_its_correction() -> None:
    story = Story().opened(level=Level.NAMED, named=["4624"])
    wrong = story.entry(NORA)
    right = story.do(log.correct_entry, incidents.CorrectEntry(incident="i1", entry=wrong))
    assert story.incident.items[wrong].corrected_by == right
    for key in (VAKT, BARN, NEIGHBOUR, FIRE):
        assert story.sees(wrong, key) == story.sees(right, key)


def test_an_entry_is_corrected_once_and_then_its_correction() -> None:
    story = Story().opened()
    wrong = story.entry()
    replace = incidents.CorrectEntry(incident="i1", entry=wrong, manner="replace")
    assert code(story.ask(log.correct_entry, replace)) == "CONTENT_NEEDED"
    first = story.do(log.correct_entry, replace, content=SAID)
    assert code(story.ask(log.correct_entry, replace, content=SAID)) == "ALREADY_CORRECTED"
    story.do(log.correct_entry, incidents.CorrectEntry(incident="i1", entry=first))


def test_only_its_author_and_the_owner_of_the_log_correct_an_entry() -> None:
    story = Story().opened(level=Level.REGION)
    entry = story.entry(BRANN, level=Level.REGION)
    strike = incidents.CorrectEntry(incident="i1", entry=entry)
    assert code(story.ask(log.correct_entry, strike, actor(BARN))) == "NOT_ALLOWED"
    assert code(story.ask(log.correct_entry, strike, BRANN)) is None
    assert code(story.ask(log.correct_entry, strike)) is None


def test_an_entry_that_the_sender_may_not_see_is_no_entry() -> None:
    story = Story().opened(level=Level.REGION)
    hidden = story.entry()
    strike = incidents.CorrectEntry(incident="i1", entry=hidden)
    assert code(story.ask(log.correct_entry, strike, BRANN)) == "UNKNOWN_ENTRY"
    none = incidents.CorrectEntry(incident="i1", entry="none")
    assert code(story.ask(log.correct_entry, none, BRANN)) == "UNKNOWN_ENTRY"


def test_ones_own_unattached_entry_can_be_corrected() -> None:
    story = Story().opened()
    entry = story.entry(NORA)
    decided = story.ask(log.correct_entry, incidents.CorrectEntry(incident="i1", entry=entry), NORA)
    assert decided.part.owner == NEIGHBOUR


# Sharing


@given(st.lists(st.tuples(st.sampled_from(list(Level)), st.lists(st.sampled_from(["4624", "110"])))))
def test_nobody_ever_loses_sight_of_an_item_by_a_raise(raises: list[tuple[Level, list[str]]]) -> None:
    story = Story().opened()
    story.directory.apply(
        feeds.Agreed(agreement="b", parties=["4601", "110"], purpose="x", since=NOW - timedelta(days=1))
    )
    head = story.incident.head
    for level, named in raises:
        before = {key for key in (VAKT, BARN, NEIGHBOUR, FIRE, FAR) if story.sees(head, key)}
        request = incidents.ShareWider(incident="i1", level=level, named=named)
        decided = story.ask(log.share_wider, request)
        former = story.incident.items[head].reach
        if isinstance(decided, Decided):
            story.write(VAKT, decided.body, actor())
            assert story.incident.items[head].reach.level >= former.level
        after = {key for key in (VAKT, BARN, NEIGHBOUR, FIRE, FAR) if story.sees(head, key)}
        assert before <= after


def test_a_level_is_never_lowered_nor_raised_above_a_tag() -> None:
    story = Story().opened(level=Level.ORGANISATION, tags=[Tag.VULNERABILITY])
    lower = incidents.ShareWider(incident="i1", level=Level.WATCH)
    assert story.ask(log.share_wider, lower) == Refused(
        code="NOT_WIDER", parameters={"level": "organisation"}
    )
    region = incidents.ShareWider(incident="i1", level=Level.REGION)
    assert code(story.ask(log.share_wider, region)) == "LEVEL_ABOVE_CAP"


def test_content_is_copied_when_an_item_leaves_its_house() -> None:
    story = Story().opened()
    house = story.ask(log.share_wider, incidents.ShareWider(incident="i1", level=Level.ORGANISATION))
    beyond = story.ask(log.share_wider, incidents.ShareWider(incident="i1", level=Level.REGION))
    assert house.copies is None
    assert beyond.copies == story.incident.head
    assert beyond.body.commitment == story.incident.items[story.incident.head].commitment


def test_only_its_author_raises_an_entry_written_by_another_house() -> None:
    story = Story().opened(level=Level.REGION)
    theirs = story.entry(BRANN)
    raise_it = incidents.ShareWider(incident="i1", entry=theirs, level=Level.REGION)
    assert code(story.ask(log.share_wider, raise_it)) == "NOT_ALLOWED"
    assert code(story.ask(log.share_wider, raise_it, BRANN)) is None
    publish = incidents.ShareWider(incident="i1", entry=theirs, level=Level.PUBLIC)
    assert code(story.ask(log.share_wider, publish, BRANN)) == "NOT_ALLOWED"


def test_a_receiver_whose_agreement_has_ended_does_not_keep_an_item_from_being_raised() -> None:
    story = Story().opened(level=Level.NAMED, named=["4624"])
    story.directory.agreements.clear()
    assert code(story.ask(log.share_wider, incidents.ShareWider(incident="i1", level=Level.REGION))) is None


def test_corrections_are_raised_with_what_they_correct() -> None:
    story = Story().opened()
    wrong = story.entry()
    replace = incidents.CorrectEntry(incident="i1", entry=wrong, manner="replace")
    right = story.do(log.correct_entry, replace, content=SAID)
    story.do(log.share_wider, incidents.ShareWider(incident="i1", entry=wrong, level=Level.REGION))
    ((number, decided),) = log.raise_followers(story.incident, wrong)
    assert (number, decided.copies, decided.guarded) == (1, right, False)
    story.write(VAKT, decided.body, actor())
    assert story.sees(right, FIRE)
    assert list(log.raise_followers(story.incident, wrong)) == []


# Erasure

ASK = incidents.AskErasure(incident="i1", entry="head", ground="spill", law="gdpr-17")
APPROVE = incidents.ApproveErasure(incident="i1", entry="head")
ARKIV, VERN = actor(person="arkiv"), actor(BARN, "vern")


def test_an_erasure_takes_the_archive_owner_and_another_person() -> None:
    story = Story().opened()
    assert code(story.ask(log.approve_erasure, APPROVE, VERN)) == "NOT_ASKED"
    assert code(story.ask(log.ask_erasure, ASK)) == "NOT_ALLOWED"
    assert code(story.ask(log.ask_erasure, ASK, VERN)) == "UNKNOWN_INCIDENT"
    story.do(log.ask_erasure, ASK, ARKIV)
    assert code(story.ask(log.approve_erasure, APPROVE, ARKIV)) == "SECOND_PERSON_NEEDED"
    story.do(log.approve_erasure, APPROVE, VERN)
    assert story.incident.items[story.incident.head].erased
    assert code(story.ask(log.ask_erasure, ASK, ARKIV)) == "ALREADY_ERASED"
    assert code(story.ask(log.approve_erasure, APPROVE, VERN)) == "ALREADY_ERASED"
    share = incidents.ShareWider(incident="i1", level=Level.REGION)
    assert code(story.ask(log.share_wider, share)) == "ALREADY_ERASED"


def test_an_erasure_names_the_fact_its_ground_and_who_asked() -> None:
    story = Story().opened()
    story.do(log.ask_erasure, ASK, ARKIV)
    decided = story.ask(log.approve_erasure, APPROVE, VERN)
    assert decided.body == incidents.Erased(
        fact=story.incident.head, ground="spill", law="gdpr-17", asked_by="arkiv"
    )


def test_nobody_erases_in_another_house() -> None:
    story = Story().opened(level=Level.REGION)
    story.directory.apply(people.Granted(person="brann", role=Role.ARCHIVE_OWNER, where="110"))
    assert code(story.ask(log.ask_erasure, ASK, BRANN)) == "NOT_ALLOWED"
    assert code(Story().opened().ask(log.ask_erasure, ASK, BRANN)) == "UNKNOWN_INCIDENT"


def test_an_unattached_entry_and_the_words_of_a_closing_can_be_erased() -> None:
    story = Story().opened()
    story.do(log.close_incident, incidents.CloseIncident(incident="i1"), content=SAID)
    outcome = next(item for item in story.incident.items.values() if item.kind == "outcome")
    stray = story.entry(actor(BARN))
    for entry, owner in ((outcome.id, VAKT), (stray, BARN)):
        asked = incidents.AskErasure(incident="i1", entry=entry, ground="spill", law="gdpr-17")
        assert story.ask(log.ask_erasure, asked, ARKIV).part.owner == owner


# Refs and repeated commands


def test_refs_are_read_aloud_and_never_drawn_twice() -> None:
    refs = Refs()
    for number in range(500):
        ref = refs.draw()
        assert read_ref(ref) == ref
        assert refs.find(ref) is None
        refs.learn(ref, f"i{number}", VAKT)
        assert (refs.find(ref), refs.owner(f"i{number}")) == (f"i{number}", VAKT)


def test_entries_to_an_unknown_ref_lie_under_an_id_that_tells_nothing() -> None:
    assert log.unattached_id(VAKT, "ABCDEF1") == log.unattached_id(VAKT, "ABCDEF1")
    assert log.unattached_id(VAKT, "ABCDEF1") != log.unattached_id(BARN, "ABCDEF1")


def test_a_repeated_command_is_known_by_what_it_led_to() -> None:
    story = Story().opened()
    close = incidents.CloseIncident(incident="i1")
    raised = incidents.ShareWider(incident="i1", level=Level.REGION)
    cases: list[tuple[Any, Any, Request]] = [
        (log.add_entry, to_write(level=Level.ORGANISATION), to_write()),
        (log.close_incident, close, incidents.ChangeState(incident="i1", state=IncidentState.NEW)),
        (log.share_wider, raised, incidents.ShareWider(incident="i1", level=Level.PUBLIC)),
        (log.ask_erasure, ASK, incidents.AskErasure(incident="i1", entry="head", ground="x", law="y")),
    ]
    for rule, request, other in cases:
        decided = story.ask(rule, request, ARKIV if rule is log.ask_erasure else None, SAID)
        assert log.is_repeated(request, decided.body, story.incident)
        assert not log.is_repeated(other, decided.body, story.incident)


@given(st.lists(st.sampled_from(["entry", "close", "reopen", "correct", "share", "ask", "approve"])))
def test_a_log_is_the_same_when_facts_are_read_twice(acts: list[str]) -> None:
    story, again = Story().opened(), Log("i1")
    for act in acts:
        _act(story, act)
    for taken in story.taken:
        again.take(*taken)
        again.take(*taken)
    assert again == story.log


def _act(story: Story, act: str) -> None:
    items: list[Item] = list(story.incident.items.values())
    last = next(item.id for item in reversed(items) if item.kind != "outcome")
    requests: dict[str, tuple[Any, Request, Actor]] = {
        "entry": (log.add_entry, to_write(), actor()),
        "close": (log.close_incident, incidents.CloseIncident(incident="i1"), actor()),
        "reopen": (
            log.change_state,
            incidents.ChangeState(incident="i1", state=IncidentState.ASSIGNED),
            actor(),
        ),
        "correct": (log.correct_entry, incidents.CorrectEntry(incident="i1", entry=last), actor()),
        "share": (log.share_wider, incidents.ShareWider(incident="i1", level=Level.REGION), actor()),
        "ask": (log.ask_erasure, ASK, ARKIV),
        "approve": (log.approve_erasure, APPROVE, VERN),
    }
    rule, request, who = requests[act]
    decided = story.ask(rule, request, who, SAID)
    if isinstance(decided, Decided):
        story.write(decided.part.owner, decided.body, who, bool(decided.content))
