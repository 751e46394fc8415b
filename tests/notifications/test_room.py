"""The room notifications at a real broker, with a real gateway and mail server on loopback."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from schemas.feeds import OrganisationSet
from schemas.identifiers import new_id
from schemas.notifications import Acknowledge, Decline, PolicyRules, SetPolicy, Step
from schemas.people import Granted
from schemas.vocabulary import DutyFunction, Language, Priority, Role
from schemas.watch import Established
from services.runtime import names
from tests.caller import Caller
from tests.hub import Hub
from tests.notifications.desk import COORDINATOR, MODE, PHONES, WATCH, Desk, desk, until


@pytest.fixture
async def here(fresh_broker: Hub) -> AsyncIterator[Desk]:
    async with desk(fresh_broker) as found:
        yield found


@pytest.mark.timed
async def test_a_silent_primary_escalates_to_backup_and_leader_and_the_leaders_answer_ends_it(
    here: Desk,
) -> None:
    await here.man(primary="kari", backup="ola", leader="liv")
    await here.policy(0, 1, 2, 30, end_s=40)
    incident = await here.open()
    await until(lambda: bool(here.gateway.to(PHONES["liv"])))
    chain = await here.chain_of(incident)
    leader = await here.office.caller(WATCH, "liv")
    answer = await leader.accepted(Acknowledge(chain=chain), mode=MODE)
    assert (answer.subject, answer.ref) == (chain, here.incidents[incident])
    assert await here.wait_for(incident, "acknowledged") == [
        "started",
        "sent kari",
        "escalated no_answer",
        "sent ola",
        "escalated no_answer",
        "sent liv",
        "acknowledged liv",
    ]
    times = [sms.at for sms in here.gateway.taken]
    assert times[1] - times[0] == pytest.approx(1, abs=0.6)
    assert times[2] - times[0] == pytest.approx(2, abs=0.6)
    assert here.mail.taken == []


async def test_a_message_says_mode_priority_type_ref_and_link_and_nothing_else(here: Desk) -> None:
    await here.man(primary="kari", backup="ola")
    await here.policy(0, 20, end_s=30)
    incident = await here.open()
    await here.wait_for(incident, "sent")
    (sms,) = here.gateway.taken
    words = f"ØVELSE Varsel P1 kritisk, ref {here.incidents[incident]}, ras. Svar: "
    assert sms.text == f"{words}http://127.0.0.1:{here.room.phone_port}/k/{sms.secret}"
    assert sms.reference == sms.key


async def test_a_message_is_in_the_language_of_the_organisation_whose_people_are_told(here: Desk) -> None:
    org = WATCH.partition(".")[0]
    told = OrganisationSet(organisation=org, title="Fjord", kind="municipality", language=Language.NYNORSK)
    await here.put(names.FEEDS_LEDGER, WATCH, org, told)
    await here.man(primary="kari", backup="ola")
    await here.policy(0, 20, end_s=30)
    incident = await here.open()
    await here.wait_for(incident, "sent")
    assert here.gateway.taken[0].text.startswith("ØVING Varsel P1 kritisk, ref ")


async def test_each_of_several_watches_has_its_own_chain_and_an_answer_ends_only_its_own(here: Desk) -> None:
    await here.man(primary="kari")
    await here.man(COORDINATOR, primary="per")
    incident = await here.open(WATCH, COORDINATOR)
    await until(lambda: len(here.gateway.taken) == 2)
    chain = await here.chain_of(incident)
    caller = await here.office.caller(WATCH, "kari")
    await caller.accepted(Acknowledge(chain=chain), mode=MODE)
    listed = (await caller.ask("notifications", "chains", MODE, open=True))["chains"]
    assert listed == []
    own = (await caller.ask("notifications", "chains", MODE, incident=incident))["chains"]
    assert [(one["watch"], one["state"]) for one in own] == [(WATCH, "acknowledged")]


async def test_two_silent_primaries_escalate_to_their_backups(here: Desk) -> None:
    await here.man(primary="kari", backup="ola")
    await here.man(COORDINATOR, primary="liv", backup="per")
    await here.policy(0, 1, 30, end_s=40)
    await here.policy(0, 1, 30, end_s=40, watch=COORDINATOR)
    incident = await here.open(WATCH, COORDINATOR)
    await until(lambda: len(here.gateway.taken) == 4)
    story = await here.wait_for(incident, "sent per")
    assert story.count("escalated no_answer") == 2
    assert {sms.to for sms in here.gateway.taken[2:]} == {PHONES["ola"], PHONES["per"]}


async def test_one_person_alone_is_told_three_times_more_marked_as_repeated(here: Desk) -> None:
    await here.man(primary="kari")
    await here.policy(0, 1, 4, end_s=4)
    incident = await here.open()
    story = await here.wait_for(incident, "nobody_reached")
    assert story == ["started", "sent kari", *["sent kari repeated"] * 3, "nobody_reached"]
    assert ["gjentatt" in sms.text for sms in here.gateway.taken] == [False, True, True, True]


async def test_when_nobody_answers_it_is_said_that_nobody_was_reached(here: Desk) -> None:
    await here.man(primary="kari", backup="ola", leader="liv")
    await here.man(COORDINATOR, primary="per")
    await here.policy(0, 1, 2, 3, end_s=4)
    incident = await here.open()
    story = await here.wait_for(incident, "nobody_reached")
    assert [line for line in story if line.startswith("sent")] == [
        "sent kari",
        "sent ola",
        "sent liv",
        "sent per",
    ]
    late = await here.office.caller(WATCH, "kari")
    chain = await here.chain_of(incident)
    assert await late.refused(Acknowledge(chain=chain), mode=MODE) == "CHAIN_ENDED"


async def test_without_manning_the_coordinator_is_told_at_once(here: Desk) -> None:
    await here.man(COORDINATOR, primary="per")
    await here.policy(0, 20, 40, 60, end_s=90)
    incident = await here.open()
    assert await here.wait_for(incident, "sent per", 5) == ["started", "escalated nobody_on_duty", "sent per"]


async def test_a_refusal_brings_the_next_person_at_once(here: Desk) -> None:
    await here.man(primary="kari", backup="ola")
    await here.policy(0, 60, end_s=90)
    incident = await here.open()
    chain = await here.chain_of(incident)
    caller = await here.office.caller(WATCH, "kari")
    await here.wait_for(incident, "sent kari")
    await caller.accepted(Decline(chain=chain), mode=MODE)
    story = await here.wait_for(incident, "sent ola", 5)
    assert story[-3:] == ["declined kari", "escalated declined", "sent ola"]


@pytest.mark.parametrize(("manner", "code"), [("down", "HTTP_500"), ("lies", "SAID_ERROR")])
async def test_a_gateway_that_fails_is_followed_by_mail(here: Desk, manner: str, code: str) -> None:
    here.gateway.manner = manner
    await here.man(primary="kari", backup="ola")
    await here.policy(0, 60, end_s=90)
    incident = await here.open()
    assert await here.wait_for(incident, "sent") == ["started", f"failed kari {code}", "sent kari"]
    ((to, text),) = here.mail.taken
    assert to == "kari@example.org"
    assert "/k/" in text


@pytest.mark.timed
async def test_a_gateway_that_hangs_is_followed_by_mail_within_fifteen_seconds(here: Desk) -> None:
    here.gateway.manner = "silent"
    await here.man(primary="kari", backup="ola")
    await here.policy(0, 60, end_s=90)
    incident = await here.open()
    story = await here.wait_for(incident, "sent", 15)
    assert story == ["started", "failed kari TIMEOUT", "sent kari"]


async def test_an_answer_is_taken_once_however_often_it_is_sent(here: Desk) -> None:
    await here.man(primary="kari", backup="ola")
    incident, id = await here.open(), new_id()
    chain = await here.chain_of(incident)
    caller = await here.office.caller(WATCH, "kari")
    first = await caller.accepted(Acknowledge(chain=chain), id=id, mode=MODE)
    assert await caller.accepted(Acknowledge(chain=chain), id=id, mode=MODE) == first
    assert await caller.refused(Acknowledge(chain=chain), mode=MODE) == "CHAIN_ENDED"
    assert (await here.story(incident)).count("acknowledged kari") == 1


async def test_neither_machines_nor_strangers_nor_other_watches_can_acknowledge(here: Desk) -> None:
    await here.man(primary="kari", backup="ola")
    chain = await here.chain_of(await here.open())
    wanted = Acknowledge(chain=chain)
    for key, person, code in (
        (WATCH, None, "PERSON_NEEDED"),
        (WATCH, "eva", "NOT_ALLOWED"),
        ("4601.vaktsentral", "kari", "UNKNOWN_CHAIN"),
    ):
        caller = await here.office.caller(key, person)
        assert await caller.refused(wanted, mode=MODE) == code
    caller = await here.office.caller(WATCH, "kari")
    assert await caller.refused(Acknowledge(chain=new_id()), mode=MODE) == "UNKNOWN_CHAIN"
    assert await caller.refused(wanted, mode="actual") == "UNKNOWN_CHAIN"


async def test_the_paged_watch_sees_persons_and_the_incidents_owner_only_functions(here: Desk) -> None:
    await here.man(primary="kari", backup="ola")
    incident = await here.open(owner="110-vest.main")
    await here.wait_for(incident, "sent")
    for key, sees in ((WATCH, True), ("110-vest.main", False)):
        caller = await here.office.caller(key, "eva")
        await here.put(names.PEOPLE_LEDGER, key, "eva", Granted(person="eva", role=Role.READER, where=key))
        chain = await _first_chain(caller, incident)
        assert chain["state"] == "open"
        (step,) = [step for step in chain["steps"] if step["what"] == "sent"]
        assert ("person" in step, "at" in step) == (sees, sees)
        assert step["function"] == "primary"
        assert "receipt" not in step, "a gateway's receipts may be numbers that count everybody's messages"


async def _first_chain(caller: Caller, incident: str) -> dict[str, Any]:
    """The answer, once the room knows that the person may read."""
    async with asyncio.timeout(5):
        while True:
            answer = await caller.ask("notifications", "chains", MODE, incident=incident)
            if answer["status"] == "ok":
                found: dict[str, Any] = answer["chains"][0]
                return found
            await asyncio.sleep(0.05)


async def test_a_policy_pages_no_hidden_watch_and_nobody_of_another_house(here: Desk) -> None:
    await here.put(names.PEOPLE_LEDGER, WATCH, "liv", Granted(person="liv", role=Role.LEADER, where=WATCH))
    for watch, is_hidden in (("4624.barnevern", True), ("4624.vei", False)):
        body = Established(watch=watch, code="X", title="A watch", posts=["duty"], hidden=is_hidden)
        await here.put(names.WATCH_LEDGER, watch, watch.partition(".")[2], body)
    leader = await here.office.caller(WATCH, "liv")

    def policy(watch: str | None) -> SetPolicy:
        step = Step(after_s=0, function=DutyFunction.PRIMARY, watch=watch)
        return SetPolicy(watch=WATCH, rules=[PolicyRules(priority=Priority.HIGH, steps=[step])])

    for watch in ("4624.barnevern", "4624.nosuch", COORDINATOR):
        assert await leader.refused(policy(watch), mode=MODE) == "UNKNOWN_WATCH"
    for own in (None, WATCH, "4624.vei"):
        await leader.accepted(policy(own), mode=MODE)
