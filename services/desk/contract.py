"""The pages that show the published contract, for who writes a program; and the documents themselves."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import orjson
from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from schemas.catalogue import FOLDER
from services.desk.asker import theme_of
from services.desk.render import page

ASYNCAPI, OPENAPI = "asyncapi.json", "openapi.json"
_LIMITS = {
    "minimum": "≥",
    "maximum": "≤",
    "minLength": "length ≥",
    "maxLength": "length ≤",
    "minItems": "items ≥",
    "maxItems": "items ≤",
    "pattern": "pattern",
    "default": "default",
}

_CODE = re.compile(r"`{1,2}([^`]+)`{1,2}")

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Field:
    """One field as the pages show it; ``shape`` names another form that it holds."""

    name: str
    kind: str
    shape: str | None
    needed: bool
    said: str


@dataclass(frozen=True, slots=True)
class Message:
    """A message on a channel: its form, and what it must hold at ``data.body`` and ``data.content``."""

    name: str
    said: str
    shapes: list[tuple[str, str]]


def contract_routes() -> APIRouter:
    """The routes, as data."""
    router = APIRouter(prefix="/docs")
    router.add_api_route("", _start, methods=["GET"])
    router.add_api_route("/http", _http, methods=["GET"])
    router.add_api_route("/asyncapi", _messages, methods=["GET"])
    router.add_api_route(f"/{OPENAPI}", _openapi, methods=["GET"])
    router.add_api_route(f"/{ASYNCAPI}", _asyncapi, methods=["GET"])
    return router


async def _start() -> Response:
    return RedirectResponse("/docs/http", 303)


async def _http(request: Request) -> Response:
    document = read(OPENAPI)
    operations = [
        (method.upper(), path, told, said_in(told, document))
        for path, methods in document["paths"].items()
        for method, told in methods.items()
    ]
    return _shown(request, "http", document, operations=operations)


async def _messages(request: Request) -> Response:
    document = read(ASYNCAPI)
    channels = [
        (
            name,
            channel,
            does(document, name),
            [_message(key, one) for key, one in channel["messages"].items()],
        )
        for name, channel in document["channels"].items()
    ]
    channels.sort(key=lambda channel: (not channel[0].startswith("feed."), channel[0]))
    return _shown(request, "asyncapi", document, channels=channels)


def _shown(request: Request, name: str, document: Document, **parts: Any) -> Response:
    """The page of one document, with the parts that only it has."""
    return page(
        f"contract_{name}",
        here=name,
        theme=theme_of(request),
        pieces=pieces,
        document=document,
        shapes_of=shapes(document),
        **parts,
    )


async def _openapi() -> Response:
    return _download(OPENAPI)


async def _asyncapi() -> Response:
    return _download(ASYNCAPI)


def _download(name: str) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="samvirke-{name}"', "Cache-Control": "no-cache"}
    return Response((FOLDER / name).read_bytes(), 200, headers, "application/json")


@cache
def read(name: str) -> Document:
    """A document of the contract, as it was published with this version."""
    found: Document = orjson.loads((FOLDER / name).read_bytes())
    return found


def pieces(text: str) -> list[str]:
    """Words and code in turn, beginning with words."""
    return _CODE.split(text)


def shapes(document: Document) -> dict[str, tuple[str, list[Field], list[str]]]:
    """What is said of each form, its fields, and its words if it is a list of words."""
    return {
        name: (schema.get("description", ""), list(fields(schema)), schema.get("enum", []))
        for name, schema in document["components"]["schemas"].items()
    }


def said_in(told: Document, document: Document) -> list[Field]:
    """The fields of what an operation is told in its body."""
    body = told.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
    return list(fields(body))


def fields(schema: Document) -> Iterator[Field]:
    """The fields of an object."""
    for name, inner in schema.get("properties", {}).items():
        limits = [f"{word} {inner[key]}" for key, word in _LIMITS.items() if inner.get(key) not in (None, [])]
        said = ". ".join(filter(None, [inner.get("description", ""), ", ".join(limits)]))
        yield Field(name, kind(inner), shape(inner), name in schema.get("required", []), said)


def kind(schema: Document) -> str:
    """What a value is, in a few words."""
    if "anyOf" in schema:
        return " or ".join(kind(one) for one in schema["anyOf"]).replace(" or null", ", or null")
    if "const" in schema:
        return f"“{schema['const']}”" if isinstance(schema["const"], str) else str(schema["const"]).lower()
    if "enum" in schema:
        return ", ".join(f"“{word}”" for word in schema["enum"])
    if "$ref" in schema:
        return _name(schema)
    if schema.get("type") == "array":
        return f"list of {kind(schema.get('items', {}))}"
    return str(schema.get("format") or schema.get("type") or "anything")


def shape(schema: Document) -> str | None:
    """The form that a value, or each in its list, has; None where it is simple."""
    for one in (schema, schema.get("items", {}), *schema.get("anyOf", [])):
        if "$ref" in one:
            return _name(one)
        if "$ref" in one.get("items", {}):
            return _name(one["items"])
    return None


def does(document: Document, name: str) -> str:
    """Whether the hub sends on a channel, or answers."""
    return str(document["operations"][name]["action"])


def _message(key: str, told: Document) -> Message:
    parts = told["payload"].get("allOf", [told["payload"]])
    found = [("", _name(part)) for part in parts if "$ref" in part]
    for part in parts:
        inside = part.get("properties", {}).get("data", {}).get("properties", {})
        found += [(f"data.{where}", _name(one)) for where, one in inside.items()]
    return Message(key, told["summary"], found)


def _name(reference: Document) -> str:
    return str(reference["$ref"]).rpartition("/")[2]
