"""A hub with its real rooms in one process, a centre of four organisations, and an HTTP client."""

import contextlib
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import orjson

from schemas.feeds import Agree, SetOrganisation, SetRegion, Subscribe
from schemas.people import AddPerson, Contact, Grant, IssueToken, MakeLink, RevokeToken
from schemas.vocabulary import Role
from schemas.watch import Establish
from services.desk.app import DeskRoom
from services.desk.app import build as build_desk
from services.feeds.app import build as build_feeds
from services.incidents.app import build_archive, build_door
from services.notifications.app import build as build_notifications
from services.people.app import build as build_people
from services.runtime.room import Room
from services.runtime.settings import Settings
from services.watch.app import build as build_watch
from tests.caller import Office
from tests.hub import Hub
from tests.system_hub import free_port

VAKT, NEIGHBOUR = "4601.vaktsentral", "4624.main"
BUILDERS: tuple[Callable[[Settings], Room], ...] = (
    build_archive,
    build_people,
    build_door,
    build_watch,
    build_notifications,
    build_feeds,
    build_desk,
)
PAST = datetime.now(UTC) - timedelta(days=2)
SOON = datetime.now(UTC) + timedelta(hours=1)


class House(Office):
    """The rooms, set up: Kari leads Vaktsentralen; three organisations are a region, 5001 is outside it."""

    def __init__(self, hub: Hub) -> None:
        self.gateway_port = free_port()
        super().__init__(_small(hub, self.gateway_port), BUILDERS)
        self.tokens: dict[str, str] = {}

    @property
    def desk(self) -> DeskRoom:
        """The desk as it runs."""
        desk = next(room for room in self.rooms if isinstance(room, DeskRoom))
        return desk

    @property
    def url(self) -> str:
        """Where the desk listens."""
        return f"http://127.0.0.1:{self.desk.port}"

    def client(self, **more: Any) -> httpx.AsyncClient:
        """A browser or a program; it follows no redirect by itself."""
        return httpx.AsyncClient(base_url=self.url, timeout=10, **more)

    def machine(self, name: str) -> httpx.AsyncClient:
        """A program with the token that was issued under this name."""
        return self.client(headers={"Authorization": f"Bearer {self.tokens[name]}"})

    async def set_up(self) -> None:
        """Establish watches, people, shares and tokens, as the centre file would."""
        for key, hidden in ((VAKT, False), ("4601.barnevern", True), (NEIGHBOUR, False)):
            centre = await self.caller(f"{key.partition('.')[0]}.centre")
            code = key.partition(".")[2].upper()
            await centre.accepted(Establish(watch=key, code=code, title=key, hidden=hidden))
        centre = await self.caller("4601.centre")
        for person in ("kari", "ola"):
            contact = Contact(display_name=f"{person.title()} Ås", phone="+4799000001")
            await centre.accepted(AddPerson(person=person), contact)
            await centre.accepted(Grant(person=person, role=Role.LEADER, where=VAKT))
        await centre.accepted(SetRegion(region="vest", members=["4601", "4624", "110-vest"], since=PAST))
        await centre.accepted(Agree(agreement="a", parties=["4601", "5001"], purpose="x", since=PAST))
        for org in ("4601", "4624", "5001"):
            await centre.accepted(SetOrganisation(organisation=org, title=org, kind="x"))
            await centre.accepted(Subscribe(subscriber=org, since=PAST))
        await self.issue("report", VAKT, ["report", "read"])
        for org in ("4624", "5001"):
            await self.issue(f"feed-{org}", org, ["feed"])

    async def issue(self, name: str, where: str, scope: list[str], until: datetime = SOON) -> None:
        """Make a machine's token."""
        centre = await self.caller(f"{where.partition('.')[0]}.centre")
        answer = await centre.accepted(IssueToken(machine=name, where=where, scope=scope, until=until))
        self.tokens[name] = str(answer.result["secret"])

    async def revoke(self, name: str, where: str) -> None:
        """End a machine's token."""
        centre = await self.caller(f"{where.partition('.')[0]}.centre")
        await centre.accepted(RevokeToken(machine=name))

    async def link(self, person: str = "kari") -> str:
        """The path of a new sign-in link."""
        lead = await self.caller(VAKT, "kari")
        return str((await lead.accepted(MakeLink(person=person))).result["path"])

    @contextlib.asynccontextmanager
    async def signed_in(self, person: str = "kari") -> AsyncIterator[httpx.AsyncClient]:
        """A browser with a session at Vaktsentralen."""
        async with self.client(headers={"Origin": self.url}) as browser:
            answer = await browser.post(await self.link(person), data={"watch": VAKT})
            assert answer.status_code == 303, answer.text
            yield browser

    @contextlib.asynccontextmanager
    async def marked(self) -> AsyncIterator[httpx.AsyncClient]:
        """Kari's browser, which sends its session's own mark with each change."""
        async with self.signed_in() as browser:
            browser.headers["X-CSRF-Token"] = (await browser.get("/v1/session")).json()["csrf"]
            yield browser

    async def report(self, level: str = "watch", **more: Any) -> dict[str, Any]:
        """Open an incident through the API: a machine at its own watch's level, Kari at any other."""
        said = {"type": "fire", "priority": "high", "level": level, "headline": "Røyk i Åsane"} | more
        async with self.machine("report") if level == "watch" else self.marked() as program:
            answer = await program.post("/v1/incidents", json=said)
        assert answer.status_code == 201, answer.text
        found: dict[str, Any] = answer.json()
        return found


class Events:
    """What a neighbour's program has got of its feed."""

    def __init__(self) -> None:
        self.items: list[dict[str, Any]] = []
        self.ids: list[str] = []
        self.events: list[str] = []

    async def follow(self, program: httpx.AsyncClient, org: str, until: int, last: str | None = None) -> None:
        """Read the stream until ``until`` items are there; returns also when the stream ends."""
        headers = {"Last-Event-ID": last} if last else {}
        async with program.stream("GET", f"/v1/feeds/{org}/events", headers=headers) as answer:
            assert answer.status_code == 200, await answer.aread()
            async for line in answer.aiter_lines():
                self._take(line)
                if len(self.items) >= until:
                    return

    def _take(self, line: str) -> None:
        field, _, value = line.partition(": ")
        if field == "id":
            self.ids.append(value)
        elif field == "event":
            self.events.append(value)
        elif field == "data" and "reset" not in value[:9]:
            self.items.append(orjson.loads(value))


def _small(hub: Hub, gateway_port: int) -> Hub:
    url = f"http://127.0.0.1:{gateway_port}/send"
    body = '{"to": "{to}", "text": "{text}"}'
    more = {"port_desk": 0, "port_phone": 0, "port_health": 0, "gateway_url": url, "gateway_body": body}
    more |= {"scanner": "none"}
    return Hub(hub.settings.model_copy(update=more), hub.broker, hub.watches)
