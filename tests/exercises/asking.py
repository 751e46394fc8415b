"""Asks a hub whatever each watch may ask, over NATS and HTTP, and keeps the bytes of every answer."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import httpx
import orjson
from nats.aio.client import Client

from schemas import subjects
from schemas.centre import Centre
from schemas.envelope import Accepted, Actor, Request
from schemas.identifiers import new_id, new_ref
from schemas.incidents import (
    AddEntry,
    AskErasure,
    ChangeState,
    CloseIncident,
    CorrectEntry,
    ShareWider,
)
from schemas.people import IssueToken, MakeLink
from schemas.vocabulary import Authentication, IncidentState, Level
from services.runtime import names as runtime_names
from services.runtime.connect import connect
from services.runtime.outbound import build, exchange
from services.runtime.settings import Settings
from tests.exercises.listening import head_of
from tests.exercises.renaming import Streams

AT_ONCE = 6
"""How many watches ask side by side."""
UNTIL = datetime(2027, 6, 1, tzinfo=UTC)
_OF_THE_HIDDEN = "6c220692-412d-45cb-ad78-06d1884cc696"
"""The person on duty in the hidden watch."""
Names = dict[str, tuple[str, str]]
"""Id and ref of each incident, by its headline."""


@dataclass(frozen=True)
class Houses:
    """The watches that look on: all but those whose own case is hidden, each with one of its persons."""

    centre: Centre
    mode: str
    hidden: frozenset[str]

    @property
    def watches(self) -> dict[str, str]:
        """The person who asks for each watch, by its id."""
        found: dict[str, str] = {}
        for role in self.centre.roles:
            if "." in role.where and role.where not in self.hidden:
                found.setdefault(role.where, self.person(role.persons[0]))
        return found

    def person(self, key: str) -> str:
        """A person's id."""
        found = self.centre.person(key)
        assert found is not None, key
        return found.id

    def actor(self, watch: str, person: str) -> Actor:
        """The person at the watch's own desk."""
        org, code = subjects.split_key(watch)
        return Actor(
            person=person,
            organisation=org,
            watch=code,
            via="test",
            authentication=Authentication.CREDENTIAL,
        )


@asynccontextmanager
async def at(settings: Settings, watch: str) -> AsyncIterator[Client]:
    """A connection with a watch's own credential."""
    client = await connect(settings, watch)
    try:
        yield client
    finally:
        await client.close()


async def tokens(settings: Settings, houses: Houses) -> dict[str, str]:
    """A token for each watch, with which a machine may read there and follow its organisation's feed."""
    async with at(settings, runtime_names.CENTRE) as centre:
        return {
            watch: str((await _done(centre, houses, watch, _token_of(watch)))["secret"])
            for watch in houses.watches
        }


async def sign_in_paths(settings: Settings, houses: Houses, watches: Iterable[str]) -> dict[str, str]:
    """A sign-in path for the one who asks for each of the watches."""
    async with at(settings, runtime_names.CENTRE) as centre:
        links = {watch: MakeLink(person=houses.watches[watch], minutes=60) for watch in watches}
        return {
            watch: str((await _done(centre, houses, watch, link))["path"]) for watch, link in links.items()
        }


async def _done(centre: Client, houses: Houses, watch: str, request: Request) -> Mapping[str, Any]:
    """What came of a request that the centre itself makes for the watch's organisation."""
    actor = Actor(
        machine="centre",
        organisation=watch.partition(".")[0],
        watch=subjects.CENTRE,
        via="test",
        authentication=Authentication.SERVICE,
    )
    answer = await exchange(centre, build(houses.mode, request, actor))
    assert isinstance(answer, Accepted), (watch, request, answer)
    return answer.result


def _token_of(watch: str) -> IssueToken:
    return IssueToken(machine=new_id(), where=watch, scope=["read", "feed"], until=UNTIL)


async def ask_all(settings: Settings, houses: Houses, names: Names, doubted: Iterable[str]) -> Streams:
    """Every question that each watch may ask, and those it asks in vain; ``names`` are what it tries.

    It tries the ids as well of those incidents that are ``doubted``.
    """
    streams: Streams = {}
    room = asyncio.Semaphore(AT_ONCE)

    async def one(watch: str, person: str) -> None:
        async with room, at(settings, watch) as client:
            for name, trade, what, asked in _questions(watch, names, doubted):
                streams[f"query {watch} {name}"] = [
                    await _answer(client, houses, watch, person, trade, what, asked)
                ]

    await asyncio.gather(*(one(watch, person) for watch, person in houses.watches.items()))
    return streams


async def names_of(settings: Settings, houses: Houses, more: Iterable[str] = ()) -> Names:
    """The incidents that any of the watches, and ``more`` of them, may see."""
    found: Names = {}
    watches = replace(houses, hidden=houses.hidden - set(more)).watches
    for watch, person in watches.items():
        async with at(settings, watch) as client:
            raw = await _answer(
                client, houses, watch, person, "incidents", "list", {"state": "all", "limit": 500}
            )
        for head in orjson.loads(raw.split(b"\n", 1)[1]).get("incidents", []):
            found[(head["content"] or {}).get("headline", "")] = (head["id"], head["ref"])
    return found


