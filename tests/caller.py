"""Sends real commands and questions to a running room, as a watch or as the authority of the centre file."""

import contextlib
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Any

import orjson
from nats.aio.client import Client
from nats.aio.msg import Msg

from schemas import subjects
from schemas.catalogue import read_fact
from schemas.envelope import Accepted, Actor, Answer, Body, Command, Fact, Refused, Request
from schemas.identifiers import new_id
from schemas.vocabulary import Authentication, Mode
from services.runtime import names
from services.runtime.direct import Direct
from services.runtime.room import Room
from services.runtime.settings import Settings
from tests.hub import Hub

ANSWER_S = 5.0


class Caller:
    """One watch's connection, or the centre's for an organisation."""

    def __init__(self, nc: Client, org: str, watch: str, person: str | None = None) -> None:
        self._nc = nc
        self.org = org
        self.watch = watch
        self.person = person

    def by(self, person: str | None) -> "Caller":
        """The same watch, with another person (or none) at the desk."""
        return Caller(self._nc, self.org, self.watch, person)

    def actor(self) -> Actor:
        """Who acts."""
        centre = self.watch == names.CENTRE_WATCH
        return Actor(
            person=self.person,
            machine="centre" if centre else None,
            organisation=self.org,
            watch=self.watch,
            via="test",
            authentication=Authentication.SERVICE if centre else Authentication.SESSION,
        )

    async def send(
        self, request: Request, content: Any = None, *, id: str | None = None, mode: str = "actual"
    ) -> Answer:
        """The room's answer to a command."""
        now = datetime.now(UTC)
        typed = None if content is None else content.model_dump(mode="json", exclude_none=True)
        body = request.model_dump(mode="json", exclude_none=True)
        data = Command.Data(actor=self.actor(), occurred_at=now, body=body, content=typed)
        command = Command(id=id or new_id(), source="/test", type=request.type_name(), time=now, data=data)
        subject = subjects.command(mode, self.org, self.watch, request.trade, request.verb)
        raw = command.model_dump_json(exclude_none=True).encode()
        reply = await self._nc.request(subject, raw, timeout=ANSWER_S)
        answer = orjson.loads(reply.data)
        sort = Accepted if answer["status"] == "accepted" else Refused
        return sort.model_validate(answer)

    async def accepted(self, request: Request, content: Any = None, **more: Any) -> Accepted:
        """The answer to a command that must be taken in."""
        answer = await self.send(request, content, **more)
        assert isinstance(answer, Accepted), answer
        return answer

    async def refused(self, request: Request, content: Any = None, **more: Any) -> str:
        """The code with which a command is turned down."""
        answer = await self.send(request, content, **more)
        assert isinstance(answer, Refused), answer
        return answer.code

    async def ask(self, trade: str, what: str, mode: str = "actual", **parameters: Any) -> dict[str, Any]:
        """The room's answer to a question."""
        subject = subjects.query(mode, self.org, self.watch, trade, what)
        actor = self.actor().model_dump(mode="json", exclude_none=True)
        reply = await self._nc.request(subject, orjson.dumps({"actor": actor} | parameters), timeout=ANSWER_S)
        found: dict[str, Any] = orjson.loads(reply.data)
        return found


class Office:
    """Rooms that run, and the connections of those who call them."""

    def __init__(self, hub: Hub, builders: tuple[Callable[[Settings], Room], ...]) -> None:
        self.hub = hub
        self.rooms: list[Room] = []
        self._builders = builders
        self._connections: dict[str, Client] = {}

    async def start(self) -> None:
        """Build the rooms anew and start them."""
        self.rooms = [build(self.hub.settings) for build in self._builders]
        for room in self.rooms:
            await room.start()

    async def stop(self) -> None:
        """Stop the rooms."""
        for room in reversed(self.rooms):
            await room.stop()
        self.rooms = []

    async def close(self) -> None:
        """Stop the rooms and close every connection."""
        await self.stop()
        for nc in self._connections.values():
            await nc.close()

    async def connection(self, user: str) -> Client:
        """One connection for each user."""
        if user not in self._connections:
            self._connections[user] = await self.hub.connect(user)
        return self._connections[user]

    async def caller(self, key: str, person: str | None = None) -> Caller:
        """A caller for a watch's key; `<org>.centre` is the authority of the centre file."""
        org, watch = subjects.split_key(key)
        user = names.CENTRE if watch == names.CENTRE_WATCH else names.watch_user(org, watch)
        return Caller(await self.connection(user), org, watch, person)

    async def put_fact(self, user: str, owner: str, id: str, body: Body, mode: str = "actual") -> None:
        """Append a fact that another room would have made."""
        org, watch = subjects.split_key(owner)
        now = datetime.now(UTC)
        data = Fact.Data(
            mode=Mode(mode),
            owner=owner,
            controller=org,
            actor=Caller(await self.connection(user), org, names.CENTRE_WATCH).actor(),
            occurred_at=now,
            command=new_id(),
            body=body.model_dump(mode="json", exclude_none=True),
        )
        fact = Fact(id=new_id(), source="/test", type=body.type_name(), subject=id, time=now, data=data)
        subject = subjects.fact(mode, org, watch, body.trade, id, body.name)
        await (await self.connection(user)).request(subject, fact.encode(), timeout=ANSWER_S)

    async def facts(self, user: str, id: str, mode: str = "actual") -> list[tuple[Fact, Body | None]]:
        """Every fact about an id, as a user who may read the ledger finds it."""
        direct = Direct(await self.connection(user))
        await direct.open()
        found = await direct.history(names.ledger(mode), subjects.facts_of(mode, id))
        return [read_fact(stored.data) for stored in found]


@contextlib.asynccontextmanager
async def office(hub: Hub, *builders: Callable[[Settings], Room]) -> AsyncIterator[Office]:
    """The rooms, not yet started, in a hub whose archive has nothing yet; all is closed at the end."""
    found = Office(hub, builders)
    archive = await found.connection(names.INCIDENTS_ARCHIVE)
    await archive.subscribe(subjects.mark("*"), cb=_nothing)
    await archive.flush()
    try:
        yield found
    finally:
        await found.close()


async def _nothing(message: Msg) -> None:
    await message.respond(b"{}")
