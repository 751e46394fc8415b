"""The HTTP interface as one OpenAPI document: the paths are the routes', the forms the contract's."""

import sys
from collections.abc import Sequence
from importlib.metadata import version
from typing import Any, cast

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema
from starlette.routing import BaseRoute

from schemas import answers, catalogue, feeds
from schemas.attachments import EXTENSIONS, AttachFile
from schemas.entries import AnswerRequest, CloseTask, TickStep
from schemas.envelope import Request as Command
from schemas.incidents import AddEntry, CorrectEntry, ItemContent, OpenIncident
from schemas.notifications import Acknowledge
from schemas.refusals import REFUSALS
from schemas.relations import Case, SimilarTo
from schemas.search import SearchFor
from schemas.vocabulary import ReadReason
from services.desk import related
from services.desk.api import api_routes
from services.desk.asker import SESSION_COOKIE, Identity
from services.desk.attachments import attachment_routes
from services.desk.bodies import About
from services.desk.edges import Edges
from services.desk.feeds import FeedRoutes
from services.desk.live import STREAM, Lives
from services.desk.multipart import FORM
from services.desk.problems import PROBLEM, status_of
from services.desk.reporting import reporting_routes
from services.desk.told import Told
from services.desk.told_reports import REPORTING
from services.runtime.settings import Settings

Document = dict[str, Any]
FILE = catalogue.FOLDER / "openapi.json"
_MODELS = "#/components/schemas/{model}"
_ABOUT = """\
Programs send `Authorization: Bearer <token>`; a person's browser has a session, and sends `X-CSRF-Token` from
`/v1/session` with each change. A token has scopes: `feed` reads feeds, `read` asks, `report` writes.

A time has its offset and lies in the years 1900 to 2199; a number is none.

A reader passes over fields that it does not know; within `/v1` fields are only added. Every refusal is a
problem with a `code`, which keeps its meaning.
"""
_KEPT = "Not stored yet: kept on the desk's machine and sent again by itself, with the same id."


