"""The player's ways to the hub: the commands, questions and feeds of those who take part, and no others.

Every connection is made with a credential of this exercise; only the exercise itself is led as the centre.
"""

import asyncio
import time
from datetime import datetime
from typing import Any

import orjson
from nats.aio.client import Client
from nats.errors import Error as NatsError

from schemas import subjects
from schemas.envelope import Accepted, Actor, Answer, Refused, Request
from schemas.subjects import CENTRE
from schemas.vocabulary import Authentication, Mode
from services.runtime import names
from services.runtime.connect import connect
from services.runtime.edge import KEPT_FOR
from services.runtime.outbound import Outbound, build, exchange
from services.runtime.parts import whole
from services.runtime.settings import Settings

VIA = "exercise"
PATIENCE_S = 30.0
"""How long a part of the hub may be away, in seconds: one that was killed is back before."""
_AGAIN_S = 0.1
_PAGE = 200


class HubSilent(Exception):
    """The hub did not answer in time; ``args[0]`` is what it was asked."""


class Hub:
    """One exercise's connections, opened when they are first needed."""

    def __init__(self, settings: Settings, exercise: str, host: str) -> None:
        self.settings = settings
        self.exercise = exercise
        self._host = host
        self._connections: dict[str, Client] = {}
        self._opening = asyncio.Lock()

    async def close(self) -> None:
        """Close every connection."""
        await asyncio.gather(*(nc.close() for nc in self._connections.values()))

    async def lead(self, request: Request) -> Answer:
        """The answer to a command about the exercise itself. Raises HubSilent."""
        actor = Actor(
            machine="exercise",
            organisation=self._host,
            watch=CENTRE,
            via=VIA,
            authentication=Authentication.SERVICE,
        )
        return await self._exchange(names.CENTRE, build(Mode.EXERCISE, request, actor))

    async def send(
        self,
        watch: str,
        person: str,
        request: Request,
        content: dict[str, Any] | None = None,
        occurred_at: datetime | None = None,
    ) -> Answer:
        """The answer to a person's command from a watch. Raises HubSilent."""
        outbound = build(Mode.EXERCISE, request, actor_of(watch, person), content, occurred_at)
        return await self._exchange(self.user(watch), outbound)

    async def ask(self, watch: str, person: str, trade: str, what: str, **given: Any) -> dict[str, Any]:
        """The answer to a question, refused or not. Raises HubSilent."""
        actor = actor_of(watch, person).model_dump(mode="json", exclude_none=True)
        subject = subjects.query(Mode.EXERCISE, *subjects.split_key(watch), trade, what)
        return await self._request(self.user(watch), subject, {"actor": actor, **given})

    async def feed(self, org: str, after: str | None) -> tuple[list[dict[str, Any]], str | None]:
        """All items after a position, and the position of the last; nothing for who has no feed."""
        user = names.exercise_user(self.exercise, org, names.FEED_WATCH)
        return await self._feed(user, Mode.EXERCISE, org, after)

    async def actual_feed(self, org: str, after: str | None) -> tuple[list[dict[str, Any]], str | None]:
        """The same of mode actual, which an exercise's credential does not reach."""
        return await self._feed(names.watch_user(org, names.FEED_WATCH), Mode.ACTUAL, org, after)

    async def connection(self, user: str) -> Client:
        """One connection for each user."""
        async with self._opening:
            if user not in self._connections:
                self._connections[user] = await connect(self.settings, user, patience_s=PATIENCE_S)
        return self._connections[user]

    def user(self, watch: str) -> str:
        """The user of a watch in this exercise."""
        return names.exercise_user(self.exercise, *subjects.split_key(watch))

    async def _feed(
        self, user: str, mode: str, org: str, after: str | None
    ) -> tuple[list[dict[str, Any]], str | None]:
        found: list[dict[str, Any]] = []
        while True:
            asked = {"after": after, "limit": _PAGE}
            page = await self._request(user, subjects.feed(mode, org, "next"), asked)
            items = page.get("items", [])
            if not items:
                return found, after
            found += items
            after = items[-1]["position"]

    async def _exchange(self, user: str, outbound: Outbound) -> Answer:
        """Send until it is answered: the same id, so that it happens once."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            answer = await exchange(await self.connection(user), outbound)
            if isinstance(answer, Accepted | Refused) and getattr(answer, "code", None) not in KEPT_FOR:
                return answer
            if time.monotonic() > deadline:
                raise HubSilent(outbound.subject)
            await asyncio.sleep(_AGAIN_S)

    async def _request(self, user: str, subject: str, asked: dict[str, Any]) -> dict[str, Any]:
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                nc = await self.connection(user)
                reply = await nc.request(subject, orjson.dumps(asked), timeout=5)
                found: dict[str, Any] = await whole(nc, subject, reply.data, 5)
                if found.get("code") not in KEPT_FOR:
                    return found
            except (NatsError, TimeoutError, OSError, ValueError):
                pass
            if time.monotonic() > deadline:
                raise HubSilent(subject)
            await asyncio.sleep(_AGAIN_S)


def actor_of(watch: str, person: str) -> Actor:
    """A person who acts from a watch."""
    org, code = subjects.split_key(watch)
    return Actor(
        person=person, organisation=org, watch=code, via=VIA, authentication=Authentication.CREDENTIAL
    )
