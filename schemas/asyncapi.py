"""The messages over NATS as one AsyncAPI 3 document, made of the catalogue."""

from collections.abc import Iterable
from importlib.metadata import version
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from schemas import catalogue, feeds, subjects
from schemas.envelope import Accepted, Body, Command, Fact, Refused, Request

Document = dict[str, Any]
_MODELS = "#/components/schemas/{model}"
_MODE, _ORG, _WATCH, _ID = "{mode}", "{org}", "{watch}", "{id}"
_PARAMETERS: Document = {
    "mode": {"description": "Real events, or an exercise.", "enum": ["actual", "exercise"]},
    "org": {"description": "Key of an organisation, such as 4601 or 110-vest."},
    "watch": {"description": "Code of a watch in the organisation, such as vaktsentral."},
    "id": {"description": "What the fact is about: an incident, a post, an agreement, a warning, a person."},
}
_ABOUT = """\
Watches send commands and are answered; what is accepted becomes a fact in the ledger. Neighbours have a
credential `<org>.feed` of their own, and with it the two channels `feed.items` and `feed.next`, nothing else.

A reader passes over fields that it does not know. A type ends in its version; within a version fields are
only added.
"""


def document() -> Document:
    """The whole document; the same for the same catalogue."""
    requests, bodies = catalogue.REQUESTS.values(), catalogue.BODIES.values()
    parts = [*(_command(request) for request in requests), *(_fact(body) for body in bodies), *_feed()]
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "samvirke",
            "version": version("samvirke"),
            "description": _ABOUT,
            "license": {"name": "MIT"},
        },
        "defaultContentType": "application/json",
        "servers": {"hub": _server()},
        "channels": {name: channel for part in parts for name, channel in part["channels"].items()},
        "operations": {name: what for part in parts for name, what in part["operations"].items()},
        "components": {
            "securitySchemes": {"nkey": {"type": "asymmetricEncryption", "description": "The user's nkey."}},
            "schemas": _schemas(_models()),
        },
    }


def _server() -> Document:
    return {
        "host": "{address}",
        "protocol": "nats",
        "description": "The hub's broker; its operator tells the address and gives the credential.",
        "variables": {"address": {"default": "127.0.0.1:4222"}},
        "security": [{"$ref": "#/components/securitySchemes/nkey"}],
    }


def _models() -> list[type[BaseModel]]:
    content = {one.content_model for one in catalogue.REQUESTS.values() if one.content_model is not None}
    fixed: list[type[BaseModel]] = [Command, Fact, Accepted, Refused]
    fixed += [feeds.FeedItem, feeds.FeedTick, feeds.AskNext, feeds.FeedPage]
    named: list[type[BaseModel]] = [*catalogue.REQUESTS.values(), *catalogue.BODIES.values(), *content]
    return fixed + sorted(named, key=lambda model: model.__name__)


def _schemas(models: Iterable[type[BaseModel]]) -> Document:
    _, made = models_json_schema([(model, "validation") for model in models], ref_template=_MODELS)
    return dict(sorted(made["$defs"].items()))


def _command(request: type[Request]) -> Document:
    """A channel on which a watch asks for something, and is answered."""
    name = f"{request.trade}.{request.verb}"
    address = _address(subjects.COMMAND, _MODE, _ORG, _WATCH, request.trade, request.verb)
    inside: Document = {"body": _ref(request)}
    if request.content_model is not None:
        inside["content"] = _ref(request.content_model)
    payload = {
        "allOf": [
            _ref(Command),
            {"properties": {"type": {"const": request.type_name()}, "data": {"properties": inside}}},
        ]
    }
    messages = {"command": _message(request, payload), **_answers()}
    asked = _operation("receive", name, ["command"], _said(request))
    asked["reply"] = {
        "address": {"location": "$message.header#/reply", "description": "The sender's inbox."},
        "channel": _channel(name),
        "messages": [_in_channel(name, answer) for answer in _answers()],
    }
    return _part(name, address, messages, _said(request), {name: asked})


def _fact(body: type[Body]) -> Document:
    """Where a fact lies in the ledger; only the hub's own services read it there."""
    name = f"{body.trade}.{body.name}"
    inside = {"type": {"const": body.type_name()}, "data": {"properties": {"body": _ref(body)}}}
    messages = {"fact": _message(body, {"allOf": [_ref(Fact), {"properties": inside}]})}
    address = _address(_MODE, _ORG, _WATCH, body.trade, _ID, body.name)
    operations = {name: _operation("send", name, ["fact"], _said(body))}
    return _part(name, address, messages, _said(body), operations)


def _feed() -> list[Document]:
    items, asking = "feed.items", "feed.next"
    item = {"item": _message(feeds.FeedItem), "tick": _message(feeds.FeedTick)}
    page = {
        "question": _message(feeds.AskNext),
        "page": _message(feeds.FeedPage),
        "refused": _message(Refused),
    }
    asked = _operation("receive", asking, ["question"], _said(feeds.AskNext))
    asked["reply"] = {
        "address": {"location": "$message.header#/reply", "description": "The asker's inbox."},
        "channel": _channel(asking),
        "messages": [_in_channel(asking, "page"), _in_channel(asking, "refused")],
    }
    live = "A copy of each item as it comes, and a tick; what was missed is asked for at feed.next."
    return [
        _part(
            items,
            _address("feed", _MODE, _ORG, "items"),
            item,
            live,
            {items: _operation("send", items, list(item), live)},
        ),
        _part(asking, _address("feed", _MODE, _ORG, "next"), page, _said(feeds.AskNext), {asking: asked}),
    ]


def _part(name: str, address: str, messages: Document, said: str, operations: Document) -> Document:
    parameters = {key: value for key, value in _PARAMETERS.items() if f"{{{key}}}" in address}
    channel = {"address": address, "description": said, "parameters": parameters, "messages": messages}
    return {"channels": {name: channel}, "operations": operations}


def _address(*tokens: str) -> str:
    return ".".join((subjects.ROOT, *tokens))


def _operation(action: str, name: str, messages: Iterable[str], said: str) -> Document:
    told = [_in_channel(name, message) for message in messages]
    return {"action": action, "channel": _channel(name), "summary": said, "messages": told}


def _answers() -> Document:
    return {"accepted": _message(Accepted), "refused": _message(Refused)}


def _message(model: type[BaseModel], payload: Document | None = None) -> Document:
    return {"name": model.__name__, "summary": _said(model), "payload": payload or _ref(model)}


def _said(model: type[BaseModel]) -> str:
    """The first paragraph of what is said about it."""
    return " ".join((model.__doc__ or "").partition("\n\n")[0].split())


def _ref(model: type[BaseModel]) -> Document:
    return {"$ref": _MODELS.format(model=model.__name__)}


def _channel(name: str) -> Document:
    return {"$ref": f"#/channels/{name}"}


def _in_channel(name: str, message: str) -> Document:
    return {"$ref": f"#/channels/{name}/messages/{message}"}
