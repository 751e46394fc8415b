"""The published contract: its schema files, what was released before, and golden facts of every version."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from schemas.catalogue import BODIES, FOLDER, read_fact, render, schemas
from schemas.refusals import REFUSALS
from tests.contract.compatibility import breaks
from tests.contract.samples import SAMPLES, every_fact

GOLDEN = Path(__file__).parent / "golden"
BASELINE = Path(__file__).parent / "baseline"
VERSIONS = sorted(path.name for path in GOLDEN.iterdir() if path.is_dir())


def test_the_schema_files_are_what_the_code_makes() -> None:
    for name, schema in schemas().items():
        written = (FOLDER / name).read_text(encoding="utf-8")
        assert written == render(schema), f"{name} differs: run make schemas"


def test_no_schema_file_is_left_over() -> None:
    written = {str(path.relative_to(FOLDER)) for path in FOLDER.rglob("*.json")}
    assert written == set(schemas()) | {"openapi.json"}


@pytest.mark.parametrize("name", sorted(BODIES))
def test_every_fact_has_a_complete_sample_that_its_schema_accepts(name: str) -> None:
    model = BODIES[name]
    assert set(SAMPLES[model]) == set(model.model_fields)
    jsonschema.validate(SAMPLES[model], json.loads((FOLDER / "facts" / f"{name}.json").read_text("utf-8")))


@pytest.mark.parametrize("version", VERSIONS)
def test_facts_of_every_released_version_still_read_to_the_same_bytes_and_body(version: str) -> None:
    for path in sorted((GOLDEN / version).glob("*.json")):
        raw = path.read_bytes().rstrip(b"\n")
        fact, body = read_fact(raw)
        assert body is not None, path.name
        assert fact.encode() == raw, path.name
        kept = body.model_dump(mode="json", exclude_none=True)
        assert fact.data.body.items() <= kept.items(), path.name


def test_every_fact_of_today_has_a_golden_sample() -> None:
    golden = {path.stem for version in VERSIONS for path in (GOLDEN / version).glob("*.json")}
    assert set(BODIES) <= golden


def test_a_reader_passes_over_fields_of_a_newer_version() -> None:
    for fact in every_fact().values():
        newer = json.loads(fact.encode())
        newer["data"]["from_the_future"] = 1
        newer["data"]["body"]["from_the_future"] = {"a": [1]}
        read, body = read_fact(json.dumps(newer).encode())
        assert body is not None
        assert read.id == fact.id


def test_nothing_that_older_readers_need_has_been_taken_away() -> None:
    made = schemas()
    for path in sorted(BASELINE.rglob("*.json")):
        name = str(path.relative_to(BASELINE))
        today = made.get(name)
        assert today is not None, f"{name} is gone; keep it for old messages"
        incoming = name.startswith(("command", "content", "centre"))
        found = breaks(json.loads(path.read_text("utf-8")), today, incoming=incoming)
        assert found == [], name


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ({"properties": {"a": {"type": "string"}}}, {"properties": {}}, "a: gone"),
        ({"properties": {"a": {"type": "string"}}}, {"properties": {"a": {"type": "integer"}}}, "a: type"),
        (
            {"properties": {"a": {"enum": ["x"]}}},
            {"properties": {"a": {"enum": ["x", "y"]}}},
            "a: new word y",
        ),
        (
            {"required": ["a"], "properties": {"a": {}}},
            {"required": [], "properties": {"a": {}}},
            "a: optional",
        ),
    ],
)
def test_a_change_that_breaks_an_older_reader_is_found(old: Any, new: Any, said: str) -> None:
    assert said in breaks(old, new, incoming=False)


def test_a_command_that_asks_for_more_than_before_is_found() -> None:
    old = {"properties": {"a": {}}, "required": []}
    new = {"properties": {"a": {}, "b": {}}, "required": ["b"]}
    assert "b: needed" in breaks(old, new, incoming=True)


def test_every_refusal_code_used_in_the_code_is_listed_with_its_meaning() -> None:
    root = Path(__file__).parents[2]
    used = set()
    for path in [*root.glob("services/**/*.py"), *root.glob("schemas/**/*.py")]:
        text = path.read_text(encoding="utf-8")
        for opening in ('Refusal("', 'Refused(code="'):
            used |= {part.partition('"')[0] for part in text.split(opening)[1:]}
    assert used <= set(REFUSALS), used - set(REFUSALS)