TOLD: dict[tuple[str, str], Told] = {
    **REPORTING,
    ("get", "/v1/session"): Told("Who is signed in", answers.Session),
    ("get", "/v1/incidents"): Told(
        "The incidents that one may see",
        answers.Incidents,
        ("state", "limit", "receipt", "reason", "at"),
        scope="read",
    ),
    ("post", "/v1/incidents"): Told(
        "Report an incident", answers.Reported, says=OpenIncident, from_path=("incident",), scope="report"
    ),
    ("get", "/v1/incidents/{ref}"): Told(
        "One incident with its log",
        answers.IncidentFound,
        ("receipt", "reason", "at", "order"),
        scope="read",
    ),
    ("post", "/v1/incidents/{ref}/entries"): Told(
        "Write in the log", answers.Reported, says=AddEntry, from_path=("ref",), scope="report"
    ),
    ("post", "/v1/incidents/{ref}/entries/{entry}/correct"): Told(
        "Strike an entry or replace it", answers.Reported, says=CorrectEntry, from_path=("ref", "entry")
    ),
    ("post", "/v1/incidents/{ref}/entries/{entry}/done"): Told(
        "Close a task", answers.Reported, says=CloseTask, from_path=("ref", "entry")
    ),
    ("post", "/v1/incidents/{ref}/entries/{entry}/answer"): Told(
        "Answer a request for resources", answers.Reported, says=AnswerRequest, from_path=("ref", "entry")
    ),
    ("post", "/v1/incidents/{ref}/card/{step}/tick"): Told(
        "Tick a step of the action card", answers.Reported, says=TickStep, from_path=("ref", "step")
    ),
    ("post", "/v1/incidents/{ref}/attachments"): Told(
        "Attach a file",
        answers.Reported,
        says=AttachFile,
        from_path=("ref", "upload", "chunks", "media_type"),
        scope="report",
        is_file=True,
    ),
    ("get", "/v1/attachments/{id}"): Told(
        "An attached file; without hidden data for others than its own watch",
        answers.Problem,
        ("receipt", "reason"),
        scope="read",
        gives=tuple(EXTENSIONS),
    ),
    **{
        ("post", f"/v1/incidents/{{ref}}/{path}"): Told(
            said, answers.Reported, says=command, from_path=related.known(path)
        )
        for path, (command, said) in related.PATHS.items()
    },
    ("get", "/v1/incidents/{ref}/similar"): Told(
        "Open incidents that may be the same as one", answers.Alike, scope="read"
    ),
    ("post", "/v1/similar"): Told(
        "Open incidents that may be the same as a report", answers.Alike, seeks=SimilarTo, scope="read"
    ),
    ("post", "/v1/cases"): Told(
        "The incidents with a case number of another system", answers.CasesFound, seeks=Case, scope="read"
    ),
    ("get", "/v1/types"): Told(
        "The register of incident types", answers.IncidentTypes, ("receipt",), scope="read"
    ),
    ("get", "/v1/statistics"): Told(
        "How much happened and how long it took", answers.StatisticsFound, ("first", "last"), scope="read"
    ),
    ("get", "/v1/audit"): Told(
        "Who read what; for archive owner and data-protection officer",
        answers.ReadsFound,
        ("named", "incident", "item", "person", "since", "until", "limit"),
    ),
    ("post", "/v1/search"): Told("Search the log", answers.ItemsFound, scope="read", seeks=SearchFor),
    ("get", "/v1/duty"): Told("Who is on duty; for persons only", answers.DutyFound, ("at", "watch")),
    ("post", "/v1/notifications/{chain}/ack"): Told(
        "Acknowledge; a person on duty only", answers.Reported, says=Acknowledge, from_path=("chain",)
    ),
    ("get", "/v1/warnings"): Told(
        "Official warnings that no newer one has replaced", answers.Warnings, ("municipality",), scope="read"
    ),
    ("get", "/v1/checkpoints"): Told(
        "Signed checkpoints of the watch's log", answers.CheckpointsFound, ("checkpoints",), scope="read"
    ),
    ("get", "/v1/checkpoints/inclusion/{fact}"): Told(
        "Prove that a fact is in the watch's log", answers.InclusionProved, scope="read"
    ),
    ("get", "/v1/checkpoints/consistency/{former}"): Told(
        "Prove that the watch's log has only grown", answers.ConsistencyProved, ("size",), scope="read"
    ),
    ("get", "/v1/feeds/{org}"): Told(
        "A page of an organisation's feed", feeds.FeedPage, ("after", "page"), scope="feed"
    ),
    ("get", "/v1/feeds/{org}/events"): Told(
        "An organisation's feed as it comes",
        feeds.FeedItem,
        ("last-event-id", "after"),
        scope="feed",
        is_stream=True,
    ),
}
"""Every operation of /v1."""

