"""A hidden watch's incident reaches no other session: no page, no part of one, no byte of a stream."""

import asyncio
import contextlib

import httpx

from services.desk.asker import SESSION_COOKIE, WATCH_COOKIE
from tests.browser.rig import ASKOY, CHILD, MARKS, VAKT, Desk, Rig

pytestmark = MARKS
SECRET = "Bekymringsmelding om to barn på Nordnes"
OWN = ("geir", CHILD)
OTHERS = (("leif", VAKT), ("harald", ASKOY), ("nils", "4601.lvs"))


async def follow(rig: Rig, person: str, watch: str, heard: list[bytes]) -> None:
    """Keep all that the live stream of a session says, for ever."""
    cookies = {SESSION_COOKIE: await rig.session(person), WATCH_COOKIE: watch}
    async with (
        httpx.AsyncClient(base_url=rig.home, cookies=cookies, timeout=None, trust_env=False) as client,  # noqa: S113
        client.stream("GET", "/stream") as answer,
    ):
        assert answer.status_code == 200
        async for part in answer.aiter_raw():
            heard.append(part)


async def test_a_child_welfare_incident_reaches_no_page_and_no_stream_of_any_other_watch(rig: Rig) -> None:
    heard: dict[str, list[bytes]] = {watch: [] for _, watch in (*OTHERS, OWN)}
    streams = [asyncio.create_task(follow(rig, *who, heard[who[1]])) for who in (*OTHERS, OWN)]
    async with contextlib.AsyncExitStack() as stack:
        desks = [await stack.enter_async_context(rig.desk(*who)) for who in (*OTHERS, OWN)]
        for desk in desks:
            await desk.live()
        async with rig.api(*OWN) as api:
            ref = await api.report(SECRET, type="child.concern", priority="critical")
            await api.entry(ref, SECRET)
            marks = [ref, (await api.log(ref))["incident"]["id"], SECRET, "child.concern", "BARN-"]
        async with rig.api(*OTHERS[0]) as api:
            seen = await api.report("Vannlekkasje på Nordnes")
        await desks[0].row(seen).wait_for()
        await desks[-1].row(ref).wait_for()
        await asyncio.sleep(1)
        for desk in desks[:-1]:
            await shows_nothing(desk, ref, marks)
    for stream in streams:
        stream.cancel()
    await asyncio.gather(*streams, return_exceptions=True)
    said = {watch: b"".join(parts).decode() for watch, parts in heard.items()}
    assert ref in said[CHILD]
    assert seen in said[VAKT]
    assert [(watch, mark) for _, watch in OTHERS for mark in marks if mark in said[watch]] == []


async def shows_nothing(desk: Desk, ref: str, marks: list[str]) -> None:
    """Neither the open page nor the list of all holds a mark; its ref is like one that never was."""
    for path in (None, "/incidents?state=all"):
        if path is not None:
            await desk.goto(path)
        page = await desk.page.content()
        assert [mark for mark in marks if mark in page] == []
    known, unknown = [
        await desk.page.request.get(f"{desk.home}/incidents/{name}") for name in (ref, "0000000")
    ]
    assert known.status == unknown.status
    assert (await known.text()).replace(ref, "") == (await unknown.text()).replace("0000000", "")
