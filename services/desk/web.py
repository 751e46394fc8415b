"""The desk's web application: its routes, what every answer carries, and what is logged of it."""

import time
from collections.abc import Sequence

from fastapi import APIRouter, FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.desk import files, problems, texts
from services.desk.acts import Acts
from services.desk.api import api_routes
from services.desk.asker import Identity
from services.desk.attachments import attachment_pages, attachment_routes
from services.desk.contract import contract_routes
from services.desk.feeds import FeedRoutes
from services.desk.reporting import reporting_routes
from services.desk.reports import Reports
from services.desk.shown import unknown
from services.desk.turns import Turns
from services.runtime import logs, tracing
from services.words.languages import speaking

HEADERS = (
    (
        b"content-security-policy",
        b"default-src 'self'; img-src 'self' data:; object-src 'none'; form-action 'self'; base-uri 'none';"
        b" frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types desk;"
        b" report-uri /csp-report; report-to csp",
    ),
    (b"reporting-endpoints", b'csp="/csp-report"'),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
)
_TLS_ONLY = (b"strict-transport-security", b"max-age=31536000")


def build_app(identity: Identity, feeds: FeedRoutes, pages: Sequence[APIRouter], drawing: Turns) -> ASGIApp:
    """The application, with nothing of FastAPI's own pages: those would load scripts from elsewhere."""
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    app.state.drawing = drawing
    problems.install(app)
    app.add_exception_handler(HTTPException, unknown)
    app.include_router(api_routes(identity))
    app.include_router(attachment_routes(identity))
    app.include_router(reporting_routes(identity))
    app.include_router(attachment_pages(identity))
    app.include_router(feeds.router())
    for router in pages:
        app.include_router(router)
    app.include_router(Acts(identity).router())
    app.include_router(Reports().router())
    app.include_router(contract_routes())
    app.add_api_route("/static/{name:path}", files.serve, methods=["GET"])
    return Outer(app, (*HEADERS, _TLS_ONLY) if identity.secure else HEADERS)


class Outer:
    """Adds the headers, and logs each answer by its route: never its path, query or cookies.

    A fault ends here: the server below would log it with all the values on its way.
    """

    def __init__(self, app: ASGIApp, headers: tuple[tuple[bytes, bytes], ...]) -> None:
        self._app = app
        self._headers = headers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status = time.perf_counter(), 0
        tracing.asked.set(_trace(scope))
        request = Request(scope)
        lang = texts.language_of(request.cookies, request.headers.get("accept-language"))

        async def send_more(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", []), *self._headers]
            await send(message)

        try:
            with speaking(lang):
                await self._app(scope, receive, send_more)
        except Exception as fault:
            logs.get().error("desk.fault", exc_info=fault)
            if not status:
                await problems.problem("INTERNAL")(scope, receive, send_more)
        finally:
            spent = int((time.perf_counter() - began) * 1000)
            logs.get().info("http.answered", where=_route(scope), status=status, duration_ms=spent)


def _trace(scope: Scope) -> str | None:
    """The trace that the request belongs to, if its sender says so in good form."""
    given = [value for name, value in scope["headers"] if name == tracing.HEADER.encode()]
    return tracing.trace_of(given[0].decode("latin-1")) if len(given) == 1 else None


def _route(scope: Scope) -> str:
    """The route's pattern with a colon before each part that varies; none for an unknown path."""
    pattern = getattr(scope.get("route"), "path", "none")
    return str(pattern).replace("{", ":").replace("}", "")
