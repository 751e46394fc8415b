"""Stand-ins for the outside world: an SMS gateway and a mail server on loopback, which can fail."""

import asyncio
import contextlib
import re
import threading
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field

import orjson
from aiosmtpd.smtp import SMTP, Envelope, Session

LINK = re.compile(r"https?://\S+/k/[A-Za-z0-9_-]+")


@dataclass
class Sms:
    """One message that the gateway was handed."""

    to: str
    text: str
    reference: str
    key: str
    trace: str
    at: float

    @property
    def link(self) -> str:
        """The address in its text."""
        found = LINK.search(self.text)
        assert found, self.text
        return found[0]

    @property
    def secret(self) -> str:
        """The secret in its link."""
        return self.link.rpartition("/")[2]


@dataclass
class Gateway:
    """``manner``: ok, down (500), lies (200 with error), silent (takes it, never answers)."""

    manner: str = "ok"
    manners: dict[str, str] = field(default_factory=dict)
    taken: list[Sms] = field(default_factory=list)
    port: int = 0
    open: set[asyncio.StreamWriter] = field(default_factory=set)

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}/send"

    def to(self, phone: str) -> list[Sms]:
        """What was sent to one number."""
        return [sms for sms in self.taken if sms.to == phone]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer requests on one connection until it ends."""
        self.open.add(writer)
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
                length = re.search(r"content-length: (\d+)", head)
                body = orjson.loads(await reader.readexactly(int(length[1]) if length else 0))
                named = dict(re.findall(r"^(idempotency-key|traceparent): (\S+)", head, re.MULTILINE))
                key, trace = (named.get(name, "") for name in ("idempotency-key", "traceparent"))
                now = asyncio.get_running_loop().time()
                sms = Sms(body["to"], body["text"], body["reference"], key, trace, now)
                manner = self.manners.get(sms.to, self.manner)
                if manner != "down":
                    self.taken.append(sms)
                if manner == "silent":
                    continue
                writer.write(_answer(manner))
                await writer.drain()
        self.open.discard(writer)
        writer.close()


@dataclass
class Mail:
    """What the mail server took."""

    taken: list[tuple[str, str]] = field(default_factory=list)
    port: int = 0

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        """aiosmtpd's hook for a whole message."""
        text = (envelope.content or b"").decode() if isinstance(envelope.content, bytes) else ""
        self.taken.append((envelope.rcpt_tos[0], text))
        return "250 OK"


def _answer(manner: str) -> bytes:
    status = "500 Sorry" if manner == "down" else "200 OK"
    body = orjson.dumps({"error": "no credit"} if manner == "lies" else {"id": "r1"})
    head = f"HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    return head.encode() + body


@contextlib.asynccontextmanager
async def gateway() -> AsyncIterator[Gateway]:
    """A gateway that listens."""
    found = Gateway()
    server = await asyncio.start_server(found.serve, "127.0.0.1", 0)
    found.port = server.sockets[0].getsockname()[1]
    try:
        yield found
    finally:
        server.close()
        for writer in list(found.open):
            writer.close()


@contextlib.asynccontextmanager
async def mail() -> AsyncIterator[Mail]:
    """A mail server that listens."""
    found = Mail()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(found, hostname="127.0.0.1"), "127.0.0.1", 0)
    found.port = server.sockets[0].getsockname()[1]
    try:
        yield found
    finally:
        server.close()


@contextlib.contextmanager
def both() -> Iterator[tuple[Gateway, Mail]]:
    """A gateway and a mail server in a thread of their own, for tests that run in no loop."""
    listening: Future[tuple[Gateway, Mail]] = Future()
    loop, end = asyncio.new_event_loop(), asyncio.Event()

    async def listen() -> None:
        async with gateway() as sms, mail() as post:
            listening.set_result((sms, post))
            await end.wait()

    def run() -> None:
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            runner.run(listen())

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield listening.result(10)
    finally:
        loop.call_soon_threadsafe(end.set)
        thread.join()
