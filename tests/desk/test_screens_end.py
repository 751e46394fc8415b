"""When a page's stream must end: nobody checks it, its role is taken away, one person has too many."""

import asyncio
import contextlib
from datetime import UTC, datetime

import httpx
import pytest

from schemas.people import Grant, Revoke
from schemas.vocabulary import Role
from services.desk import screens
from tests.desk.house import VAKT, House

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def ended(browser: httpx.AsyncClient, opened: asyncio.Event) -> bool:
    """True once the stream that is opened now has ended by itself."""
    async with browser.stream("GET", "/stream", timeout=10) as answer:
        assert answer.status_code == 200
        lines = answer.aiter_lines()
        await anext(lines)
        opened.set()
        async for _ in lines:
            pass
    return True


@pytest.mark.timed
async def test_a_stream_ends_at_once_when_the_role_is_taken_away(house: House) -> None:
    centre, opened = await house.caller("4601.centre"), asyncio.Event()
    async with house.signed_in("ola") as browser, asyncio.timeout(10):
        following = asyncio.create_task(ended(browser, opened))
        await opened.wait()
        began = datetime.now(UTC)
        await centre.accepted(Revoke(person="ola", role=Role.LEADER, where=VAKT))
        assert await following
        assert (datetime.now(UTC) - began).total_seconds() < 2
        assert (await browser.get("/stream")).status_code == 403
    await centre.accepted(Grant(person="ola", role=Role.LEADER, where=VAKT))


async def test_a_stream_that_nobody_can_look_after_any_more_ends(house: House) -> None:
    opened = asyncio.Event()
    async with house.signed_in() as browser, asyncio.timeout(10):
        following = asyncio.create_task(ended(browser, opened))
        await opened.wait()
        spool = house.hub.settings.home / "spool" / f"{VAKT}.db"
        before = spool.read_bytes() if spool.exists() else None
        spool.parent.mkdir(exist_ok=True)
        spool.write_bytes(b"no database " * 100)
        try:
            assert await following
        finally:
            spool.unlink()
            if before is not None:
                spool.write_bytes(before)


async def test_one_person_cannot_take_all_places_with_streams(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(screens, "SCREENS_MOST", 2)
    async with (
        house.signed_in() as browser,
        house.signed_in("ola") as other,
        contextlib.AsyncExitStack() as stack,
    ):
        following = []
        for who in (other, browser, browser, browser):
            opened = asyncio.Event()
            following.append(asyncio.create_task(ended(who, opened)))
            stack.callback(following[-1].cancel)
            async with asyncio.timeout(5):
                await opened.wait()
        async with asyncio.timeout(5):
            assert await following[1]
        assert not any(one.done() for one in (following[0], *following[2:]))
