"""Who asks over HTTP: a person with a session, or a machine with a token; and whether a form came from us."""

import asyncio
import hmac
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from fastapi import Request

from schemas.envelope import Actor
from schemas.vocabulary import Authentication
from services.desk.edges import VIA, Edges
from services.runtime.edge import AskRefused, Edge, Unanswered
from services.runtime.reading import Refusal
from services.runtime.settings import Settings

SESSION_COOKIE, WATCH_COOKIE = "samvirke-session", "samvirke-watch"
CSRF_FIELD, CSRF_HEADER, WATCH_HEADER, WATCH_PARAMETER = "csrf", "x-csrf-token", "x-samvirke-watch", "as"
THEME_COOKIE, THEMES = "samvirke-theme", ("dark", "light")
_SECRET_LENGTHS = range(20, 201)


@dataclass(frozen=True, slots=True)
class Asker:
    """Who acts, through which watch's edge; ``csrf`` is what a session's forms must carry."""

    actor: Actor
    edge: Edge
    mode: str
    csrf: str | None = None
    until: str | None = None
    theme: str = THEMES[0]

    async def ask(self, trade: str, what: str, **parameters: Any) -> dict[str, Any]:
        """Ask the hub. Raises AskRefused, Unanswered."""
        return await self.edge.ask(self.mode, trade, what, self.actor, **parameters)


