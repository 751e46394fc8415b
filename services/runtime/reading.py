"""From the bytes of a command to its typed parts, or to a refusal that says what is wrong with them."""

import re
from dataclasses import dataclass, field
from typing import Any, TypeVar

import orjson
from pydantic import BaseModel, ValidationError

from schemas.canonical import DuplicateKey, parse
from schemas.envelope import Command, Refused, Request, Strict
from schemas.subjects import Address

LIMIT_BYTES = 64 * 1024
_NAME, _MADE_UP = re.compile(r"[a-z0-9_]{1,40}"), "(unknown field)"

M = TypeVar("M", bound=BaseModel)


class Refusal(Exception):
    """Carries the refusal that is the answer to a command or query."""

    def __init__(self, code: str, **parameters: Any) -> None:
        super().__init__(code)
        self.refused = Refused(code=code, parameters=parameters)


@dataclass(frozen=True, slots=True)
class Received:
    """A command that reached a door in good form; ``said`` is what the log line of its answer says beside."""

    command: Command
    request: Request
    content: Strict | None
    address: Address
    said: dict[str, str] = field(default_factory=dict)

    def content_dict(self) -> dict[str, Any] | None:
        """What was typed, without empty fields; None if nothing was."""
        written = self.content.model_dump(mode="json", exclude_none=True) if self.content else {}
        return written or None


def read_command(raw: bytes, model: type[Request], address: Address, limit: int = LIMIT_BYTES) -> Received:
    """The command in ``raw``. Raises Refusal: TOO_LARGE, MALFORMED, DUPLICATE_KEY, UNKNOWN_TYPE, NO_OFFSET,
    WRONG_SENDER.
    """
    read_json(raw, limit)
    command = validate(Command, raw)
    if command.type != model.type_name():
        raise Refusal("UNKNOWN_TYPE", type=model.type_name())
    if command.data.actor.key != address.key:
        raise Refusal("WRONG_SENDER")
    request = _validate_part(model, command.data.body, "data.body.")
    content = None
    if command.data.content is not None:
        if model.content_model is None:
            raise Refusal("MALFORMED", where=["data.content"])
        content = _validate_part(model.content_model, command.data.content, "data.content.")
    return Received(command, request, content, address)


def read_json(raw: bytes, limit: int = LIMIT_BYTES) -> Any:
    """The JSON object in ``raw``. Raises Refusal: TOO_LARGE, MALFORMED, DUPLICATE_KEY."""
    if len(raw) > limit:
        raise Refusal("TOO_LARGE", limit=limit)
    try:
        found = parse(raw)
    except DuplicateKey:
        raise Refusal("DUPLICATE_KEY") from None
    except (ValueError, RecursionError):
        raise Refusal("MALFORMED", where=["body"]) from None
    if not isinstance(found, dict):
        raise Refusal("MALFORMED", where=["body"])
    return found


def read_question(raw: bytes, limit: int = LIMIT_BYTES) -> dict[str, Any]:
    """The JSON object in ``raw``, of values that can be written again: no half characters, nothing endless.

    Raises Refusal as ``read_json`` does.
    """
    found: dict[str, Any] = read_json(raw, limit)
    try:
        orjson.dumps(found)
    except TypeError:
        raise Refusal("MALFORMED", where=["body"]) from None
    return found


def validate(model: type[M], raw: bytes, within: str = "") -> M:
    """``raw`` as a model. Raises Refusal with the fields that are wrong, never with their values."""
    try:
        return model.model_validate_json(raw)
    except ValidationError as error:
        raise _refusal(error, within) from None


def _validate_part(model: type[M], part: dict[str, Any], within: str) -> M:
    try:
        raw = orjson.dumps(part)
    except TypeError:
        raise Refusal("MALFORMED", where=[within.rstrip(".")]) from None
    return validate(model, raw, within)


def _refusal(error: ValidationError, within: str) -> Refusal:
    faults = error.errors(include_url=False, include_context=False, include_input=False)
    code = "NO_OFFSET" if all(fault["type"] == "timezone_aware" for fault in faults) else "MALFORMED"
    return Refusal(code, where=sorted({within + _where(fault) for fault in faults})[:20])


def _where(fault: Any) -> str:
    """The path to a field; a name that the sender made up is not repeated."""
    path = [part if _NAME.fullmatch(part) else _MADE_UP for part in map(str, fault["loc"])]
    if fault["type"] == "extra_forbidden" and path:
        path[-1] = _MADE_UP
    return ".".join(path)
