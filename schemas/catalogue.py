"""The one list of messages: how a fact's bytes become its body again, and the JSON Schemas made of it."""

import json
import sys
from functools import lru_cache
from pathlib import Path
from typing import Any

from schemas import (
    attachments,
    entries,
    exercise,
    feeds,
    incident_types,
    incidents,
    notifications,
    people,
    records,
    relations,
    reports,
    warnings,
    watch,
)
from schemas.envelope import Accepted, Body, Command, Fact, Refused, Request

TRADES = (
    incidents,
    entries,
    attachments,
    incident_types,
    relations,
    notifications,
    watch,
    feeds,
    people,
    warnings,
    exercise,
    reports,
    records,
)
REQUESTS: dict[str, type[Request]] = {c.type_name(): c for trade in TRADES for c in trade.COMMANDS}
BODIES: dict[str, type[Body]] = {f.type_name(): f for trade in TRADES for f in trade.FACTS}
FOLDER = Path(__file__).parent / "json"


@lru_cache(maxsize=512)
def read_fact(raw: bytes) -> tuple[Fact, Body | None]:
    """A fact and its body; the body is None for a type from a newer version.

    Rooms of one process read the same facts within moments, and share what was read: nobody may change it.
    Raises ValueError if the bytes are no fact: the reader parks such a message by reference.
    """
    fact = Fact.model_validate_json(raw)
    return fact, read_body(fact)


def read_body(fact: Fact) -> Body | None:
    """The typed body of a fact, or None if this version does not know its type. Raises ValueError."""
    model = BODIES.get(fact.type)
    return None if model is None else model.model_validate(fact.data.body, strict=False)


def schemas() -> dict[str, dict[str, Any]]:
    """File name to JSON Schema, for every message of the contract."""
    from schemas import asyncapi
    from schemas.centre import Centre
    from schemas.exercise_file import Exercise

    made: dict[str, dict[str, Any]] = {
        "command.json": Command.model_json_schema(),
        "fact.json": Fact.model_json_schema(),
        "accepted.json": Accepted.model_json_schema(),
        "refused.json": Refused.model_json_schema(),
        "centre.json": Centre.model_json_schema(),
        "exercise.json": Exercise.model_json_schema(),
        "feeds/item.json": feeds.FeedItem.model_json_schema(),
        "feeds/next.json": feeds.AskNext.model_json_schema(),
        "feeds/page.json": feeds.FeedPage.model_json_schema(),
        "feeds/tick.json": feeds.FeedTick.model_json_schema(),
        "asyncapi.json": asyncapi.document(),
    }
    for name, request in REQUESTS.items():
        made[f"commands/{name}.json"] = request.model_json_schema()
        if request.content_model is not None:
            made[f"content/{request.content_model.__name__}.json"] = request.content_model.model_json_schema()
    for name, body in BODIES.items():
        made[f"facts/{name}.json"] = body.model_json_schema()
    return made


def render(schema: dict[str, Any]) -> str:
    """A schema as it stands in its file."""
    return json.dumps(schema, indent=2, ensure_ascii=False, sort_keys=True) + "\n"


def write(folder: Path = FOLDER) -> int:
    """Write every schema file anew; the count of them."""
    made = schemas()
    for name, schema in made.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(render(schema), encoding="utf-8")
    return len(made)


if __name__ == "__main__":
    sys.stdout.write(f"{write()} schemas written to {FOLDER.name}/\n")
