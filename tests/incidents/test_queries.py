"""What a watch is told of incidents, and what it is not."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from schemas import incident_types, incidents, notifications, watch
from schemas.identifiers import new_id, new_ref
from schemas.vocabulary import Channel, DutyFunction, EntryKind, IncidentState, Level, Priority, Tag
from services.incidents import queries
from services.incidents.lookups import Lookups
from services.incidents.reads import Reading
from services.incidents.tables import READS
from tests.incidents.make import Made, opened
from tests.incidents.room import Office

VAKT, BARN, AUST, FIRE = "4601.vaktsentral", "4601.barnevern", "4624.main", "110-vest.main"
UNKNOWN = {"status": "refused", "code": "UNKNOWN_INCIDENT", "parameters": {}}


def _entry(about: str, text: str, level: Level = Level.WATCH, **more: Any) -> Made:
    fields = {"named": more.pop("named", []), "tags": more.pop("tags", []), "mark": more.pop("mark", None)}
    fields = {"kind": EntryKind.INFORMATION} | fields | more.pop("said", {})
    body = incidents.EntryAdded(incident=about, level=level, **fields)
    return Made(body, about=about, content={"text": text}, **more)


def _reads(here: Office) -> list[Any]:
    store = here.archive._store
    assert store is not None
    with store.engine.connect() as connection:
        return list(connection.execute(sa.select(READS).order_by(READS.c.id)))


async def test_the_owner_sees_the_head_by_id_ref_and_number(here: Office) -> None:
    made = opened("Ras i Sandviken")
    await here.write(made)
    answer = await here.get(VAKT, id=made.about)
    head = answer["incident"]
    assert head["content"]["headline"] == "Ras i Sandviken"
    assert (head["owner"], head["state"], head["level"]) == (VAKT, "new", "watch")
    year = made.fact.time.year
    assert head["number"] == f"VAKT-{year}-0001"
    assert (await here.get(VAKT, ref=head["ref"]))["incident"] == head
    assert (await here.get(VAKT, number=head["number"]))["incident"] == head


async def test_what_was_logged_before_a_question_is_in_its_answer(here: Office) -> None:
    for number in range(10):
        made = opened(f"Ras {number}")
        await here.append(made)
        listed = await here.ask(VAKT, "list")
        assert made.about in [one["id"] for one in listed["incidents"]]
        await here.append(_entry(made.about, "Veien er stengt"))
        (entry,) = (await here.get(VAKT, id=made.about))["entries"]
        assert entry["content"]["text"] == "Veien er stengt"


async def test_what_may_not_be_seen_is_answered_like_what_is_not_there(here: Office) -> None:
    made = opened()
    await here.write(made)
    ref, number = made.fact.data.body["ref"], f"VAKT-{made.fact.time.year}-0001"
    for asker in (BARN, AUST, FIRE):
        assert await here.get(asker, id=made.about) == await here.get(asker, id=new_id()) == UNKNOWN
        assert await here.get(asker, ref=ref) == await here.get(asker, ref=new_ref()) == UNKNOWN
        assert await here.get(asker, number=number) == UNKNOWN
        assert (await here.ask(asker, "list", state="all"))["incidents"] == []


async def test_an_agreed_neighbour_sees_what_names_it_without_number_and_receivers(here: Office) -> None:
    made = opened(level=Level.NAMED, named=["4624", "110-vest"])
    await here.write(
        made, _entry(made.about, "internt"), _entry(made.about, "delt", Level.NAMED, named=["4624"])
    )
    answer = await here.get(AUST, id=made.about)
    assert (answer["incident"]["number"], answer["incident"]["named"]) == (None, [])
    assert [entry["content"]["text"] for entry in answer["entries"]] == ["delt"]
    assert answer["entries"][0]["actor"] == {"organisation": "4601", "watch": "vaktsentral"}
    assert await here.get(FIRE, id=made.about) == UNKNOWN, "no agreement with the fire centre"


async def test_an_entry_shared_wider_than_its_head_travels_without_it(here: Office) -> None:
    made = opened()
    await here.write(made, _entry(made.about, "Kok vannet", Level.PUBLIC))
    answer = await here.get(FIRE, id=made.about)
    assert answer["incident"] == {"id": made.about}
    assert [entry["content"]["text"] for entry in answer["entries"]] == ["Kok vannet"]
    assert await here.get(FIRE, ref=made.fact.data.body["ref"]) == UNKNOWN


async def test_raising_an_item_shows_it_and_its_content_to_the_new_circle(here: Office) -> None:
    made = opened()
    entry = _entry(made.about, "trenger hjelp")
    await here.write(made, entry)
    body = incidents.SharedWider(entry=entry.id, level=Level.NAMED, named=["4624"])
    await here.write(Made(body, about=made.about))
    (shown,) = (await here.get(AUST, id=made.about))["entries"]
    assert (shown["content"]["text"], shown["level"]) == ("trenger hjelp", "named")


async def test_a_correction_is_told_with_the_entry(here: Office) -> None:
    made = opened()
    entry = _entry(made.about, "to skadde")
    await here.write(made, entry)
    body = incidents.Corrected(entry=entry.id, manner="replace", level=Level.WATCH)
    correction = Made(body, about=made.about, content={"text": "tre skadde"})
    await here.write(correction)
    first, second = (await here.get(VAKT, id=made.about))["entries"]
    assert (first["corrected_by"], first["manner"]) == (correction.id, "replace")
    assert (second["kind"], second["corrects"], second["content"]["text"]) == (
        "correction",
        entry.id,
        "tre skadde",
    )


async def test_a_state_change_stands_in_the_timeline_and_in_the_lists(here: Office) -> None:
    made = opened()
    body = incidents.StateChanged(state=IncidentState.CLOSED, former=IncidentState.NEW)
    await here.write(made, Made(body, about=made.about, content={"text": "ferdig"}))
    answer = await here.get(VAKT, id=made.about)
    assert answer["incident"]["state"] == "closed"
    assert [(entry["state"], entry["content"]["text"]) for entry in answer["entries"]] == [
        ("closed", "ferdig")
    ]
    assert (await here.ask(VAKT, "list"))["incidents"] == []
    (head,) = (await here.ask(VAKT, "list", state="closed"))["incidents"]
    assert head["id"] == made.about


async def test_the_list_is_newest_first_and_no_longer_than_asked(here: Office) -> None:
    made = [opened() for _ in range(4)] + [opened(owner=AUST)]
    await here.write(*made)
    found = await here.ask(VAKT, "list", limit=3)
    assert [head["id"] for head in found["incidents"]] == [one.about for one in reversed(made[1:4])]
    assert found["more"]
    assert not (await here.ask(VAKT, "list", limit=4))["more"], "these are all"


async def test_a_stray_entry_looks_alike_whether_the_incident_exists_or_not(here: Office) -> None:
    hidden, nothing = opened(), new_id()
    await here.write(hidden)
    for about in (hidden.about, nothing):
        await here.write(_entry(about, "røyk", owner=FIRE, mark="unattached"))
    found, absent = [await here.get(FIRE, id=about) for about in (hidden.about, nothing)]
    assert found["incident"] == {"id": hidden.about}
    assert absent["incident"] == {"id": nothing}
    assert [entry["mark"] for entry in found["entries"]] == [entry["mark"] for entry in absent["entries"]]
    assert (await here.get(VAKT, id=hidden.about))["entries"] == []


async def test_a_stray_entry_joins_when_its_sender_may_see_the_incident(here: Office) -> None:
    about = new_id()
    stray = _entry(about, "kom først", Level.NAMED, owner=AUST, named=["4601"], mark="unattached")
    await here.write(stray)
    assert (await here.get(VAKT, id=about))["status"] == "refused"
    await here.write(opened(about=about, level=Level.NAMED, named=["4624"]))
    (entry,) = (await here.get(VAKT, id=about))["entries"]
    assert (entry["id"], entry["mark"]) == (stray.id, "unattached")


async def test_steps_of_a_page_are_told_to_the_paged_watch_only(here: Office) -> None:
    made = opened(level=Level.NAMED, named=["4624"])
    of = {"chain": "c1", "watch": VAKT}
    rules = {"priority": Priority.NORMAL, "steps": [{"after_s": 0, "function": DutyFunction.PRIMARY}]}
    started = {**of, "cause": made.id, "priority": Priority.NORMAL, "type": "flood", "rules": rules}
    person = {"person": "p9", "function": DutyFunction.PRIMARY}
    facts = [
        notifications.Started.model_validate({**started, "channels": [Channel.GATEWAY]}),
        notifications.Sent.model_validate({**of, **person, "step": 0, "channel": Channel.GATEWAY}),
        notifications.Acknowledged.model_validate({**of, **person, "cause": made.id}),
    ]
    await here.write(made, *(Made(body, about=made.about) for body in facts))
    own = await here.get(VAKT, id=made.about)
    assert own["incident"]["state"] == "acknowledged"
    assert [step["what"] for step in own["chains"][0]["steps"]] == ["sent", "acknowledged"]
    (theirs,) = (await here.get(AUST, id=made.about))["chains"]
    assert (theirs["outcome"], theirs["steps"]) == ("acknowledged", [{"function": "primary"}])
    assert theirs["sent"]


async def test_as_long_as_no_message_has_left_nobody_is_taken_to_be_told(here: Office) -> None:
    made, of = opened(level=Level.ORGANISATION), {"chain": "c1", "watch": VAKT}
    rules = {"priority": Priority.NORMAL, "steps": [{"after_s": 0, "function": DutyFunction.PRIMARY}]}
    cause = {"cause": made.id, "priority": Priority.NORMAL, "type": "flood", "rules": rules}
    started = notifications.Started.model_validate({**of, **cause, "channels": [Channel.GATEWAY]})
    failed = notifications.Failed(
        chain="c1",
        watch=VAKT,
        step=0,
        person="p9",
        function=DutyFunction.PRIMARY,
        channel=Channel.GATEWAY,
        code="NOT_CONFIGURED",
    )
    await here.write(made, Made(started, about=made.about), Made(failed, about=made.about))
    (chain,) = (await here.get(VAKT, id=made.about))["chains"]
    assert (chain["outcome"], chain["sent"]) == ("open", False)


def _hiding() -> Made:
    body = watch.Established(watch=BARN, code="BV", title="BV", posts=["duty"], hidden=True)
    return Made(body, about="BV", owner=BARN)


def _page(about: str, cause: str, watch: str, chain: str) -> Made:
    rules = {"priority": Priority.NORMAL, "steps": [{"after_s": 0, "function": DutyFunction.PRIMARY}]}
    of = {"chain": chain, "watch": watch, "cause": cause, "priority": Priority.NORMAL, "type": "flood"}
    started = {**of, "rules": rules, "channels": [Channel.GATEWAY]}
    return Made(notifications.Started.model_validate(started), about=about)


async def test_a_page_for_an_item_that_one_may_not_see_leaves_no_trace(here: Office) -> None:
    made = opened(level=Level.NAMED, named=["4624"])
    inner = _entry(made.about, "internt", Level.ORGANISATION)
    await here.write(made, inner, _page(made.about, inner.id, VAKT, "c1"))
    assert (await here.get(AUST, id=made.about))["chains"] == []
    for asker in (VAKT, BARN):
        assert [one["chain"] for one in (await here.get(asker, id=made.about))["chains"]] == ["c1"]


async def test_that_a_hidden_watch_was_told_is_known_to_it_and_to_who_told_it_only(here: Office) -> None:
    made = opened(level=Level.NAMED, named=["4624"])
    await here.write(_hiding(), made, _page(made.about, made.id, BARN, "c1"))
    for asker, chains in ((VAKT, 1), (BARN, 1), (AUST, 0)):
        assert len((await here.get(asker, id=made.about))["chains"]) == chains


async def test_the_number_of_a_hidden_watchs_incident_tells_its_house_no_count(here: Office) -> None:
    made = opened(level=Level.ORGANISATION, owner=BARN)
    await here.write(_hiding(), made)
    number = (await here.get(BARN, id=made.about))["incident"]["number"]
    assert number == f"BV-{made.fact.time.year}-0001"
    assert (await here.get(VAKT, id=made.about))["incident"]["number"] is None
    assert [one["number"] for one in (await here.ask(VAKT, "list"))["incidents"]] == [None]
    assert await here.get(VAKT, number=number) == UNKNOWN


@pytest.mark.timed
async def test_whoever_waits_for_facts_that_never_come_keeps_no_other_watch_waiting(here: Office) -> None:
    crowd = [here.ask(AUST, "list", after=new_id()) for _ in range(300)]
    began = asyncio.get_running_loop().time()
    waiting = [asyncio.create_task(one) for one in crowd]
    done, _ = await asyncio.wait(waiting, timeout=2)
    assert len(done) >= 250, "beyond some, a watch is answered with what there is"
    assert (await here.ask(VAKT, "list"))["status"] == "ok"
    await asyncio.gather(*waiting)
    assert asyncio.get_running_loop().time() - began < 8


async def test_what_may_not_be_seen_is_not_even_looked_into(here: Office) -> None:
    made = opened()
    await here.write(made)
    ref, year = made.fact.data.body["ref"], made.fact.time.year
    there = ({"ref": ref}, {"number": f"VAKT-{year}-0001"})
    nowhere = ({"ref": new_ref()}, {"number": f"VAKT-{year}-0002"})
    for name, other in zip(there, nowhere, strict=True):
        (seen, answer), (gone, unknown) = (
            await _looked_up(here, BARN, name),
            await _looked_up(here, BARN, other),
        )
        assert answer == unknown == UNKNOWN
        assert seen == gone != [], "the time that it takes would tell that there is something"
        assert len((await _looked_up(here, VAKT, name))[0]) > len(seen)


async def _looked_up(here: Office, asker: str, name: dict[str, str]) -> tuple[list[str], dict[str, Any]]:
    """What the archive asks its database for an answer, and the answer."""
    asked: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        asked.append(statement)

    sa.event.listen(sa.Engine, "before_cursor_execute", note)
    try:
        answer = await here.get(asker, **name)
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", note)
    return [statement for statement in asked if statement.startswith("SELECT")], answer


async def test_reads_of_restricted_items_are_recorded_before_the_answer(here: Office) -> None:
    plain, shared = opened(), opened(level=Level.NAMED, named=["4624"])
    tagged = opened(tags=[Tag.CHILD])
    await here.write(plain, shared, tagged)
    await here.get(VAKT, id=plain.about)
    assert _reads(here) == []
    await here.get(AUST, id=shared.about)
    await here.get(VAKT, id=tagged.about)
    await here.ask(AUST, "list")
    found = [(row.what, row.watch, row.person, row.incident, row.item) for row in _reads(here)]
    assert found == [
        ("get", AUST, "p1", shared.about, shared.id),
        ("get", VAKT, "p1", tagged.about, tagged.id),
        ("list", AUST, "p1", shared.about, shared.id),
    ]


async def test_only_a_reader_or_a_token_that_reads_is_answered(here: Office) -> None:
    made = opened()
    await here.write(made)
    assert (await here.get(VAKT, id=made.about, person="nobody"))["code"] == "NOT_ALLOWED"
    assert (await here.get(VAKT, id=made.about, person=None))["code"] == "PERSON_NEEDED"
    assert (await here.get(VAKT, id=made.about, person=None, machine="m-report"))["code"] == "NOT_ALLOWED"
    assert (await here.get(VAKT, id=made.about, person=None, machine="m-read"))["status"] == "ok"
    assert (await here.get(VAKT, id=made.about, color="red"))["code"] == "MALFORMED"


async def test_a_receipt_is_waited_for(here: Office) -> None:
    made = opened()
    store = here.archive._store
    assert store is not None
    sequence = await here.write(made)
    assert store.has_fact("actual", made.id)
    later = opened()
    asked = asyncio.create_task(here.get(VAKT, id=later.about, after=later.id))
    await asyncio.sleep(0.3)
    assert not asked.done()
    assert await here.write(later) == sequence + 1
    assert (await asked)["incident"]["id"] == later.about
    assert (await asked)["behind"] is False


async def test_an_answer_that_does_not_know_of_the_receipt_in_time_says_so(
    here: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = opened()
    await here.write(made)
    monkeypatch.setattr(queries, "PATIENCE", timedelta(milliseconds=50))
    told = await here.get(VAKT, id=made.about, after=new_id())
    assert (told["incident"]["id"], told["behind"]) == (made.about, True)


async def test_the_reads_of_a_page_are_kept_when_the_rest_is_made_anew(here: Office) -> None:
    store = here.archive._store
    assert store is not None
    reading = Reading("actual", "2026-01-01T00:00:00+01:00", VAKT, "p1", None, "test", "get")
    Lookups(store.engine).record(reading, [("i", "f")])
    store.clear("exercise")
    assert len(_reads(here)) == 1


async def test_what_a_page_has_shown_is_noted_under_who_saw_it_and_the_answer_tells_nothing(
    here: Office,
) -> None:
    made, shown = opened(), ["there", "item"]
    await here.write(made)
    for items in ([shown], [[made.about, made.id]], []):
        assert await here.ask(AUST, "seen", items=items) == {"status": "ok"}
    found = [(row.what, row.watch, row.person, row.incident, row.item) for row in _reads(here)]
    assert found == [("live", AUST, "p1", "there", "item"), ("live", AUST, "p1", made.about, made.id)]
    assert (await here.ask(VAKT, "seen", person="nobody", items=[shown]))["code"] == "NOT_ALLOWED"
    assert (await here.ask(VAKT, "seen", person=None, items=[shown]))["code"] == "PERSON_NEEDED"
    spoilt: list[Any] = [[shown] * 501, [["there"]], [["there", "a b"]], [["x" * 200, "item"]], "there"]
    for items in spoilt:
        assert (await here.ask(VAKT, "seen", items=items))["code"] == "MALFORMED"
    assert len(_reads(here)) == 2


async def test_a_machine_of_the_whole_organisation_reads_nothing_in_a_hidden_watch(here: Office) -> None:
    made = opened(owner=BARN)
    await here.write(_hiding(), made)
    answer = await here.get(BARN, id=made.about, person=None, machine="m-read")
    assert answer["code"] == "TOKEN_ENDED"
    assert (await here.ask(BARN, "list", person=None, machine="m-read"))["code"] == "TOKEN_ENDED"


def _type(code: str, **more: Any) -> Made:
    words = {"nb": "Brudd", "en": "Burst main"}
    card = {"version": 1, "steps": [{"code": "valves", "text": words}]}
    body = incident_types.TypeSet.model_validate(
        {"type": code, "version": 1, "title": words, "card": card, **more}, strict=False
    )
    return Made(body, about=f"type-{code.replace('.', '-')}", owner="4601.centre")


async def test_the_register_tells_each_watch_its_own_types_and_whom_its_own_reports_tell(
    here: Office,
) -> None:
    told = [{"watch": VAKT, "notify": [FIRE]}, {"notify": [AUST]}]
    await here.write(_type("water.main", told=told), _type("child", used_by=[BARN]))
    (shown,) = (await here.ask(VAKT, "types"))["types"]
    assert (shown["type"], shown["title"]["en"], shown["notify"]) == ("water.main", "Burst main", [FIRE])
    assert "told" not in shown
    assert [one["type"] for one in (await here.ask(BARN, "types"))["types"]] == ["child", "water.main"]
    assert (await here.ask(AUST, "types"))["types"][0]["notify"] == [AUST]


async def test_an_incident_shows_tasks_requests_and_card_to_those_who_may_see_them(here: Office) -> None:
    await here.write(_type("water.main"))
    head = opened("Brudd", Level.NAMED, named=["4624"], said={"type": "water.main", "card": 1})
    shared: dict[str, Any] = {"level": Level.NAMED, "named": ["4624"]}
    task = _entry(head.about, "Steng ventil", said={"kind": EntryKind.TASK, "assignee": VAKT})
    request = _entry(head.about, "2 pumper", said={"kind": EntryKind.MESSAGE_OUT, "asks": [AUST]}, **shared)
    said = {"answers": request.id, "answer": "decline"}
    answer = _entry(head.about, "Alle er ute", said=said, by=AUST, **shared)
    tick = _entry(head.about, "Stengt", said={"step": "valves"})
    await here.write(head, task, request, answer, tick)
    own = await here.get(VAKT, id=head.about)
    assert own["incident"]["type_title"] == {"nb": "Brudd", "nn": None, "en": "Burst main"}
    assert own["tasks"] == [{"entry": task.id, "assignee": VAKT, "due": None, "done_by": None}]
    assert own["card"]["steps"][0]["done_by"] == tick.id
    for shown in (own, await here.get(AUST, id=head.about)):
        (asked,) = shown["requests"]
        assert asked == {
            "entry": request.id,
            "open": False,
            "asked": [{"watch": AUST, "answer": "decline", "by": answer.id}],
        }
    theirs = await here.get(AUST, id=head.about)
    assert (theirs["tasks"], theirs["card"]) == ([], None)
