"""A municipality in miniature for the room reports: watches, people, agreements, a log, and a template."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from schemas import subjects
from schemas.envelope import Actor
from schemas.feeds import Agreed
from schemas.identifiers import new_id
from schemas.incidents import EntryAdded, Opened
from schemas.people import Granted
from schemas.reports import (
    ApproveReport,
    DraftReport,
    ReportContent,
    ReportEntry,
    ReportField,
    SetTemplate,
    SubmitReport,
)
from schemas.vocabulary import Authentication, EntryKind, Level, Priority, Role
from schemas.watch import Established
from services.runtime import names
from services.runtime.ledger import Draft
from services.runtime.room import Room
from services.runtime.settings import Settings
from tests.caller import Caller, Office, office
from tests.hub import Hub
from tests.ledgers import open_ledger

KEY, HIDDEN, NEIGHBOUR, STRANGER = "4601.vaktsentral", "4601.barnevern", "4624.main", "110-vest.main"
TEMPLATE = "nabo"


@dataclass
class House:
    """The running room and who calls it."""

    office: Office
    incident: str = ""

    async def caller(self, key: str, person: str) -> Caller:
        """A person at a watch's desk."""
        return await self.office.caller(key, person)

    async def template(self, **more: Any) -> None:
        """Set the template towards the neighbour."""
        wanted = {
            "template": TEMPLATE,
            "where": "4601",
            "title": "Til naboen",
            "receivers": ["4624"],
            "notify": [NEIGHBOUR],
            "fields": [ReportField(code="measures", required=True), ReportField(code="needs")],
        }
        centre = await self.office.caller("4601.centre")
        await centre.accepted(SetTemplate(**(wanted | more)))

    async def entry(self, level: Level, text: str, *named: str) -> str:
        """An entry in the log of the incident; the id of its fact."""
        self.incident = self.incident or await self._put(Opened, level=Level.ORGANISATION, text="Storm")
        return await self._put(EntryAdded, level=level, text=text, named=list(named))

    async def _put(self, model: Any, text: str, level: Level, **more: Any) -> str:
        incident = self.incident or new_id()
        opening = {"ref": "0000000", "type": "storm", "priority": Priority.NORMAL}
        fields = opening if model is Opened else {"incident": incident, "kind": EntryKind.INFORMATION}
        id = await self.say(incident, model(level=level, **fields, **more), {"text": text})
        return incident if model is Opened else id

    async def say(self, incident: str, body: Any, content: dict[str, Any] | None = None) -> str:
        """A fact about an incident, said by Ola; its id."""
        org, watch = subjects.split_key(KEY)
        id = new_id()
        draft = Draft(
            id=id,
            place=subjects.Place("actual", org, watch, "incidents", incident, body.name),
            body=body,
            actor=Actor(
                person="ola",
                organisation=org,
                watch=watch,
                via="test",
                authentication=Authentication.SESSION,
            ),
            occurred_at=datetime.now(UTC),
            command=id,
            controller=org,
            content=content,
            level=getattr(body, "level", Level.WATCH),
        )
        async with open_ledger(self.office.hub) as ledger:
            await ledger.append(draft)
        return id

    async def draft(self, caller: Caller, report: str, *entries: str, **words: str) -> Any:
        """The answer to a draft with these words, by field, and these entries under measures."""
        used = [ReportEntry(field="measures", incident=self.incident, entry=one) for one in entries]
        request = DraftReport(report=report, template=TEMPLATE, entries=used)
        return await caller.send(request, ReportContent(headline="Rapport", words=words))

    async def locked(self, report: str, *entries: str, **words: str) -> Any:
        """A report that Kari has written and Liv approved; the answer to the approval."""
        author, approver = await self.caller(KEY, "kari"), await self.caller(KEY, "liv")
        answer = await self.draft(author, report, *entries, **words)
        assert answer.status == "accepted", answer
        submitted = await author.accepted(SubmitReport(report=report))
        return await approver.accepted(ApproveReport(report=report, digest=submitted.result["digest"]))


@contextlib.asynccontextmanager
async def house(hub: Hub, *builders: Any) -> AsyncIterator[House]:
    """The rooms run; watches, roles and an agreement between 4601 and 4624 are there."""
    async with office(hub, *builders) as found:
        await people(found)
        await found.start()
        here = House(found)
        await here.template()
        yield here


async def people(found: Office) -> None:
    """Who is who, and who may share with whom."""
    for key in (KEY, HIDDEN, NEIGHBOUR, STRANGER):
        body = Established(watch=key, code="V", title=key, posts=["duty"], hidden=key == HIDDEN)
        await found.put_fact(names.WATCH_LEDGER, key, key.partition(".")[2], body)
    granted = [("kari", Role.OPERATOR, KEY), ("ola", Role.OPERATOR, KEY), ("siv", Role.LEADER, KEY)]
    granted += [("liv", Role.APPROVER, KEY), ("per", Role.APPROVER, "4601"), ("kari", Role.APPROVER, KEY)]
    granted += [("odd", Role.LEADER, HIDDEN), ("eva", Role.LEADER, NEIGHBOUR), ("jan", Role.LEADER, STRANGER)]
    for person, role, where in granted:
        await found.put_fact(
            names.PEOPLE_LEDGER, "4601.centre", person, Granted(person=person, role=role, where=where)
        )
    since = datetime.now(UTC) - timedelta(days=1)
    agreed = Agreed(agreement="a", parties=["4601", "4624"], purpose="Samvirke", since=since)
    await found.put_fact(names.FEEDS_LEDGER, "4601.centre", "a", agreed)


def builder(settings: Settings) -> Room:
    """The room reports."""
    from services.reports.app import build

    return build(settings)
