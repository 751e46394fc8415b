"""The forms beside a log: where it is, who does what there, who sees it; break-glass is the leader's."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest
import pytest_asyncio

from schemas.people import AddPerson, Contact, Grant
from schemas.vocabulary import Role
from tests.desk.house import NEIGHBOUR, VAKT, House
from tests.desk.test_acts import act

pytestmark = pytest.mark.asyncio(loop_scope="module")
GLASS = "break-glass"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def crew(house: House) -> AsyncIterator[House]:
    """Siv is an operator of the watch, and leads nothing."""
    centre = await house.caller("4601.centre")
    contact = Contact(display_name="Siv Ås", phone="+4799000002")
    await centre.accepted(AddPerson(person="siv"), contact)
    await centre.accepted(Grant(person="siv", role=Role.OPERATOR, where=VAKT))
    yield house


async def page_of(browser: httpx.AsyncClient, ref: str, done: httpx.Response) -> str:
    """The incident's page, once it knows of what was done."""
    assert done.status_code == 201, done.text
    return (await browser.get(f"/incidents/{ref}", params={"after": done.json()["receipt"]})).text


async def test_the_place_is_said_anew_with_blanks_as_people_write_them(crew: House) -> None:
    ref = (await crew.report(place="Et sted i Åsane"))["ref"]
    said = {
        "place": "Åsane senter 16",
        "position": " 60.4661, 5.3225 ",
        "municipalities": "4601, 4627",
        "area": "60.46, 5.32\n60.47, 5.32\r\n\n60.47, 5.33",
    }
    async with crew.signed_in() as browser:
        done = await act(browser, f"/incidents/{ref}/place", **said)
        page = await page_of(browser, ref, done)
        found = (await browser.get(f"/v1/incidents/{ref}")).json()["incident"]
    assert found["municipalities"] == ["4601", "4627"]
    assert found["location"]["place"] == "Åsane senter 16"
    assert found["location"]["position"] == "60.4661,5.3225"
    assert found["location"]["area"] == ["60.46,5.32", "60.47,5.32", "60.47,5.33"]
    assert "Er nå ved" in page
    assert 'value="Åsane senter 16"' in page


@pytest.mark.parametrize(
    ("field", "said", "where"),
    [
        ("position", "ved kaia", "content.position"),
        ("area", "60.46, 5.32", "content.area"),
        ("municipalities", "Bergen", "municipalities"),
    ],
)
async def test_a_place_that_is_none_is_refused_by_its_field(
    crew: House, field: str, said: str, where: str
) -> None:
    ref = (await crew.report())["ref"]
    async with crew.signed_in() as browser:
        answer = await act(browser, f"/incidents/{ref}/place", place="Kaia", **{field: said})
    assert (answer.status_code, answer.json()["code"]) == (400, "MALFORMED")
    assert where in answer.json()["sentence"]


async def test_somebody_gets_a_function_and_it_ends(crew: House) -> None:
    ref = (await crew.report())["ref"]
    path = f"/incidents/{ref}/functions"
    async with crew.signed_in() as browser:
        await act(browser, path, function="liaison", watch=NEIGHBOUR, person="", text="")
        await act(browser, path, function="log.keeper", person="siv", watch="", text="")
        done = await act(browser, path, function="incident.commander", text="Brigadesjef <Berg>")
        page = await page_of(browser, ref, done)
        assert "Brigadesjef &lt;Berg&gt;" in page
        assert "Siv Ås" in page
        ended = await act(browser, f"{path}/end", assignment=done.json()["receipt"])
        assert ended.status_code == 201, ended.text
        again = await act(browser, f"{path}/end", assignment=done.json()["receipt"])
        nobody = await act(browser, path, function="liaison")
        params = {"after": ended.json()["receipt"]}
        found = (await browser.get(f"/v1/incidents/{ref}", params=params)).json()["incident"]
    held = {one["function"]: one["until"] is None for one in found["functions"]}
    assert held == {"liaison": True, "log.keeper": True, "incident.commander": False}
    assert (again.json()["code"], nobody.json()["code"]) == ("UNKNOWN_ENTRY", "CONTENT_NEEDED")


async def test_an_item_is_shared_wider_from_the_page_and_a_list_that_is_missing_is_asked_for(
    crew: House,
) -> None:
    ref = (await crew.report())["ref"]
    path = f"/incidents/{ref}/share"
    async with crew.signed_in() as browser:
        assert path in (await browser.get(f"/incidents/{ref}")).text
        nobody = await act(browser, path, entry="head", level="named", named="", notify="")
        done = await act(browser, path, entry="head", level="organisation", named="", notify="")
        assert done.status_code == 201, done.text
        lower = await act(browser, path, entry="head", level="organisation")
        params = {"after": done.json()["receipt"]}
        found = (await browser.get(f"/v1/incidents/{ref}", params=params)).json()["incident"]
    assert found["level"] == "organisation"
    assert (nobody.json()["code"], lower.json()["code"]) == ("NAMED_NEEDS_LIST", "NOT_WIDER")


async def test_a_leader_breaks_the_glass_for_one_watch_and_an_operator_is_not_offered_it(
    crew: House,
) -> None:
    ref = (await crew.report())["ref"]
    until = (datetime.now(UTC) + timedelta(hours=2)).isoformat()
    said = {"entry": "head", "to": NEIGHBOUR, "ground": "hpl-31", "until": until, "text": "Fare for liv"}
    async with crew.signed_in("siv") as browser:
        page = (await browser.get(f"/incidents/{ref}")).text
        refused = await act(browser, f"/incidents/{ref}/{GLASS}", **said)
    assert f"/incidents/{ref}/{GLASS}" not in page
    assert (refused.status_code, refused.json()["code"]) == (403, "NOT_ALLOWED")
    async with crew.signed_in() as browser:
        page = (await browser.get(f"/incidents/{ref}")).text
        assert f"/incidents/{ref}/{GLASS}" in page
        done = await act(browser, f"/incidents/{ref}/{GLASS}", **said)
        told = await page_of(browser, ref, done)
        again = await act(browser, f"/incidents/{ref}/{GLASS}", **said)
        no_time = await act(browser, f"/incidents/{ref}/{GLASS}", **said | {"until": "i morgen"})
    assert "Fare for liv" in told
    assert again.json()["code"] == "SEES_ALREADY"
    assert (no_time.status_code, no_time.json()["code"]) == (400, "MALFORMED")


async def test_without_scripts_the_forms_lead_back_to_the_incident(crew: House) -> None:
    ref = (await crew.report())["ref"]
    async with crew.signed_in() as browser:
        page = (await browser.get(f"/incidents/{ref}")).text
        mark = page.partition('name="csrf" value="')[2].partition('"')[0]
        answer = await browser.post(f"/incidents/{ref}/place", data={"csrf": mark, "place": "Nye kaia"})
        assert answer.status_code == 303, answer.text
        shown = await browser.get(answer.headers["location"])
    assert "Nye kaia" in shown.text
