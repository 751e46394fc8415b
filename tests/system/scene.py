"""What stands around a hub in the stories: a centre file, a gateway, a mail server, and people who call."""

import asyncio
import json
import re
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import orjson
from aiosmtpd.controller import Controller

from schemas import centre_text, subjects
from schemas.envelope import Accepted, Actor, Answer, Request
from schemas.identifiers import new_id
from schemas.incidents import OpenIncident
from schemas.vocabulary import Authentication
from services.runtime import names
from services.runtime.connect import connect
from services.runtime.edge import Edge
from tests.system_hub import EXAMPLE, HubProcess, free_port, running

LINK = re.compile(r"http://\S+/k/\S+")


@dataclass(frozen=True)
class Handed:
    """A message that the gateway took: when, to which number, and what it said."""

    at: float
    to: str
    text: str
    reference: str

    @property
    def link(self) -> str:
        """The address at the end of the text."""
        found = LINK.search(self.text)
        assert found is not None, self.text
        return found[0]


@dataclass
class Phones:
    """An SMS gateway and a mail server on loopback; ``lines`` is what each mail said."""

    handed: list[Handed] = field(default_factory=list)
    mails: list[str] = field(default_factory=list)
    gateway_port: int = 0
    mail_port: int = 0

    def to(self, number: str) -> list[Handed]:
        """What a number was sent, the earliest first."""
        return [one for one in self.handed if one.to == number]

    def about(self, ref: str) -> list[Handed]:
        """What was sent about an incident."""
        return [one for one in self.handed if ref in one.text]

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:
        """Take a mail."""
        self.mails.append(envelope.content.decode())
        return "250 taken"

    @property
    def settings(self) -> dict[str, str]:
        """The settings that lead a hub here."""
        return {
            "gateway_url": f"http://127.0.0.1:{self.gateway_port}/send",
            "smtp_host": "127.0.0.1",
            "smtp_port": str(self.mail_port),
            "smtp_sender": "varsel@example.org",
            "smtp_tls": "none",
        }


@contextmanager
def phones() -> Iterator[Phones]:
    """A gateway and a mail server that run until the end of the block."""
    found = Phones(mail_port=free_port())
    gateway = ThreadingHTTPServer(("127.0.0.1", 0), _gateway(found))
    found.gateway_port = gateway.server_address[1]
    mail = Controller(found, hostname="127.0.0.1", port=found.mail_port)
    mail.start()
    thread = threading.Thread(target=gateway.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield found
    finally:
        mail.stop()
        gateway.shutdown()
        thread.join()
        gateway.server_close()


def _gateway(found: Phones) -> type[BaseHTTPRequestHandler]:
    class Gateway(BaseHTTPRequestHandler):
        """Takes every message, and gives a receipt."""

        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            """Take one message."""
            said = json.loads(self.rfile.read(int(self.headers["content-length"])))
            found.handed.append(Handed(time.time(), said["to"], said["text"], said["reference"]))
            answer = b'{"receipt":"r1"}'
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    return Gateway


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

    def sent_to(self, person: str, ref: str) -> list[Handed]:
        """What the gateway handed to a person about an incident."""
        return [one for one in self.phones.to(self.persons[person]["phone"]) if ref in one.text]

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
            lambda: (chain := self.chain(sender, ref, watch)).get("outcome") not in (None, "open") and chain
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
