"""The door of the incident log on a real broker: every report once, nothing forbidden anywhere."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

from schemas import entries, incident_types, incidents, subjects
from schemas.envelope import Accepted, Actor, Answer, Refused
from schemas.identifiers import new_id, read_ref
from schemas.vocabulary import (
    Authentication,
    ContentClass,
    EntryKind,
    IncidentState,
    Level,
    Mode,
    Priority,
    Tag,
)
from services.incidents.door import build
from services.runtime import names
from tests.hub import Hub
from tests.incidents.centre import BARN, FIRE, NEIGHBOUR, STANDING, VAKT, Centre, Sender, encode, open_centre
from tests.ledgers import MODE, logging_to, shorten_memory

SAID = {"headline": "Vann i kjeller", "text": "Fire hus i bakken"}


@pytest.fixture
async def centre(broker: Hub) -> AsyncIterator[Centre]:
    async with open_centre(broker) as opened:
        yield opened


@pytest.fixture
async def kari(centre: Centre) -> Sender:
    return await centre.person("kari", VAKT)


@pytest.fixture
async def nora(centre: Centre) -> Sender:
    return await centre.person("nora", NEIGHBOUR)


def to_open(id: str | None = None, **more: Any) -> incidents.OpenIncident:
    return incidents.OpenIncident(incident=id or new_id(), type="water.main", **more)


async def opened(sender: Sender, **more: Any) -> Accepted:
    """An incident that was taken in."""
    answer = await sender.send(to_open(**more), SAID)
    assert isinstance(answer, Accepted), answer
    return answer


def code(answer: Answer) -> str:
    return answer.code if isinstance(answer, Refused) else answer.status


# Once


async def test_an_opened_incident_has_a_ref_and_lies_in_the_ledger(centre: Centre, kari: Sender) -> None:
    answer = await opened(kari)
    (fact,) = await centre.facts(answer.subject)
    assert read_ref(answer.ref or "") == answer.ref == fact.body.ref
    assert (answer.receipt, fact.fact.data.owner, fact.fact.data.controller) == (fact.fact.id, VAKT, "4601")


@pytest.mark.parametrize("resend", [False, True])
async def test_a_report_sent_again_after_a_lost_answer_is_one_fact(
    centre: Centre, kari: Sender, resend: bool
) -> None:
    request, id = to_open(), new_id()
    first = await kari.send(request, SAID, id=id)
    entry, entry_id = incidents.AddEntry(incident=request.incident), new_id()
    written = await kari.send(entry, SAID, id=entry_id)
    assert await kari.send(request, SAID, id=id, resend=resend) == first
    assert await kari.send(entry, SAID, id=entry_id, resend=resend) == written
    assert len(await centre.facts(request.incident)) == 2


async def test_the_same_report_twice_at_once_is_one_fact(centre: Centre, kari: Sender) -> None:
    request, id = to_open(), new_id()
    one, other = await asyncio.gather(*(kari.send(request, SAID, id=id) for _ in range(2)))
    assert one == other
    entry, entry_id = incidents.AddEntry(incident=request.incident), new_id()
    answers = await asyncio.gather(*(kari.send(entry, SAID, id=entry_id) for _ in range(8)))
    assert all(answer == answers[0] for answer in answers)
    assert len(await centre.facts(request.incident)) == 2


async def test_a_decision_sent_again_gives_the_same_answer_whatever_came_after(
    centre: Centre, kari: Sender
) -> None:
    incident = (await opened(kari)).subject
    close, reopen = (
        incidents.CloseIncident(incident=incident),
        incidents.ChangeState(incident=incident, state=IncidentState.ASSIGNED),
    )
    ids = [new_id(), new_id()]
    first = [await kari.send(close, SAID, id=ids[0]), await kari.send(reopen, id=ids[1])]
    again = [await kari.send(close, SAID, id=ids[0]), await kari.send(reopen, id=ids[1], resend=True)]
    assert again == first
    assert len(await centre.facts(incident)) == 3


async def test_an_id_stands_for_one_thing(kari: Sender, nora: Sender) -> None:
    request, id = to_open(), new_id()
    await kari.send(request, SAID, id=id)
    for resend in (False, True):
        assert code(await kari.send(request, {"headline": "Annet"}, id=id, resend=resend)) == "ID_TAKEN"
    assert code(await kari.send(to_open(), SAID, id=id)) == "ID_TAKEN"
    assert code(await kari.send(incidents.CloseIncident(incident=request.incident), id=id)) == "ID_TAKEN"
    assert code(await kari.send(to_open(request.incident), SAID)) == "ID_TAKEN"
    assert code(await nora.send(to_open(request.incident), SAID)) == "ID_TAKEN"


async def test_a_report_sent_again_is_known_after_the_broker_has_forgotten_its_id(fresh_broker: Hub) -> None:
    await shorten_memory(fresh_broker)
    async with open_centre(fresh_broker) as centre:
        kari = await centre.person("kari", VAKT)
        request, id, entry_id = to_open(), new_id(), new_id()
        entry = incidents.AddEntry(incident=request.incident)
        first = [await kari.send(request, SAID, id=id), await kari.send(entry, SAID, id=entry_id)]
        await asyncio.sleep(0.5)
        for resend in (False, True):
            again = [
                await kari.send(request, SAID, id=id, resend=resend),
                await kari.send(entry, SAID, id=entry_id, resend=resend),
            ]
            assert again == first
        assert len(await centre.facts(request.incident)) == 2
        lost = await kari.send(request, {"headline": "Annet"}, id=id, resend=True)
        assert code(lost) == "ID_TAKEN"


async def test_a_door_that_has_just_started_knows_what_was_said_before(broker: Hub) -> None:
    request, id = to_open(), new_id()
    async with open_centre(broker) as centre:
        first = await (await centre.person("kari", VAKT)).send(request, SAID, id=id)
        assert isinstance(first, Accepted)
    async with open_centre(broker) as centre:
        kari = await centre.person("kari", VAKT)
        assert await kari.send(request, SAID, id=id) == first
        answer = await kari.send(incidents.AddEntry(ref=first.ref), SAID)
        assert (code(answer), getattr(answer, "subject", "")) == ("accepted", request.incident)


async def test_nothing_that_was_accepted_is_lost_when_the_broker_is_killed(fresh_broker: Hub) -> None:
    async with open_centre(fresh_broker) as centre:
        kari = await centre.person("kari", VAKT)
        kari.patience_s = 1.0
        accepted: list[str] = []
        stop = asyncio.Event()

        async def report() -> None:
            while not stop.is_set():
                request, id = to_open(), new_id()
                while True:
                    try:
                        answer = await kari.send(request, SAID, id=id)
                    except Exception:
                        await asyncio.sleep(0.1)
                        continue
                    if isinstance(answer, Accepted):
                        accepted.append(request.incident)
                        break
                    assert answer.code in ("LEDGER_UNREACHABLE", "LEDGER_BEHIND"), answer
                    await asyncio.sleep(0.05)

        reporting = asyncio.gather(*(report() for _ in range(20)))
        for _ in range(2):
            await asyncio.sleep(0.5)
            pid = fresh_broker.broker.pid
            assert pid is not None
            os.kill(pid, signal.SIGKILL)
            await fresh_broker.broker.stop()
            await fresh_broker.broker.start()
        await asyncio.sleep(1.5)
        stop.set()
        await reporting
        assert len(accepted) > 20
        for incident in accepted:
            assert len(await centre.facts(incident)) == 1


async def test_a_door_that_starts_again_knows_what_it_knew(centre: Centre, kari: Sender) -> None:
    request, id = to_open(), new_id()
    first = await kari.send(request, SAID, id=id)
    assert isinstance(first, Accepted)
    await centre.door.stop()
    again = build(centre.hub.settings)
    centre.stack.push_async_callback(again.stop)
    await again.start()
    assert again._footing.folds[MODE].follower.kept_to > 0
    later = await opened(kari)
    assert await kari.send(request, SAID, id=id) == first
    assert len(await centre.facts(first.subject)) == 1
    for ref in (first.ref, later.ref):
        closed = await kari.send(incidents.CloseIncident(ref=ref))
        assert isinstance(closed, Accepted), closed
    assert {first.ref, later.ref} <= set(again._pictures[MODE].refs._ids)


# Guards


async def test_of_many_who_close_at_once_through_two_doors_one_does(centre: Centre, kari: Sender) -> None:
    second = build(centre.hub.settings)
    centre.stack.push_async_callback(second.stop)
    await second.start()
    incident = (await opened(kari)).subject
    close = incidents.CloseIncident(incident=incident)
    codes = [code(answer) for answer in await asyncio.gather(*(kari.send(close) for _ in range(12)))]
    assert sorted(codes) == ["ALREADY_CLOSED"] * 11 + ["accepted"]


async def test_decisions_of_one_incident_each_stand_on_the_one_before(centre: Centre, kari: Sender) -> None:
    incident = (await opened(kari)).subject
    states = [IncidentState.ACKNOWLEDGED, IncidentState.ASSIGNED, IncidentState.IN_PROGRESS] * 4
    requests = [incidents.ChangeState(incident=incident, state=state) for state in states]
    await asyncio.gather(*(kari.send(request) for request in requests))
    changes = [fact.body for fact in await centre.facts(incident)][1:]
    assert [change.former for change in changes] == [
        IncidentState.NEW,
        *(change.state for change in changes[:-1]),
    ]


async def test_entries_go_in_while_decisions_are_made(centre: Centre, kari: Sender) -> None:
    incident = (await opened(kari)).subject
    entries = [kari.send(incidents.AddEntry(incident=incident), SAID) for _ in range(40)]
    states = [
        kari.send(incidents.ChangeState(incident=incident, state=state))
        for state in (IncidentState.ASSIGNED, IncidentState.IN_PROGRESS)
    ]
    answers = await asyncio.gather(*entries, *states)
    assert {code(answer) for answer in answers} == {"accepted"}
    times = [fact.fact.time for fact in await centre.facts(incident)]
    assert len(times) == 43
    assert times == sorted(times)


async def test_a_fact_that_cannot_be_read_does_not_stop_an_incident(fresh_broker: Hub) -> None:
    async with open_centre(fresh_broker) as centre:
        kari = await centre.person("kari", VAKT)
        incident = (await opened(kari)).subject
        nc = await fresh_broker.connect(names.INCIDENTS_LEDGER)
        org, watch = subjects.split_key(VAKT)
        await nc.request(subjects.fact(MODE, org, watch, "incidents", incident, "later"), b"{", timeout=5)
        await nc.close()
        assert code(await kari.send(incidents.CloseIncident(incident=incident))) == "accepted"


# Who may not see


async def test_an_entry_to_a_hidden_incident_is_answered_as_one_to_no_incident(
    centre: Centre, kari: Sender, nora: Sender
) -> None:
    hidden = await opened(kari)
    nobodys = new_id()
    known = [await nora.send(incidents.AddEntry(incident=id), SAID) for id in (hidden.subject, nobodys)]
    for answer, id in zip(known, (hidden.subject, nobodys), strict=True):
        assert isinstance(answer, Accepted)
        assert (answer.subject, answer.ref, answer.result) == (id, None, {"mark": "unattached"})
    said = [await nora.send(incidents.AddEntry(ref=ref), SAID) for ref in (hidden.ref, "7ZZZZZ0")]
    for answer in said:
        assert isinstance(answer, Accepted)
        assert (answer.subject, answer.ref, answer.result) == (answer.id, None, {"mark": "unattached"})
    assert [fact.fact.data.owner for fact in await centre.facts(hidden.subject)] == [VAKT, NEIGHBOUR]
    for request in (
        incidents.ChangeState(incident=hidden.subject, state=IncidentState.ASSIGNED),
        incidents.CloseIncident(ref=hidden.ref),
        incidents.ShareWider(ref=hidden.ref, level=Level.PUBLIC),
    ):
        assert code(await nora.send(request)) == "UNKNOWN_INCIDENT"


async def test_a_stray_entry_sent_again_stays_where_it_is(centre: Centre, kari: Sender, nora: Sender) -> None:
    incident = await opened(kari)
    request, id = incidents.AddEntry(ref=incident.ref), new_id()
    first = await nora.send(request, SAID, id=id)
    share = incidents.ShareWider(incident=incident.subject, level=Level.NAMED, named=["4624"])
    assert code(await kari.send(share)) == "accepted"
    assert await nora.send(request, SAID, id=id) == first
    assert await nora.send(request, SAID, id=id, resend=True) == first
    attached = await nora.send(request, SAID)
    assert isinstance(attached, Accepted)
    assert (attached.subject, attached.ref) == (incident.subject, incident.ref)


async def test_who_sees_an_entry_but_not_the_head_writes_without_learning_the_ref(
    centre: Centre, kari: Sender, nora: Sender
) -> None:
    incident = await opened(kari)
    shown = incidents.AddEntry(incident=incident.subject, level=Level.NAMED, named=["4624"])
    await kari.send(shown, SAID)
    answer = await nora.send(incidents.AddEntry(incident=incident.subject), SAID)
    assert isinstance(answer, Accepted)
    assert (answer.ref, answer.result) == (None, {})
    assert (await centre.facts(incident.subject))[-1].fact.data.owner == VAKT


# Sharing and erasing


async def test_a_raised_item_and_its_correction_lie_in_the_class_that_feeds_read(
    centre: Centre, kari: Sender
) -> None:
    incident = (await opened(kari)).subject
    wrong, right, raised = new_id(), new_id(), new_id()
    await kari.send(incidents.AddEntry(incident=incident), SAID, id=wrong)
    correct = incidents.CorrectEntry(incident=incident, entry=wrong, manner="replace")
    await kari.send(correct, {"text": "Tre hus"}, id=right)
    share = incidents.ShareWider(incident=incident, entry=wrong, level=Level.REGION)
    for _ in range(2):
        assert code(await kari.send(share, id=raised)) == "accepted"
    facts = await centre.facts(incident)
    raises = [fact.body for fact in facts if isinstance(fact.body, incidents.SharedWider)]
    assert [(one.entry, one.level) for one in raises] == [(wrong, "region"), (right, "region")]
    place = subjects.parse_place(facts[0].subject)
    assert place is not None
    for fact, one in zip(facts[1:3], raises, strict=True):
        assert one.commitment == fact.fact.data.commitment
        kept = await centre.ledger.sealed_content(MODE, place, fact.fact.id, (ContentClass.SHARED,))
        assert kept == await centre.ledger.sealed_content(MODE, place, fact.fact.id, (ContentClass.WATCH,))
        assert kept is not None


async def test_content_is_erased_by_two_persons(centre: Centre, kari: Sender) -> None:
    incident, entry = (await opened(kari)).subject, new_id()
    await kari.send(incidents.AddEntry(incident=incident), SAID, id=entry)
    arkiv, vern = await centre.person("arkiv", VAKT), await centre.person("vern", BARN)
    ask = incidents.AskErasure(incident=incident, entry=entry, ground="spill", law="gdpr-17")
    approve = incidents.ApproveErasure(incident=incident, entry=entry)
    assert code(await kari.send(ask)) == "NOT_ALLOWED"
    assert code(await vern.send(approve)) == "NOT_ASKED"
    assert code(await arkiv.send(ask)) == "accepted"
    assert code(await arkiv.send(approve)) == "SECOND_PERSON_NEEDED"
    approved = new_id()
    assert code(await vern.send(approve, id=approved)) == "accepted"
    assert code(await vern.send(approve, id=approved, resend=True)) == "accepted"
    assert code(await vern.send(approve)) == "ALREADY_ERASED"
    last = (await centre.facts(incident))[-1]
    assert (last.fact.id, last.body.fact, last.body.asked_by) == (approved, entry, "arkiv")


# Nothing forbidden anywhere

SECRET = "Kanarifugl"
FORBIDDEN: dict[str, tuple[dict[str, Any], str]] = {
    "graded": ({"tags": [Tag.GRADED]}, "GRADED_NEVER_STORED"),
    "health beyond the watch": ({"tags": [Tag.HEALTH], "level": Level.ORGANISATION}, "LEVEL_ABOVE_CAP"),
    "health text": ({"tags": [Tag.HEALTH]}, "HEALTH_BY_REFERENCE"),
    "a child beyond the watch": ({"tags": [Tag.CHILD], "level": Level.ORGANISATION}, "LEVEL_ABOVE_CAP"),
    "a person beyond the house": ({"tags": [Tag.PERSON], "level": Level.REGION}, "LEVEL_ABOVE_CAP"),
    "a weakness beyond the named": ({"tags": [Tag.VULNERABILITY], "level": Level.REGION}, "LEVEL_ABOVE_CAP"),
    "nobody named": ({"level": Level.NAMED}, "NAMED_NEEDS_LIST"),
    "no agreement": ({"level": Level.NAMED, "named": ["110-vest"]}, "NO_AGREEMENT"),
    "a blind addressee": ({"notify": [FIRE]}, "ADDRESSEE_CANNOT_SEE"),
    "an unknown addressee": ({"notify": ["4601.ukjent"]}, "UNKNOWN_WATCH"),
}
Spoil = Callable[[dict[str, Any]], Any]
SPOILT: dict[str, tuple[Spoil, str]] = {
    "a time without offset": (lambda m: m["data"].update(occurred_at="2027-01-15T06:00:00"), "NO_OFFSET"),
    "another sender": (lambda m: m["data"]["actor"].update(watch="barnevern"), "WRONG_SENDER"),
    "another type": (lambda m: m.update(type="samvirke.incidents.unknown.v1"), "UNKNOWN_TYPE"),
    "an unknown field": (lambda m: m["data"]["content"].update(navn=SECRET), "MALFORMED"),
    "a level that there is not": (lambda m: m["data"]["body"].update(level="secret"), "MALFORMED"),
    "over 64 KiB": (lambda m: m["data"]["content"].update(text=SECRET * 7_000), "TOO_LARGE"),
    "an identity number": (
        lambda m: m["data"]["content"].update(text=f"{SECRET} 01010112377"),
        "PERSON_TAG_MISSING",
    ),
    "a person without a role": (lambda m: m["data"]["actor"].update(person="leser"), "NOT_ALLOWED"),
    "a machine without a token": (
        lambda m: m["data"]["actor"].update(person=None, machine="ukjent", authentication="token"),
        "TOKEN_ENDED",
    ),
}


async def test_what_is_refused_is_kept_nowhere(fresh_broker: Hub, tmp_path: Path) -> None:
    log_file = tmp_path / "log"
    with logging_to(log_file):
        async with open_centre(fresh_broker) as centre:
            kari = await centre.person("kari", VAKT)
            incident = (await opened(kari)).subject
            await _send_what_is_forbidden(kari, incident)
            facts = await centre.facts(incident)
    assert len(facts) == 1
    searched = [path for path in fresh_broker.settings.home.rglob("*") if path.is_file()]
    assert len(searched) > 10
    for path in (*searched, log_file):
        held = path.read_bytes()
        assert SECRET.encode() not in held, path
        assert b"01010112377" not in held, path


async def _send_what_is_forbidden(kari: Sender, incident: str) -> None:
    said = {"headline": SECRET, "text": SECRET}
    for what, (fields, expected) in FORBIDDEN.items():
        for request in (to_open(**fields), incidents.AddEntry(incident=incident, **fields)):
            assert code(await kari.send(request, said)) == expected, what
    for what, (spoil, expected) in SPOILT.items():
        for request in (to_open(), incidents.AddEntry(incident=incident)):
            message = orjson.loads(encode(kari.command(request, said)))
            spoil(message)
            assert code(await kari.send_raw(request, orjson.dumps(message))) == expected, what
    whole = encode(kari.command(to_open(), said))
    twice = whole.replace(b'"headline":', b'"headline":"x","headline":', 1)
    for raw, expected in ((whole[:-9], "MALFORMED"), (twice, "DUPLICATE_KEY")):
        assert code(await kari.send_raw(incidents.OpenIncident, raw)) == expected
    unknown = subjects.command(MODE, "4601", "vaktsentral", "incidents", "burn")
    assert code(await kari.send_to(unknown, whole)) == "UNKNOWN_TYPE"


async def test_a_watch_that_is_not_set_up_is_refused(fresh_broker: Hub) -> None:
    others = [(user, body) for user, body in STANDING if getattr(body, "watch", "") != BARN]
    async with open_centre(fresh_broker, others) as centre:
        barn = await centre.person("kari", BARN)
        assert code(await barn.send(to_open(), SAID)) == "UNKNOWN_WATCH"
        assert code(await barn.send(incidents.AddEntry(ref="7ZZZZZ0"), SAID)) == "UNKNOWN_WATCH"


async def test_a_hidden_watch_leaves_no_trace_in_the_log_lines(broker: Hub, tmp_path: Path) -> None:
    with logging_to(tmp_path / "log"):
        async with open_centre(broker) as centre:
            barn = await centre.person("kari", BARN)
            incident = await opened(barn)
            await barn.send(incidents.CloseIncident(incident=incident.subject))
            await barn.send(incidents.CloseIncident(incident=incident.subject))
            await asyncio.sleep(0.1)
    written = (tmp_path / "log").read_text()
    assert "gate.open" in written
    for trace in (incident.subject, incident.id, incident.ref or "?", "barnevern", "cmd."):
        assert trace not in written


async def test_modes_do_not_know_of_each_other(centre: Centre, kari: Sender) -> None:
    incident = await opened(kari)
    answer = await kari.send(incidents.AddEntry(ref=incident.ref), SAID, mode=Mode.ACTUAL)
    assert isinstance(answer, Accepted)
    assert answer.result == {"mark": "unattached"}
    assert len(await centre.facts(incident.subject)) == 1


# Types, tasks and cards


TYPE = incident_types.SetType(
    type="water.main",
    title=incident_types.Words(nb="Brudd"),
    priority=Priority.CRITICAL,
    card=incident_types.Card(
        version=1,
        steps=[incident_types.CardStep(code="valves", text=incident_types.Words(nb="Steng ventiler"))],
    ),
)


async def the_centre(centre: Centre) -> Sender:
    """The authority that applies the centre file."""
    proof = Authentication.SERVICE
    actor = Actor(machine="centre", organisation="4601", watch="centre", via="cli", authentication=proof)
    nc = await centre.hub.connect(names.CENTRE)
    centre.stack.push_async_callback(nc.close)
    return Sender(nc, actor)


async def test_a_type_that_the_centre_sets_fills_in_reports_and_its_card_is_ticked(
    centre: Centre, kari: Sender
) -> None:
    assert code(await kari.send(TYPE)) == "NOT_ALLOWED"
    applied = await (await the_centre(centre)).send(TYPE)
    assert code(applied) == "accepted"
    async with asyncio.timeout(5):
        incident = (await opened(kari)).subject
        while (await centre.facts(incident))[0].body.card is None:
            incident = (await opened(kari)).subject
    (fact,) = await centre.facts(incident)
    assert (fact.body.priority, fact.body.card) == (Priority.CRITICAL, 1)
    tick, id = entries.TickStep(incident=incident, step="valves"), new_id()
    first = await kari.send(tick, id=id)
    assert code(first) == "accepted"
    assert await kari.send(tick, id=id) == first
    assert code(await kari.send(tick)) == "ALREADY_DONE"
    assert code(await kari.send(entries.TickStep(incident=incident, step="other"))) == "UNKNOWN_STEP"


async def test_a_task_is_closed_once_however_often_and_by_how_many_it_is_sent(
    centre: Centre, kari: Sender
) -> None:
    incident = (await opened(kari)).subject
    task = await kari.send(incidents.AddEntry(incident=incident, kind=EntryKind.TASK), SAID)
    assert isinstance(task, Accepted)
    done, id = entries.CloseTask(incident=incident, entry=task.id), new_id()
    answers = await asyncio.gather(*(kari.send(done, SAID, id=id) for _ in range(3)), kari.send(done, SAID))
    assert sorted(map(code, answers)) in (
        ["ALREADY_DONE", "accepted", "accepted", "accepted"],
        ["ALREADY_DONE", "ALREADY_DONE", "ALREADY_DONE", "accepted"],
    )
    assert len(await centre.facts(incident)) == 3


@pytest.mark.parametrize("verb", ["edit", "update", "delete", "remove"])
async def test_an_attempt_to_edit_or_delete_hears_that_nothing_ever_is(kari: Sender, verb: str) -> None:
    subject = subjects.command(Mode.EXERCISE, "4601", "vaktsentral", "incidents", verb)
    assert code(await kari.send_to(subject, b"{}")) == "NEVER_CHANGED"


@pytest.mark.parametrize(
    "text",
    ["\u0000", "a\u001b[2Jb", "\u009b31m", "\ud800", "x" * 20_001, "\r\n"],
    ids=["null", "escape", "c1", "half", "long", "return"],
)
async def test_text_that_no_log_can_show_is_refused_as_a_whole(
    centre: Centre, kari: Sender, text: str
) -> None:
    incident = (await opened(kari)).subject
    command = kari.command(incidents.AddEntry(incident=incident), {"text": "æ"})
    raw = encode(command).replace("æ".encode(), orjson.dumps(text)[1:-1] if text != "\ud800" else b"\\ud800")
    assert code(await kari.send_raw(incidents.AddEntry, raw)) == "MALFORMED"
    assert len(await centre.facts(incident)) == 1


async def test_text_that_turns_direction_is_kept_as_it_was_written(centre: Centre, kari: Sender) -> None:
    incident = (await opened(kari)).subject
    written = await kari.send(incidents.AddEntry(incident=incident), {"text": "abc \u202etxet\u202c שלום"})
    assert code(written) == "accepted"
