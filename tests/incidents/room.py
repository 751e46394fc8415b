"""The archive as it runs, on a broker of the tests; and facts that make its centre."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
from nats.aio.client import Client

from schemas import feeds, people, subjects, watch
from schemas.envelope import Actor
from schemas.vocabulary import Authentication, Role
from services.incidents.archive import Archive, build
from services.incidents.residues import residues
from services.runtime import names
from services.runtime.settings import Settings
from tests.hub import Hub
from tests.incidents.make import Made, Scribe

SINCE = datetime(2026, 1, 1, tzinfo=UTC)
_WRITERS = {
    "incidents": names.INCIDENTS_LEDGER,
    "people": names.PEOPLE_LEDGER,
    "watch": names.WATCH_LEDGER,
    "exercise": names.WATCH_LEDGER,
    "feeds": names.FEEDS_LEDGER,
    "notifications": names.NOTIFICATIONS_LEDGER,
    "reports": names.REPORTS_LEDGER,
}


class Office:
    """A running archive, with connections that write facts and ask questions."""

    def __init__(self, hub: Hub, archive: Archive) -> None:
        self.hub = hub
        self.archive = archive
        self._scribes: dict[str, Scribe] = {}
        self._clients: dict[str, Client] = {}
        self._connecting = asyncio.Lock()

    async def client(self, user: str) -> Client:
        """A connection of one user, kept open; one however many ask at once."""
        async with self._connecting:
            if user not in self._clients:
                self._clients[user] = await self.hub.connect(user)
            return self._clients[user]

    async def write(self, *made: Made) -> int:
        """Append facts one by one; the last one's sequence, once the archive has it."""
        sequence = await self.append(*made)
        await self.reached(sequence, made[-1].mode)
        return sequence

    async def append(self, *made: Made) -> int:
        """Append facts one by one; the last one's sequence in the ledger."""
        sequence = 0
        for one in made:
            trade = one.subject.split(".")[4]
            if trade not in self._scribes:
                self._scribes[trade] = Scribe(await self.client(_WRITERS[trade]))
            sequence = await self._scribes[trade].write(one)
        return sequence

    async def reached(self, sequence: int, mode: str = "actual") -> None:
        """Wait until the archive has that fact."""
        projector = self.archive.projectors[mode]
        async with asyncio.timeout(10), projector.moved:
            await projector.moved.wait_for(lambda: projector.sequence >= sequence)

    async def ask(
        self, key: str, what: str, *, person: str | None = "p1", mode: str = "actual", **asked: Any
    ) -> dict[str, Any]:
        """A question of a watch's person, and its answer."""
        org, code = subjects.split_key(key)
        actor = Actor(
            person=person,
            machine=asked.pop("machine", None),
            organisation=org,
            watch=code,
            via="test",
            authentication=Authentication.SESSION,
        )
        body = {"actor": actor.model_dump(mode="json", exclude_none=True), **asked}
        subject = subjects.query(mode, org, code, "incidents", what)
        reply = await (await self.client(key)).request(subject, orjson.dumps(body), timeout=8)
        answer: dict[str, Any] = orjson.loads(reply.data)
        return answer

    async def get(self, key: str, **asked: Any) -> dict[str, Any]:
        """The answer to ``get``."""
        return await self.ask(key, "get", **asked)

    async def close(self) -> None:
        """Close the connections."""
        for nc in self._clients.values():
            await nc.close()


@asynccontextmanager
async def office(hub: Hub, url: str = "", home: Any = None) -> AsyncIterator[Office]:
    """A started archive with its tables at ``url``, or in the home."""
    settings = Settings.model_validate(hub.settings.model_dump() | {"database_url": url})
    archive = build(settings)
    try:
        await archive.start()
        found = Office(hub, archive)
        yield found
        await found.close()
    finally:
        await archive.stop()


def centre() -> list[Made]:
    """Watches with a reader each, an agreement of two organisations, and a machine that may read."""
    made = [
        Made(watch.Established(watch=key, code=code, title=code, posts=["duty"]), about=code, owner=key)
        for key, code in (
            ("4601.vaktsentral", "VAKT"),
            ("4601.barnevern", "BV"),
            ("4624.main", "AUST"),
            ("110-vest.main", "110V"),
        )
    ]
    made += [
        Made(
            people.Granted(person="p1", role=Role.READER, where=where),
            owner=f"{where.partition('.')[0]}.main",
        )
        for where in ("4601", "4601.barnevern", "4624", "110-vest")
    ]
    until = datetime.now(UTC) + timedelta(days=1)
    for machine, scope in (("m-read", ["read"]), ("m-report", ["report"])):
        body = people.TokenIssued(machine=machine, where="4601", scope=scope, until=until)
        made.append(Made(body, owner="4601.vaktsentral"))
    agreed = feeds.Agreed(agreement="a1", parties=["4601", "4624"], purpose="brann", since=SINCE)
    return [*made, Made(agreed, about="a1")]


async def erased_from_broker(settings: Settings) -> None:
    """Return when no erasure waits for the broker any more."""
    async with asyncio.timeout(20):
        while any(one.where == "pending" for one in residues(settings)):  # noqa: ASYNC110
            await asyncio.sleep(0.05)
