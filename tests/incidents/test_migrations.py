"""An archive of an earlier version is brought to today's tables with all that it holds."""

from datetime import datetime
from pathlib import Path

import sqlalchemy as sa

from schemas import incidents
from schemas.vocabulary import IncidentState
from services.incidents import reads
from services.incidents.store import SERVICE
from services.incidents.tables import INCIDENTS
from services.runtime.database import engine_for, migrate
from services.runtime.reads import Checked
from services.runtime.settings import Settings
from tests.incidents.make import Made, opened

_READ = {
    "mode": "actual",
    "watch": "4601.vaktsentral",
    "person": "p1",
    "machine": None,
    "via": "desk",
    "what": "get",
    "incident": "i",
}


def test_reads_of_an_earlier_version_are_bound_and_closed_incidents_get_their_time(
    store_url: str, tmp_path: Path
) -> None:
    settings = Settings.model_validate({"home": tmp_path, "database_url": store_url})
    engine = engine_for(settings, SERVICE)
    migrate(engine, SERVICE, "0002")
    made = opened()
    closing = Made(
        incidents.StateChanged(state=IncidentState.CLOSED, former=IncidentState.NEW), about=made.about
    )
    with engine.begin() as connection:
        for number, one in enumerate((made, closing), 1):
            connection.execute(_insert("facts"), _fact(number, one))
        connection.execute(_insert("incidents"), _incident(made))
        for item in ("f1", "f2"):
            row = _READ | {"item": item, "read_at": "2026-11-01T03:00:00+01:00"}
            connection.execute(_insert("reads"), row)
    migrate(engine, SERVICE)
    assert reads.check(engine) == Checked(2, None)
    reads.append(
        engine, reads.Reading("actual", "2026-11-02T03:00:00+01:00", "w", "p", None, "t", "get"), [("i", "f")]
    )
    assert reads.check(engine) == Checked(3, None)
    with engine.connect() as connection:
        closed_at = connection.execute(sa.select(INCIDENTS.c.closed_at)).scalar_one()
    assert datetime.fromisoformat(closed_at) == closing.fact.time
    engine.dispose()


def _insert(table: str) -> sa.TextClause:
    names = {
        "facts": "mode sequence epoch id about subject raw digest watch controller position chain_hash",
        "reads": "mode read_at watch person machine via what incident item",
        "incidents": "mode id watch fact sequence ref year number controller state type priority level tags"
        " named municipalities occurred_at recorded_at",
    }[table].split()
    values = ", ".join(f":{name}" for name in names)
    return sa.text(f"INSERT INTO {table} ({', '.join(names)}) VALUES ({values})")  # noqa: S608


def _fact(number: int, made: Made) -> dict[str, object]:
    return {
        "mode": "actual",
        "sequence": number,
        "epoch": 1,
        "id": made.id,
        "about": made.about,
        "subject": made.subject,
        "raw": made.raw,
        "digest": b"d",
        "watch": made.owner,
        "controller": "4601",
        "position": number,
        "chain_hash": b"h",
    }


def _incident(made: Made) -> dict[str, object]:
    texts = ("ref", "controller", "state", "type", "priority", "level", "tags", "named", "municipalities")
    row = dict.fromkeys((*texts, "occurred_at", "recorded_at"), "[]")
    key = {"mode": "actual", "id": made.about, "watch": made.owner, "fact": made.id}
    return row | key | {"sequence": 1, "year": 2026, "number": 1}
