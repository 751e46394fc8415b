"""The HTTP interface under /v1: report, read, acknowledge; the same commands and questions as over NATS."""

from functools import partial
from typing import Any

import orjson
from fastapi import APIRouter, Request
from starlette.responses import Response

from schemas.entries import AnswerRequest, CloseTask, TickStep
from schemas.envelope import Accepted, Refused
from schemas.envelope import Request as Command
from schemas.identifiers import derived_id, read_ref
from schemas.incidents import AddEntry, CorrectEntry, OpenIncident
from schemas.notifications import Acknowledge
from schemas.relations import Case, SimilarTo
from schemas.search import SearchFor
from services.desk import related
from services.desk.asker import CSRF_HEADER, Asker, Identity
from services.desk.bodies import Said, read_json, read_said
from services.desk.problems import problem
from services.runtime.edge import Kept
from services.runtime.reading import Refusal, validate

_ON_ENTRY: dict[str, type[Command]] = {
    "entries/{entry}/correct": CorrectEntry,
    "entries/{entry}/done": CloseTask,
    "entries/{entry}/answer": AnswerRequest,
    "card/{step}/tick": TickStep,
}
"""What is said of an entry, or of a step of the action card, by path."""
_SIZE_DIGITS = 15
_TOLD = ("mark", "merged_into", "open_children")
"""What an accepted command may say beside its receipt."""


def api_routes(identity: Identity) -> APIRouter:
    """The routes, as data."""
    api = Api(identity)
    router = APIRouter(prefix="/v1")
    router.add_api_route("/session", api.session, methods=["GET"])
    router.add_api_route("/incidents", api.incidents, methods=["GET"])
    router.add_api_route("/incidents", api.open, methods=["POST"])
    router.add_api_route("/incidents/{ref}", api.incident, methods=["GET"])
    router.add_api_route("/incidents/{ref}/entries", api.add_entry, methods=["POST"])
    router.add_api_route("/incidents/{ref}/similar", api.similar, methods=["GET"])
    router.add_api_route("/similar", api.similar_to, methods=["POST"])
    router.add_api_route("/cases", api.case, methods=["POST"])
    on_incident = {path: command for path, (command, _) in related.PATHS.items()}
    for path, command in (_ON_ENTRY | on_incident).items():
        act = partial(api.act, command)
        router.add_api_route(f"/incidents/{{ref}}/{path}", act, methods=["POST"], name=path)
    router.add_api_route("/types", api.types, methods=["GET"])
    router.add_api_route("/audit", api.audit, methods=["GET"])
    router.add_api_route("/statistics", api.statistics, methods=["GET"])
    router.add_api_route("/search", api.search, methods=["POST"])
    router.add_api_route("/duty", api.duty, methods=["GET"])
    router.add_api_route("/notifications/{chain}/ack", api.acknowledge, methods=["POST"])
    router.add_api_route("/warnings", api.warnings, methods=["GET"])
    router.add_api_route("/checkpoints", api.checkpoints, methods=["GET"])
    router.add_api_route("/checkpoints/inclusion/{fact}", api.inclusion, methods=["GET"])
    router.add_api_route("/checkpoints/consistency/{former}", api.consistency, methods=["GET"])
    return router


