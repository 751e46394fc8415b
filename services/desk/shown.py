"""A page for whatever a page's handler refuses."""

from collections.abc import Awaitable, Callable, Mapping
from functools import wraps
from typing import ParamSpec

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from services.desk import problems, texts
from services.desk.asker import theme_of
from services.desk.problems import as_refusal, status_of
from services.desk.render import page
from services.runtime.edge import AskRefused, Unanswered
from services.runtime.reading import Refusal

P = ParamSpec("P")


def shown(handler: Callable[P, Awaitable[Response]]) -> Callable[P, Awaitable[Response]]:
    """The handler, whose refusals are shown as a page."""

    @wraps(handler)
    async def answer(*args: P.args, **kwargs: P.kwargs) -> Response:
        try:
            return await handler(*args, **kwargs)
        except (Refusal, AskRefused, Unanswered) as fault:
            return refused_page(_asked(kwargs), *as_refusal(fault))

    return answer


def refused_page(request: Request, code: str, parameters: dict[str, object]) -> Response:
    """What a refusal means, in words, and its code, in the colours that the browser has chosen."""
    reasons = parameters.get("reasons") if code == "REASON_NEEDED" and request.method == "GET" else None
    query = request.query_params
    values = {
        "reasons": reasons,
        "sentence": texts.sentence(code, parameters),
        "path": request.url.path,
        "kept": {name: query[name] for name in query if name != "reason"},
    }
    is_part = "hx-request" in request.headers
    if reasons and is_part:
        return page("reason", status_of(code), **values)
    signed_out = code in ("SESSION_ENDED", "LINK_SPENT")
    return page(
        "refusal" if is_part else "problem",
        status_of(code),
        code=code,
        **values,
        is_part=is_part,
        signed_out=signed_out,
        theme=theme_of(request),
    )


async def unknown(request: Request, fault: Exception) -> Response:
    """What a browser is shown at an address where nothing is; a program gets a problem."""
    assert isinstance(fault, HTTPException)  # noqa: S101  registered for this type only
    if fault.status_code != 404 or "text/html" not in request.headers.get("accept", ""):
        return await problems.on_http(request, fault)
    return page(
        "problem", 404, sentence=texts.say("There is nothing at this address."), theme=theme_of(request)
    )


def _asked(given: Mapping[str, object]) -> Request:
    """What the handler was asked: the framework hands it over by this name."""
    request = given["request"]
    assert isinstance(request, Request)  # noqa: S101  as every handler here declares it
    return request
