"""The phone page: one person's link in one chain. Looking changes nothing; two buttons act."""

import hashlib
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from jinja2 import Environment, FileSystemLoader
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from schemas import notifications, subjects
from schemas.envelope import Actor, Command
from schemas.envelope import Request as CommandRequest
from schemas.identifiers import new_id
from schemas.vocabulary import Authentication
from services.notifications import store, texts
from services.notifications.commits import Store
from services.notifications.handlers import Handlers
from services.notifications.rules import ACKNOWLEDGED, Chain
from services.notifications.sender import hash_of, words_of
from services.notifications.session import Sessions
from services.notifications.store import LinkRow
from services.notifications.texts import _
from services.runtime import logs
from services.runtime.appender import AppendError
from services.runtime.direct import StreamUnreachable
from services.runtime.reading import Refusal
from services.runtime.settings import Settings
from services.words.languages import accepted, speaking, spoken
from services.words.shared import word

Answer = Callable[[Request], Awaitable[Response]]

HERE = Path(__file__).parent
VIA = "phone"
_SECRET = re.compile(r"[A-Za-z0-9_-]{20,64}")
_BODY_BYTES = 2048
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex, nofollow",
}
_PAGES = Environment(loader=FileSystemLoader(HERE / "templates"), autoescape=True)
_PAGES.globals |= {"_": _, "spoken": spoken}


@dataclass(frozen=True, slots=True)
class Visit:
    """A link that was followed, and the chain that it belongs to."""

    secret: str
    link: LinkRow
    chain: Chain


class Phone:
    """What stands behind the page."""

    def __init__(self, handlers: Handlers, rows: Store, sessions: Sessions, settings: Settings) -> None:
        self._handlers = handlers
        self._rows = rows
        self._sessions = sessions
        self._settings = settings

    async def show(self, request: Request) -> Response:
        """The page of a link. Changes nothing, so that a preview may fetch it."""
        visit = await self._visit(request.path_params["secret"])
        if visit is None:
            return _page(404, _("Unknown link"), {"state": _("The link is unknown or has ended.")})
        return await self._page_of(visit, request)

    async def act(self, request: Request) -> Response:
        """Acknowledge or decline, when the form came from the page itself."""
        secret = request.path_params["secret"]
        visit = await self._visit(secret)
        form = await _read_form(request)
        if visit is None:
            return _page(404, _("Unknown link"), {"state": _("The link is unknown or has ended.")})
        if form.get("token") != form_token(secret) or not self._is_own(request):
            return _page(403, _("Not accepted"), {"state": _("Open the link anew and answer from there.")})
        if form.get("act") not in ("ack", "decline"):
            return _page(400, _("Not accepted"), {"state": _("Choose one of the answers.")})
        return await self._answer(visit, request, is_decline=form["act"] == "decline")

    async def _answer(self, visit: Visit, request: Request, *, is_decline: bool) -> Response:
        chain = visit.chain
        wanted = notifications.Decline if is_decline else notifications.Acknowledge
        command = _command(wanted(chain=chain.id), visit.link, chain)
        try:
            if self._handlers.is_shut(chain.mode):
                raise AppendError(chain.mode)
            await self._handlers.answer(chain.mode, command, chain.id, is_decline=is_decline)
        except Refusal as refusal:
            logs.get(watch=chain.watch, chain=chain.id, code=refusal.refused.code).info("phone.refused")
        except (AppendError, StreamUnreachable):
            state = _("The answer is not stored. Try again soon, or call.")
            return await self._page_of(visit, request, status=503, notice=state)
        return RedirectResponse(visit.secret, status_code=303, headers=_HEADERS)

    async def _visit(self, secret: str) -> Visit | None:
        if not _SECRET.fullmatch(secret):
            return None
        link = await self._rows.run(store.link(hash_of(secret)))
        chain = None if link is None else await self._handlers.find(link.chain)
        return None if link is None or chain is None else Visit(secret, link, chain)

    async def _page_of(self, visit: Visit, request: Request, status: int = 200, notice: str = "") -> Response:
        chain, person = visit.chain, visit.link.person
        if chain.outcome is not None and not (chain.outcome == ACKNOWLEDGED and chain.ended_by == person):
            return _page(410, _("The notification has ended"), {"state": texts.outcome_word(chain.outcome)})
        telling = chain.tellings.get(person)
        has_declined = telling is not None and telling.declined
        function = telling.function if telling else chain.steps[chain.step].function
        words = words_of(chain, is_hidden=self._handlers.is_hidden(chain)) | {
            "state": _state(chain, has_declined),
            "function": texts.function_word(function),
        }
        return _page(
            status,
            _("Notification"),
            words,
            notice=notice,
            token=form_token(visit.secret),
            can_acknowledge=chain.outcome is None,
            can_decline=chain.outcome is None and not has_declined,
            desk_link=await self._desk_link(visit, request),
        )

    async def _desk_link(self, visit: Visit, request: Request) -> str:
        """Where the content is read, for the person of the link who is signed in."""
        base, ref = self._settings.public_desk_url.rstrip("/"), visit.chain.ref
        if not base or not ref:
            return ""
        link = visit.link
        person = await self._sessions.person(request.cookies, visit.chain.mode, link.watch)
        return f"{base}/incidents/{ref}" if person == link.person else ""

    def _is_own(self, request: Request) -> bool:
        """True if the form was sent from this page: browsers say where a form came from."""
        origin = request.headers.get("origin")
        if origin is None:
            return request.headers.get("sec-fetch-site") in (None, "same-origin")
        own = {request.headers.get("host", ""), urlsplit(self._settings.public_phone_url).netloc}
        try:
            site = urlsplit(origin).netloc
        except ValueError:
            return False
        return bool(site) and site in own


