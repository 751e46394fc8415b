"""What people do from a page: report, write, correct, change state, acknowledge, take a duty.

Each act carries the id that the page gave it, so that however often it is sent it is done once. A script gets
the answer as JSON, a plain form is led to the page that shows it.
"""

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from schemas.entries import AnswerRequest, CloseTask, TickStep
from schemas.envelope import Accepted, Refused
from schemas.envelope import Request as Command
from schemas.incidents import CloseIncident, OpenIncident
from schemas.vocabulary import Priority
from schemas.watch import Release, TakeOver
from services.desk import form_acts, texts
from services.desk.api import reply
from services.desk.asker import CSRF_FIELD, Asker, Identity
from services.desk.form_acts import Form
from services.desk.forms import read_form
from services.desk.pages import address, named
from services.desk.problems import as_refusal, status_of
from services.desk.shown import refused_page
from services.desk.tie_acts import TIES
from services.runtime.edge import AskRefused, Kept, Unanswered
from services.runtime.reading import Refusal

JSON = "application/json"
HINT_S = 1.5
"""How long the answer to a report waits for the hint at what it may be the same as; the report is stored."""
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
        for path in TIES:
            route, handler = f"/incidents/{{name}}/{path}", partial(self.tie, path)
            router.add_api_route(route, handler, methods=["POST"], name=path)
        router.add_api_route("/incidents/{name}/state", self.state, methods=["POST"])
        router.add_api_route("/incidents/{name}/ack", self.acknowledge, methods=["POST"])
        router.add_api_route("/duty/take", self.take, methods=["POST"])
        router.add_api_route("/duty/release", self.release, methods=["POST"])
        return router

    async def open(self, request: Request) -> Response:
        """Report something new."""
        return await self._answer(request, None, lambda form, id, about: form_acts.opening(form, id))

    async def write(self, request: Request, name: str) -> Response:
        """Write in the log."""
        return await self._answer(request, name, lambda form, id, about: form_acts.entry(form, about))

    async def correct(self, request: Request, name: str) -> Response:
        """Strike or replace an entry."""
        return await self._answer(request, name, lambda form, id, about: form_acts.correction(form, about))

    async def end(self, command: type[Command], request: Request, name: str) -> Response:
        """Close a task, answer a request for resources, tick a step of the action card."""
        return await self._answer(
            request, name, lambda form, id, about: form_acts.ending(command, form, about)
        )

    async def tie(self, path: str, request: Request, name: str) -> Response:
        """Tie incidents, hand one over, say its case number: what the path names."""
        return await self._answer(
            request, name, lambda form, id, about: form_acts.tied(TIES[path](form, about), form)
        )

    async def state(self, request: Request, name: str) -> Response:
        """Move the incident to another state; closing takes words, and a critical one a yes."""
        return await self._answer(request, name, lambda form, id, about: form_acts.state(form, about))

    async def acknowledge(self, request: Request, name: str) -> Response:
        """Somebody has it."""
        return await self._answer(
            request, name, lambda form, id, about: form_acts.acknowledgement(form, about)
        )

    async def take(self, request: Request) -> Response:
        """The person holds the function from now on."""
        return await self._answer(request, None, lambda form, id, about: form_acts.duty(TakeOver, form))

    async def release(self, request: Request) -> Response:
        """The person no longer holds the function."""
        return await self._answer(request, None, lambda form, id, about: form_acts.duty(Release, form))

    async def _answer(self, request: Request, name: str | None, make: Any) -> Response:
        scripted, alike = JSON in request.headers.get("accept", ""), list[str]()
        try:
            asker = await self._identity.person(request)
            form = await read_form(request)
            self._identity.check_form(request, asker, form.get(CSRF_FIELD, ""))
            id = form_acts.command_id(form)
            about = None if name is None else await self._about(asker, name)
            command, content = make(form, id, about)
            await _check_close(asker, command, form)
            answer = await asker.edge.send(
                asker.mode, command, asker.actor, content, form_acts.occurred_at(form), id
            )
            if scripted and isinstance(command, OpenIncident) and form_acts.is_placed(command, content):
                alike = await _alike(asker, answer)
        except (Refusal, AskRefused, Unanswered) as fault:
            code, parameters = as_refusal(fault)
            answer = Refused(code=code, parameters=parameters)
        return _told(answer, alike) if scripted else self._led(request, name, answer)

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


async def _check_close(asker: Asker, command: Command, form: Form) -> None:
    """Raises Refusal CLOSE_UNSURE for a critical incident; one that cannot be looked up is closed as said."""
    if not isinstance(command, CloseIncident) or form.get("sure"):
        return
    by = {"id": command.incident} if command.incident else {"ref": command.ref}
    try:
        found = await asker.ask("incidents", "get", **by)
    except (AskRefused, Unanswered):
        return
    if found["incident"].get("priority") == Priority.CRITICAL.value:
        raise Refusal("CLOSE_UNSURE")


async def _alike(asker: Asker, answer: Accepted | Refused | Kept) -> list[str]:
    """The open incidents that a report may be the same as, as far as one sees them and is told in time."""
    if not isinstance(answer, Accepted):
        return []
    try:
        async with asyncio.timeout(HINT_S):
            found = await asker.ask("incidents", "similar", ref=answer.ref, after=answer.receipt)
    except (AskRefused, Unanswered, TimeoutError):
        return []
    return [one["ref"] for one in found["incidents"]]


def _told(answer: Accepted | Refused | Kept, alike: Sequence[str] = ()) -> Response:
    """The answer for a script: what became of the act, and the sentence for it."""
    match answer:
        case Accepted():
            told = {"status": "accepted", "ref": answer.ref, "receipt": answer.receipt}
            said = {
                texts.say("Open beneath it"): answer.result.get("open_children"),
                texts.say("May be the same as"): alike,
            }
            beside = " – ".join(f"{label}: {' '.join(refs)}" for label, refs in said.items() if refs)
            return reply(told | ({"beside": beside} if beside else {}), 201)
        case Kept():
            return reply({"status": "kept", "reason": answer.reason}, 202)
    found = {
        "status": "refused",
        "code": answer.code,
        "sentence": texts.sentence(answer.code, answer.parameters),
    }
    return reply(found, status_of(answer.code))
