"""The privacy page lists every field of the contract."""

import re
from pathlib import Path

from pydantic import BaseModel

from schemas.catalogue import BODIES, REQUESTS
from schemas.envelope import Accepted, Actor, Command, Fact, Refused

PAGE = Path(__file__).parents[2] / "docs" / "privacy.md"


def _models() -> list[type[BaseModel]]:
    envelope: list[type[BaseModel]] = [Actor, Command, Command.Data, Fact, Fact.Data, Accepted, Refused]
    contents = [request.content_model for request in REQUESTS.values() if request.content_model]
    return [*envelope, *BODIES.values(), *REQUESTS.values(), *contents]


def _listed() -> set[str]:
    rows = [line.split("|")[1] for line in PAGE.read_text("utf-8").splitlines() if line.startswith("| `")]
    return {name for row in rows for name in re.findall(r"`(\w+)`", row)}


def test_every_field_of_the_contract_has_its_purpose_ground_and_retention() -> None:
    fields = {name for model in _models() for name in model.model_fields}
    assert fields - _listed() == set()


def test_the_page_lists_no_field_that_is_gone() -> None:
    fields = {name for model in _models() for name in model.model_fields}
    assert _listed() - fields == set()


def test_every_row_says_purpose_ground_and_retention() -> None:
    for line in PAGE.read_text("utf-8").splitlines():
        if line.startswith("| `"):
            cells = [cell.strip() for cell in line.strip("|").split("|")]
            assert len(cells) == 5, line
            assert all(cells), line