def make_app(phone: Phone) -> Starlette:
    """The page's routes."""
    return Starlette(
        routes=[
            Route("/k/{secret}", _heard(phone.show), methods=["GET", "HEAD"]),
            Route("/k/{secret}", _heard(phone.act), methods=["POST"]),
            Route("/phone.css", _style, methods=["GET"]),
        ]
    )


def _heard(handler: Answer) -> Answer:
    """The handler, which answers in the language that the phone prefers."""

    async def answer(request: Request) -> Response:
        with speaking(accepted(request.headers.get("accept-language"))):
            return await handler(request)

    return answer


def form_token(secret: str) -> str:
    """What the form must carry: only who has read the page knows it."""
    return hashlib.sha256(f"form:{secret}".encode()).hexdigest()


async def _style(_request: Request) -> Response:
    return FileResponse(HERE / "static" / "phone.css", media_type="text/css")


def _page(status: int, title: str, words: dict[str, str], **more: Any) -> HTMLResponse:
    text = _PAGES.get_template("page.html").render(title=title, words=words, **more)
    return HTMLResponse(text, status_code=status, headers=_HEADERS)


def _state(chain: Chain, has_declined: bool) -> str:
    if chain.outcome is not None:
        return _("You have acknowledged")
    return _("You have answered that you cannot") if has_declined else (word("open") or "").capitalize()


def _command(wanted: CommandRequest, link: LinkRow, chain: Chain) -> Command:
    """The answer of the person whom the link belongs to; it belongs to the trace of what was told."""
    org, watch = subjects.split_key(link.watch)
    now = datetime.now(UTC).astimezone()
    actor = Actor(
        person=link.person, organisation=org, watch=watch, via=VIA, authentication=Authentication.LINK
    )
    return Command(
        id=new_id(now),
        source=f"/{org}/{watch}",
        type=wanted.type_name(),
        time=now,
        data=Command.Data(
            actor=actor,
            occurred_at=chain.clock.time(now),
            trace=chain.trace,
            body=wanted.model_dump(mode="json"),
        ),
    )


async def _read_form(request: Request) -> dict[str, str]:
    """The fields of a small form, the last of each name; nothing when it is none of the page's own."""
    raw = b""
    async for piece in request.stream():
        raw += piece
        if len(raw) > _BODY_BYTES:
            return {}
    try:
        fields = parse_qs(raw.decode("ascii", "replace"), max_num_fields=10)
    except ValueError:
        return {}
    return {name: values[-1] for name, values in fields.items()}
