"""The pages: the desk with its list and one incident, the list of all, and parts that are fetched anew."""

import asyncio
import re
from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from starlette.responses import Response

from schemas.identifiers import new_id, read_ref
from schemas.running import NUMBER
from schemas.vocabulary import DutyFunction, EntryKind, IncidentState, Level, Priority, Tag
from services.desk import lexicon, texts
from services.desk.asker import Asker, Identity
from services.desk.beside import (
    DECIDERS,
    FUNCTIONS,
    GROUNDS,
    brief_of,
    channels,
    persons_in,
    steps_of,
)
from services.desk.drawn import draw_rows
from services.desk.frame import Frame
from services.desk.live import STREAM, Stream
from services.desk.problems import status_of
from services.desk.readings import Readings
from services.desk.render import page
from services.desk.screens import ROWS_MOST, Screen, Screens, counts_of
from services.desk.shown import shown
from services.desk.texts import in_norway
from services.runtime.edge import AskRefused
from services.runtime.reading import Refusal

STATES = ("open", "closed", "all")
_MOST = 200
_KINDS = [kind.value for kind in EntryKind if kind not in (EntryKind.CORRECTION, EntryKind.HANDOVER)]
_LEVELS = [level.value for level in Level]
_TAGS = [tag.value for tag in Tag if tag is not Tag.GRADED]
_NEXT_STATES = [state.value for state in IncidentState if state is not IncidentState.NEW]
_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class Pages:
    """What each route does."""

    def __init__(self, identity: Identity, frame: Frame, screens: Screens, readings: Readings) -> None:
        self._identity = identity
        self._frame = frame
        self._screens = screens
        self._readings = readings

    def router(self) -> APIRouter:
        """The routes, as data."""
        router = APIRouter()
        router.add_api_route("/", shown(self.desk), methods=["GET"])
        router.add_api_route("/incidents", shown(self.all), methods=["GET"])
        router.add_api_route("/incidents/{name}", shown(self.incident), methods=["GET"])
        router.add_api_route("/part/rows", shown(self.rows), methods=["GET"])
        router.add_api_route("/part/duty", shown(self.duty), methods=["GET"])
        router.add_api_route("/part/links", shown(self.links), methods=["GET"])
        router.add_api_route("/stream", shown(self.stream), methods=["GET"])
        return router

    async def desk(self, request: Request) -> Response:
        """What stands open, and who is on duty."""
        asker = await self._identity.person(request)
        return await self._desk(request, asker, {})

    async def incident(self, request: Request, name: str) -> Response:
        """One incident beside the list; only its own part when a script asks for it."""
        asker = await self._identity.person(request)
        asked = request.query_params
        found = await self.opened(asker, name, asked.get("after"), asked.get("reason"))
        found["kept"] = "kept" in request.query_params
        if "hx-request" in request.headers:
            return page("incident", **self._frame.forms(asker), **found)
        return await self._desk(request, asker, found)

    async def opened(
        self, asker: Asker, name: str, after: str | None = None, reason: str | None = None
    ) -> dict[str, Any]:
        """What the archive knows of an incident, and what one may do with it. Raises Refusal, AskRefused."""
        found = await asker.ask("incidents", "get", **named(name), after=after, reason=reason)
        entries, incident, members = found["entries"], found["incident"], self._frame.members(asker)
        said_beside = {entry["corrected_by"] for entry in entries if entry["manner"] == "strike"}
        return {
            "name": incident.get("ref") or incident["id"],
            "incident": incident,
            "behind": found["behind"],
            "entries": [entry for entry in entries if entry["id"] not in said_beside],
            "corrections": {entry["id"]: entry for entry in entries if "corrects" in entry},
            "chains": found["chains"],
            "tasks": found.get("tasks", []),
            "requests": found.get("requests", []),
            "card": found.get("card"),
            "steps": steps_of(found.get("card")),
            "said_of": {entry["id"]: brief_of(entry) for entry in entries},
            "channels": channels(),
            "deciders": DECIDERS,
            "people": await self._frame.names(asker, persons_in(found) | set(members)),
            "titles": self._frame.titles(asker.mode),
            "members": members,
            "leads": self._frame.leads(asker),
            "functions": FUNCTIONS,
            "grounds": GROUNDS,
            "states": [state for state in _NEXT_STATES if state != incident.get("state")],
            "kinds": _KINDS,
            "levels": _LEVELS,
            "tags": _TAGS,
        }

    async def all(self, request: Request) -> Response:
        """Every incident that one may see, the newest first; also the closed ones, and as they once stood."""
        asker = await self._identity.person(request)
        asked = request.query_params
        state, at = asked.get("state", "open"), asked.get("at") or None
        state = state if state in STATES else "open"
        at_said, found, refused, status = in_norway(at) if at else None, dict[str, Any](), None, 200
        try:
            found = await asker.ask("incidents", "list", state=state, limit=_MOST, at=at_said)
        except AskRefused as fault:
            refused, status = texts.sentence(fault.code, fault.parameters), status_of(fault.code)
        frame = await self._frame.of(asker)
        own = asker.actor.key
        duty = [one for one in found.get("duty", []) if "person" in one]
        duty = [one for one in duty if one["watch"] == own or one["function"] == DutyFunction.PRIMARY]
        duty.sort(key=lambda one: one["watch"] != own)
        register = self._frame.boards.of(asker.mode).directory.types
        return page(
            "incidents",
            status,
            **frame,
            incidents=found.get("incidents", []),
            more=found.get("more", False),
            duty=duty,
            people=await self._frame.names(asker, {one["person"] for one in duty} - {None}),
            titles=self._frame.titles(asker.mode),
            type_titles=lexicon.titles_of(register, asker.actor.key),
            **{"states": STATES, "state": state, "refused": refused, "most": _MOST},
            **{"at": at, "at_said": at_said},
        )

    async def rows(self, request: Request) -> Response:
        """The list anew, as far as it is shown."""
        asker = await self._identity.person(request)
        self._frame.check_reads(asker)
        rows = (await self._screens.rows(asker.mode, asker.actor.key))[:ROWS_MOST]
        await self._readings.note(asker.mode, asker.actor, rows)
        html = await draw_rows(self._frame.boards, asker.mode, asker.actor.key, rows)
        return Response(html, media_type="text/html", headers={"Cache-Control": "no-store"})

    async def duty(self, request: Request) -> Response:
        """Who is on duty in the own organisation."""
        asker = await self._identity.person(request)
        return page("duty", **self._frame.forms(asker), **await self._frame.duty(asker))

    async def links(self, request: Request) -> Response:
        """How fresh is what comes from neighbours and sources."""
        asker = await self._identity.person(request)
        self._frame.check_reads(asker)
        return page("links", **await self._frame.links(asker))

    async def stream(self, request: Request) -> Response:
        """What changes, as it changes; ends with the session."""
        asker = await self._identity.person(request)
        self._frame.check_reads(asker)
        after = request.headers.get("last-event-id") or request.query_params.get("after")
        screen = Screen(asker.mode, asker.actor, self._identity.still(request))
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        return Stream(self._screens.follow(screen, after), media_type=STREAM, headers=headers)

    async def _desk(self, request: Request, asker: Asker, opened: dict[str, Any]) -> Response:
        self._frame.check_reads(asker)
        place = self._screens.place
        rows = await self._screens.rows(asker.mode, asker.actor.key)
        await self._readings.note(asker.mode, asker.actor, rows[:ROWS_MOST])
        html, frame, duty, links = await asyncio.gather(
            draw_rows(self._frame.boards, asker.mode, asker.actor.key, rows[:ROWS_MOST]),
            self._frame.of(asker),
            self._frame.duty(asker),
            self._frame.links(asker),
        )
        values = frame | duty | links | opened
        register = self._frame.boards.of(asker.mode).directory.types
        return page(
            "desk",
            **values,
            place=place,
            rows=html,
            counts=counts_of(rows),
            most=ROWS_MOST,
            types=list(lexicon.types_for(register, asker.actor.key)),
            type_titles=lexicon.titles_of(register, asker.actor.key),
            priorities=[one.value for one in Priority],
            all_levels=_LEVELS,
            all_tags=_TAGS,
            open_id=new_id(),
            watches=self._frame.addressees(asker),
            lexicon=lexicon.for_scripts(register, asker.actor.key),
        )


def named(said: str) -> dict[str, str]:
    """How an incident is asked for: by ref, running number, or id. Raises Refusal for anything else."""
    if _ID.fullmatch(said):
        return {"id": said}
    ref = read_ref(said) if len(said) < 20 else None
    if ref is not None:
        return {"ref": ref}
    if NUMBER.fullmatch(said):
        return {"number": said.upper()}
    raise Refusal("UNKNOWN_INCIDENT")


def address(name: str, told: dict[str, str]) -> str:
    """Where an incident is shown."""
    return f"/incidents/{name}?{urlencode(told)}" if told else f"/incidents/{name}"