_POSITION = "Go on after this position: `<epoch>.<n>`, as the last item said it."
_ASKS: dict[str, Document] = {
    "version": {
        "in": "query",
        "schema": {"type": "integer", "minimum": 1},
        "description": "A locked version, else what stands now.",
    },
    "format": {"in": "query", "schema": {"enum": ["html", "md", "pdf"], "default": "html"}},
    "lang": {"in": "query", "schema": {"enum": ["nb", "nn", "en"], "default": "nb"}},
    "which": {"in": "query", "schema": {"enum": ["open", "all"], "default": "open"}},
    "mode": {
        "in": "query",
        "schema": {"enum": ["actual", "exercise"]},
        "description": "Real, or an exercise.",
    },
    "state": {"in": "query", "schema": {"enum": ["open", "closed", "all"], "default": "open"}},
    "limit": {"in": "query", "schema": {"type": "integer", "minimum": 1, "maximum": 500, "default": 100}},
    "receipt": {
        "name": "after",
        "in": "query",
        "schema": {"type": "string"},
        "description": "A receipt: answer when what it stands for can be seen.",
    },
    "reason": {
        "in": "query",
        "schema": {"enum": [reason.value for reason in ReadReason]},
        "description": "Why one reads what is closed, or another watch's and tagged; it is kept.",
    },
    "first": {"in": "query", "schema": {"type": "string", "format": "date"}, "required": True},
    "last": {"in": "query", "schema": {"type": "string", "format": "date"}, "required": True},
    "named": {"name": "ref", "in": "query", "schema": {"type": "string"}, "description": "Its ref."},
    "incident": {"in": "query", "schema": {"type": "string"}, "description": "An incident's id."},
    "item": {"in": "query", "schema": {"type": "string"}, "description": "An item's id."},
    "person": {"in": "query", "schema": {"type": "string"}, "description": "A person's id."},
    "since": {"in": "query", "schema": {"type": "string", "format": "date-time"}, "description": "From."},
    "until": {"in": "query", "schema": {"type": "string", "format": "date-time"}, "description": "To."},
    "checkpoints": {
        "name": "limit",
        "in": "query",
        "schema": {"type": "integer", "minimum": 1, "maximum": 500, "default": 20},
    },
    "size": {
        "in": "query",
        "schema": {"type": "integer", "minimum": 1},
        "description": "The size of the later log, else as it is now.",
    },
    "at": {
        "in": "query",
        "schema": {"type": "string", "format": "date-time"},
        "description": "How it stood then; else now.",
    },
    "order": {
        "in": "query",
        "schema": {"enum": ["occurred", "recorded"], "default": "occurred"},
        "description": "Entries as things happened, or as they were recorded.",
    },
    "watch": {"in": "query", "schema": {"type": "string"}, "description": "One watch's key, else all."},
    "municipality": {"in": "query", "schema": {"type": "string", "pattern": "^[0-9]{4}$"}},
    "after": {"in": "query", "schema": {"type": "string"}, "description": _POSITION},
    "page": {
        "name": "limit",
        "in": "query",
        "schema": {"type": "integer", "minimum": 1, "maximum": 200, "default": 200},
    },
    "last-event-id": {
        "name": "Last-Event-ID",
        "in": "header",
        "schema": {"type": "string"},
        "description": f"{_POSITION} Goes before `after`.",
    },
    "acting": {
        "name": "X-Samvirke-Watch",
        "in": "header",
        "schema": {"type": "string"},
        "description": "The key of the watch that acts, where the token's organisation has several.",
    },
}
_IN_PATH = {
    "report": "The id of a situation report.",
    "wheel": "The id of a request for reports.",
    "ref": "What people call the incident: seven characters.",
    "id": "The id of the file's entry, as log and feed say it.",
    "chain": "The chain of a notification.",
    "entry": "The id of an entry in the incident's log.",
    "step": "The code of a step of the incident's action card.",
    "assignment": "The id of a function at the incident, as the incident says it.",
    "fact": "The id of a fact of the watch.",
    "former": "The size of the log in an earlier checkpoint.",
    "org": "Key of the organisation whose feed it is, such as 4601.",
}
_OF_FILE = ("upload", "chunks", "media_type", "incident", "ref")
_EVENTS = """\
Server-sent events. Each item is an event with `id:` its position and `data:` the item in JSON. `event: reset`
says that positions begin anew and what the reader has may be outdated. A comment comes at least every 10 s.
The stream ends within 10 s of its token.
"""


def routes() -> Sequence[BaseRoute]:
    """The desk's routes for programs, joined to no hub."""
    identity = Identity(Settings(), Edges(Settings()))
    app = FastAPI(openapi_url=None)
    app.include_router(api_routes(identity))
    app.include_router(attachment_routes(identity))
    app.include_router(reporting_routes(identity))
    app.include_router(FeedRoutes(identity, cast(Any, None), Lives()).router())
    return app.routes


def operations(found: Sequence[BaseRoute]) -> set[tuple[str, str]]:
    """Method and path of every operation under /v1."""
    made = get_openapi(title="samvirke", version="", routes=found)["paths"].items()
    return {(method, path) for path, methods in made if path.startswith("/v1/") for method in methods}


def document(found: Sequence[BaseRoute]) -> Document:
    """The document of these routes' paths under /v1; the same for the same code.

    Raises KeyError for an operation of which TOLD says nothing.
    """
    paths: dict[str, Document] = {}
    for method, path in sorted(operations(found)):
        paths.setdefault(path, {})[method] = _operation(TOLD[method, path], path)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "samvirke",
            "version": version("samvirke"),
            "description": _ABOUT,
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer", "description": "samvirke token issue"},
                "session": {"type": "apiKey", "in": "cookie", "name": SESSION_COOKIE},
            },
            "schemas": _schemas(),
        },
    }


