"""A centre for tests of the incident log: its directory, its door, and people who send commands."""

import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
from nats.aio.client import Client

from schemas import feeds, people, subjects, watch
from schemas.envelope import Accepted, Actor, Answer, Body, Command, Refused, Request
from schemas.identifiers import derived_id, new_id
from schemas.vocabulary import Authentication, Mode, Role
from services.incidents.door import IncidentsDoor, build
from services.runtime import names
from services.runtime.ledger import Draft, Ledger
from tests.hub import Hub
from tests.ledgers import ask, empty_archive, open_ledger

VAKT, BARN, NEIGHBOUR, FIRE = "4601.vaktsentral", "4601.barnevern", "4624.main", "110-vest.main"
SINCE = datetime(2020, 1, 1, tzinfo=UTC)

STANDING: Sequence[tuple[str, Body]] = (
    (names.WATCH_LEDGER, watch.Established(watch=VAKT, code="VAKT", title="Vakt", posts=["duty"])),
    (
        names.WATCH_LEDGER,
        watch.Established(watch=BARN, code="BARN", title="Barn", posts=["duty"], hidden=True, health="watch"),
    ),
    (names.WATCH_LEDGER, watch.Established(watch=NEIGHBOUR, code="N", title="Nabo", posts=["duty"])),
    (names.WATCH_LEDGER, watch.Established(watch=FIRE, code="F", title="Brann", posts=["duty"])),
    (names.PEOPLE_LEDGER, people.Granted(person="kari", role=Role.OPERATOR, where="4601")),
    (names.PEOPLE_LEDGER, people.Granted(person="kari", role=Role.OPERATOR, where=BARN)),
    (names.PEOPLE_LEDGER, people.Granted(person="lene", role=Role.LEADER, where="4601")),
    (names.PEOPLE_LEDGER, people.Granted(person="arkiv", role=Role.ARCHIVE_OWNER, where="4601")),
    (names.PEOPLE_LEDGER, people.Granted(person="vern", role=Role.DPO, where="4601")),
    (names.PEOPLE_LEDGER, people.Granted(person="leser", role=Role.READER, where="4601")),
    (names.PEOPLE_LEDGER, people.Granted(person="nora", role=Role.OPERATOR, where="4624")),
    (names.PEOPLE_LEDGER, people.Granted(person="brann", role=Role.OPERATOR, where="110-vest")),
    (
        names.PEOPLE_LEDGER,
        people.TokenIssued(
            machine="sensor", where=VAKT, scope=["report"], until=datetime(2099, 1, 1, tzinfo=UTC)
        ),
    ),
    (
        names.FEEDS_LEDGER,
        feeds.Agreed(agreement="a1", parties=["4601", "4624"], purpose="vertskommune", since=SINCE),
    ),
    (names.FEEDS_LEDGER, feeds.RegionSet(region="vest", members=["4601", "110-vest"], since=SINCE)),
)


@dataclass
class Sender:
    """A person at a desk of one watch, on a connection of that watch's own."""

    nc: Client
    actor: Actor
    patience_s: float = 15.0

    async def send(self, request: Request, content: dict[str, Any] | None = None, **more: Any) -> Answer:
        """Send a command; ``id``, ``resend`` and ``mode`` may be given."""
        command = self.command(request, content, **more)
        return await self.send_raw(request, encode(command), more.get("mode", Mode.EXERCISE))

    def command(
        self,
        request: Request,
        content: dict[str, Any] | None = None,
        *,
        id: str | None = None,
        resend: bool = False,
        mode: Mode = Mode.EXERCISE,
    ) -> Command:
        """The command as it would be sent."""
        data = Command.Data(
            actor=self.actor,
            occurred_at=datetime.now(UTC),
            resend=resend,
            body=request.model_dump(mode="json", exclude_none=True),
            content=content,
        )
        return Command(
            id=id or new_id(), source="/test", type=request.type_name(), time=datetime.now(UTC), data=data
        )

    async def send_raw(
        self, request: Request | type[Request], raw: bytes, mode: Mode = Mode.EXERCISE
    ) -> Answer:
        """Send any bytes to where such a command goes."""
        return await self.send_to(
            subjects.command(mode, self.actor.organisation, self.actor.watch, request.trade, request.verb),
            raw,
        )

    async def send_to(self, subject: str, raw: bytes) -> Answer:
        """Send any bytes to a subject and read the answer."""
        return read_answer(await ask(self.nc, subject, raw, self.patience_s))


@dataclass
class Centre:
    """A running door and those who speak to it."""

    hub: Hub
    door: IncidentsDoor
    ledger: Ledger
    stack: contextlib.AsyncExitStack
    _connections: dict[str, Client] = field(default_factory=dict)

    async def person(self, name: str | None, key: str, machine: str | None = None) -> Sender:
        """A person (or machine) at a watch."""
        if key not in self._connections:
            nc = self._connections[key] = await self.hub.connect(key)
            self.stack.push_async_callback(nc.close)
        org, code = subjects.split_key(key)
        proof = Authentication.TOKEN if machine else Authentication.CREDENTIAL
        actor = Actor(
            person=name, machine=machine, organisation=org, watch=code, via="test", authentication=proof
        )
        return Sender(self._connections[key], actor)

    async def facts(self, id: str, mode: Mode = Mode.EXERCISE) -> list[Any]:
        """Every fact about an id, straight from the ledger."""
        return await self.ledger.history(mode, id)


@contextlib.asynccontextmanager
async def open_centre(hub: Hub, standing: Sequence[tuple[str, Body]] = STANDING) -> AsyncIterator[Centre]:
    """The directory in the ledger, somebody who answers for the archive, and the door."""
    async with contextlib.AsyncExitStack() as stack:
        await stack.enter_async_context(empty_archive(hub))
        await write_standing(hub, standing)
        door = build(hub.settings)
        stack.push_async_callback(door.stop)
        await door.start()
        ledger = await stack.enter_async_context(open_ledger(hub, names.INCIDENTS_LEDGER))
        yield Centre(hub, door, ledger, stack)


async def write_standing(
    hub: Hub, standing: Sequence[tuple[str, Body]], modes: Sequence[Mode] = tuple(Mode)
) -> None:
    """Put facts of people, watches and agreements into the ledgers, once."""
    actor = Actor(organisation="4601", watch="centre", via="test", authentication=Authentication.SERVICE)
    for user in dict.fromkeys(user for user, _ in standing):
        async with open_ledger(hub, user) as ledger:
            for body in (body for whose, body in standing if whose == user):
                for mode in modes:
                    await ledger.append(_standing_draft(mode, body, actor))


def _standing_draft(mode: Mode, body: Body, actor: Actor) -> Draft:
    id = derived_id(mode, body.type_name(), body.model_dump_json())
    place = subjects.Place(mode, "4601", "centre", body.trade, id, body.name)
    return Draft(id, place, body, actor, datetime.now(UTC) - timedelta(days=1), id, "4601")


def encode(command: Command) -> bytes:
    """The bytes of a command."""
    return orjson.dumps(command.model_dump(mode="json", exclude_none=True))


def read_answer(raw: bytes) -> Answer:
    """An answer as its sender reads it."""
    found = orjson.loads(raw)
    return (Accepted if found["status"] == "accepted" else Refused).model_validate(found)
