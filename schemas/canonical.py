"""The one byte form of what is hashed: RFC 8785 (sorted keys, no white space, integers only)."""

import contextlib
import hashlib
import json
import secrets
from typing import Any

import orjson

SALT_BYTES = 32
_SIMPLE = (str, int, bool, type(None))


class DuplicateKey(ValueError):
    """A JSON object names the same key twice, so its meaning is ambiguous."""


def canonical(value: Any) -> bytes:
    """The canonical bytes of a JSON value; keys are ASCII and numbers integers.

    Raises TypeError for a value that JSON or the contract does not know, such as a float.
    """
    _refuse_floats(value)
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def _refuse_floats(value: Any) -> None:
    kind = type(value)
    if kind is float:
        raise TypeError("a float has no canonical form here; send an integer or a string")
    if kind is dict or kind is list or kind is tuple:
        for item in value.values() if kind is dict else value:
            if type(item) not in _SIMPLE:
                _refuse_floats(item)


def parse(raw: bytes) -> Any:
    """The JSON value in ``raw``. Raises ValueError if it is not JSON, DuplicateKey if a key stands twice.

    What comes out again byte for byte as it went in had no key twice; only other spellings are read slowly.
    """
    with contextlib.suppress(ValueError, TypeError):
        found = orjson.loads(raw)
        if orjson.dumps(found) == raw:
            return found
    return json.loads(raw, object_pairs_hook=_unique, parse_constant=_refuse_constant)


def _refuse_constant(name: str) -> None:
    raise ValueError(f"JSON knows no {name}")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise DuplicateKey("a key stands twice in one object")
    return found


def digest(raw: bytes) -> str:
    """SHA-256 in hexadecimal."""
    return hashlib.sha256(raw).hexdigest()


def seal(content: dict[str, Any]) -> bytes:
    """Content as it is kept: a fresh 32-byte salt, then the canonical bytes (D16)."""
    return secrets.token_bytes(SALT_BYTES) + canonical(content)


def unseal(sealed: bytes) -> dict[str, Any]:
    """The content inside sealed bytes."""
    content: dict[str, Any] = orjson.loads(sealed[SALT_BYTES:])
    return content


def commitment(sealed: bytes) -> str:
    """What a fact holds of its content: SHA-256 over salt and bytes (D16)."""
    return digest(sealed)
