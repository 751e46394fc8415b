"""The stream of a feed under readers that mean no good."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from services.desk import live
from services.desk.live import Stream
from tests.desk.house import House

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_a_reader_that_takes_nothing_loses_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "UNREAD_S", 0.1)
    sent, closed = [], asyncio.Event()

    async def events() -> AsyncIterator[bytes]:
        try:
            while True:
                yield b"data: x\n\n"
        finally:
            closed.set()

    async def send(message: Any) -> None:
        sent.append(message)
        if len(sent) == 4:
            await asyncio.Event().wait()

    async with asyncio.timeout(5):
        await Stream(events()).stream_response(send)
    assert closed.is_set()
    assert len(sent) == 4


@pytest.mark.parametrize(
    "limit", ["0", "-1", "201", "1e2", "0001" + "0" * 5_000, "٣", "", "1 ", "true", "99999999999999999999"]
)
async def test_a_limit_out_of_range_is_refused(house: House, limit: str) -> None:
    async with house.machine("feed-4624") as program:
        answer = await program.get("/v1/feeds/4624", params={"limit": limit})
    assert (answer.status_code, answer.json()["code"]) == (400, "MALFORMED")


@pytest.mark.parametrize(
    "position",
    [b".", b"x.-1", b"\xe6.1", b"1\t2.3", b"' OR 1=1 --.1", b"a" * 40_000, b"%00.1", b"x." + b"9" * 18],
)
async def test_any_last_event_id_begins_anew_and_says_so(house: House, position: bytes) -> None:
    async with house.machine("feed-4624") as program, asyncio.timeout(10):
        headers = {b"Last-Event-ID": position}
        async with program.stream("GET", "/v1/feeds/4624/events", headers=headers) as answer:
            assert answer.status_code == 200
            lines = answer.aiter_lines()
            while not (line := await anext(lines)).startswith("event"):
                pass
            assert line == "event: reset"


async def test_the_token_of_another_organisation_opens_no_feed(house: House) -> None:
    async with house.machine("feed-5001") as program:
        for org in ("4624", "4601", "4624.main", "*", ">", "4624%2E", "..", "4624%00", "%E2%80%8B4624"):
            for path in (f"/v1/feeds/{org}", f"/v1/feeds/{org}/events"):
                answer = await program.get(path)
                assert answer.status_code in (403, 404), path
                assert "items" not in answer.text
    async with house.machine("report") as program:
        assert (await program.get("/v1/feeds/4601")).status_code == 403
    async with house.client() as stranger:
        for secret in ("x", "Bearer", "a" * 43, "ø" * 43, "a" * 10_000):
            headers = [(b"authorization", b"Bearer " + secret.encode())]
            answer = await stranger.get("/v1/feeds/4624", headers=headers)
            assert (answer.status_code, answer.json()["code"]) == (401, "TOKEN_ENDED"), secret
        secret = house.tokens["feed-4624"]
        assert (await stranger.get("/v1/feeds/4624", params={"token": secret})).status_code == 401
