"""One trace id from the key press to the gateway: W3C trace context, as far as the hub needs it.

An id is 32 hexadecimal characters. It says nothing of whom or what it is about, and is carried in a command,
its fact and its log lines; never in what another watch, a neighbour or a phone can read.
"""

import re
import secrets
from contextvars import ContextVar
from typing import TypeGuard

HEADER = "traceparent"
_PARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}(-.*)?", re.ASCII)
_ID = re.compile(r"[0-9a-f]{32}", re.ASCII)
_NONE = "0" * 32, "0" * 16

asked: ContextVar[str | None] = ContextVar("asked", default=None)
"""The trace id that the HTTP request in hand brought with it."""


def new_trace() -> str:
    """A random trace id."""
    return secrets.token_hex(16)


def trace_of(parent: str) -> str | None:
    """The trace id in a ``traceparent`` header, or None if it is not well formed (W3C Trace Context, 3.2)."""
    found = _PARENT.fullmatch(parent)
    if found is None:
        return None
    version, trace, span, more = found.groups()
    is_known = version == "00" and more is None
    is_newer = version not in ("00", "ff")
    return trace if (is_known or is_newer) and trace != _NONE[0] and span != _NONE[1] else None


def is_trace(text: str | None) -> TypeGuard[str]:
    """True for a trace id; another word that a command carries there could be a text, and is not logged."""
    return text is not None and _ID.fullmatch(text) is not None


def parent_of(trace: str) -> str:
    """The ``traceparent`` header of a request that the hub makes for a trace."""
    return f"00-{trace}-{secrets.token_hex(8)}-01"
