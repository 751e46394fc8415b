"""What a crash may not do: lose a deadline, or remind of it twice."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

from schemas.identifiers import new_id
from schemas.people import Contact
from schemas.reports import BeginWheel, DeadlineMissed, DeadlineReminded, NothingToReport
from schemas.vocabulary import DutyFunction
from schemas.watch import Manned
from services.notifications.app import build as build_notifications
from services.runtime import names
from tests.caller import Office, office
from tests.hub import Hub
from tests.notifications.desk import settings_for, until
from tests.outside import Gateway, gateway, mail
from tests.parts import kill, started
from tests.reports.house import KEY, people

PHONES = {"ola": "+4790000011", "siv": "+4790000012"}


async def test_a_kill_between_reminder_and_deadline_loses_none_and_the_leader_hears_what_was_missed(
    fresh_broker: Hub,
) -> None:
    async with gateway() as sms, mail() as post:
        hub = Hub(settings_for(fresh_broker, sms, post), fresh_broker.broker, fresh_broker.watches)
        async with office(hub, build_notifications) as found:
            await people(found)
            await man(found)
            await found.start()
            wheel, first = new_id(), started(hub.settings, "reports")
            try:
                await begin(found, wheel)
                await until_told(sms, ["ola"])
            finally:
                kill(first)
            for table in (hub.settings.home / "db").glob("reports*"):
                table.unlink()
            second = started(hub.settings, "reports")
            try:
                await until_told(sms, ["ola", "ola", "siv"])
                bodies = [body for _, body in await found.facts(names.REPORTS_LEDGER, wheel)]
                said = [type(body) for body in bodies if isinstance(body, DeadlineReminded | DeadlineMissed)]
                assert said == [DeadlineReminded, DeadlineMissed]
                late = await (await found.caller(KEY, "ola")).accepted(NothingToReport(wheel=wheel))
                assert late.result["late"] is True
            finally:
                kill(second)
            assert "påminning om rapport" in sms.taken[0].text
            assert "rapport mangler" in sms.taken[-1].text


async def begin(found: Office, wheel: str) -> None:
    """Ask for a report in a few seconds, once the room answers."""
    about: dict[str, Any] = {"wheel": wheel, "receiver": "4601", "reporters": [KEY], "escalate_s": 0}
    caller = await found.caller(KEY, "siv")
    async with asyncio.timeout(60):
        while True:
            due = datetime.now(UTC) + timedelta(seconds=9)
            try:
                await caller.accepted(BeginWheel(**about, remind_s=-7, moments=[due]), id=wheel)
                return
            except Exception:
                await asyncio.sleep(0.1)


async def man(found: Office) -> None:
    """Ola is on duty, Siv leads; both can be reached."""
    since = datetime.now(UTC) - timedelta(hours=1)
    writer = await found.connection(names.PEOPLE_WRITER)
    for function, person in ((DutyFunction.PRIMARY, "ola"), (DutyFunction.LEADER, "siv")):
        body = Manned(post="duty", function=function, person=person, since=since)
        await found.put_fact(names.WATCH_LEDGER, KEY, "duty", body)
        contact = Contact(display_name=person, phone=PHONES[person])
        await writer.jetstream().publish(f"$KV.{names.PEOPLE}.{person}", contact.model_dump_json().encode())


async def until_told(sms: Gateway, wanted: list[str]) -> None:
    """Wait until these persons, and nobody else, have had a message."""
    phones = sorted(PHONES[person] for person in wanted)
    await until(lambda: sorted(one.to for one in sms.taken) == phones, 60)
