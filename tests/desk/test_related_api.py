"""Over HTTP: incidents are tied, moved and handed over, and those that may be the same are looked for."""

from typing import Any

import pytest

from tests.desk.house import NEIGHBOUR, House

pytestmark = pytest.mark.asyncio(loop_scope="module")
TRIANGLE = {
    "type": "Polygon",
    "coordinates": [[[5.32, 60.39], [5.33, 60.39], [5.33, 60.4], [5.32, 60.39]]],
}


async def test_a_duplicate_is_found_merged_and_answered_by_the_other(house: House) -> None:
    words: dict[str, Any] = {"type": "landslide", "municipalities": ["4601"]}
    double, whole = await house.report(**words), await house.report(**words)
    async with house.marked() as kari:
        alike = (await kari.get(f"/v1/incidents/{double['ref']}/similar")).json()["incidents"]
        assert whole["ref"] in [one["ref"] for one in alike]
        assert double["ref"] not in [one["ref"] for one in alike]
        asked = await kari.post("/v1/similar", json={"type": "landslide", "municipalities": ["4601"]})
        assert {double["ref"], whole["ref"]} <= {one["ref"] for one in asked.json()["incidents"]}
        path = f"/v1/incidents/{double['ref']}"
        merged = await kari.post(f"{path}/merge", json={"other_ref": whole["ref"]})
        assert (merged.status_code, merged.json()["merged_into"]) == (201, whole["ref"]), merged.text
        area = await kari.post(f"{path}/place", json={"content": {"area": TRIANGLE}})
        assert (area.status_code, area.json()["merged_into"]) == (201, whole["ref"]), area.text
        found = (await kari.get(path, params={"after": area.json()["receipt"]})).json()["incident"]
        assert (found["ref"], found["merged"][0]["ref"]) == (whole["ref"], double["ref"])
        assert found["location"]["area"][0] == "60.390000,5.320000"
        again = await kari.post(f"{path}/merge", json={"other_ref": whole["ref"]})
        assert (again.status_code, again.json()["code"]) == (409, "ALREADY_MERGED")
        assert (await kari.post(f"{path}/unmerge", json={})).status_code == 201
        wrong = await kari.post(f"{path}/place", json={"content": {"area": {"type": "Point"}}})
        assert (wrong.status_code, wrong.json()["where"]) == (400, ["content.area"])


async def test_functions_case_numbers_and_transfers_are_settled_over_http(house: House) -> None:
    one = await house.report(level="region")
    path = f"/v1/incidents/{one['ref']}"
    async with house.marked() as kari:
        given = await kari.post(f"{path}/functions", json={"function": "liaison", "watch": NEIGHBOUR})
        assert given.status_code == 201, given.text
        ended = await kari.post(f"{path}/functions/{given.json()['id']}/end", json={})
        assert ended.status_code == 201, ended.text
        numbered = await kari.post(f"{path}/references", json={"system": "110", "reference": "0042/27"})
        assert numbered.status_code == 201, numbered.text
        asked = await kari.post(f"{path}/transfer", json={"to": NEIGHBOUR, "text": "Hos dere"})
        assert asked.status_code == 201, asked.text
        found = (await kari.get(path, params={"after": asked.json()["receipt"]})).json()["incident"]
        assert found["transfer"]["to"] == NEIGHBOUR
        assert found["functions"][0]["until"] is not None
        by_case = await kari.post("/v1/cases", json={"system": "110", "number": "0042/27"})
        assert [held["ref"] for held in by_case.json()["incidents"]] == [one["ref"]]
        assert (await kari.post(f"{path}/transfer/withdraw", json={})).status_code == 201
        none = await kari.post(f"{path}/transfer/answer", json={"accept": True})
        assert (none.status_code, none.json()["code"]) == (409, "NO_TRANSFER")
