"""Plain pages for people: the list, and one incident with its forms. They work without a script."""

from typing import Any
from urllib.parse import urlencode

import orjson
from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from schemas.envelope import Accepted, Refused
from schemas.envelope import Request as Command
from schemas.incidents import AddEntry, ChangeState, CloseIncident
from schemas.notifications import Acknowledge
from schemas.vocabulary import EntryKind, IncidentState, Level, Tag
from services.desk import texts
from services.desk.api import known_ref
from services.desk.asker import CSRF_FIELD, Asker, Identity
from services.desk.forms import read_form
from services.desk.render import page
from services.desk.shown import refused_page, shown
from services.runtime.edge import AskRefused, Unanswered
from services.runtime.reading import validate

STATES = ("open", "closed", "all")
_MOST = 200
_KINDS = [kind.value for kind in EntryKind if kind not in (EntryKind.CORRECTION, EntryKind.HANDOVER)]
_LEVELS = [Level.WATCH.value, Level.ORGANISATION.value, Level.REGION.value, Level.PUBLIC.value]
_TAGS = [tag.value for tag in Tag if tag is not Tag.GRADED]
_NEXT_STATES = [state.value for state in IncidentState if state is not IncidentState.NEW]


class Pages:
    """What each route does."""

    def __init__(self, identity: Identity) -> None:
        self._identity = identity

    def router(self) -> APIRouter:
        """The routes, as data."""
        router = APIRouter()
        router.add_api_route("/", self.start, methods=["GET"])
        router.add_api_route("/incidents", shown(self.incidents), methods=["GET"])
        router.add_api_route("/incidents/{ref}", shown(self.incident), methods=["GET"])
        router.add_api_route("/incidents/{ref}/entries", shown(self.add_entry), methods=["POST"])
        router.add_api_route("/incidents/{ref}/state", shown(self.change_state), methods=["POST"])
        router.add_api_route("/incidents/{ref}/ack", shown(self.acknowledge), methods=["POST"])
        return router

    async def start(self, request: Request) -> Response:
        """The list is where one begins."""
        return RedirectResponse("/incidents", 303)

    async def incidents(self, request: Request) -> Response:
        """The incidents that one may see, the newest first."""
        asker = await self._identity.person(request)
        state = request.query_params.get("state", "open")
        state = state if state in STATES else "open"
        found, refused = [], None
        try:
            found = (await asker.ask("incidents", "list", state=state, limit=_MOST))["incidents"]
        except AskRefused as fault:
            refused = texts.sentence(fault.code)
        return page(
            "incidents",
            200 if refused is None else 403,
            **self._frame(asker),
            incidents=found,
            states=STATES,
            state=state,
            refused=refused,
        )

    async def incident(self, request: Request, ref: str) -> Response:
        """One incident: its head, its log, who was told, and what one may do."""
        asker = await self._identity.person(request)
        after, kept = request.query_params.get("after"), "kept" in request.query_params
        found = await asker.ask("incidents", "get", ref=known_ref(ref), after=after)
        return page(
            "incident",
            **self._frame(asker),
            incident=found["incident"],
            entries=found["entries"],
            chains=found["chains"],
            names=await self._names(asker, found["entries"]),
            kept=kept,
            kinds=_KINDS,
            levels=_LEVELS,
            tags=_TAGS,
            states=[state for state in _NEXT_STATES if state != found["incident"]["state"]],
        )

    async def add_entry(self, request: Request, ref: str) -> Response:
        """Write in the log."""
        asker, form = await self._changing(request)
        fields = {"ref": known_ref(ref), "kind": form.get("kind"), "level": form.get("level")}
        tags = [form["tag"]] if form.get("tag") else []
        command = _command(AddEntry, {**fields, "tags": tags})
        return await self._send(asker, ref, command, {"text": form.get("text", "")})

    async def change_state(self, request: Request, ref: str) -> Response:
        """Move the incident to another state; closing takes words."""
        asker, form = await self._changing(request)
        words = {"text": form["text"]} if form.get("text") else None
        if form.get("state") == IncidentState.CLOSED:
            command: Command = _command(CloseIncident, {"ref": known_ref(ref)})
            return await self._send(asker, ref, command, words)
        command = _command(ChangeState, {"ref": known_ref(ref), "state": form.get("state")})
        return await self._send(asker, ref, command)

    async def acknowledge(self, request: Request, ref: str) -> Response:
        """Somebody on duty has it."""
        asker, form = await self._changing(request)
        return await self._send(asker, ref, _command(Acknowledge, {"chain": form.get("chain")}))

    async def _changing(self, request: Request) -> tuple[Asker, dict[str, str]]:
        asker = await self._identity.person(request)
        form = await read_form(request)
        self._identity.check_form(request, asker, form.get(CSRF_FIELD, ""))
        return asker, form

    async def _send(
        self, asker: Asker, ref: str, command: Command, content: dict[str, Any] | None = None
    ) -> Response:
        answer = await asker.edge.send(asker.mode, command, asker.actor, content)
        if isinstance(answer, Refused):
            return refused_page(answer.code, answer.parameters)
        told = {"after": answer.receipt} if isinstance(answer, Accepted) else {"kept": "1"}
        told |= {} if asker.mode == self._identity.first_mode else {"mode": asker.mode}
        return RedirectResponse(f"/incidents/{known_ref(ref)}?{urlencode(told)}", 303)

    async def _names(self, asker: Asker, entries: list[dict[str, Any]]) -> dict[str, str]:
        """The names of those who wrote; the page stands without them."""
        persons = sorted({entry["actor"].get("person") for entry in entries} - {None})
        if not persons:
            return {}
        try:
            found: dict[str, str] = (await asker.ask("people", "names", persons=persons))["names"]
        except (AskRefused, Unanswered):
            return {}
        return found

    def _frame(self, asker: Asker) -> dict[str, Any]:
        """What stands on every page: who one is, for which watch, and what a form must carry."""
        exercise = asker.mode != self._identity.first_mode or asker.mode == "exercise"
        return {
            "watch": asker.actor.key,
            "csrf": asker.csrf,
            "mode": asker.mode,
            "exercise": exercise,
            "query": f"?mode={asker.mode}" if asker.mode != self._identity.first_mode else "",
        }


def _command(model: type[Command], fields: dict[str, Any]) -> Command:
    return validate(model, orjson.dumps({key: value for key, value in fields.items() if value}))