class Api:
    """What each route does."""

    def __init__(self, identity: Identity) -> None:
        self._identity = identity

    async def session(self, request: Request) -> Response:
        """Who is signed in, and what a change must carry in ``X-CSRF-Token``."""
        asker = await self._identity.person(request)
        found = {"person": asker.actor.person, "watch": asker.actor.key, "until": asker.until}
        return reply(found | {"csrf": asker.csrf})

    async def incidents(self, request: Request) -> Response:
        """The heads that the asker may see, the newest first."""
        asker = await self._identity.of(request)
        asked = request.query_params
        limit = _number(asked.get("limit", "100"), "limit")
        wanted = {name: asked.get(name) for name in ("after", "reason", "at")}
        state = asked.get("state", "open")
        return reply(await asker.ask("incidents", "list", state=state, limit=limit, **wanted))

    async def incident(self, request: Request, ref: str) -> Response:
        """One incident with its log and chains."""
        asker = await self._identity.of(request)
        asked = request.query_params
        wanted = {name: asked.get(name) for name in ("after", "reason", "at")}
        order = asked.get("order", "occurred")
        return reply(await asker.ask("incidents", "get", ref=known_ref(ref), order=order, **wanted))

    async def open(self, request: Request) -> Response:
        """Report: an incident is opened. The same ``id`` again gives the same answer."""
        asker, said = await self._changing(request)
        known = {} if "incident" in said.fields else {"incident": derived_id("incident", said.id)}
        return await self._send(asker, said, said.request(OpenIncident, **known))

    async def add_entry(self, request: Request, ref: str) -> Response:
        """Write in an incident's log."""
        asker, said = await self._changing(request)
        return await self._send(asker, said, said.request(AddEntry, ref=known_ref(ref)))

    async def act(self, command: type[Command], request: Request) -> Response:
        """Correct an entry, close a task, answer a request, tick a step: what the path names."""
        asker, said = await self._changing(request, optional=True)
        named = dict(request.path_params)
        ref = known_ref(named.pop("ref"))
        return await self._send(asker, said, said.request(command, ref=ref, **named))

    async def similar(self, request: Request, ref: str) -> Response:
        """Open incidents that may be the same as one."""
        asker = await self._identity.of(request)
        return reply(await asker.ask("incidents", "similar", ref=known_ref(ref)))

    async def similar_to(self, request: Request) -> Response:
        """Open incidents that may be the same as what is about to be reported."""
        asker = await self._identity.of(request)
        wanted = validate(SimilarTo, await read_json(request))
        asked = wanted.model_dump(mode="json", exclude_none=True)
        return reply(await asker.ask("incidents", "similar", **asked))

    async def case(self, request: Request) -> Response:
        """The incidents that have this case number in another system."""
        asker = await self._identity.of(request)
        wanted = validate(Case, await read_json(request))
        return reply(await asker.ask("incidents", "case", system=wanted.system, number=wanted.number))

    async def types(self, request: Request) -> Response:
        """The register of incident types."""
        asker = await self._identity.of(request)
        return reply(await asker.ask("incidents", "types", after=request.query_params.get("after")))

    async def statistics(self, request: Request) -> Response:
        """How much happened and how long it took, without persons."""
        asker = await self._identity.of(request)
        days = {name: request.query_params.get(name, "") for name in ("first", "last")}
        return reply(await asker.ask("incidents", "statistics", **days))

    async def audit(self, request: Request) -> Response:
        """Who read what; for archive owner and data-protection officer."""
        asker = await self._identity.of(request)
        asked = request.query_params
        limit = _number(asked.get("limit", "200"), "limit")
        names = ("ref", "incident", "item", "person", "since", "until")
        wanted = {name: asked.get(name) for name in names}
        return reply(await asker.ask("incidents", "audit", **wanted, limit=limit))

    async def search(self, request: Request) -> Response:
        """Items that match; what is looked for stands in the body, so that no log of addresses has it."""
        asker = await self._identity.of(request)
        wanted = validate(SearchFor, await read_json(request))
        return reply(await asker.ask("incidents", "search", **wanted.model_dump(mode="json")))

    async def duty(self, request: Request) -> Response:
        """Who is on duty."""
        asker = await self._identity.of(request)
        asked = request.query_params
        return reply(await asker.ask("watch", "duty", at=asked.get("at"), watch=asked.get("watch")))

    async def acknowledge(self, request: Request, chain: str) -> Response:
        """A person on duty has it; a machine is refused by the door."""
        asker, said = await self._changing(request, optional=True)
        return await self._send(asker, said, said.request(Acknowledge, chain=chain))

    async def warnings(self, request: Request) -> Response:
        """Official warnings that nothing newer has replaced.

        Also past their ``expires``: that ends a message's validity, not the weather.
        """
        asker = await self._identity.of(request)
        municipality = request.query_params.get("municipality")
        return reply(await asker.ask("warnings", "list", municipality=municipality))

    async def checkpoints(self, request: Request) -> Response:
        """The signed checkpoints of the asking watch's log."""
        asker = await self._identity.of(request)
        limit = _number(request.query_params.get("limit", "20"), "limit")
        return reply(await asker.ask("incidents", "checkpoints", limit=limit))

    async def inclusion(self, request: Request, fact: str) -> Response:
        """The proof that a fact of the asking watch is in its log."""
        asker = await self._identity.of(request)
        return reply(await asker.ask("incidents", "inclusion", fact=fact))

    async def consistency(self, request: Request, former: str) -> Response:
        """The proof that the asking watch's log has only grown since it had that size."""
        asker = await self._identity.of(request)
        size = request.query_params.get("size")
        asked = {} if size is None else {"size": _number(size, "size", _SIZE_DIGITS)}
        size_then = _number(former, "former", _SIZE_DIGITS)
        return reply(await asker.ask("incidents", "consistency", former=size_then, **asked))

    async def _changing(self, request: Request, *, optional: bool = False) -> tuple[Asker, Said]:
        asker = await self._identity.of(request)
        if asker.actor.machine is None:
            self._identity.check_form(request, asker, request.headers.get(CSRF_HEADER, ""))
        return asker, await read_said(request, optional=optional)

    async def _send(self, asker: Asker, said: Said, command: Command) -> Response:
        answer = await asker.edge.send(
            asker.mode, command, asker.actor, said.content, said.occurred_at, said.id
        )
        return told(answer)


def told(answer: Accepted | Refused | Kept) -> Response:
    """The hub's answer: 201 stored, 202 kept on this machine and sent again later, else a problem."""
    match answer:
        case Accepted():
            found = {"status": "accepted", "id": answer.id, "ref": answer.ref, "receipt": answer.receipt}
            found |= {name: answer.result[name] for name in _TOLD if name in answer.result}
            place = {"Location": f"/v1/incidents/{answer.ref}"} if answer.ref else {}
            return reply(found, 201, place)
        case Kept():
            return reply({"status": "kept", "kept": True, "id": answer.id, "reason": answer.reason}, 202)
    return problem(answer.code, answer.parameters)


def reply(found: dict[str, Any], status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """JSON that no cache keeps."""
    return Response(
        orjson.dumps(found), status, {"Cache-Control": "no-store", **(headers or {})}, "application/json"
    )


def known_ref(said: str) -> str:
    """The ref that a person wrote. Raises Refusal when its check character does not fit."""
    ref = read_ref(said) if len(said) < 20 else None
    if ref is None:
        raise Refusal("UNKNOWN_INCIDENT")
    return ref


def _number(text: str, name: str, digits: int = 5) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= digits):
        raise Refusal("MALFORMED", where=[name])
    return int(text)
