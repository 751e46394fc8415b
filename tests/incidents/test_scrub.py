"""Damage of either copy is noticed by the hub itself: at start, and every day."""

import asyncio
from datetime import UTC, datetime

import pytest

from services.incidents.archive import DAMAGED, Archive, build
from services.incidents.scrub import rest_s
from services.incidents.store import SERVICE
from services.runtime.database import engine_for
from tests.hub import Hub
from tests.incidents.make import opened
from tests.incidents.room import office


@pytest.mark.parametrize(("now", "hours"), [(1, 2), (3, 24), (4, 23)])
def test_the_copies_are_compared_once_a_day(now: int, hours: int) -> None:
    assert rest_s(3, datetime(2026, 11, 23, now, tzinfo=UTC)) == hours * 3600


async def _says(archive: Archive, mode: str, what: str) -> None:
    async with asyncio.timeout(20):
        while archive.health()["modes"] != {"actual": None, "exercise": None, mode: what}:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    assert archive.health()["ok"] is False


async def test_a_row_that_was_changed_while_the_hub_stood_still_is_noticed_at_start(
    fresh_broker: Hub,
) -> None:
    async with office(fresh_broker) as here:
        await here.write(*(opened() for _ in range(5)))
    engine = engine_for(fresh_broker.settings, SERVICE)
    with engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM content WHERE sequence = 3")
    engine.dispose()
    async with office(fresh_broker) as here:
        await _says(here.archive, "actual", "CONTENT_MISSING")


async def test_over_tables_that_cannot_be_read_the_archive_stays_shut_and_says_so(fresh_broker: Hub) -> None:
    async with office(fresh_broker) as here:
        await here.write(opened())
    file = fresh_broker.settings.home / "db" / "incidents.db"
    file.write_bytes(b"\0" * file.stat().st_size)
    archive = build(fresh_broker.settings)
    await archive.start()
    assert archive.health() == {"ok": False, "modes": {"actual": DAMAGED, "exercise": DAMAGED}}
    await archive.stop()