def in_vain(names: Names, headlines: Iterable[str]) -> Names:
    """The same names, with an id and a ref that nobody has for each headline that is not among them."""
    return {**{headline: (new_id(), new_ref()) for headline in headlines}, **names}


def _questions(
    watch: str, names: Names, doubted: Iterable[str]
) -> list[tuple[str, str, str, dict[str, Any]]]:
    asked: list[tuple[str, str, str, dict[str, Any]]] = [
        (f"list {state}", "incidents", "list", {"state": state, "limit": 500})
        for state in ("all", "open", "closed")
    ]
    for headline, (id, ref) in sorted(names.items()):
        asked += [
            (f"get {headline}", "incidents", "get", {"ref": ref}),
            (f"chains {headline}", "notifications", "chains", {"incident": id}),
        ]
    asked += [(f"get by id {name}", "incidents", "get", {"id": names[name][0]}) for name in sorted(doubted)]
    numbers = (f"BARN-{datetime.now(UTC).year}-000{number}" for number in (1, 2, 3))
    asked += [(f"get {number}", "incidents", "get", {"number": number}) for number in numbers]
    return [
        *asked,
        ("chains open", "notifications", "chains", {"open": True}),
        ("duty", "watch", "duty", {}),
        ("duty hidden", "watch", "duty", {"watch": "4601.barnevern"}),
        ("feed state", "feeds", "state", {}),
        ("warnings", "warnings", "list", {}),
        ("clock", "exercise", "clock", {}),
        ("people", "people", "list", {}),
        ("names", "people", "names", {"persons": [_OF_THE_HIDDEN]}),
    ]


async def _answer(
    client: Client, houses: Houses, watch: str, person: str, trade: str, what: str, asked: dict[str, Any]
) -> bytes:
    org, code = subjects.split_key(watch)
    actor = houses.actor(watch, person).model_dump(mode="json", exclude_none=True)
    subject = subjects.query(houses.mode, org, code, trade, what)
    reply = await client.request(subject, orjson.dumps({"actor": actor, **asked}), timeout=15)
    return orjson.dumps(reply.headers or {}) + b"\n" + reply.data


async def try_all(settings: Settings, houses: Houses, names: Names, watches: Iterable[str]) -> Streams:
    """What some watches are answered who write to incidents that they cannot see, by id and by ref.

    They open none under such an id: it is refused as taken, and an id has 74 bits of chance in it, so only
    who was told it could try.
    """
    streams: Streams = {}
    for watch in watches:
        actor = houses.actor(watch, houses.watches[watch])
        async with at(settings, watch) as client:
            for name, (id, ref) in sorted(names.items()):
                for act, request, content in _attempts(id, ref):
                    answer = await exchange(client, build(houses.mode, request, actor, content))
                    assert not isinstance(answer, str), (watch, name, act)
                    streams[f"attempt {watch} {name} {act}"] = [answer.model_dump_json().encode()]
    return streams


def _attempts(id: str, ref: str) -> list[tuple[str, Request, dict[str, Any] | None]]:
    words = {"text": "Er det noen her?"}
    return [
        ("entry by id", AddEntry(incident=id), words),
        ("entry by ref", AddEntry(ref=ref), words),
        ("state", ChangeState(incident=id, state=IncidentState.ASSIGNED), None),
        ("close", CloseIncident(ref=ref), words),
        ("share", ShareWider(ref=ref, level=Level.REGION), None),
        ("strike", CorrectEntry(incident=id, entry=new_id()), None),
        ("erase", AskErasure(ref=ref, entry="head", ground="gdpr", law="gdpr.17"), None),
    ]


async def read_all(
    desk: str, mode: str, secrets: Mapping[str, str], names: Names, closely: Iterable[str]
) -> Streams:
    """What a machine with each watch's token reads over HTTP: heads of answers and bodies.

    One incident after another is read at the watches that look ``closely``.
    """
    streams: Streams = {}
    room = asyncio.Semaphore(AT_ONCE)

    async def one(watch: str, secret: str) -> None:
        headers = {"Authorization": f"Bearer {secret}"}
        wanted = names if watch in closely else {}
        async with room:
            for name, path, asked in _paths(watch.partition(".")[0], wanted):
                answer = await http.get(path, params={"mode": mode, **asked}, headers=headers)
                streams[f"http {watch} {name}"] = [head_of(answer, answer.content), answer.content]

    async with httpx.AsyncClient(base_url=desk, trust_env=False, timeout=30) as http:
        await asyncio.gather(*(one(watch, secret) for watch, secret in secrets.items()))
    return streams


def _paths(org: str, names: Names) -> list[tuple[str, str, dict[str, str]]]:
    return [
        ("list", "/v1/incidents", {"state": "all"}),
        *((f"get {headline}", f"/v1/incidents/{ref}", {}) for headline, (_, ref) in sorted(names.items())),
        ("duty", "/v1/duty", {}),
        ("warnings", "/v1/warnings", {}),
        ("feed", f"/v1/feeds/{org}", {"limit": "200"}),
    ]