class Identity:
    """Finds out who asks; nothing is remembered here, so what was ended counts at once."""

    def __init__(self, settings: Settings, edges: Edges) -> None:
        self._settings = settings
        self._edges = edges
        self.secure = settings.web == "https" or settings.public_desk_url.startswith("https://")

    @property
    def first_mode(self) -> str:
        """The mode of a request that names none."""
        return self._settings.modes[0]

    @property
    def session_cookie(self) -> str:
        """The session cookie's name; the prefix binds it to this host, and is for TLS only."""
        return f"__Host-{SESSION_COOKIE}" if self.secure else SESSION_COOKIE

    @property
    def watch_cookie(self) -> str:
        """The cookie that says which watch the person acts for."""
        return f"__Host-{WATCH_COOKIE}" if self.secure else WATCH_COOKIE

    def mode(self, request: Request) -> str:
        """The first mode that is served, or what ``?mode=`` names. Raises Refusal for an unknown one.

        So for an empty one and for two: nobody guesses whether an exercise was meant.
        """
        said = request.query_params.getlist("mode") or [self.first_mode]
        if len(said) > 1 or said[0] not in self._settings.modes:
            raise Refusal("MALFORMED", where=["mode"])
        return said[0]

    async def of(self, request: Request) -> Asker:
        """The machine or person that asks. Raises Refusal: TOKEN_ENDED, SESSION_ENDED, UNKNOWN_WATCH."""
        secret = bearer(request)
        return await self.person(request) if secret is None else await self._machine(request, secret)

    async def person(self, request: Request) -> Asker:
        """The person whose session it is. Raises Refusal."""
        secret = request.cookies.get(self.session_cookie, "")
        watch = self._watch(request)
        if len(secret) not in _SECRET_LENGTHS:
            raise Refusal("SESSION_ENDED")
        mode, edge = self.mode(request), await self._edges.of(watch)
        found = await edge.ask(mode, "people", "session", nobody(watch), secret=secret)
        actor = _person(watch, found["person"])
        return Asker(actor, edge, mode, found["csrf"], found["until"], theme_of(request))

    def still(self, request: Request) -> Callable[[], Awaitable[bool]]:
        """Whether the request's session still holds; while nobody can say, it holds to its told end."""
        until = datetime.max.replace(tzinfo=UTC)

        async def holds() -> bool:
            nonlocal until
            try:
                asker = await self.person(request)
                until = datetime.fromisoformat(asker.until or "")
            except Unanswered:
                return datetime.now(UTC) < until
            except (Refusal, AskRefused):
                return False
            return True

        return holds

    async def waiting(self, watch: str) -> int:
        """How many commands of a watch wait in the spool of this machine."""
        edge = await self._edges.of(watch)
        return await asyncio.to_thread(edge.spool.count)

    def _watch(self, request: Request) -> str:
        """The watch that one acts for: said by the page itself, else what was chosen last."""
        said = request.headers.get(WATCH_HEADER) or request.query_params.get(WATCH_PARAMETER)
        return said or request.cookies.get(self.watch_cookie, "")

    async def watches_of(self, mode: str, person: str) -> list[str]:
        """The watches in which a person may read, as the hub says; where he or she is on duty first."""
        keys = await asyncio.to_thread(self._edges.watches)
        found = await asyncio.gather(*(self._place_in(mode, key, person) for key in keys))
        return [key for rank in (0, 1) for key, place in zip(keys, found, strict=True) if place == rank]

    async def _place_in(self, mode: str, watch: str, person: str) -> int | None:
        """0 for who is on duty there, 1 for who may read there, None for all others."""
        edge = await self._edges.of(watch)
        try:
            found = await edge.ask(mode, "watch", "duty", _person(watch, person), watch=watch)
        except (AskRefused, Unanswered):
            return None
        return 0 if any(row.get("person") == person for row in found["duty"]) else 1

    async def feed(self, request: Request, org: str) -> str:
        """The secret of a token that may follow the organisation's feed. Raises Refusal."""
        secret = bearer(request) or ""
        await self.check_feed(self.mode(request), org, secret)
        return secret

    async def check_feed(self, mode: str, org: str, secret: str) -> dict[str, Any]:
        """The token, while it holds. Raises Refusal, AskRefused, Unanswered."""
        token = await self._token(mode, secret, org)
        if "feed" not in token["scope"] or token["where"].partition(".")[0] != org:
            raise Refusal("NOT_ALLOWED", act="feed")
        return token

    async def _machine(self, request: Request, secret: str) -> Asker:
        mode = self.mode(request)
        token = await self._token(mode, secret)
        where: str = token["where"]
        watch = where if "." in where else request.headers.get(WATCH_HEADER) or self._only_watch(where)
        if watch != where and watch.partition(".")[0] != where:
            raise Refusal("NOT_ALLOWED", act="act")
        org, _, code = watch.partition(".")
        edge = await self._edges.of(watch)
        actor = Actor(
            machine=token["machine"],
            organisation=org,
            watch=code,
            via=VIA,
            authentication=Authentication.TOKEN,
        )
        return Asker(actor, edge, mode, until=token["until"])

    def _only_watch(self, org: str) -> str:
        own = [key for key in self._edges.watches() if key.partition(".")[0] == org]
        if len(own) != 1:
            raise Refusal("MALFORMED", where=[WATCH_HEADER])
        return own[0]

    async def _token(self, mode: str, secret: str, org: str | None = None) -> dict[str, Any]:
        if len(secret) not in _SECRET_LENGTHS:
            raise Refusal("TOKEN_ENDED")
        edge = await self._edges.any(org)
        try:
            return await edge.ask(mode, "people", "token", nobody(edge.watch_key), secret=secret)
        except AskRefused as refused:
            code = "TOKEN_ENDED" if refused.code == "MALFORMED" else refused.code
            raise Refusal(code, **refused.parameters) from None

    def check_origin(self, request: Request) -> None:
        """Refuse what another site's page made the browser send (CSRF)."""
        told = request.headers.get("origin") or request.headers.get("referer")
        wanted = self._settings.public_desk_url or f"{request.url.scheme}://{request.headers.get('host')}"
        if told is None or _site(told) not in (_site(wanted), _own(request)):
            raise Refusal("FOREIGN_PAGE", act="cross_site")

    def check_form(self, request: Request, asker: Asker, csrf: str) -> None:
        """Refuse a change that did not come from a page of this session."""
        self.check_origin(request)
        if asker.csrf is None or not hmac.compare_digest(csrf.encode(), asker.csrf.encode()):
            raise Refusal("FOREIGN_PAGE", act="csrf")


def theme_of(request: Request) -> str:
    """Dark, unless light was chosen."""
    said = request.cookies.get(THEME_COOKIE, "")
    return said if said in THEMES else THEMES[0]


def bearer(request: Request) -> str | None:
    """The secret in ``Authorization: Bearer``, or None."""
    scheme, _, secret = request.headers.get("authorization", "").partition(" ")
    return secret.strip() if scheme.lower() == "bearer" else None


def _person(watch: str, person: str) -> Actor:
    org, _, code = watch.partition(".")
    session = Authentication.SESSION
    return Actor(person=person, organisation=org, watch=code, via=VIA, authentication=session)


def nobody(watch: str) -> Actor:
    """The watch itself, before it is known who sits there."""
    org, _, code = watch.partition(".")
    return Actor(organisation=org, watch=code, via=VIA, authentication=Authentication.LINK)


def _site(url: str) -> tuple[str, str]:
    """Scheme and host; nothing, which is no site of ours, for what is no address."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "", ""
    return parts.scheme, parts.netloc.lower()


def _own(request: Request) -> tuple[str, str]:
    """Where the browser believes to be, when the desk is used without its public address."""
    return request.url.scheme, request.headers.get("host", "").lower()
