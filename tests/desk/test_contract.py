"""What the desk answers over HTTP is what the published contract says, field by field."""

import copy
from typing import Any

import jsonschema
import pytest

from schemas.catalogue import FOLDER
from schemas.identifiers import new_id
from schemas.incidents import AddEntry, ChangeState, CorrectEntry, ItemContent, OpenIncident
from schemas.vocabulary import IncidentState, Level
from tests.contract.published import read
from tests.desk.house import VAKT, House

pytestmark = pytest.mark.asyncio(loop_scope="module")
DOCUMENT = read(FOLDER / "openapi.json")


def checked(answer: Any, method: str, path: str) -> Any:
    """The answer, once it is as the contract says and holds nothing that the contract does not name."""
    told = DOCUMENT["paths"][path][method]["responses"]
    said = told.get(str(answer.status_code), told["default"])
    kind = answer.headers["content-type"].partition(";")[0]
    components = copy.deepcopy(DOCUMENT["components"])
    for name, schema in components["schemas"].items():
        if name != "Problem" and schema.get("type") == "object":
            schema["additionalProperties"] = False
    jsonschema.Draft202012Validator({"components": components, **said["content"][kind]["schema"]}).validate(
        answer.json()
    )
    return answer.json()


async def test_every_answer_to_a_program_is_as_published(house: House) -> None:
    lead = await house.caller(VAKT, "kari")
    incident = new_id()
    words = ItemContent(headline="Røyk", text="Tett", place="Åsane", source="publikum", reference="7")
    opened = await lead.accepted(
        OpenIncident(incident=incident, type="fire", level=Level.REGION, notify=[VAKT]), words
    )
    line = await lead.accepted(AddEntry(incident=incident, level=Level.REGION), words)
    await lead.accepted(CorrectEntry(incident=incident, entry=line.id, manner="replace"), words)
    done = await lead.accepted(ChangeState(incident=incident, state=IncidentState.IN_PROGRESS))
    ref = opened.ref or ""
    async with house.machine("report") as program:
        listed = await program.get("/v1/incidents", params={"after": done.receipt})
        assert checked(listed, "get", "/v1/incidents")["incidents"]
        found = await program.get(f"/v1/incidents/{ref}", params={"after": done.receipt})
        assert len(checked(found, "get", "/v1/incidents/{ref}")["entries"]) == 3
        assert checked(await program.get("/v1/duty"), "get", "/v1/duty")["code"] == "PERSON_NEEDED"
        said = await program.post("/v1/incidents", json={"type": "fire", "headline": "Røyk"})
        made = checked(said, "post", "/v1/incidents")
        entry = await program.post(f"/v1/incidents/{made['ref']}/entries", json={"text": "Slukket"})
        checked(entry, "post", "/v1/incidents/{ref}/entries")
        wrong = await program.post("/v1/incidents", json={"type": "fire", "colour": "red"})
        assert checked(wrong, "post", "/v1/incidents")["code"] == "MALFORMED"
    async with house.machine("feed-4624") as neighbour:
        assert checked(await neighbour.get("/v1/feeds/4624"), "get", "/v1/feeds/{org}")["items"]
        checked(await neighbour.get("/v1/feeds/4601"), "get", "/v1/feeds/{org}")
    async with house.signed_in() as browser:
        checked(await browser.get("/v1/session"), "get", "/v1/session")
        assert checked(await browser.get("/v1/duty"), "get", "/v1/duty")["duty"]


async def test_another_watch_that_may_see_less_gets_an_answer_of_the_same_form(house: House) -> None:
    await house.issue("reader-4624", "4624.main", ["read"])
    lead = await house.caller(VAKT, "kari")
    incident = new_id()
    opened = await lead.accepted(OpenIncident(incident=incident, type="fire", level=Level.REGION), None)
    async with house.machine("reader-4624") as program:
        found = await program.get(f"/v1/incidents/{opened.ref}", params={"after": opened.receipt})
        assert checked(found, "get", "/v1/incidents/{ref}")["incident"]["named"] == []
