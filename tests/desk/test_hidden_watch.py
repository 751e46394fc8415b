"""Nothing opens a hidden watch, nor shows who sits there, but a role in that watch itself (D13)."""

import pytest

from schemas.people import AddPerson, Contact, Grant
from schemas.vocabulary import DutyFunction, Role
from schemas.watch import Man
from tests.desk.house import PAST, VAKT, House

pytestmark = pytest.mark.asyncio(loop_scope="module")
BARN = "4601.barnevern"
PLACES = ("/", "/incidents", "/part/rows", "/part/links", "/stream", "/v1/incidents", "/v1/duty")


async def test_a_role_in_the_whole_organisation_opens_no_page_of_a_hidden_watch(house: House) -> None:
    centre = await house.caller("4601.centre")
    await centre.accepted(Grant(person="kari", role=Role.OPS, where="4601"))
    for role in Role:
        await centre.accepted(Grant(person="ola", role=role, where="4601"))
    async with house.signed_in("ola") as browser:
        for place in PLACES:
            answer = await browser.get(place, params={"as": BARN})
            assert answer.status_code == 403, place
        duty = await browser.get("/part/duty", params={"as": BARN})
        assert "Ås" not in duty.text
        assert BARN not in (await browser.get("/watch")).text


async def test_no_list_of_the_house_names_who_sits_in_a_hidden_watch(house: House) -> None:
    centre = await house.caller("4601.centre")
    await centre.accepted(AddPerson(person="ida"), Contact(display_name="Ida Gjøkung"))
    await centre.accepted(Grant(person="ida", role=Role.OPERATOR, where=BARN))
    await centre.accepted(
        Man(watch=BARN, post="duty", function=DutyFunction.PRIMARY, person="ida", since=PAST)
    )
    async with house.signed_in() as browser:
        for place in ("/", "/part/duty", "/v1/duty", "/watch"):
            text = (await browser.get(place)).text
            assert "Gjøkung" not in text, place
            assert BARN not in text, place
    caller = await house.caller(VAKT, "kari")
    people = (await caller.ask("people", "list"))["people"]
    assert [one["roles"] for one in people if one["person"] == "ida"] == [[]]
    assert [row["watch"] for row in (await caller.ask("watch", "duty", watch=BARN))["duty"]] == []
    own = await house.caller(BARN, "ida")
    assert [row["person"] for row in (await own.ask("watch", "duty", watch=BARN))["duty"]] == ["ida"]


async def test_who_was_never_let_in_learns_nothing_of_when_a_watch_heard_from_whom(house: House) -> None:
    async with house.signed_in() as browser:
        assert (await browser.get("/part/links", params={"as": BARN})).status_code == 403
        assert (await browser.get("/part/links")).status_code == 200


async def test_no_cache_keeps_a_page_an_answer_or_a_refusal(house: House) -> None:
    async with house.signed_in() as browser:
        for place in ("/", "/watch", "/part/duty", "/v1/incidents", "/v1/incidents/AAAAAAA", "/nothing"):
            answer = await browser.get(place)
            assert answer.headers["cache-control"] == "no-store", place
