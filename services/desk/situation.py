"""The pages of situation reports and deadlines: written, handed on, approved, printed; nothing to report."""

import asyncio
import base64
from collections.abc import Mapping
from typing import Any

import orjson
from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from schemas.envelope import Refused
from schemas.envelope import Request as Command
from schemas.identifiers import new_id
from schemas.reports import ApproveReport, EndWheel, NothingToReport, RecallReport, SubmitReport
from services.desk.asker import CSRF_FIELD, Asker, Identity
from services.desk.attachments import SAFE_HEADERS
from services.desk.beside import brief_of
from services.desk.form_acts import as_command, command_id
from services.desk.forms import read_form
from services.desk.frame import Frame
from services.desk.pages import named
from services.desk.render import page
from services.desk.shown import shown
from services.desk.sitrep_form import chosen_in, drafted, quoted
from services.desk.wheel_form import ESCALATE_MIN, REMIND_MIN, begun, rhythm
from services.runtime.edge import AskRefused, Kept
from services.runtime.reading import Refusal, validate
from services.words.languages import spoken

GROUNDS = ("wrong_content", "wrong_receiver", "too_early", "other")
"""Why a version is recalled, as the page asks it."""
_TRIES, _PAUSE_S = 30, 0.1
_KINDS = {"html": "text/html", "md": "text/markdown", "pdf": "application/pdf"}


