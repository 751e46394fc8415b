"""What stands around a hub in the stories: a centre file, a gateway, a mail server, and people who call."""

import asyncio
import json
import re
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import orjson

from schemas import centre_text, subjects
from schemas.envelope import Accepted, Actor, Answer, Request
from schemas.identifiers import new_id
from schemas.incidents import OpenIncident
from schemas.vocabulary import Authentication
from services.runtime import names
from services.runtime.connect import connect
from services.runtime.edge import Edge
from tests.outside import Gateway, Mail, Sms, both
from tests.system_hub import EXAMPLE, HubProcess, running

ENDS_S = 40.0
"""How long a chain of a few seconds may take to end on a busy machine."""


@dataclass
class Phones:
    """An SMS gateway and a mail server on loopback."""

    gateway: Gateway
    mail: Mail

    def about(self, ref: str) -> list[Sms]:
        """What was sent about an incident."""
        return [one for one in self.gateway.taken if ref in one.text]

    @property
    def settings(self) -> dict[str, str]:
        """The settings that lead a hub here."""
        return {
            "gateway_url": self.gateway.url,
            "smtp_host": "127.0.0.1",
            "smtp_port": str(self.mail.port),
            "smtp_sender": "varsel@example.org",
            "smtp_tls": "none",
        }


@contextmanager
def phones() -> Iterator[Phones]:
    """A gateway and a mail server that run until the end of the block."""
    with both() as (gateway, mail):
        yield Phones(gateway, mail)


def example() -> dict[str, Any]:
    """The values of the example centre."""
    found: dict[str, Any] = json.loads(centre_text.read(EXAMPLE).as_json())
    return found


def write_centre(path: Path, values: dict[str, Any]) -> Path:
    """A centre file with these values: JSON is a part of YAML."""
    path.write_text(json.dumps(values), encoding="utf-8")
    return path


@dataclass
class Scene:
    """A hub that runs, its phones, and the people of its centre."""

    hub: HubProcess
    phones: Phones
    persons: dict[str, dict[str, Any]]
    mode: str

    def id(self, person: str) -> str:
        """A person's random id."""
        found: str = self.persons[person]["id"]
        return found

    def sent_to(self, person: str, ref: str) -> list[Sms]:
        """What the gateway handed to a person about an incident."""
        return [one for one in self.phones.gateway.to(self.persons[person]["phone"]) if ref in one.text]

    def said(self, sender: str, *arguments: str) -> tuple[int, dict[str, Any]]:
        """Exit code and answer of one `samvirke` command; ``sender`` is `<watch>/<person>`."""
        watch, _, person = sender.partition("/")
        done = self.hub.command(*arguments, "--json", watch=watch, person=person, mode=self.mode)
        return done.returncode, json.loads(done.stdout or "{}")

    def do(self, sender: str, *arguments: str) -> dict[str, Any]:
        """The answer to a command that must succeed."""
        code, answer = self.said(sender, *arguments)
        assert code == 0, answer
        return answer

    def report(self, sender: str, headline: str, type: str = "water.leak", **body: Any) -> Accepted:
        """Open an incident as a desk does."""
        said = {"incident": new_id(), "type": type, **body}
        request = OpenIncident.model_validate_json(json.dumps(said))
        answer = self.send(sender, request, {"headline": headline})
        assert isinstance(answer, Accepted), answer
        return answer

    def send(self, sender: str, request: Request, content: dict[str, Any] | None = None) -> Answer:
        """The hub's answer to a command."""

        async def work(edge: Edge, actor: Actor) -> Answer:
            answer = await edge.send(self.mode, request, actor, content)
            assert isinstance(answer, Answer), answer
            return answer

        found: Answer = asyncio.run(self._with_edge(sender, work))
        return found

    def ask(self, sender: str, trade: str, what: str, **parameters: Any) -> dict[str, Any]:
        """The hub's answer to a question. Raises AskRefused."""

        async def work(edge: Edge, actor: Actor) -> dict[str, Any]:
            return await edge.ask(self.mode, trade, what, actor, **parameters)

        found: dict[str, Any] = asyncio.run(self._with_edge(sender, work))
        return found

    async def _with_edge(self, sender: str, work: Callable[[Edge, Actor], Awaitable[Any]]) -> Any:
        watch, _, person = sender.partition("/")
        org, _, code = watch.partition(".")
        actor = Actor(
            person=self.id(person),
            organisation=org,
            watch=code,
            via="test",
            authentication=Authentication.CREDENTIAL,
        )
        edge = await Edge.open(self.hub.settings, watch, "test")
        try:
            return await work(edge, actor)
        finally:
            await edge.close()

    def chain(self, sender: str, ref: str, watch: str) -> dict[str, Any]:
        """The chain that tells a watch of an incident, as the sender may see it."""
        chains = self.ask(sender, "incidents", "get", ref=ref)["chains"]
        return next((one for one in chains if one["watch"] == watch), {})

    def ended(self, sender: str, ref: str, watch: str) -> dict[str, Any]:
        """The same chain once the log has how it ended; nothing if it does not end in time."""
        found: dict[str, Any] = soon(
            lambda: (chain := self.chain(sender, ref, watch)).get("outcome") not in (None, "open") and chain,
            ENDS_S,
        )
        return found or {}

    def feed(self, org: str) -> list[dict[str, Any]]:
        """All items of an organisation's feed, as its own feed reader gets them over NATS."""

        async def work() -> list[dict[str, Any]]:
            nc = await connect(self.hub.settings, names.watch_user(org, names.FEED_WATCH))
            try:
                asked = orjson.dumps({"after": None, "limit": 200})
                reply = await nc.request(subjects.feed(self.mode, org, "next"), asked, timeout=5)
            finally:
                await nc.close()
            items: list[dict[str, Any]] = orjson.loads(reply.data)["items"]
            return items

        return asyncio.run(work())


@contextmanager
def scene(
    home: Path, values: dict[str, Any], modes: str = "actual", snapshot: Path | None = None, **settings: str
) -> Iterator[Scene]:
    """A hub with this centre, killed at the end whatever happens; people act in the first of its modes.

    A snapshot has the example centre in force; a hub that is started in a copy of it applies no other.
    """
    centre = write_centre(home.parent / "centre.yaml", values)
    options = {"centre": centre, "modes": modes, **settings}
    with phones() as found, running(home, snapshot, **found.settings, **options) as hub:
        yield Scene(hub, found, {one["key"]: one for one in values["persons"]}, modes.partition(",")[0])


def soon(check: Callable[[], Any], patience_s: float = 10.0) -> Any:
    """What ``check`` gives once that is true; its last answer when patience ends."""
    deadline = time.monotonic() + patience_s
    while True:
        found = check()
        if found or time.monotonic() > deadline:
            return found
        time.sleep(0.05)


def acknowledge(link: str) -> None:
    """Open the page behind a link and press «Kvitterer», then the other button, too late."""
    form = form_of(httpx.get(link, trust_env=False).text)
    answers = [httpx.post(link, data=form | {"act": act}, trust_env=False) for act in ("ack", "decline")]
    assert [answer.status_code for answer in answers] == [303, 303]


def form_of(page: str) -> dict[str, str]:
    """The hidden field of a page's form."""
    token = re.search(r'name="token" value="([0-9a-f]+)"', page)
    assert token is not None, page
    return {"token": token[1]}
