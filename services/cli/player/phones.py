"""The phones of those who are played: a gateway on loopback that takes messages, and how people answer."""

import asyncio
import re
import secrets
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from services.runtime.http import Server
from services.runtime.players import RECEIPT
from services.runtime.settings import Settings

ANSWER_S = 10.0
REPEATED = "gjentatt"
"""How a message says that it may have been sent before."""
_LINK = re.compile(r"https?://\S+/k/\S+")
_TOKEN = re.compile(r'name="token" value="([0-9a-f]+)"')
_DONE = (200, 410)
_TRIES, _AGAIN_S = 60, 0.25


@dataclass(frozen=True, slots=True)
class Message:
    """What a phone was sent: when, to which number or address, what it said, and the gateway's reference."""

    at: datetime
    to: str
    text: str
    reference: str

    @property
    def link(self) -> str:
        """The address in the text; empty when there is none."""
        found = _LINK.search(self.text)
        return found[0] if found else ""


def trust(settings: Settings) -> ssl.SSLContext:
    """Whom a phone trusts: the system's authorities, and the hub's own certificate whoever has signed it.

    Without a public address a link has the number of this machine, which hardly any certificate names:
    then the page must have the hub's certificate, and need not have the name.
    """
    if settings.tls_cert is None:
        return ssl.create_default_context()
    context = ssl.create_default_context(cafile=settings.tls_cert)
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    if settings.public_phone_url:
        context.load_default_certs()
    else:
        context.check_hostname = False
    return context


class Phones:
    """Takes messages until it is stopped; ``fresh`` has those that nobody has looked at."""

    def __init__(self, settings: Settings) -> None:
        self.taken: list[Message] = []
        self.fresh: asyncio.Queue[Message] = asyncio.Queue()
        app = Starlette(routes=[Route("/", self._take, methods=["POST"])])
        self._server = Server(app, "127.0.0.1", 0)
        self._http = httpx.AsyncClient(timeout=ANSWER_S, trust_env=False, verify=trust(settings))

    async def start(self) -> int:
        """The port that messages are taken on."""
        await self._server.start()
        return self._server.port

    async def stop(self) -> None:
        """Take no more."""
        await self._http.aclose()
        await self._server.stop()

    async def answer(self, link: str, act: str) -> bool:
        """Open the link and press a button, as its person would; True if the page then says that it is so.

        A page that does not open is tried again for a while: the hub may be on its way back.
        """
        for _ in range(_TRIES):
            try:
                page = await self._http.get(link)
                token = _TOKEN.search(page.text)
                if page.status_code in _DONE and token is None:
                    return page.status_code == 200
                if token is not None:
                    pressed = await self._http.post(link, data={"token": token[1], "act": act})
                    if pressed.status_code == 303:
                        return (await self._http.get(link)).status_code == 200
            except httpx.HTTPError:
                pass
            await asyncio.sleep(_AGAIN_S)
        return False

    async def _take(self, request: Request) -> Response:
        said = await request.json()
        message = Message(datetime.now(UTC), said["to"], said["text"], said["reference"])
        self.taken.append(message)
        self.fresh.put_nowait(message)
        return JSONResponse({RECEIPT: secrets.token_hex(8)})