def _operation(told: Told, path: str) -> Document:
    in_path = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}, "description": said}
        for name, said in _IN_PATH.items()
        if f"{{{name}}}" in path
    ]
    names = ["mode", *told.asks, *(["acting"] if told.scope in ("read", "report") else [])]
    found: Document = {
        "operationId": told.summary.partition(";")[0].lower().replace(" ", "_").replace("'", ""),
        "summary": told.summary,
        "parameters": in_path + [{"name": name} | _ASKS[name] for name in names],
        "security": _security(told),
        "responses": _responses(told),
    }
    if told.says is not None:
        said = _said(told.says, told.from_path)
        body = {FORM: {"schema": _form(said)}} if told.is_file else {"application/json": {"schema": said}}
        found["requestBody"] = {"required": told.says is not Acknowledge, "content": body}
    if told.seeks is not None:
        found["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": _ref(told.seeks)}},
        }
    return found


def _security(told: Told) -> list[Document]:
    """A feed is a machine's, an acknowledgement and a session a person's, all else both."""
    if told.scope == "feed":
        return [{"token": []}]
    return [{"session": []}] if told.scope is None else [{"token": []}, {"session": []}]


def _said(command: type[Command], known: tuple[str, ...]) -> Document:
    """The command's fields and, beside them or in ``content``, its words; ``known`` ones may be left out."""
    words = command.content_model
    parts: list[type[BaseModel]] = [About, *([words] if words else []), command]
    fields: Document = {}
    needed: list[str] = []
    for part in parts:
        schema = part.model_json_schema(ref_template=_MODELS)
        fields |= schema["properties"]
        needed += [name for name in schema.get("required", []) if name not in known]
    if words is not None:
        fields["content"] = {"anyOf": [_ref(words), {"type": "null"}]}
    return {"type": "object", "properties": fields, "required": needed, "additionalProperties": False}


def _form(said: Document) -> Document:
    """A form: ``about`` is the command in JSON and stands before the file, whose type is the part's own."""
    about = {**said, "properties": {k: v for k, v in said["properties"].items() if k not in _OF_FILE}}
    parts = {"about": about, "file": {"type": "string", "format": "binary"}}
    return {"type": "object", "properties": parts, "required": ["file"]}


def _responses(told: Told) -> Document:
    done = {"200": _answer("Found.", told.answer)}
    if told.says is not None:
        done = {"201": _answer("Stored.", told.answer), "202": _answer(_KEPT, answers.Kept)}
    elif told.gives:
        raw = {sort: {"schema": {"type": "string", "format": "binary"}} for sort in told.gives}
        done = {"200": {"description": "The file, of the type that it is.", "content": raw}}
    if told.is_stream:
        done = {"200": {"description": _EVENTS, "content": {STREAM: {"schema": _ref(told.answer)}}}}
    refused = {PROBLEM: {"schema": _ref(answers.Problem)}}
    return done | {"default": {"description": "Refused; the code says why.", "content": refused}}


def _answer(said: str, model: type[BaseModel]) -> Document:
    return {"description": said, "content": {"application/json": {"schema": _ref(model)}}}


def _schemas() -> Document:
    models: set[type[BaseModel]] = {answers.Kept, answers.Problem, ItemContent}
    models |= {told.answer for told in TOLD.values()}
    models |= {one for told in TOLD.values() for one in (told.says, told.seeks) if one is not None}
    models |= {told.says.content_model for told in TOLD.values() if told.says and told.says.content_model}
    ordered = sorted(models, key=lambda model: model.__name__)
    _, made = models_json_schema([(model, "validation") for model in ordered], ref_template=_MODELS)
    codes = "\n".join(f"- `{code}` ({status_of(code)}): {said}" for code, said in sorted(REFUSALS.items()))
    schemas = dict(sorted(made["$defs"].items()))
    schemas["Problem"]["properties"]["code"]["description"] = codes
    return schemas


def _ref(model: type[BaseModel]) -> Document:
    return {"$ref": _MODELS.format(model=model.__name__)}


if __name__ == "__main__":
    FILE.write_text(catalogue.render(document(routes())), encoding="utf-8")
    sys.stdout.write(f"{FILE.name} written to {FILE.parent.name}/\n")
