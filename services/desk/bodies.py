"""What an API call says: the fields of a command, its words, its id and when it happened."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

import orjson
from fastapi import Request as HttpRequest
from pydantic import Field

from schemas.envelope import Moment, Request, Strict, Token
from schemas.geometry import corners
from schemas.identifiers import new_id
from schemas.incidents import ItemContent
from services.runtime.reading import LIMIT_BYTES, Refusal, read_question, validate

JSON = "application/json"

R = TypeVar("R", bound=Request)


class About(Strict):
    """What every call may say besides its command."""

    id: Token = Field(default_factory=new_id)
    occurred_at: Moment | None = None


@dataclass(frozen=True, slots=True)
class Said:
    """A call's body, taken apart."""

    id: str
    occurred_at: datetime | None
    fields: dict[str, Any]
    content: dict[str, Any] | None

    def request(self, model: type[R], **known: Any) -> R:
        """The command. Raises Refusal with the names of the fields that are wrong."""
        return validate(model, orjson.dumps({**self.fields, **known}))


async def read_said(
    request: HttpRequest, *, optional: bool = False, words: type[Strict] = ItemContent
) -> Said:
    """The body of a call: words stand in ``content``, or beside the other fields. Raises Refusal."""
    raw = await read_bytes(request)
    if optional and not raw:
        return Said(new_id(), None, {}, None)
    return said_in(_fields(request, raw), words)


def said_in(fields: dict[str, Any], words: type[Strict] = ItemContent) -> Said:
    """A call's JSON, taken apart; ``words`` is the form of its content. Raises Refusal."""
    about = {name: fields.pop(name) for name in About.model_fields if name in fields}
    told = validate(About, orjson.dumps(about))
    content = fields.pop("content", None)
    content = {} if content is None else content
    if not isinstance(content, dict):
        raise Refusal("MALFORMED", where=["content"])
    beside = {name: fields.pop(name) for name in words.model_fields.keys() & fields.keys()}
    twice = [name for name in beside if None not in (beside[name], content.get(name))]
    if twice:
        raise Refusal("MALFORMED", where=sorted(twice))
    content |= {name: said for name, said in beside.items() if said is not None}
    if isinstance(content.get("area"), dict):
        content["area"] = _corners(content["area"])
    validate(words, orjson.dumps(content), "content.")
    return Said(told.id, told.occurred_at, fields, content or None)


async def read_json(request: HttpRequest) -> bytes:
    """The body of a question, which is a JSON object. Raises Refusal."""
    return orjson.dumps(_fields(request, await read_bytes(request)))


def _fields(request: HttpRequest, raw: bytes) -> dict[str, Any]:
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != JSON:
        raise Refusal("MALFORMED", where=["content-type"])
    return read_question(raw)


def _corners(area: Any) -> list[str]:
    try:
        return corners(area)
    except ValueError:
        raise Refusal("MALFORMED", where=["content.area"]) from None


async def read_bytes(request: HttpRequest) -> bytes:
    """The body, read no further than what is allowed. Raises Refusal: TOO_LARGE."""
    raw = bytearray()
    async for part in request.stream():
        raw += part
        if len(raw) > LIMIT_BYTES:
            raise Refusal("TOO_LARGE", limit=LIMIT_BYTES)
    return bytes(raw)
