"""A read that needs a reason is answered by the reasons, one of which opens it."""

from types import SimpleNamespace

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message

from schemas.vocabulary import ReadReason
from services.desk.shown import refused_page
from services.desk.turns import Turns

CODES = [reason.value for reason in ReadReason]


def asked(method: str, query: str, **headers: str) -> Request:
    """A browser's request for an incident."""
    told = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    path = "/incidents/JNKCVPC"
    scope = {"type": "http", "method": method, "path": path, "query_string": query.encode(), "headers": told}
    return Request(scope)


async def seen(answer: Response) -> str:
    """What a browser is sent."""
    app = SimpleNamespace(state=SimpleNamespace(drawing=Turns()))
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    await answer({"type": "http", "app": app}, receive, send)
    return b"".join(message.get("body", b"") for message in sent).decode()


async def test_each_reason_is_a_button_that_asks_for_the_same_page_once_more() -> None:
    request = asked("GET", "mode=actual&reason=no-such&after=%22%3E%3Cscript%3E")
    answer = refused_page(request, "REASON_NEEDED", {"reasons": CODES})
    page = await seen(answer)
    assert answer.status_code == 403
    assert 'method="get" action="/incidents/JNKCVPC"' in page
    assert all(f'name="reason" value="{code}"' in page for code in CODES)
    assert 'name="mode" value="actual"' in page
    assert "no-such" not in page
    assert "<script>" not in page


async def test_beside_the_list_only_the_reasons_are_put() -> None:
    answer = refused_page(asked("GET", "", hx_request="true"), "REASON_NEEDED", {"reasons": CODES})
    assert (await seen(answer)).startswith("<form")


async def test_beside_the_list_a_refusal_stands_without_a_page_around_it() -> None:
    answer = refused_page(asked("GET", "", hx_request="true"), "UNKNOWN_INCIDENT", {})
    told = await seen(answer)
    assert answer.status_code == 404
    assert "<html" not in told
    assert "<h1" not in told
    assert "UNKNOWN_INCIDENT" in told


async def test_what_was_sent_is_not_asked_for_again() -> None:
    answer = refused_page(asked("POST", ""), "REASON_NEEDED", {"reasons": CODES})
    told = await seen(answer)
    assert "REASON_NEEDED" in told
    assert 'name="reason"' not in told
