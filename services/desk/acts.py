"""What people do from a page: report, write, correct, change state, acknowledge, take a duty.

Each act carries the id that the page gave it, so that however often it is sent it is done once. A script gets
the answer as JSON, a plain form is led to the page that shows it.
"""

from collections.abc import Mapping
from datetime import datetime
from functools import partial
from typing import Any, TypeVar

import orjson
from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from schemas.entries import AnswerRequest, CloseTask, TickStep
from schemas.envelope import Accepted, Refused
from schemas.envelope import Request as Command
from schemas.identifiers import TOKEN, derived_id, new_id
from schemas.incidents import AddEntry, ChangeState, CloseIncident, CorrectEntry, ItemContent, OpenIncident
from schemas.notifications import Acknowledge
from schemas.vocabulary import IncidentState, Level
from schemas.watch import Release, TakeOver
from services.desk import texts
from services.desk.api import reply
from services.desk.asker import CSRF_FIELD, Asker, Identity
from services.desk.forms import read_form
from services.desk.pages import address, named
from services.desk.problems import as_refusal, status_of
from services.desk.shown import refused_page
from services.runtime.edge import AskRefused, Kept, Unanswered
from services.runtime.reading import Refusal, validate

JSON = "application/json"
Form = Mapping[str, str]
C = TypeVar("C", bound=Command)
Act = tuple[Command, dict[str, Any] | None]
ENDINGS: dict[str, type[Command]] = {"done": CloseTask, "answer": AnswerRequest, "tick": TickStep}


class Acts:
    """What each route does. The doors decide; nothing is refused here but what has no meaning."""

    def __init__(self, identity: Identity) -> None:
        self._identity = identity

    def router(self) -> APIRouter:
        """The routes, as data."""
        router = APIRouter()
        router.add_api_route("/incidents", self.open, methods=["POST"])
        router.add_api_route("/incidents/{name}/entries", self.write, methods=["POST"])
        router.add_api_route("/incidents/{name}/correct", self.correct, methods=["POST"])
        for act, command in ENDINGS.items():
            path = f"/incidents/{{name}}/{act}"
            router.add_api_route(path, partial(self.end, command), methods=["POST"], name=act)
        router.add_api_route("/incidents/{name}/state", self.state, methods=["POST"])
        router.add_api_route("/incidents/{name}/ack", self.acknowledge, methods=["POST"])
        router.add_api_route("/duty/take", self.take, methods=["POST"])
        router.add_api_route("/duty/release", self.release, methods=["POST"])
        return router

    async def open(self, request: Request) -> Response:
        """Report something new."""
        return await self._answer(request, None, lambda form, id, about: opening(form, id))

    async def write(self, request: Request, name: str) -> Response:
        """Write in the log."""
        return await self._answer(request, name, lambda form, id, about: entry(form, about))

    async def correct(self, request: Request, name: str) -> Response:
        """Strike or replace an entry."""
        return await self._answer(request, name, lambda form, id, about: correction(form, about))

    async def end(self, command: type[Command], request: Request, name: str) -> Response:
        """Close a task, answer a request for resources, tick a step of the action card."""
        return await self._answer(request, name, lambda form, id, about: ending(command, form, about))

    async def state(self, request: Request, name: str) -> Response:
        """Move the incident to another state; closing takes words."""
        return await self._answer(request, name, lambda form, id, about: state(form, about))

    async def acknowledge(self, request: Request, name: str) -> Response:
        """Somebody has it."""
        return await self._answer(request, name, lambda form, id, about: acknowledgement(form, about))

    async def take(self, request: Request) -> Response:
        """The person holds the function from now on."""
        return await self._answer(request, None, lambda form, id, about: duty(TakeOver, form))

    async def release(self, request: Request) -> Response:
        """The person no longer holds the function."""
        return await self._answer(request, None, lambda form, id, about: duty(Release, form))

    async def _answer(self, request: Request, name: str | None, make: Any) -> Response:
        scripted = JSON in request.headers.get("accept", "")
        try:
            asker = await self._identity.person(request)
            form = await read_form(request)
            self._identity.check_form(request, asker, form.get(CSRF_FIELD, ""))
            id = command_id(form)
            about = None if name is None else await self._about(asker, name)
            command, content = make(form, id, about)
            answer = await asker.edge.send(asker.mode, command, asker.actor, content, None, id)
        except (Refusal, AskRefused, Unanswered) as fault:
            code, parameters = as_refusal(fault)
            answer = Refused(code=code, parameters=parameters)
        return _told(answer) if scripted else self._led(request, name, answer)

    async def _about(self, asker: Asker, name: str) -> dict[str, str]:
        """How a command names the incident; a running number is looked up."""
        by = named(name)
        if "number" in by:
            by = {"ref": (await asker.ask("incidents", "get", **by))["incident"]["ref"]}
        return {"incident": by["id"]} if "id" in by else by

    def _led(self, request: Request, name: str | None, answer: Accepted | Refused | Kept) -> Response:
        if isinstance(answer, Refused):
            return refused_page(request, answer.code, answer.parameters)
        told = {"after": answer.receipt} if isinstance(answer, Accepted) else {"kept": "1"}
        mode = self._identity.mode(request)
        told |= {} if mode == self._identity.first_mode else {"mode": mode}
        if name is None and isinstance(answer, Accepted):
            name = answer.ref
        return RedirectResponse(address(name, told) if name else "/", 303)


