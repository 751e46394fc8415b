"""The golden facts of a version as one ledger, and the state that they come to.

``python -m tests.incidents.replay v1`` freezes that state; a state that is frozen is never written over.
"""

import json
import sys
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import sqlalchemy as sa

from schemas import subjects
from schemas.catalogue import read_fact
from schemas.directory import Directory
from services.incidents.fold import Incident
from services.incidents.projection import read
from services.incidents.store import Batch
from services.incidents.tables import (
    CHAINS,
    CONTENT,
    ERASURES,
    FACTS,
    INCIDENTS,
    NUMBERS,
    PARKED,
    STANDING,
    TREES,
)
from tests.incidents.shelf import Shelf

GOLDEN = Path(__file__).parents[1] / "contract" / "golden"
STATES = Path(__file__).parent / "states"
_TABLES = (FACTS, CONTENT, INCIDENTS, CHAINS, TREES, NUMBERS, STANDING, PARKED, ERASURES)
_ITEM = ("id", "kind", "author", "tags", "commitment", "corrected_by", "erased")


def ledger(version: str) -> list[tuple[str, bytes]]:
    """Subject and bytes of each golden fact, the incident's opening first; only the ids are made distinct."""
    files = sorted(
        (GOLDEN / version).glob("*.json"), key=lambda path: (".opened." not in path.name, path.name)
    )
    found = []
    for number, path in enumerate(files, 1):
        fact = json.loads(path.read_bytes())
        fact["id"] = f"fact-{number}"
        _, trade, name, _ = fact["type"].split(".")
        org, watch = subjects.split_key(fact["data"]["owner"])
        subject = subjects.fact(fact["data"]["mode"], org, watch, trade, fact["subject"], name)
        raw = json.dumps(fact, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
        found.append((subject, raw))
    return found


def state(facts: list[tuple[str, bytes]]) -> dict[str, Any]:
    """What archive, directory and fold of the incident are after these facts."""
    with TemporaryDirectory() as folder:
        shelf = Shelf("", Path(folder))
        taken = [read(number, subject, raw) for number, (subject, raw) in enumerate(facts, 1)]
        shelf.store.write(Batch("actual", 1, "LEDGER_ACTUAL", taken, {}))
        with shelf.store.engine.connect() as connection:
            tables = {
                table.name: [
                    {name: _plain(value) for name, value in row.items()}
                    for row in connection.execute(sa.select(table).order_by(*table.primary_key)).mappings()
                ]
                for table in _TABLES
            }
        shelf.close()
    return {"tables": tables, "directory": _directory(facts), "incident": _incident(facts)}


def _directory(facts: list[tuple[str, bytes]]) -> dict[str, Any]:
    directory = Directory()
    for _, raw in facts:
        directory.apply(read_fact(raw)[1])
    names = ("organisations", "watches", "roles", "tokens", "agreements", "regions", "subscriptions")
    return {
        name: [one.model_dump(mode="json", exclude_none=True) for one in getattr(directory, name).values()]
        for name in names
    }


def _incident(facts: list[tuple[str, bytes]]) -> dict[str, Any]:
    incident = Incident("incident-1", "4601.vaktsentral")
    for subject, raw in facts:
        if ".incidents." in subject:
            incident.apply(*read_fact(raw))
    items = [
        {name: value for name, value in asdict(item).items() if name in _ITEM}
        | {"level": item.reach.level.value, "named": list(item.reach.named)}
        for item in incident.items.values()
    ]
    plain = {"ref": incident.ref, "state": incident.state.value, "responsible": incident.responsible}
    found: dict[str, Any] = json.loads(json.dumps({**plain, "items": items}))
    return found


def _plain(value: object) -> object:
    return value.hex() if isinstance(value, bytes) else value


if __name__ == "__main__":
    wanted = STATES / f"{sys.argv[1]}.json"
    if not wanted.exists():
        STATES.mkdir(exist_ok=True)
        wanted.write_text(json.dumps(state(ledger(sys.argv[1])), indent=1, sort_keys=True) + "\n", "utf-8")
        sys.stdout.write(f"{wanted.name} written\n")
