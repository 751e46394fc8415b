"""What a crash, a restart, a lost timer, a lost database or a change of shift may not do: silence a chain."""

import asyncio
import shutil
from collections.abc import AsyncIterator

import pytest

from schemas import subjects
from schemas.notifications import Acknowledge, Acknowledged, Started
from schemas.subjects import Place
from schemas.vocabulary import DutyFunction
from services.notifications import contacts, keeper
from services.notifications.commits import Store
from services.runtime import names
from services.runtime.database import open_database
from services.runtime.timers import Key
from tests.caller import office
from tests.hub import Hub
from tests.notifications.desk import MODE, OWNER, PHONES, WATCH, Desk, desk, prepared, settings_for, until
from tests.outside import gateway, mail
from tests.parts import kill, started


@pytest.fixture
async def here(fresh_broker: Hub) -> AsyncIterator[Desk]:
    async with desk(fresh_broker) as found:
        yield found


async def test_a_kill_between_send_and_record_leads_to_one_more_message_marked_and_with_the_same_reference(
    fresh_broker: Hub,
) -> None:
    async with gateway() as sms, mail() as post:
        hub = Hub(settings_for(fresh_broker, sms, post), fresh_broker.broker, fresh_broker.watches)
        async with office(hub) as found:
            here = await prepared(Desk(found, sms, post))
            await here.man(primary="kari", backup="ola")
            await here.policy(0, 60, end_s=90)
            sms.manner = "silent"
            first = started(hub.settings, "notifications")
            try:
                incident = await here.open()
                await until(lambda: bool(sms.taken), 30)
            finally:
                kill(first)
            assert await here.story(incident) == ["started"]
            sms.manner = "ok"
            second = started(hub.settings, "notifications")
            try:
                story = await here.wait_for(incident, "sent", 30)
            finally:
                kill(second)
            assert story == ["started", "sent kari repeated"]
            one, again = sms.to(PHONES["kari"])
            assert (one.reference, "gjentatt" in one.text) == (again.reference, False)
            assert "gjentatt" in again.text


async def test_a_chain_goes_on_after_a_restart_and_what_was_sent_is_not_sent_again(here: Desk) -> None:
    await here.man(primary="kari", backup="ola")
    await here.policy(0, 3, end_s=60)
    incident = await here.open()
    await here.wait_for(incident, "sent kari")
    await here.office.stop()
    await here.office.start()
    story = await here.wait_for(incident, "sent ola")
    assert story == ["started", "sent kari", "escalated no_answer", "sent ola"]


async def test_which_chains_are_open_is_known_after_a_restart_without_reading_those_that_ended(
    here: Desk,
) -> None:
    await here.man(primary="kari")
    await here.policy(0, 60, end_s=90)
    done, going = await here.open(), await here.open()
    await here.wait_for(done, "sent kari")
    await here.wait_for(going, "sent kari")
    (chain,) = [one for one, (place, _) in here.room._pictures[MODE].open.items() if place.id == done]
    primary = DutyFunction.PRIMARY
    said = Acknowledged(chain=chain, watch=WATCH, cause=chain, person="kari", function=primary)
    await here.put(names.NOTIFICATIONS_LEDGER, OWNER, done, said)
    await until(lambda: len(here.room._pictures[MODE].open) == 1)
    before = dict(here.room._pictures[MODE].open)
    await here.office.stop()
    await here.office.start()
    assert here.room._footing.folds[MODE].follower.kept_to > 0
    assert here.room._pictures[MODE].open == before
    assert [place.id for place, _ in before.values()] == [going]


async def test_a_moment_that_passed_while_the_room_was_away_is_acted_on_at_once(here: Desk) -> None:
    await here.man(primary="kari", backup="ola")
    await here.policy(0, 1, end_s=60)
    incident = await here.open()
    await here.wait_for(incident, "sent kari")
    await here.office.stop()
    await asyncio.sleep(1.5)
    await here.office.start()
    assert (await here.wait_for(incident, "sent ola", 3))[-1] == "sent ola"


