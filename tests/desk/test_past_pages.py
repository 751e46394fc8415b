"""What was known at a past moment, on the pages: the log, the list, who had been told, who was on duty."""

import re
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from schemas.notifications import Acknowledge, PolicyRules, SetPolicy, Step
from schemas.vocabulary import DutyFunction, Priority
from schemas.watch import TakeOver
from tests.desk.house import VAKT, House
from tests.system_hub import eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")


def now() -> str:
    """This moment, as an address holds it."""
    return datetime.now(UTC).isoformat()


async def test_list_and_log_show_how_chains_and_manning_stood(house: House) -> None:
    centre, kari = await house.caller("4601.centre"), await house.caller(VAKT, "kari")
    steps = [Step(after_s=0, function=DutyFunction.PRIMARY)]
    rules = PolicyRules(priority=Priority.HIGH, steps=steps)
    await centre.accepted(SetPolicy(watch=VAKT, rules=[rules]))
    before = now()
    await kari.accepted(TakeOver(post="duty"))
    report = await house.report(headline="Flom i Arna", notify=[VAKT])
    async with house.signed_in() as browser:
        path = f"/v1/incidents/{report['ref']}"
        chain = await _chain(browser, path)
        told = now()
        done = await kari.accepted(Acknowledge(chain=chain))
        await browser.get(path, params={"after": done.receipt})
        answered = now()
        pages = {
            at: [
                (await browser.get("/incidents", params={"at": at, "state": "all"})).text,
                (await browser.get(f"/incidents/{report['ref']}/log", params={"at": at})).text,
            ]
            for at in (told, answered)
        }
        earlier = await browser.get("/incidents", params={"at": before, "state": "all"})
        wrong = await browser.get("/incidents", params={"at": "i går"})
    for page in pages[told]:
        assert "Slik stod det da" in page
        assert re.search("venter på svar|ingen melding er sendt", page)
        assert "Kari Ås" in page.partition("På vakt da")[2]
    for page in pages[answered]:
        assert "kvittert" in page
    assert f"/incidents/{report['ref']}/log?at=" in pages[told][0]
    assert "kvittert av" in pages[answered][1]
    assert "Flom i Arna" not in earlier.text
    assert "Kari Ås" not in earlier.text.partition("På vakt da")[2].partition("<footer")[0]
    assert "UDEKKET" in earlier.text
    assert (wrong.status_code, "<h1>" in wrong.text) == (400, True)


async def test_the_past_is_told_over_http_with_chains_and_manning_and_today_without(house: House) -> None:
    async with house.signed_in() as browser:
        at = (datetime.now(UTC) + timedelta(seconds=1)).isoformat()
        then = (await browser.get("/v1/incidents", params={"at": at, "state": "all"})).json()
        today = (await browser.get("/v1/incidents", params={"state": "all"})).json()
    assert {row["watch"] for row in then["duty"]} >= {VAKT}
    assert all("chains" in one for one in then["incidents"])
    assert "duty" not in today
    async with house.machine("report") as program:
        told = (await program.get("/v1/incidents", params={"at": at, "state": "all"})).json()
    assert "duty" not in told


async def _chain(browser: httpx.AsyncClient, path: str) -> str:
    """The chain of an incident, once it is begun."""
    found: list[str] = []

    async def begun() -> bool:
        found.extend(one["chain"] for one in (await browser.get(path)).json()["chains"])
        return bool(found)

    await eventually(begun, 10)
    return found[0]
