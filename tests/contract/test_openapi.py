"""The OpenAPI document: valid, made of the desk's own routes, and never less than what was released."""

import copy
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from schemas.catalogue import render
from services.desk import openapi
from tests.contract.compatibility import breaks
from tests.contract.published import RELEASED, VENDOR, read, references, resolved

DOCUMENT = openapi.document(openapi.routes())
META = read(VENDOR / "openapi-3.1.json")


def lost(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """What a program that was written to the older document would stumble over."""
    found = []
    for path, methods in old["paths"].items():
        for method, told in methods.items():
            today = new["paths"].get(path, {}).get(method)
            where = f"{method} {path}"
            found += [f"{where}: gone"] if today is None else _changes(where, told, today)
    for name, schema in old["components"]["schemas"].items():
        now = new["components"]["schemas"].get(name)
        if now is None:
            found.append(f"{name}: gone")
        elif name not in ("OpenIncident", "AddEntry", "Acknowledge"):
            found += [f"{name}.{one}" for one in breaks(schema, now, incoming=name == "ItemContent")]
    return found


def _changes(where: str, old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    theirs = {(one["in"], one["name"]) for one in old["parameters"]}
    ours = {(one["in"], one["name"]) for one in new["parameters"]}
    needed = {(one["in"], one["name"]) for one in new["parameters"] if one.get("required")}
    found = [f"{where}: {name} gone" for _, name in theirs - ours]
    found += [f"{where}: {name} needed" for _, name in needed - theirs]
    found += [
        f"{where}: answer {status} gone" for status in old["responses"].keys() - new["responses"].keys()
    ]
    if "requestBody" in old:
        for sort, told in old["requestBody"]["content"].items():
            now = new["requestBody"]["content"].get(sort, {"schema": {}})
            found += [f"{where}: {one}" for one in breaks(told["schema"], now["schema"], incoming=True)]
    return found


def test_the_document_is_valid_openapi() -> None:
    jsonschema.Draft202012Validator(META).validate(DOCUMENT)
    for name, schema in DOCUMENT["components"]["schemas"].items():
        jsonschema.Draft202012Validator.check_schema(schema)
        assert schema.get("type") in ("object", "string"), name


def test_a_document_out_of_form_is_found() -> None:
    broken = copy.deepcopy(DOCUMENT)
    broken["paths"]["/v1/duty"]["get"]["parameters"][0]["in"] = "nowhere"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(META).validate(broken)


def test_every_reference_leads_somewhere() -> None:
    for reference in set(references(DOCUMENT)):
        assert resolved(DOCUMENT, reference), reference


def test_the_file_is_what_the_code_makes() -> None:
    assert openapi.FILE.read_text("utf-8") == render(DOCUMENT), "run make schemas"


def test_every_route_for_programs_is_described_and_none_that_is_gone() -> None:
    assert openapi.operations(openapi.routes()) == set(openapi.TOLD)
    desk = Path(openapi.__file__).parent
    routers = {path.name for path in desk.glob("*.py") if 'APIRouter(prefix="/v1' in path.read_text("utf-8")}
    assert routers == {"api.py", "attachments.py", "feeds.py", "reporting.py"}


def test_every_part_of_an_address_that_varies_is_described() -> None:
    for path, methods in DOCUMENT["paths"].items():
        for told in methods.values():
            named = {one["name"] for one in told["parameters"] if one["in"] == "path"}
            assert named == set(re.findall(r"{(\w+)}", path)), path


def test_no_two_operations_have_one_name() -> None:
    names = [told["operationId"] for path in DOCUMENT["paths"].values() for told in path.values()]
    assert len(set(names)) == len(names)
    assert all(name.replace("_", "").isalpha() for name in names), names


def test_nothing_that_was_released_has_been_taken_away() -> None:
    assert lost(read(RELEASED / "openapi.json"), DOCUMENT) == []


@pytest.mark.parametrize(
    ("where", "said"),
    [
        (("paths", "/v1/duty"), "get /v1/duty: gone"),
        (("paths", "/v1/duty", "get", "parameters", 0), "get /v1/duty: mode gone"),
        (("paths", "/v1/duty", "get", "responses", "200"), "get /v1/duty: answer 200 gone"),
        (("components", "schemas", "Head", "properties", "ref"), "Head.ref: gone"),
        (("components", "schemas", "Chain"), "Chain: gone"),
    ],
)
def test_what_is_taken_away_is_found(where: tuple[Any, ...], said: str) -> None:
    newer = copy.deepcopy(DOCUMENT)
    inside: Any = newer
    for part in where[:-1]:
        inside = inside[part]
    del inside[where[-1]]
    assert said in lost(DOCUMENT, newer)