async def test_a_lost_timer_is_armed_again_by_the_sweep(here: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeper, "SWEEP_S", 0.3)
    await here.office.stop()
    await here.office.start()
    await here.man(primary="kari", backup="ola")
    await here.policy(0, 2, end_s=60)
    incident = await here.open()
    await here.wait_for(incident, "sent kari")
    pager = here.room.pager
    assert pager is not None
    (chain,) = pager.open
    await until(lambda: chain in pager.due)
    assert await pager.timers.cancel(Key(MODE, chain))
    assert (await here.wait_for(incident, "sent ola", 8))[-1] == "sent ola"


async def test_a_lost_database_forgets_no_chain(here: Desk) -> None:
    await here.man(primary="kari", backup="ola")
    await here.policy(0, 3, end_s=60)
    incident = await here.open()
    await here.wait_for(incident, "sent kari")
    await here.office.stop()
    shutil.rmtree(here.office.hub.settings.home / "db")
    await here.office.start()
    story = await here.wait_for(incident, "sent ola")
    assert story == ["started", "sent kari", "escalated no_answer", "sent ola"]


async def test_an_answer_that_is_stored_ends_the_chain_though_its_receipt_was_lost(here: Desk) -> None:
    await here.man(primary="kari", backup="ola")
    await here.policy(0, 60, end_s=90)
    incident = await here.open()
    await here.wait_for(incident, "sent kari")
    chain = await here.chain_of(incident)
    pager = here.room.pager
    assert pager is not None
    primary = DutyFunction.PRIMARY
    said = Acknowledged(chain=chain, watch=WATCH, cause=chain, person="kari", function=primary)
    await here.put(names.NOTIFICATIONS_LEDGER, OWNER, incident, said)
    await until(lambda: chain not in pager.open, 3)
    assert chain not in pager.due


async def test_a_new_holder_is_told_of_what_is_open_at_the_change_of_shift(here: Desk) -> None:
    await here.man(primary="kari", backup="ola")
    await here.policy(0, 60, end_s=90)
    incident = await here.open()
    await here.wait_for(incident, "sent kari")
    await here.man(primary="liv")
    assert await here.wait_for(incident, "sent liv", 3) == ["started", "sent kari", "sent liv"]


async def test_the_broker_may_restart_while_a_chain_is_open(here: Desk) -> None:
    await here.man(primary="kari", backup="ola")
    await here.policy(0, 4, end_s=60)
    incident = await here.open()
    await here.wait_for(incident, "sent kari")
    await here.office.hub.broker.stop()
    await here.office.hub.broker.start()
    story = await here.wait_for(incident, "sent ola")
    assert story == ["started", "sent kari", "escalated no_answer", "sent ola"]
    chain = await here.chain_of(incident)
    caller = await here.office.caller(WATCH, "ola")
    await until(lambda: bool(here.room.health()["ok"]))
    await caller.accepted(Acknowledge(chain=chain), mode=MODE)


async def test_health_says_when_the_book_of_addresses_cannot_be_followed(
    fresh_broker: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(contacts, "READY_S", 0.2)
    monkeypatch.setattr(names, "PEOPLE_STREAM", "NOT_THERE")
    rows = Store(open_database(fresh_broker.settings, "notifications"))
    book = contacts.Contacts(fresh_broker.settings, rows)
    await book.open()
    assert not book.follows
    await book.close()
    await rows.close()


async def test_a_chain_that_was_begun_before_a_crash_goes_on_though_the_policy_has_changed_since(
    here: Desk,
) -> None:
    await here.man(primary="kari", backup="ola", leader="liv")
    incident = await here.open()
    await here.wait_for(incident, "sent kari")
    (begun,) = [body for _, body in await here.facts(incident) if isinstance(body, Started)]
    pager = here.room.pager
    assert pager is not None
    pager.open.pop(begun.chain)
    org, watch = subjects.split_key(OWNER)
    place = Place(MODE, org, watch, Started.trade, incident, Started.name)
    later = begun.model_copy(update={"rules": begun.rules.model_copy(update={"end_s": 1234})})
    await pager.start(MODE, place, later, org, None)
    assert pager.open[begun.chain].rules == begun.rules
