"""Reports and wheels of an exercise that is over for good are there no more, and nobody is reminded."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from schemas.exercise import Begun, Discarded, Ended
from schemas.identifiers import new_id
from schemas.people import Granted
from schemas.reports import Drafted, WheelBegun
from schemas.vocabulary import Role
from schemas.watch import Established
from services.reports.store import Store
from services.runtime import names
from services.runtime.database import open_database
from tests.caller import Caller, Office, office
from tests.hub import Hub
from tests.reports.house import KEY, TEMPLATE, builder

MODE = "exercise"
STORM = datetime.fromisoformat("2027-01-14T08:00:00+01:00")


def reading(speed: int) -> dict[str, Any]:
    return {"exercise": "x1", "at": STORM, "wall": datetime.now(UTC), "speed": speed}


@pytest.fixture
async def found(fresh_broker: Hub) -> AsyncIterator[Office]:
    """A house whose exercise runs, with a report and a wheel of it."""
    async with office(fresh_broker, builder) as house:
        watch = Established(watch=KEY, code="V", title=KEY, posts=["duty"])
        await house.put_fact(names.WATCH_LEDGER, KEY, "vaktsentral", watch, MODE)
        granted = Granted(person="arkiv", role=Role.ARCHIVE_OWNER, where="4601")
        await house.put_fact(names.PEOPLE_LEDGER, "4601.centre", "arkiv", granted, MODE)
        begun = Begun(code="ask", organisations=["4601"], led_by=KEY, **reading(1))
        await house.put_fact(names.WATCH_LEDGER, KEY, "x1", begun, MODE)
        await house.start()
        report, wheel = new_id(), new_id()
        drafted = Drafted(report=report, template=TEMPLATE, version=1, entries=[], tags=[])
        await house.put_fact(names.REPORTS_LEDGER, KEY, report, drafted, MODE)
        turning = WheelBegun.model_validate(
            {"wheel": wheel, "receiver": "4601", "reporters": [KEY], "moments": [STORM + timedelta(hours=9)]}
            | {"remind_s": -60, "escalate_s": 60}
        )
        await house.put_fact(names.REPORTS_LEDGER, KEY, wheel, turning, MODE)
        yield house


def deadlines(house: Office) -> int:
    engine = open_database(house.hub.settings, "reports")
    try:
        return len(Store(engine).open())
    finally:
        engine.dispose()


async def there(desk: Caller) -> dict[str, int]:
    answer = await desk.ask("reports", "exercise", MODE, exercise="x1", where=["4601"])
    return dict(answer["there"])


async def end_for_good(house: Office) -> None:
    await house.put_fact(names.WATCH_LEDGER, KEY, "x1", Ended(**reading(0)), MODE)
    said = {"exercise": "x1", "order": "o1", "where": ["4601"], "law": "arkivlova-15", "asked_by": "arkiv"}
    gone = Discarded(wall=datetime.now(UTC), **said)  # type: ignore[arg-type]
    await house.put_fact(names.WATCH_LEDGER, KEY, "x1", gone, MODE)


@pytest.mark.parametrize("is_away", [False, True])
async def test_no_report_no_wheel_and_no_deadline_of_it_is_left(found: Office, is_away: bool) -> None:
    desk = await found.caller(KEY, "arkiv")
    async with asyncio.timeout(15):
        while await there(desk) != {"reports": 1, "wheels": 1}:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
        while not await asyncio.to_thread(deadlines, found):  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    if is_away:
        await found.stop()
    await end_for_good(found)
    if is_away:
        await found.start()
    async with asyncio.timeout(15):
        while await there(desk) != {"reports": 0, "wheels": 0}:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
        while await asyncio.to_thread(deadlines, found):  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    assert found.rooms[0].health()["wheels"] == 0
