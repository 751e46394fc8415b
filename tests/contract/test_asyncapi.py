"""The AsyncAPI document: valid, made of the catalogue, and never less than what was released."""

import copy
from typing import Any

import jsonschema
import pytest

from schemas import asyncapi, catalogue, subjects
from services.runtime.reading import read_json
from tests.contract.compatibility import breaks
from tests.contract.published import RELEASED, VENDOR, read, references, resolved
from tests.contract.samples import every_fact

DOCUMENT = asyncapi.document()
META = read(VENDOR / "asyncapi-3.0.0.json")
COMMANDS = {request.__name__ for request in catalogue.REQUESTS.values()} | {
    "Command",
    "ItemContent",
    "Contact",
}


def lost(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """What a reader or sender of the older document would miss in the newer."""
    found = []
    for name, channel in old["channels"].items():
        today = new["channels"].get(name, {"messages": {}})
        if today.get("address") != channel["address"]:
            found.append(f"{name}: address")
        found += [f"{name}: {message} gone" for message in channel["messages"].keys() - today["messages"]]
    for name, schema in old["components"]["schemas"].items():
        if name not in new["components"]["schemas"]:
            found.append(f"{name}: gone")
            continue
        now = new["components"]["schemas"][name]
        incoming = name in COMMANDS or name == "AskNext"
        found += [f"{name}.{one}" for one in breaks(schema, now, incoming=incoming)]
    return [*found, *(f"{name}: gone" for name in old["operations"].keys() - new["operations"].keys())]


def test_the_document_is_valid_asyncapi() -> None:
    jsonschema.Draft7Validator(META).validate(DOCUMENT)


def test_a_document_out_of_form_is_found() -> None:
    broken = copy.deepcopy(DOCUMENT)
    broken["operations"]["feed.items"]["action"] = "shout"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft7Validator(META).validate(broken)


def test_every_reference_leads_somewhere() -> None:
    for reference in set(references(DOCUMENT)):
        assert resolved(DOCUMENT, reference), reference


def test_every_message_of_the_catalogue_has_a_channel() -> None:
    names = {f"{one.trade}.{one.verb}" for one in catalogue.REQUESTS.values()}
    names |= {f"{one.trade}.{one.name}" for one in catalogue.BODIES.values()}
    assert set(DOCUMENT["channels"]) == names | {"feed.items", "feed.next"}


def test_every_address_is_one_that_the_hub_builds() -> None:
    for name, channel in DOCUMENT["channels"].items():
        trade, verb = name.split(".")
        given = [f"{{{key}}}" for key in ("mode", "org", "watch", "id")]
        address = channel["address"]
        assert set(channel["parameters"]) == {key.strip("{}") for key in given if key in address}
        filled = address.format(mode="actual", org="4601", watch="vakt", id="x")
        if trade == "feed":
            assert subjects.parse_feed(filled) == ("actual", "4601", verb)
        elif ".cmd." in address:
            found = subjects.parse_address(filled)
            assert found is not None
            assert (found.trade, found.verb) == (trade, verb)
        else:
            place = subjects.parse_place(filled)
            assert place is not None
            assert (place.trade, place.fact) == (trade, verb)


def test_every_sample_fact_is_valid_on_its_channel() -> None:
    for fact in every_fact().values():
        name = fact.type.removeprefix("samvirke.").removesuffix(".v1")
        payload = DOCUMENT["channels"][name]["messages"]["fact"]["payload"]
        schema = {"components": DOCUMENT["components"], **payload}
        jsonschema.Draft202012Validator(schema).validate(read_json(fact.encode(), 1_000_000))
        wrong = read_json(fact.encode(), 1_000_000) | {"type": "samvirke.none.v1"}
        assert not jsonschema.Draft202012Validator(schema).is_valid(wrong)


def test_nothing_that_was_released_has_been_taken_away() -> None:
    assert lost(read(RELEASED / "asyncapi.json"), DOCUMENT) == []


@pytest.mark.parametrize(
    ("where", "said"),
    [
        (("channels", "feed.items"), "feed.items: address"),
        (("channels", "incidents.open", "messages", "refused"), "incidents.open: refused gone"),
        (("components", "schemas", "Opened"), "Opened: gone"),
        (("components", "schemas", "Opened", "properties", "type"), "Opened.type: gone"),
        (("operations", "feed.next"), "feed.next: gone"),
    ],
)
def test_what_is_taken_away_is_found(where: tuple[str, ...], said: str) -> None:
    newer = copy.deepcopy(DOCUMENT)
    inside = newer
    for part in where[:-1]:
        inside = inside[part]
    del inside[where[-1]]
    assert said in lost(DOCUMENT, newer)