def opening(form: Form, id: str) -> Act:
    """A new incident; its id follows from the command's."""
    fields = {"type": form.get("type"), "priority": form.get("priority"), "level": form.get("level")}
    lists = {"tags": _list(form, "tag"), "named": _list(form, "named"), "notify": _list(form, "notify")}
    words = _words(form, "headline", "text", "place", "source")
    return _command(OpenIncident, {"incident": derived_id("incident", id), **fields, **lists}), words


def entry(form: Form, about: dict[str, str]) -> Act:
    """A line in the log."""
    names = ("kind", "level", "channel", "decider", "assignee")
    fields: dict[str, Any] = {name: form.get(name) for name in names}
    fields |= {"due": in_norway(form.get("due", "")), "late": "late" in form or None}
    lists = {"tags": _list(form, "tag"), "named": _list(form, "named"), "notify": _list(form, "notify")}
    lists["asks"] = _list(form, "asks")
    return _command(AddEntry, {**about, **fields, **lists}), _words(form, "text", "source", "basis")


def ending(command: type[Command], form: Form, about: dict[str, str]) -> Act:
    """What ends something that an entry began, or a step of the card."""
    fields: dict[str, Any] = {name: form.get(name) for name in ("entry", "answer", "step") if name in form}
    return _command(command, {**about, **fields}), _words(form, "text")


def correction(form: Form, about: dict[str, str]) -> Act:
    """A line is struck with a reason, or replaced by other words."""
    manner = form.get("manner", "strike")
    words = _words({"basis" if manner == "strike" else "text": form.get("text", "")}, "basis", "text")
    return _command(CorrectEntry, {**about, "entry": form.get("entry"), "manner": manner}), words


def state(form: Form, about: dict[str, str]) -> Act:
    """Another state, or the close with its outcome."""
    if form.get("state") == IncidentState.CLOSED:
        return _command(CloseIncident, about), _words(form, "text")
    return _command(ChangeState, {**about, "state": form.get("state")}), None


def acknowledgement(form: Form, about: dict[str, str]) -> Act:
    """The chain that waits for this watch is answered; without one the watch's own incident is."""
    if form.get("chain"):
        return _command(Acknowledge, {"chain": form["chain"]}), None
    return _command(ChangeState, {**about, "state": IncidentState.ACKNOWLEDGED.value}), None


def command_id(form: Form) -> str:
    """The id that the page gave; a new one for a form that has none. Raises Refusal for what is no id."""
    id = form.get("id") or new_id()
    if not TOKEN.fullmatch(id):
        raise Refusal("MALFORMED", where=["id"])
    return id


def in_norway(said: str) -> str:
    """A time of a form: without an offset it is Norway's. What is no time is left as it is."""
    try:
        time = datetime.fromisoformat(said)
    except ValueError:
        return said
    return (time if time.tzinfo else time.replace(tzinfo=texts.OSLO)).isoformat()


def duty(model: type[TakeOver] | type[Release], form: Form) -> Act:
    """A function of a post is taken over, or left."""
    return _command(model, {"post": form.get("post"), "function": form.get("function")}), None


def _list(form: Form, name: str) -> list[str]:
    return [part for part in form.get(name, "").replace(",", " ").split() if part]


def _words(form: Form, *names: str) -> dict[str, Any] | None:
    words = {name: form[name] for name in names if form.get(name)}
    validate(ItemContent, orjson.dumps(words), "content.")
    return words or None


def _command(model: type[C], fields: Mapping[str, Any]) -> C:
    level = fields.get("level")
    given = {key: value for key, value in fields.items() if value}
    if level not in (None, "", Level.NAMED.value):
        given.pop("named", None)
    return validate(model, orjson.dumps(given))


def _told(answer: Accepted | Refused | Kept) -> Response:
    """The answer for a script: what became of the act, and the sentence for it."""
    match answer:
        case Accepted():
            return reply({"status": "accepted", "ref": answer.ref, "receipt": answer.receipt}, 201)
        case Kept():
            return reply({"status": "kept", "reason": answer.reason}, 202)
    found = {
        "status": "refused",
        "code": answer.code,
        "sentence": texts.sentence(answer.code, answer.parameters),
    }
    return reply(found, status_of(answer.code))
