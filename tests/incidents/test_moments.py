"""How things stood: «what did we know at 14:32», and the order of the ledger beside that of what happened."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from schemas import incidents, notifications, people, watch
from schemas.envelope import Body
from schemas.vocabulary import Channel, DutyFunction, EntryKind, IncidentState, Level, Priority
from tests.hub import Hub
from tests.incidents.make import Made, opened
from tests.incidents.room import Office, centre, office

VAKT, BARN, AUST = "4601.vaktsentral", "4601.barnevern", "4624.main"
NOON = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=6)


@pytest.fixture
async def here(fresh_broker: Hub) -> AsyncIterator[Office]:
    async with office(fresh_broker) as found:
        await found.write(*centre())
        yield found


def minute(number: float) -> datetime:
    """So many minutes after noon."""
    return NOON + timedelta(minutes=number)


def at(number: float) -> str:
    """The same as it is sent."""
    return minute(number).isoformat()


def entry(about: str, text: str, minutes: float, level: Level = Level.WATCH, **more: Any) -> Made:
    body = incidents.EntryAdded(incident=about, kind=EntryKind.INFORMATION, level=level)
    return Made(body, about=about, content={"text": text}, at=minute(minutes), **more)


def state(about: str, to: IncidentState, minutes: float) -> Made:
    body = incidents.StateChanged(state=to, former=IncidentState.NEW)
    return Made(body, about=about, at=minute(minutes))


def texts(answer: dict[str, Any]) -> list[str]:
    return [one["content"]["text"] for one in answer["entries"] if one["content"]]


async def test_an_incident_is_shown_as_it_stood_at_a_moment(here: Office) -> None:
    made = opened("Ras", at=minute(0))
    first, second = entry(made.about, "to skadde", 1), entry(made.about, "veien er stengt", 5)
    body = incidents.Corrected(entry=first.id, manner="replace", level=Level.WATCH)
    correction = Made(body, about=made.about, content={"text": "tre skadde"}, at=minute(3))
    closing = state(made.about, IncidentState.CLOSED, 9)
    await here.write(made, first, correction, second, closing)
    then = await here.get(VAKT, id=made.about, at=at(2))
    assert (texts(then), then["entries"][0]["corrected_by"]) == (["to skadde"], None)
    later = await here.get(VAKT, id=made.about, at=at(4))
    assert texts(later) == ["to skadde", "tre skadde"]
    assert later["entries"][0]["corrected_by"] == correction.id
    assert later["incident"]["state"] == "new"
    assert (await here.get(VAKT, id=made.about, at=at(10)))["incident"]["state"] == "closed"
    assert (await here.get(VAKT, id=made.about, at=at(-1)))["code"] == "UNKNOWN_INCIDENT"
    assert (await here.get(VAKT, id=made.about, at="2026-11-23T14:32:00"))["code"] == "NO_OFFSET"


async def test_the_past_shows_a_neighbour_no_more_than_it_had_then_and_may_see_today(here: Office) -> None:
    made = opened("Flom", at=minute(0))
    raised = incidents.SharedWider(entry="head", level=Level.NAMED, named=["4624"], commitment="0" * 64)
    await here.write(made, Made(raised, about=made.about, at=minute(5)))
    assert (await here.get(AUST, id=made.about, at=at(4)))["code"] == "UNKNOWN_INCIDENT"
    assert (await here.get(AUST, id=made.about, at=at(6)))["incident"]["content"]["headline"] == "Flom"
    for minutes, seen in ((4, 0), (6, 1)):
        assert len((await here.ask(AUST, "list", at=at(minutes)))["incidents"]) == seen
    assert (await here.ask(BARN, "list", at=at(4)))["incidents"] == []


async def test_what_was_erased_since_stays_erased_in_the_past(here: Office) -> None:
    made = opened("Navn på en pasient", at=minute(0))
    gone = incidents.Erased(fact=made.id, ground="gdpr-17", law="GDPR 17", asked_by="p1")
    await here.write(made, Made(gone, about=made.about, at=minute(5)))
    head = (await here.get(VAKT, id=made.about, at=at(1)))["incident"]
    assert (head["content"], head["erased"]) == (None, True)
    (listed,) = (await here.ask(VAKT, "list", at=at(1)))["incidents"]
    assert (listed["content"], listed["erased"]) == (None, True)


async def test_the_list_is_shown_as_it_stood_at_a_moment(here: Office) -> None:
    one, two = opened("Ras", at=minute(0)), opened("Brann", at=minute(2))
    told = state(one.about, IncidentState.IN_PROGRESS, 3)
    closed = state(one.about, IncidentState.CLOSED, 5)
    again = state(one.about, IncidentState.IN_PROGRESS, 8)
    await here.write(one, two, told, closed, again)

    async def stood(minutes: float, wanted: str = "open") -> list[tuple[str, str]]:
        answer = await here.ask(VAKT, "list", at=at(minutes), state=wanted)
        return [(head["content"]["headline"], head["state"]) for head in answer["incidents"]]

    assert await stood(-1) == []
    assert await stood(1) == [("Ras", "new")]
    assert await stood(4) == [("Brann", "new"), ("Ras", "in_progress")]
    assert await stood(6) == [("Brann", "new")]
    assert await stood(6, "closed") == [("Ras", "closed")]
    assert await stood(9, "all") == [("Brann", "new"), ("Ras", "in_progress")]


async def test_the_audit_stands_in_the_order_of_recording_and_shows_a_clock_that_stepped_back(
    here: Office,
) -> None:
    made = opened("Ras", at=minute(0))
    late, ahead, back = entry(made.about, "b", 4), entry(made.about, "c", 9), entry(made.about, "a", 6)
    await here.write(made, late, ahead, back)
    assert texts(await here.get(VAKT, id=made.about)) == ["b", "a", "c"]
    audit = await here.get(VAKT, id=made.about, order="recorded")
    assert texts(audit) == ["b", "c", "a"]
    assert [one["skew"] for one in audit["entries"]] == [False, False, True]
    known = await here.get(VAKT, id=made.about, order="recorded", at=at(7))
    assert texts(known) == ["b", "c", "a"], "what stood in the ledger before it was known then"


def duty_fact(body: Body, minutes: float, owner: str = VAKT) -> Made:
    return Made(body, about="duty", owner=owner, at=minute(minutes))


def manned(person: str, since: float, minutes: float, owner: str = VAKT, **more: Any) -> Made:
    body = watch.Manned(
        post="duty", function=DutyFunction.PRIMARY, person=person, since=minute(since), **more
    )
    return duty_fact(body, minutes, owner)


def holders(answer: dict[str, Any]) -> dict[str, Any]:
    return {row["watch"]: row.get("person", row.get("filled")) for row in answer["duty"]}


async def test_who_was_on_duty_is_shown_as_it_was_known_then(here: Office) -> None:
    made = opened("Ras", at=minute(0))
    left = watch.Released(post="duty", function=DutyFunction.PRIMARY, person="ola", at=minute(6))
    await here.write(
        *(manned("kari", 0, 0), manned("eva", 0, 0, AUST), made),
        *(manned("ola", 3, 3, manner="taken"), duty_fact(left, 6)),
        manned("siri", 1, 8),
    )
    for minutes, person in ((1, "kari"), (2, "kari"), (4, "ola"), (7, "kari"), (9, "siri")):
        listed = await here.ask(VAKT, "list", at=at(minutes))
        assert holders(listed)[VAKT] == person, minutes
        assert holders(listed)[AUST] is True
        assert holders(await here.get(VAKT, id=made.about, at=at(minutes))) == {VAKT: person}
    assert "duty" not in await here.ask(VAKT, "list")
    assert "duty" not in await here.get(VAKT, id=made.about)


async def test_whoever_is_forgotten_since_and_whatever_is_hidden_is_not_shown_on_duty_in_the_past(
    here: Office,
) -> None:
    gone = Made(people.Forgotten(person="kari", asked_by="p1", ground="gdpr-17"), about="kari", at=minute(5))
    hiding = watch.Established(watch=BARN, code="BV", title="BV", posts=["duty"], hidden=True)
    await here.write(manned("kari", 0, 0), manned("ida", 0, 0, BARN), gone)
    hidden = Made(hiding, about="BV", owner=BARN, at=minute(6))
    await here.write(hidden)
    seen = holders(await here.ask(VAKT, "list", at=at(2)))
    assert seen[VAKT] is None
    assert BARN not in seen
    assert holders(await here.ask(BARN, "list", at=at(2)))[BARN] == "ida"


async def test_a_machine_is_told_of_no_person_on_duty(here: Office) -> None:
    await here.write(manned("kari", 0, 0))
    answer = await here.ask(VAKT, "list", person=None, machine="m-read", at=at(1))
    assert answer["status"] == "ok"
    assert "duty" not in answer


def page(about: str, cause: str, to: str, minutes: float) -> list[Made]:
    """A chain that is started, sent a minute later and acknowledged after another."""
    of, person = {"chain": f"c-{to}", "watch": to}, {"person": "p9", "function": DutyFunction.PRIMARY}
    rules = {"priority": Priority.NORMAL, "steps": [{"after_s": 0, "function": DutyFunction.PRIMARY}]}
    told = {**of, "cause": cause, "priority": Priority.NORMAL, "type": "flood", "rules": rules}
    bodies = (
        notifications.Started.model_validate({**told, "channels": [Channel.GATEWAY]}),
        notifications.Sent.model_validate({**of, **person, "step": 0, "channel": Channel.GATEWAY}),
        notifications.Acknowledged.model_validate({**of, **person, "cause": cause}),
    )
    return [Made(body, about=about, at=minute(minutes + number)) for number, body in enumerate(bodies)]


async def test_the_chains_are_shown_as_they_stood_in_the_list_as_in_the_incident(here: Office) -> None:
    made = opened("Flom", at=minute(0), level=Level.NAMED, named=["4624"])
    await here.write(made, *page(made.about, made.id, VAKT, 1))
    for minutes, stood in ((0.5, []), (1.5, [("open", False)]), (2.5, [("open", True)]), (4, ["ack"])):
        (listed,) = (await here.ask(VAKT, "list", at=at(minutes), state="all"))["incidents"]
        shown = (await here.get(VAKT, id=made.about, at=at(minutes)))["chains"]
        assert listed["chains"] == shown
        if stood == ["ack"]:
            assert [one["outcome"] for one in shown] == ["acknowledged"]
            assert [step["person"] for step in shown[0]["steps"]] == ["p9", "p9"]
        else:
            assert [(one["outcome"], one["sent"]) for one in shown] == stood
        (theirs,) = (await here.ask(AUST, "list", at=at(minutes), state="all"))["incidents"]
        assert len(theirs["chains"]) == len(stood)
        assert all("person" not in step for one in theirs["chains"] for step in one["steps"])
    assert all(one["chains"] == [] for one in (await here.ask(VAKT, "list"))["incidents"] if "chains" in one)


async def test_a_past_list_names_no_chain_of_an_item_or_watch_that_one_may_not_see(here: Office) -> None:
    hiding = watch.Established(watch=BARN, code="BV", title="BV", posts=["duty"], hidden=True)
    made = opened("Flom", at=minute(0), level=Level.NAMED, named=["4624"])
    inner = entry(made.about, "internt", 1, Level.ORGANISATION)
    wide = incidents.SharedWider(entry=inner.id, level=Level.NAMED, named=["4624"], commitment="0" * 64)
    await here.write(
        Made(hiding, about="BV", owner=BARN, at=minute(-1)),
        *(made, inner, *page(made.about, inner.id, VAKT, 2), *page(made.about, made.id, BARN, 2)),
        Made(wide, about=made.about, at=minute(8)),
    )

    async def told(asker: str, minutes: float) -> set[str]:
        (listed,) = (await here.ask(asker, "list", at=at(minutes), state="all"))["incidents"]
        shown = await here.get(asker, id=made.about, at=at(minutes))
        assert listed["chains"] == shown["chains"]
        return {chain["watch"] for chain in listed["chains"]}

    assert await told(VAKT, 5) == {VAKT, BARN}
    assert await told(AUST, 5) == set()
    assert await told(AUST, 9) == {VAKT}
