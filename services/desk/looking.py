"""The pages for looking back: a log in full or as it once stood, a search, and who read what."""

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from schemas.vocabulary import IncidentState, ReadReason
from services.desk import lexicon, texts
from services.desk.asker import CSRF_FIELD, Asker, Identity
from services.desk.beside import brief_of, channels, persons_in, steps_of
from services.desk.forms import read_form
from services.desk.frame import Frame
from services.desk.pages import named
from services.desk.render import page
from services.desk.shown import shown
from services.desk.texts import in_norway
from services.runtime.edge import AskRefused
from services.runtime.reads_asked import who_read

_STATES = ("all", "open", *(state.value for state in IncidentState))
_ASKED = ("text", "type", "state", "priority", "since", "until", "reason", "page")
_REASONS = tuple(reason.value for reason in ReadReason)
_MOST = 50


class Looking:
    """What each route does."""

    def __init__(self, identity: Identity, frame: Frame) -> None:
        self._identity = identity
        self._frame = frame

    def router(self) -> APIRouter:
        """The routes, as data."""
        router = APIRouter()
        router.add_api_route("/incidents/{name}/log", shown(self.log), methods=["GET"])
        router.add_api_route("/search", shown(self.form), methods=["GET"])
        router.add_api_route("/search", shown(self.search), methods=["POST"])
        router.add_api_route("/audit", shown(self.audit), methods=["GET"])
        return router

    async def log(self, request: Request, name: str) -> Response:
        """One incident's log with both clocks; ``at`` says how it stood at a past moment."""
        asker = await self._identity.person(request)
        asked = request.query_params
        at, order = asked.get("at") or None, asked.get("order") or "occurred"
        at_said = in_norway(at) if at else None
        wanted = {"order": order, "at": at_said, "reason": asked.get("reason")}
        found = await asker.ask("incidents", "get", **named(name), **wanted)
        entries = found["entries"]
        values: dict[str, Any] = {
            "name": found["incident"].get("ref") or found["incident"]["id"],
            "incident": found["incident"],
            "entries": entries,
            "chains": found["chains"],
            "duty": found.get("duty", []),
            "people": await self._frame.names(asker, persons_in(found)),
            "titles": self._frame.titles(asker.mode),
            "steps": steps_of(found.get("card")),
            "said_of": {entry["id"]: brief_of(entry) for entry in entries},
            "channels": channels(),
        }
        return page("log", **await self._frame.of(asker), **values, at=at, at_said=at_said, order=order)

    async def form(self, request: Request) -> Response:
        """The search, before anything is looked for."""
        asker = await self._identity.person(request)
        self._frame.check_reads(asker)
        return page("search", **await self._values(asker, {"state": "all"}), found=None)

    async def search(self, request: Request) -> Response:
        """What matches; what is looked for stands in the body, so that no log of addresses has it."""
        asker = await self._identity.person(request)
        form = await read_form(request)
        self._identity.check_form(request, asker, form.get(CSRF_FIELD, ""))
        asked = {name: form[name] for name in _ASKED if form.get(name)}
        wanted = asked | {name: in_norway(asked[name]) for name in ("since", "until") if name in asked}
        found, refused = None, None
        try:
            found = await asker.ask("incidents", "search", limit=_MOST, **wanted)
        except AskRefused as fault:
            refused = texts.sentence(fault.code, fault.parameters)
        values = await self._values(asker, {"state": "all", **asked}) | {"refused": refused}
        if found is None:
            return page("search", 422, **values, found=None)
        return page("search", **values, found=found["found"], next=found["page"])

    async def audit(self, request: Request) -> Response:
        """Who read what, when and why; for archive owner and data-protection officer."""
        asker = await self._identity.person(request)
        query = request.query_params
        asked = {
            name: query[name] for name in ("ref", "report", "person", "since", "until") if query.get(name)
        }
        wanted = asked | {name: in_norway(asked[name]) for name in ("since", "until") if name in asked}
        found = await who_read(asker.ask, wanted, wanted.pop("report", None))
        people = await self._frame.names(asker, {one["person"] for one in found["reads"] if one["person"]})
        values = {"reads": found["reads"], "more": found["more"], "people": people, "asked": asked}
        titles = self._frame.titles(asker.mode)
        return page("audit", **await self._frame.of(asker), **values, titles=titles)

    async def _values(self, asker: Asker, asked: dict[str, str]) -> dict[str, Any]:
        register = self._frame.boards.of(asker.mode).directory.types
        titles = lexicon.titles_of(register, asker.actor.key)
        types = lexicon.types_for(register, asker.actor.key)
        return await self._frame.of(asker) | {
            "asked": asked,
            "states": _STATES,
            "reasons": _REASONS,
            "type_titles": {code: titles.get(code) or texts.word(code) for code in types},
        }
