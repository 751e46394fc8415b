"""The words of an exercise that was ended for good are gone from every file, whoever is killed when."""

import asyncio
from pathlib import Path

import pytest
import sqlalchemy as sa

from schemas.vocabulary import Mode
from services.incidents.erasure import Register
from services.incidents.mending import mend
from services.incidents.store import SERVICE, Store
from services.incidents.tables import INCIDENTS
from services.incidents.verify import Report, verify
from services.runtime import names
from services.runtime.database import engine_for, open_database
from services.runtime.settings import Settings
from tests.ended_exercise import NEIGHBOUR, VAKT, WORD, Story
from tests.hub import Hub
from tests.incidents.room import Office, erased_from_broker, office
from tests.parts import kill, started

ARCHIVE = "services.incidents.archive:build"

MODE = Mode.EXERCISE.value


def files_with(word: str, folder: Path) -> list[str]:
    return [str(path) for path in folder.rglob("*") if path.is_file() and word.encode() in path.read_bytes()]


async def report_of(here: Office, settings: Settings) -> Report:
    reports = await verify(settings, await here.client(names.INCIDENTS_ARCHIVE))
    return next(one for one in reports if one.mode == MODE)


def heads(settings: Settings) -> int:
    engine = engine_for(settings, SERVICE)
    with engine.connect() as connection:
        count = connection.execute(sa.select(sa.func.count()).select_from(INCIDENTS)).scalar_one()
    engine.dispose()
    return int(count)


async def test_no_byte_of_it_is_left_in_the_home_and_both_copies_agree(fresh_broker: Hub) -> None:
    story, settings = Story(), fresh_broker.settings
    *before, last = story.exercise_alone
    async with office(fresh_broker) as here:
        await here.write(*before)
        assert files_with(WORD, settings.home / "nats")
        assert (await here.ask(VAKT, "get", mode=MODE, id=story.gone.about))["status"] == "ok"
        await here.write(last)
        for key in (VAKT, NEIGHBOUR):
            answer = await here.ask(key, "get", mode=MODE, id=story.gone.about)
            assert answer["code"] == "UNKNOWN_INCIDENT"
        assert (await here.ask(VAKT, "list", mode=MODE, state="all"))["incidents"] == []
        await erased_from_broker(settings)
        report = await report_of(here, settings)
    assert (report.first, report.contents, report.erased) == (None, 0, len(story.taken) + 1)
    assert files_with(WORD, settings.home) == []
    assert Register(settings.home).ids() >= story.taken


@pytest.mark.parametrize("how", ["cleared", "mended"])
async def test_an_archive_that_is_made_anew_comes_to_the_same(fresh_broker: Hub, how: str) -> None:
    story, settings = Story(), fresh_broker.settings
    async with office(fresh_broker) as here:
        last = await here.write(*story.exercise_alone)
        await erased_from_broker(settings)
    for path in (settings.home / "erasures").glob("*.json"):
        path.unlink()  # not even the register is needed: the ledger tells it
    if how == "cleared":
        store = Store(open_database(settings, SERVICE))
        store.clear(MODE)
        store.engine.dispose()
    else:
        engine = engine_for(settings, SERVICE)
        with engine.begin() as connection:
            connection.exec_driver_sql("DELETE FROM facts WHERE mode = 'exercise' AND sequence = 9")
        engine.dispose()
        await fresh_broker.broker.stop()
        await mend(settings)
        await fresh_broker.broker.start()
    async with office(fresh_broker) as here:
        await here.reached(last, MODE)
        await erased_from_broker(settings)
        report = await report_of(here, settings)
    assert (report.first, report.erased) == (None, len(story.taken) + 1)
    assert heads(settings) == 0
    assert Register(settings.home).ids() >= story.taken
    assert files_with(WORD, settings.home / "db") == []


@pytest.mark.system
async def test_an_archive_killed_again_and_again_lets_all_go_in_the_end(fresh_broker: Hub) -> None:
    story, settings = Story(), fresh_broker.settings
    *before, gone = story.exercise_alone
    async with office(fresh_broker) as here:
        await here.write(*before)
    nc = await fresh_broker.connect(names.WATCH_LEDGER)
    await nc.request(gone.subject, gone.raw, timeout=5)
    await nc.close()
    for number in range(6):
        child = started(settings, ARCHIVE)
        await asyncio.sleep(1.0 + 0.15 * number)
        kill(child)
    async with office(fresh_broker) as here:
        await here.reached(len(story.exercise_alone), MODE)
        await erased_from_broker(settings)
        report = await report_of(here, settings)
    assert (report.first, report.erased) == (None, len(story.taken) + 1)
    assert files_with(WORD, settings.home) == []
