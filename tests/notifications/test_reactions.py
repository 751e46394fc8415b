"""Which facts start a chain, and how much of the incident its messages name."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from schemas.incidents import Corrected, EntryAdded, SharedWider
from schemas.notifications import Acknowledge, Started
from schemas.people import Granted
from schemas.relations import GlassBroken, TransferAnswered, TransferAsked
from schemas.reports import Recalled
from schemas.vocabulary import DutyFunction, EntryKind, Level, Priority, Role
from schemas.watch import Established, GapFound
from services.notifications.store import CURSOR
from services.runtime import names
from services.runtime.database import open_database
from tests.hub import Hub
from tests.notifications.desk import COORDINATOR, MODE, OWNER, PHONES, WATCH, Desk, desk, until


@pytest.fixture
async def here(fresh_broker: Hub) -> AsyncIterator[Desk]:
    async with desk(fresh_broker) as found:
        await found.man(primary="kari", backup="ola", leader="liv")
        await found.man(COORDINATOR, primary="per", backup="eva")
        yield found


async def started(here: Desk, incident: str) -> list[Started]:
    return [body for _, body in await here.facts(incident) if isinstance(body, Started)]


async def add(here: Desk, incident: str, body: EntryAdded | Corrected | SharedWider) -> None:
    await here.put(names.INCIDENTS_LEDGER, OWNER, incident, body)


def entry(incident: str, **more: object) -> EntryAdded:
    fields = {"incident": incident, "kind": EntryKind.INFORMATION, "level": Level.PUBLIC, "notify": [WATCH]}
    return EntryAdded.model_validate(fields | more)


async def test_information_and_items_that_tell_nobody_start_no_chain(here: Desk) -> None:
    quiet = await here.open(priority=Priority.INFO)
    await add(here, quiet, entry(quiet, notify=[]))
    loud = await here.open()
    await here.wait_for(loud, "sent")
    assert await here.story(quiet) == []


async def test_an_entry_shared_wider_than_its_incident_names_neither_type_nor_ref(here: Desk) -> None:
    incident = await here.open(COORDINATOR, level=Level.WATCH)
    await add(here, incident, entry(incident))
    await until(lambda: bool(here.gateway.to(PHONES["kari"])))
    (sms,) = here.gateway.to(PHONES["kari"])
    assert here.incidents[incident] not in sms.text
    assert "landslide" not in sms.text
    assert "P3 normal" in sms.text
    told = {chain.watch: chain for chain in await started(here, incident)}
    assert (told[WATCH].type, told[WATCH].ref) == ("entry", None)


async def test_an_entry_of_an_incident_that_may_be_seen_names_it_and_takes_its_priority(here: Desk) -> None:
    incident = await here.open(COORDINATOR, level=Level.PUBLIC)
    await add(here, incident, entry(incident))
    await until(lambda: bool(here.gateway.to(PHONES["kari"])))
    (sms,) = here.gateway.to(PHONES["kari"])
    assert here.incidents[incident] in sms.text
    assert "P1 kritisk" in sms.text


async def test_who_was_told_before_is_not_told_again_when_the_item_is_shared_wider(here: Desk) -> None:
    incident = await here.open(WATCH, level=Level.NAMED)
    await here.wait_for(incident, "sent kari")
    wider = SharedWider(entry="head", level=Level.PUBLIC, notify=[WATCH, COORDINATOR])
    await add(here, incident, wider)
    await here.wait_for(incident, "sent per")
    assert [chain.watch for chain in await started(here, incident)] == [WATCH, COORDINATOR]
    assert len({chain.item for chain in await started(here, incident)}) == 1
    assert len(here.gateway.to(PHONES["kari"])) == 1


async def test_a_correction_is_told_as_normal(here: Desk) -> None:
    incident = await here.open(COORDINATOR, level=Level.PUBLIC)
    await add(here, incident, Corrected(entry="e1", manner="strike", level=Level.PUBLIC, notify=[WATCH]))
    await here.wait_for(incident, "sent kari")
    told = {chain.watch: chain.priority for chain in await started(here, incident)}
    assert told == {COORDINATOR: Priority.CRITICAL, WATCH: Priority.NORMAL}


async def test_a_gap_in_the_roster_is_told_to_the_watchs_leader(here: Desk) -> None:
    body = GapFound(post="duty", function=DutyFunction.PRIMARY, since=datetime.now(UTC))
    await here.put(names.WATCH_LEDGER, WATCH, "duty", body)
    await until(lambda: bool(here.gateway.to(PHONES["liv"])))
    (sms,) = here.gateway.taken
    assert "P2 høy, hull i vaktlisten" in sms.text


async def test_a_watch_that_is_asked_to_take_over_is_told_so(here: Desk) -> None:
    incident = await here.open(COORDINATOR, level=Level.PUBLIC)
    await here.put(names.INCIDENTS_LEDGER, OWNER, incident, TransferAsked(to=WATCH, notify=[WATCH]))
    await until(lambda: bool(here.gateway.to(PHONES["kari"])))
    (sms,) = here.gateway.to(PHONES["kari"])
    assert "P1 kritisk" in sms.text
    assert "ber dere overta" in sms.text
    assert here.incidents[incident] in sms.text
    declined = TransferAnswered(
        asked="f", accepted=False, former=COORDINATOR, responsible=COORDINATOR, notify=[COORDINATOR]
    )
    before = len(here.gateway.to(PHONES["per"]))
    await here.put(names.INCIDENTS_LEDGER, OWNER, incident, declined)
    await until(lambda: len(here.gateway.to(PHONES["per"])) > before)
    assert "har avslått å overta" in here.gateway.to(PHONES["per"])[-1].text


async def test_a_broken_glass_is_told_to_the_data_protection_officer_at_once_and_says_no_more(
    here: Desk,
) -> None:
    organisation = OWNER.partition(".")[0]
    await here.put(
        names.PEOPLE_LEDGER,
        f"{organisation}.centre",
        "eva",
        Granted(person="eva", role=Role.DPO, where=organisation),
    )
    incident = await here.open(COORDINATOR)
    until_then = datetime.now(UTC) + timedelta(hours=1)
    glass = GlassBroken(entry="head", to=WATCH, ground="hpl-31", until=until_then)
    await here.put(names.INCIDENTS_LEDGER, OWNER, incident, glass)
    await until(lambda: bool(here.gateway.to(PHONES["eva"])))
    (sms,) = here.gateway.to(PHONES["eva"])
    assert "P2 høy, nødtilgang" in sms.text
    assert here.incidents[incident] not in sms.text


async def test_a_message_from_a_hidden_watch_does_not_say_what_it_is_about(here: Desk) -> None:
    hidden = Established(watch=OWNER, code="V", title="A watch", posts=["duty"], hidden=True)
    await here.put(names.WATCH_LEDGER, OWNER, "main", hidden)
    await asyncio.sleep(0.3)
    incident = await here.open(type="child.placement")
    await here.wait_for(incident, "sent kari")
    (sms,) = here.gateway.taken
    assert "child" not in sms.text


@pytest.mark.parametrize("has_tables", [True, False])
async def test_when_every_fact_is_delivered_again_nobody_is_told_again(here: Desk, has_tables: bool) -> None:
    incident, hub = await here.open(), here.office.hub
    await here.wait_for(incident, "sent kari")
    ended = await here.open()
    chain = await here.chain_of(ended)
    caller = await here.office.caller(WATCH, "ola")
    await caller.accepted(Acknowledge(chain=chain), mode=MODE)
    await here.wait_for(ended, "sent kari")
    await here.office.stop()
    await hub.broker.stop()
    if has_tables:
        database = open_database(hub.settings, "notifications")
        with database.begin() as connection:
            connection.execute(sa.delete(CURSOR))
        database.dispose()
    else:
        shutil.rmtree(hub.settings.home / "db")
    await hub.broker.start()
    before = len(here.gateway.taken)
    await here.office.start()
    await here.wait_for(await here.open(), "sent kari")
    assert await here.story(incident) == ["started", "sent kari"]
    assert len(here.gateway.taken) == before + 1


async def test_whoever_was_told_of_a_report_is_told_of_its_recall(here: Desk) -> None:
    about = {"report": "r1", "version": 1, "fact": "f1", "ground": "wrong_content", "priority": Priority.HIGH}
    await here.put(names.REPORTS_LEDGER, OWNER, "r1", Recalled.model_validate(about | {"notify": [WATCH]}))
    await until(lambda: bool(here.gateway.to(PHONES["kari"])))
    (sms,) = here.gateway.to(PHONES["kari"])
    assert "situasjonsrapport er kalt tilbake" in sms.text
    assert [one.type for one in await started(here, "r1")] == ["report_recalled"]
