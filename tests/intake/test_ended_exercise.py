"""The official messages of an exercise that is over for good are kept no more, not one byte of them."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from schemas.canonical import digest
from schemas.exercise import Begun, Discarded, Ended
from schemas.people import Granted
from schemas.vocabulary import Role
from services.intake.store import Raw, Store
from services.runtime import names
from services.runtime.database import open_database
from services.runtime.settings import Settings
from tests.caller import Caller, Office
from tests.hub import Hub
from tests.intake.test_room import BERGEN, OPERATOR, in_home, intake, kept, message, sample

MODE, STORM = "exercise", datetime.fromisoformat("2027-01-14T08:00:00+01:00")


def marked(number: int, word: bytes) -> bytes:
    return sample("wind_alert.cap", number).replace(b"<headline>", b"<headline>" + word + b" ", 1)


async def begin(at: Office) -> None:
    said = {"exercise": "x1", "at": STORM, "wall": datetime.now(UTC), "speed": 1}
    begun = Begun(code="ask", organisations=["4601", "4624"], led_by=BERGEN, **said)  # type: ignore[arg-type]
    await at.put_fact(names.WATCH_LEDGER, BERGEN, "x1", begun, MODE)


async def end_for_good(at: Office) -> None:
    said: dict[str, Any] = {"exercise": "x1", "wall": datetime.now(UTC)}
    await at.put_fact(names.WATCH_LEDGER, BERGEN, "x1", Ended(at=STORM, speed=0, **said), MODE)
    gone = Discarded(order="o1", where=["4601"], law="arkivlova-15", asked_by="arkiv", **said)
    await at.put_fact(names.WATCH_LEDGER, BERGEN, "x1", gone, MODE)


async def there(desk: Caller) -> Any:
    return (await desk.ask("warnings", "exercise", MODE, exercise="x1", where=["4601"])).get("there")


@pytest.mark.parametrize("is_away", [False, True])
async def test_the_messages_of_the_exercise_go_and_those_from_before_it_stay(
    fresh_broker: Hub, is_away: bool
) -> None:
    hub, gone, before = fresh_broker, marked(40, b"FJELLFIOLETT"), marked(41, b"BLAABAER")
    async with intake(hub) as at:
        granted = Granted(person="arkiv", role=Role.ARCHIVE_OWNER, where="4601")
        await at.put_fact(names.PEOPLE_LEDGER, "4601.centre", "arkiv", granted, MODE)
        bergen, archive = await at.caller(BERGEN, OPERATOR), await at.caller(BERGEN, "arkiv")
        await bergen.accepted(message(before), mode=MODE)
        await begin(at)
        await bergen.accepted(message(gone), mode=MODE)
        async with asyncio.timeout(15):
            while await there(archive) != {"warnings": 1, "originals": 1}:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        assert in_home(hub.settings, b"FJELLFIOLETT")
        if is_away:
            await at.stop()
        await end_for_good(at)
        if is_away:
            await at.start()
        async with asyncio.timeout(15):
            while await there(archive) != {"warnings": 0, "originals": 0} or kept(hub, gone):  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        listed = (await bergen.ask("warnings", "list", MODE))["warnings"]
        assert [one["content"]["texts"][0]["headline"].split()[0] for one in listed] == ["BLAABAER"]
        again = await bergen.accepted(message(gone), mode=MODE)
        assert again.result["known"] == 1, "an official warning is born once, and is not born again"
    assert kept(hub, before)


def test_messages_are_dropped_by_mode_and_digest_on_both_databases(store_url: str, tmp_path: Path) -> None:
    plain = "" if store_url.startswith("sqlite") else store_url
    settings = Settings.model_validate({"home": tmp_path, "database_url": plain})
    store, at = Store(open_database(settings, "intake")), datetime.now(UTC)
    many = [b"<alert>FJELLFIOLETT %d</alert>" % number for number in range(600)]
    for raw in many:
        store.keep(Raw(digest(raw), MODE, at, at, raw))
    store.keep(Raw(digest(b"actual"), "actual", at, at, b"actual"))
    wanted = [digest(raw) for raw in many[:550]] + [digest(b"actual")]
    assert store.count(MODE, wanted) == 550
    assert store.drop(MODE, wanted) == 550
    assert store.drop(MODE, wanted) == 0
    assert store.find(digest(many[560])) is not None
    assert store.find(digest(b"actual")) is not None
    store.close()
    assert [
        path for path in tmp_path.rglob("*") if path.is_file() and b"FJELLFIOLETT 7<" in path.read_bytes()
    ] == []
