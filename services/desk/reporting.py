"""Situation reports and deadlines over HTTP: the same commands and questions as over NATS."""

import base64
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from schemas.envelope import Accepted
from schemas.envelope import Request as Command
from schemas.identifiers import derived_id
from schemas.reports import (
    ApproveReport,
    BeginWheel,
    DraftReport,
    EndWheel,
    NothingToReport,
    RecallReport,
    ReportContent,
    SubmitReport,
)
from services.desk.api import reply, told
from services.desk.asker import CSRF_HEADER, Asker, Identity
from services.desk.bodies import Said, read_said
from services.runtime.edge import AskRefused, Unanswered
from services.runtime.reading import Refusal

_TOLD = ("report", "version", "digest", "locked", "wheel", "deadline", "watch", "due", "nothing", "late")
"""What a stored command says beside its receipt."""
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
}


def reporting_routes(identity: Identity) -> APIRouter:
    """The routes, as data."""
    here = Reporting(identity)
    router = APIRouter(prefix="/v1")
    router.add_api_route("/templates", here.templates, methods=["GET"])
    router.add_api_route("/reports", here.reports, methods=["GET"])
    router.add_api_route("/reports", here.draft, methods=["POST"])
    router.add_api_route("/reports/{report}", here.report, methods=["GET"])
    router.add_api_route("/reports/{report}/document", here.document, methods=["GET"])
    router.add_api_route("/reports/{report}/submit", here.submit, methods=["POST"])
    router.add_api_route("/reports/{report}/approve", here.approve, methods=["POST"])
    router.add_api_route("/reports/{report}/recall", here.recall, methods=["POST"])
    router.add_api_route("/deadlines", here.deadlines, methods=["GET"])
    router.add_api_route("/deadlines", here.begin, methods=["POST"])
    router.add_api_route("/deadlines/{wheel}/end", here.end, methods=["POST"])
    router.add_api_route("/deadlines/{wheel}/nothing", here.nothing, methods=["POST"])
    return router


class Reporting:
    """What each route does."""

    def __init__(self, identity: Identity) -> None:
        self._identity = identity

    async def templates(self, request: Request) -> Response:
        """The templates of the watch."""
        return reply(await (await self._identity.of(request)).ask("reports", "templates"))

    async def reports(self, request: Request) -> Response:
        """The reports that one may see, the newest first."""
        return reply(await (await self._identity.of(request)).ask("reports", "list"))

    async def report(self, request: Request, report: str) -> Response:
        """One report with its words; ``version`` names a locked one, ``reason`` is why one reads it."""
        asker, reason = await self._identity.of(request), request.query_params.get("reason")
        return reply(
            await asker.ask("reports", "get", report=report, version=_version(request), reason=reason)
        )

    async def document(self, request: Request, report: str) -> Response:
        """One report to be printed, sent or pasted elsewhere."""
        asker, asked = await self._identity.of(request), request.query_params
        said: dict[str, Any] = {"report": report, "version": _version(request)}
        found = (await asker.ask("reports", "get", **said, brief=True))["report"]
        form, said["reason"] = asked.get("format", "html"), asked.get("reason")
        said |= {"format": form, "language": asked.get("lang", "nb"), "names": await _names(asker, found)}
        made = await asker.ask("reports", "document", **said)
        way = "inline" if form == "html" else "attachment"
        headers = _HEADERS | {"Content-Disposition": f'{way}; filename="{made["name"]}"'}
        return Response(base64.b64decode(made["body"]), 200, headers, made["media"])

    async def draft(self, request: Request) -> Response:
        """Write a report, or write it anew when ``report`` names one."""
        asker, said = await self._changing(request, words=True)
        known = {} if "report" in said.fields else {"report": derived_id("report", said.id)}
        return await _send(asker, said, said.request(DraftReport, **known))

    async def submit(self, request: Request, report: str) -> Response:
        """Hand a draft on."""
        asker, said = await self._changing(request)
        return await _send(asker, said, said.request(SubmitReport, report=report))

    async def approve(self, request: Request, report: str) -> Response:
        """Approve what was handed on; a named person only."""
        asker, said = await self._changing(request)
        return await _send(asker, said, said.request(ApproveReport, report=report))

    async def recall(self, request: Request, report: str) -> Response:
        """Recall a locked version; a named person only."""
        asker, said = await self._changing(request)
        return await _send(asker, said, said.request(RecallReport, report=report))

    async def deadlines(self, request: Request) -> Response:
        """Deadlines, the earliest first."""
        which = request.query_params.get("which", "open")
        return reply(await (await self._identity.of(request)).ask("reports", "deadlines", which=which))

    async def begin(self, request: Request) -> Response:
        """Ask watches for reports."""
        asker, said = await self._changing(request)
        known = {} if "wheel" in said.fields else {"wheel": derived_id("wheel", said.id)}
        return await _send(asker, said, said.request(BeginWheel, **known))

    async def end(self, request: Request, wheel: str) -> Response:
        """Ask for no more reports."""
        asker, said = await self._changing(request)
        return await _send(asker, said, said.request(EndWheel, wheel=wheel))

    async def nothing(self, request: Request, wheel: str) -> Response:
        """There is nothing to report."""
        asker, said = await self._changing(request)
        return await _send(asker, said, said.request(NothingToReport, wheel=wheel))

    async def _changing(self, request: Request, *, words: bool = False) -> tuple[Asker, Said]:
        asker = await self._identity.of(request)
        if asker.actor.machine is None:
            self._identity.check_form(request, asker, request.headers.get(CSRF_HEADER, ""))
        if words:
            return asker, await read_said(request, words=ReportContent)
        return asker, await read_said(request, optional=True)


async def _send(asker: Asker, said: Said, command: Command) -> Response:
    answer = await asker.edge.send(asker.mode, command, asker.actor, said.content, said.occurred_at, said.id)
    if not isinstance(answer, Accepted):
        return told(answer)
    more = {name: answer.result[name] for name in _TOLD if name in answer.result}
    found = {"status": "accepted", "id": answer.id, "ref": answer.ref, "receipt": answer.receipt}
    return reply(found | more, 201)


async def _names(asker: Asker, found: dict[str, Any]) -> dict[str, str]:
    """The names of those who approved, as far as the asker may know them."""
    persons = sorted({one["person"] for one in found["approved"] if one.get("person")})
    try:
        known = await asker.ask("people", "names", persons=persons) if persons else {}
    except (AskRefused, Unanswered):
        return {}
    names: dict[str, str] = known.get("names", {})
    return names


def _version(request: Request) -> int | None:
    text = request.query_params.get("version")
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and 0 < len(text) < 6):
        raise Refusal("MALFORMED", where=["version"])
    return int(text)