class Situation:
    """What each route does. The room of the reports decides."""

    def __init__(self, identity: Identity, frame: Frame) -> None:
        self._identity = identity
        self._frame = frame

    def router(self) -> APIRouter:
        """The routes, as data."""
        router = APIRouter(prefix="/situation")
        router.add_api_route("", shown(self.all), methods=["GET"])
        router.add_api_route("/new", shown(self.form), methods=["GET"])
        router.add_api_route("/draft", shown(self.draft), methods=["POST"])
        router.add_api_route("/nothing", shown(self.nothing), methods=["POST"])
        router.add_api_route("/wheel", shown(self.begin), methods=["POST"])
        router.add_api_route("/wheel/end", shown(self.end), methods=["POST"])
        router.add_api_route("/{report}", shown(self.one), methods=["GET"])
        router.add_api_route("/{report}/submit", shown(self.submit), methods=["POST"])
        router.add_api_route("/{report}/approve", shown(self.approve), methods=["POST"])
        router.add_api_route("/{report}/recall", shown(self.recall), methods=["POST"])
        router.add_api_route("/{report}/file/{format}", shown(self.file), methods=["GET"])
        return router

    async def all(self, request: Request) -> Response:
        """Reports, templates to write by, deadlines, and who has asked for what."""
        asker = await self._identity.person(request)
        which = "all" if request.query_params.get("which") == "all" else "open"
        reports, templates, due, frame = await asyncio.gather(
            asker.ask("reports", "list"),
            asker.ask("reports", "templates"),
            asker.ask("reports", "deadlines", which=which),
            self._frame.of(asker),
        )
        organisations = self._frame.boards.of(asker.mode).directory.organisations
        houses = {key: one.title for key, one in organisations.items()}
        values = {
            "reports": reports["reports"],
            "templates": templates["templates"],
            "deadlines": due["deadlines"],
            "wheels": [one | {"rhythm": rhythm(one)} for one in due["wheels"]],
            "which": which,
            "titles": houses | self._frame.titles(asker.mode),
            "houses": {key: houses[key] for key in sorted(houses)},
            "watches": self._frame.addressees(asker),
            "leads": self._frame.leads(asker),
            "minutes": (REMIND_MIN, ESCALATE_MIN),
        }
        return page("situation", **frame, **values)

    async def form(self, request: Request) -> Response:
        """A report to be written, or to be written anew; entries of an incident can be chosen."""
        asker = await self._identity.person(request)
        asked = request.query_params
        templates = (await asker.ask("reports", "templates"))["templates"]
        report, found = asked.get("report"), dict[str, Any]()
        if report:
            found = await self._found(asker, report, asked)
        wanted = found.get("template") or asked.get("template")
        template = next((one for one in templates if one["template"] == wanted), None)
        lines, about = quoted(found), found.get("incident")
        if asked.get("incident"):
            log = await asker.ask("incidents", "get", **named(asked["incident"]))
            known = {line["entry"] for line in lines}
            about = log["incident"]["id"]
            lines += [
                {**entry, "incident": about, "entry": entry["id"], "said": brief_of(entry)}
                for entry in log["entries"]
                if entry["id"] not in known and not entry["manner"] and brief_of(entry)
            ]
        values = {"report": report or new_id(), "found": found, "template": template, "lines": lines}
        values["about"] = about
        values |= {"templates": templates, "incident": asked.get("incident"), "written": written_in(found)}
        return page("situation_form", **await self._frame.of(asker), **values)

    async def one(self, request: Request, report: str) -> Response:
        """One report as it reads now, or a locked version of it."""
        asker = await self._identity.person(request)
        found = await self._found(asker, report, request.query_params)
        people = await self._frame.names(asker, {one.get("person") for one in found["approved"]} - {None})
        values = {"report": found, "people": people, "titles": self._frame.titles(asker.mode)}
        return page("situation_report", **await self._frame.of(asker), **values, grounds=GROUNDS)

    async def draft(self, request: Request) -> Response:
        """A report is written, or written anew."""
        asker, form = await self._changing(request)
        request_, content = drafted(form, chosen_in(form))
        return await self._send(asker, form, request_, f"/situation/{request_.report}", content)

    async def submit(self, request: Request, report: str) -> Response:
        """A draft is handed on to those who approve."""
        asker, form = await self._changing(request)
        command = as_command(SubmitReport, {"report": report})
        return await self._send(asker, form, command, f"/situation/{report}")

    async def approve(self, request: Request, report: str) -> Response:
        """What was read is approved; nothing else is, if it was written anew since."""
        asker, form = await self._changing(request)
        command = as_command(ApproveReport, {"report": report, "digest": form.get("digest")})
        return await self._send(asker, form, command, f"/situation/{report}")

    async def recall(self, request: Request, report: str) -> Response:
        """A locked version is recalled; its receivers get a notice in its place."""
        asker, form = await self._changing(request)
        said = {"report": report, "version": version_of(form), "ground": form.get("ground")}
        command = validate(RecallReport, orjson.dumps(said))
        return await self._send(asker, form, command, f"/situation/{report}")

    async def nothing(self, request: Request) -> Response:
        """A deadline is answered: there is nothing to report."""
        asker, form = await self._changing(request)
        command = as_command(NothingToReport, {name: form.get(name) for name in ("wheel", "deadline")})
        return await self._send(asker, form, command, "/situation")

    async def begin(self, request: Request) -> Response:
        """Watches are asked for reports; an incident is named as people name it."""
        asker, form = await self._changing(request)
        incident = form.get("incident")
        if incident:
            incident = (await asker.ask("incidents", "get", **named(incident)))["incident"]["id"]
        command = begun(form, command_id(form), incident or None)
        return await self._send(asker, form, command, "/situation")

    async def end(self, request: Request) -> Response:
        """No more reports are asked for."""
        asker, form = await self._changing(request)
        command = as_command(EndWheel, {"wheel": form.get("wheel")})
        return await self._send(asker, form, command, "/situation")

    async def file(self, request: Request, report: str, format: str) -> Response:
        """A report to be printed, sent or pasted; no browser opens it in the desk's name."""
        asker = await self._identity.person(request)
        if format not in _KINDS:
            raise Refusal("MALFORMED", where=["format"])
        named = {"report": report, "version": version_of(request.query_params)}
        found = (await asker.ask("reports", "get", **named, brief=True))["report"]
        names = await self._frame.names(asker, {one.get("person") for one in found["approved"]} - {None})
        asked = {"format": format, "language": spoken(), "reason": request.query_params.get("reason")}
        made = await asker.ask("reports", "document", **named, **asked, names=names)
        headers = {**SAFE_HEADERS, "Content-Disposition": f'attachment; filename="sitrep.{format}"'}
        return Response(base64.b64decode(made["body"]), headers=headers, media_type=_KINDS[format])

    async def _found(self, asker: Asker, report: str, asked: Mapping[str, str]) -> dict[str, Any]:
        """The report; one that was written a moment ago is waited for."""
        wanted = {"report": report, "version": version_of(asked), "reason": asked.get("reason") or None}
        for left in range(_TRIES if "new" in asked else 1, 0, -1):
            try:
                found = await asker.ask("reports", "get", **wanted)
            except AskRefused as refused:
                if refused.code != "UNKNOWN_REPORT" or left == 1:
                    raise
                await asyncio.sleep(_PAUSE_S)
            else:
                told: dict[str, Any] = found["report"]
                return told
        raise Refusal("UNKNOWN_REPORT")

    async def _changing(self, request: Request) -> tuple[Asker, dict[str, str]]:
        asker = await self._identity.person(request)
        form = await read_form(request)
        self._identity.check_form(request, asker, form.get(CSRF_FIELD, ""))
        return asker, form

    async def _send(
        self, asker: Asker, form: Mapping[str, str], command: Command, to: str, content: Any = None
    ) -> Response:
        answer = await asker.edge.send(asker.mode, command, asker.actor, content, None, command_id(form))
        if isinstance(answer, Refused):
            raise Refusal(answer.code, **answer.parameters)
        if isinstance(answer, Kept):
            raise Refusal("LEDGER_UNREACHABLE")
        mode = "" if asker.mode == self._identity.first_mode else f"&mode={asker.mode}"
        return RedirectResponse(f"{to}?new=1{mode}", 303)


def version_of(asked: Mapping[str, str]) -> int | None:
    """The version that an address names. Raises Refusal for what is no number."""
    said = asked.get("version")
    if not said:
        return None
    if not (said.isascii() and said.isdigit() and len(said) <= 5):
        raise Refusal("MALFORMED", where=["version"])
    return int(said)


def written_in(found: Mapping[str, Any]) -> dict[str, str]:
    """Own words of a report, by field."""
    return {one["code"]: one["text"] or "" for one in found.get("fields", [])}
