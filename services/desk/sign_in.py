"""Signing in with a one-time link, choosing the watch, and signing out."""

import re
from urllib.parse import urlsplit

import orjson
from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from schemas.envelope import Accepted, Refused
from schemas.people import SignIn, SignOut
from services.desk.asker import CSRF_FIELD, THEME_COOKIE, THEMES, Identity, nobody, theme_of
from services.desk.edges import Edges
from services.desk.forms import read_form
from services.desk.frame import Frame
from services.desk.render import page
from services.desk.shown import shown
from services.desk.texts import LANGUAGE_COOKIE
from services.runtime.reading import Refusal, validate
from services.words.languages import LANGUAGES

START, SIGNED_OUT = "/", "/sign-in"
_PLACE = re.compile(r"/(?:incidents(?:/[\w-]+)?|sign-in(?:/[\w-]+)?|watch|contract(?:/[\w-]+)?)?")


class SignInPages:
    """What each route does. A GET changes nothing: mail programs open links before people do."""

    def __init__(self, identity: Identity, edges: Edges, frame: Frame) -> None:
        self._identity = identity
        self._edges = edges
        self._frame = frame

    def router(self) -> APIRouter:
        """The routes, as data."""
        router = APIRouter()
        router.add_api_route("/sign-in", self.away, methods=["GET"])
        router.add_api_route("/sign-in/{secret}", shown(self.ask), methods=["GET"])
        router.add_api_route("/sign-in/{secret}", shown(self.sign_in), methods=["POST"])
        router.add_api_route("/sign-out", shown(self.sign_out), methods=["POST"])
        router.add_api_route("/watch", shown(self.watches), methods=["GET"])
        router.add_api_route("/watch", shown(self.choose), methods=["POST"])
        router.add_api_route("/theme", shown(self.theme), methods=["POST"])
        router.add_api_route("/language", shown(self.language), methods=["POST"])
        return router

    async def away(self, request: Request) -> Response:
        """How to get in."""
        return page("away", theme=theme_of(request))

    async def ask(self, request: Request, secret: str) -> Response:
        """A button to sign in with."""
        return page("sign_in", theme=theme_of(request))

    async def sign_in(self, request: Request, secret: str) -> Response:
        """Spend the link; the session's secret lies in a cookie that no script and no other site gets."""
        self._identity.check_origin(request)
        edge, mode = await self._edges.any(), self._identity.mode(request)
        command = validate(SignIn, orjson.dumps({"secret": secret}))
        answer = await edge.send(mode, command, nobody(edge.watch_key))
        if not isinstance(answer, Accepted):
            raise _refusal(answer)
        found = RedirectResponse(START, 303)
        self._set(found, self._identity.session_cookie, str(answer.result["secret"]))
        mine = await self._identity.watches_of(mode, str(answer.result["person"]))
        before = request.cookies.get(self._identity.watch_cookie)
        if mine:
            self._set(found, self._identity.watch_cookie, before if before in mine else mine[0])
        return found

    async def watches(self, request: Request) -> Response:
        """The watches that one may act for."""
        asker = await self._identity.person(request)
        mine = await self._identity.watches_of(asker.mode, asker.actor.person or "")
        titles = self._frame.titles(asker.mode)
        return page("watches", **self._frame.forms(asker), watches=mine, titles=titles, theme=asker.theme)

    async def sign_out(self, request: Request) -> Response:
        """End the session."""
        asker = await self._identity.person(request)
        self._identity.check_form(request, asker, (await read_form(request)).get(CSRF_FIELD, ""))
        secret = request.cookies[self._identity.session_cookie]
        command = validate(SignOut, orjson.dumps({"secret": secret}))
        answer = await asker.edge.send(asker.mode, command, asker.actor)
        if not isinstance(answer, Accepted):
            raise _refusal(answer)
        found = RedirectResponse(SIGNED_OUT, 303)
        found.delete_cookie(self._identity.session_cookie, secure=self._identity.secure, httponly=True)
        return found

    async def choose(self, request: Request) -> Response:
        """Act for another watch; the doors decide what one may do there."""
        asker = await self._identity.person(request)
        form = await read_form(request)
        self._identity.check_form(request, asker, form.get(CSRF_FIELD, ""))
        await self._edges.of(form.get("watch", ""))
        found = RedirectResponse(START, 303)
        self._set(found, self._identity.watch_cookie, form["watch"])
        return found

    async def theme(self, request: Request) -> Response:
        """Dark or light, remembered by the browser."""
        self._identity.check_origin(request)
        chosen = (await read_form(request)).get("theme", "")
        found = RedirectResponse(START, 303)
        if chosen in THEMES:
            found.set_cookie(THEME_COOKIE, chosen, max_age=31_536_000, path="/", samesite="strict")
        return found

    async def language(self, request: Request) -> Response:
        """The language of the pages, remembered by the browser; back to where it was chosen."""
        self._identity.check_origin(request)
        chosen = (await read_form(request)).get("language", "")
        found = RedirectResponse(_before(request), 303)
        if chosen in LANGUAGES:
            found.set_cookie(LANGUAGE_COOKIE, chosen, max_age=31_536_000, path="/", samesite="strict")
        return found

    def _set(self, response: Response, name: str, value: str) -> None:
        response.set_cookie(
            name, value, path="/", secure=self._identity.secure, httponly=True, samesite="strict"
        )


def _before(request: Request) -> str:
    """The page from which the form came, if it is one that people begin from."""
    try:
        before = urlsplit(request.headers.get("referer", ""))
    except ValueError:
        return START
    place = before.path if _PLACE.fullmatch(before.path) else START
    return f"{place}?{before.query}" if before.query else place


def _refusal(answer: object) -> Refusal:
    if isinstance(answer, Refused):
        return Refusal(answer.code, **answer.parameters)
    return Refusal("LEDGER_UNREACHABLE")
