"""Refusals over HTTP: problem+json with the hub's code, and never a word of what was sent (RFC 9457)."""

from collections.abc import Mapping
from typing import Any

import orjson
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Match

from schemas.refusals import REFUSALS
from services.runtime.edge import AskRefused, Unanswered
from services.runtime.reading import Refusal

PROBLEM = "application/problem+json"
STATUS: Mapping[str, int] = {
    "MALFORMED": 400,
    "DUPLICATE_KEY": 400,
    "NO_OFFSET": 400,
    "UNKNOWN_TYPE": 404,
    "TOO_LARGE": 413,
    "SESSION_ENDED": 401,
    "TOKEN_ENDED": 401,
    "LINK_SPENT": 410,
    "NOT_ALLOWED": 403,
    "FOREIGN_PAGE": 403,
    "PERSON_NEEDED": 403,
    "WRONG_SENDER": 403,
    "UNKNOWN_WATCH": 403,
    "REASON_NEEDED": 403,
    "CLOSE_UNSURE": 409,
    "UNKNOWN_INCIDENT": 404,
    "UNKNOWN_ENTRY": 404,
    "NO_CHECKPOINT": 404,
    "UNKNOWN_CHAIN": 404,
    "UNKNOWN_PERSON": 404,
    "UNKNOWN_POST": 404,
    "UNKNOWN_FILE": 404,
    "FILE_TYPE_REFUSED": 415,
    "FILE_TYPE_WRONG": 415,
    "FILE_TOO_LARGE": 413,
    "FILE_HELD": 409,
    "FILES_FULL": 507,
    "ALREADY_CLOSED": 409,
    "SAME_STATE": 409,
    "ALREADY_TIED": 409,
    "NOT_TIED": 409,
    "ALREADY_MERGED": 409,
    "NOT_MERGED": 409,
    "TRANSFER_WAITS": 409,
    "NO_TRANSFER": 409,
    "SEES_ALREADY": 409,
    "ALREADY_CORRECTED": 409,
    "STRIKE_STANDS": 409,
    "NEVER_CHANGED": 405,
    "ALREADY_DONE": 409,
    "ALREADY_ANSWERED": 409,
    "VERSION_TAKEN": 409,
    "NOT_ADDRESSED": 403,
    "UNKNOWN_STEP": 404,
    "UNKNOWN_TEMPLATE": 404,
    "UNKNOWN_REPORT": 404,
    "UNKNOWN_WHEEL": 404,
    "UNKNOWN_DEADLINE": 404,
    "APPROVER_NEEDED": 403,
    "AUTHOR_CANNOT_APPROVE": 403,
    "NOT_SUBMITTED": 409,
    "DRAFT_CHANGED": 409,
    "REPORT_LOCKED": 409,
    "NOT_LOCKED": 409,
    "ALREADY_RECALLED": 409,
    "DEADLINE_ANSWERED": 409,
    "WHEEL_ENDED": 409,
    "NO_PDF": 501,
    "ALREADY_ERASED": 409,
    "ON_HOLD": 409,
    "MACHINE_TAKEN": 409,
    "ID_TAKEN": 409,
    "CHAIN_ENDED": 409,
    "LEDGER_BEHIND": 503,
    "LEDGER_UNREACHABLE": 503,
    "LEDGER_FULL": 503,
    "INTERNAL": 500,
}
"""Every other code is 422: in good form, but not to be done."""

_RETRY = {503: "5"}
_LOG, _CHANGING = ("/v1/incidents", "/incidents"), ("PUT", "PATCH", "DELETE")
_METHODS = ("GET", "POST")
"""All that the desk's routes take."""
_HTTP = {404: "UNKNOWN_TYPE", 405: "UNKNOWN_TYPE"}


def status_of(code: str) -> int:
    """The HTTP status that a refusal is answered with."""
    return STATUS.get(code, 422)


def problem(
    code: str,
    parameters: Mapping[str, Any] | None = None,
    status: int | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """A refusal as problem+json."""
    number = status or status_of(code)
    found = {"type": "about:blank", "title": REFUSALS.get(code, code), "status": number, "code": code}
    headers = {"Cache-Control": "no-store", **(headers or {})}
    if number in _RETRY:
        headers["Retry-After"] = _RETRY[number]
    if number == 401:
        headers["WWW-Authenticate"] = "Bearer"
    body = orjson.dumps({**(parameters or {}), **found})
    return Response(body, number, headers, PROBLEM)


def as_refusal(fault: Exception) -> tuple[str, dict[str, Any]]:
    """Code and parameters of what went wrong while answering."""
    match fault:
        case Refusal():
            return fault.refused.code, fault.refused.parameters
        case AskRefused():
            return fault.code, fault.parameters
        case Unanswered():
            return "LEDGER_UNREACHABLE", {}
    return "INTERNAL", {}


def install(app: FastAPI) -> None:
    """Answer every fault as a problem."""
    for fault in (Refusal, AskRefused, Unanswered, Exception):
        app.add_exception_handler(fault, _on_fault)
    app.add_exception_handler(RequestValidationError, _on_validation)
    app.add_exception_handler(HTTPException, on_http)


async def _on_fault(_request: Request, fault: Exception) -> Response:
    return problem(*as_refusal(fault))


async def _on_validation(_request: Request, fault: Exception) -> Response:
    """FastAPI's own answer would repeat what was sent."""
    assert isinstance(fault, RequestValidationError)  # noqa: S101  registered for this type only
    where = sorted({".".join(str(part) for part in error["loc"][:2]) for error in fault.errors()})
    return problem("MALFORMED", {"where": where[:20]})


async def on_http(request: Request, fault: Exception) -> Response:
    """What the framework itself refuses, such as an address where nothing is, or a change of the log."""
    assert isinstance(fault, HTTPException)  # noqa: S101  registered for this type only
    if request.method in _CHANGING and request.url.path.startswith(_LOG):
        return problem("NEVER_CHANGED", headers=_allowed(request))
    headers = _allowed(request) if fault.status_code == 405 else None
    return problem(_HTTP.get(fault.status_code, "MALFORMED"), status=fault.status_code, headers=headers)


def _allowed(request: Request) -> dict[str, str]:
    """The header that names what may be done at the address, which a 405 must have (RFC 9110)."""
    tried = ((method, {**request.scope, "method": method}) for method in _METHODS)
    found = [
        method
        for method, scope in tried
        if any(route.matches(scope)[0] is Match.FULL for route in request.app.routes)
    ]
    return {"Allow": ", ".join(found)}
