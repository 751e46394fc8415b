"""A municipality in miniature for the room notifications: people, watches, incidents, policies of seconds."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from schemas.envelope import Body, Fact
from schemas.identifiers import new_id, new_ref
from schemas.incidents import TRADE, Opened
from schemas.notifications import PolicyRules, PolicySet, Step
from schemas.people import Contact, Granted
from schemas.vocabulary import Channel, DutyFunction, Level, Priority, Role
from schemas.watch import Established, Manned
from services.notifications.app import NotificationsRoom, build
from services.runtime import names
from services.runtime.settings import Settings
from tests.caller import Office, office
from tests.hub import Hub
from tests.outside import Gateway, Mail, gateway, mail

OWNER, WATCH, COORDINATOR = "110-vest.main", "4624.main", "4601.samvirke"
PHONES = {
    "kari": "+4790000001",
    "ola": "+4790000002",
    "liv": "+4790000003",
    "per": "+4790000004",
    "eva": "+4790000005",
}
MODE = "exercise"


@dataclass
class Desk:
    """The running room and all that surrounds it."""

    office: Office
    gateway: Gateway
    mail: Mail
    incidents: dict[str, str] = field(default_factory=dict)

    @property
    def room(self) -> NotificationsRoom:
        """The room as it runs now."""
        room = self.office.rooms[0]
        assert isinstance(room, NotificationsRoom)
        return room

    async def put(self, user: str, owner: str, id: str, body: Body) -> None:
        """A fact of another room."""
        await self.office.put_fact(user, owner, id, body, MODE)

    async def man(self, watch: str = WATCH, post: str = "duty", **held: str) -> None:
        """Put people on duty: ``primary="kari"``."""
        for function, person in held.items():
            since = datetime.now(UTC) - timedelta(hours=1)
            body = Manned(post=post, function=DutyFunction(function), person=person, since=since)
            await self.put(names.WATCH_LEDGER, watch, post, body)

    async def policy(self, *times: float, end_s: int, repeat: int = 3, watch: str = WATCH) -> None:
        """Primary, backup, leader and coordinator at these seconds, for critical items."""
        functions = [*DutyFunction, DutyFunction.PRIMARY]
        steps = [
            Step(after_s=int(after), function=function, watch=COORDINATOR if place == 3 else None)
            for place, (after, function) in enumerate(zip(times, functions, strict=False))
        ]
        rules = PolicyRules(priority=Priority.CRITICAL, steps=steps, end_s=end_s, repeat=repeat)
        body = PolicySet(watch=watch, rules=[rules], channels=[Channel.GATEWAY, Channel.EMAIL])
        await self.put(names.NOTIFICATIONS_LEDGER, watch, "policy", body)

    async def open(self, *notify: str, owner: str = OWNER, **more: Any) -> str:
        """An incident was opened; its id."""
        id = new_id()
        fields = {"priority": Priority.CRITICAL, "type": "landslide", "level": Level.REGION, "ref": new_ref()}
        body = Opened(**(fields | {"notify": list(notify or [WATCH])} | more))
        await self.put(names.INCIDENTS_LEDGER, owner, id, body)
        self.incidents[id] = body.ref
        return id

    async def facts(self, incident: str) -> list[tuple[Fact, Body | None]]:
        """The facts of notifications about an incident."""
        found = await self.office.facts(names.NOTIFICATIONS_LEDGER, incident, MODE)
        return [(fact, body) for fact, body in found if body is not None and body.trade != TRADE]

    async def story(self, incident: str) -> list[str]:
        """Those facts by name, with the person where there is one."""
        return [_words(body) for _, body in await self.facts(incident)]

    async def wait_for(self, incident: str, ending: str, seconds: float = 15.0) -> list[str]:
        """The story once its last line begins so."""
        async with asyncio.timeout(seconds):
            while True:
                story = await self.story(incident)
                if any(line.startswith(ending) for line in story):
                    return story
                await asyncio.sleep(0.05)

    async def chain_of(self, incident: str, watch: str = WATCH) -> str:
        """The id of a watch's chain."""
        await self.wait_for(incident, "started")
        found = [body for _, body in await self.facts(incident) if getattr(body, "watch", "") == watch]
        return str(getattr(found[0], "chain", ""))


async def until(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    """Wait for something that happens beside."""
    async with asyncio.timeout(seconds):
        while True:
            if condition():
                return
            await asyncio.sleep(0.02)


def _words(body: Body | None) -> str:
    assert body is not None
    parts = [
        body.name,
        getattr(body, "person", None),
        getattr(body, "reason", None),
        getattr(body, "code", None),
    ]
    if getattr(body, "repeated", False):
        parts.append("repeated")
    return " ".join(str(part) for part in parts if part)


def settings_for(hub: Hub, sms: Gateway, post: Mail) -> Settings:
    """The hub's settings, with the ways out leading to the stand-ins."""
    ways: dict[str, Any] = {
        "gateway_url": sms.url,
        "gateway_receipt_field": "id",
        "smtp_host": "127.0.0.1",
        "smtp_port": post.port,
        "smtp_sender": "vakt@example.org",
        "smtp_tls": "none",
        "port_phone": 0,
    }
    return hub.settings.model_copy(update=ways)


@contextlib.asynccontextmanager
async def desk(hub: Hub) -> AsyncIterator[Desk]:
    """The room runs, with people and watches; nobody is on duty yet."""
    async with gateway() as sms, mail() as post:
        hub = Hub(settings_for(hub, sms, post), hub.broker, hub.watches)
        async with office(hub, build) as found:
            here = await prepared(Desk(found, sms, post))
            await found.start()
            yield here


async def prepared(here: Desk) -> Desk:
    """The same, with watches set up and people who can be reached."""
    for key in (OWNER, WATCH, COORDINATOR):
        body = Established(watch=key, code="V", title="A watch", posts=["duty"])
        await here.put(names.WATCH_LEDGER, key, key.partition(".")[2], body)
    writer = await here.office.connection(names.PEOPLE_WRITER)
    for person, phone in PHONES.items():
        contact = Contact(display_name=person.title(), email=f"{person}@example.org", phone=phone)
        await writer.jetstream().publish(f"$KV.{names.PEOPLE}.{person}", contact.model_dump_json().encode())
        granted = Granted(person=person, role=Role.OPERATOR, where=WATCH)
        if person != "eva":
            await here.put(names.PEOPLE_LEDGER, WATCH, person, granted)
    return here
