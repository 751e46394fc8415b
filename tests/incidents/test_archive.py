"""The archive beside a real broker: what it keeps when it is killed, and how it is made anew."""

import asyncio
from pathlib import Path
from typing import Any

import orjson
import pytest

from schemas import incidents, subjects
from schemas.canonical import commitment, digest
from schemas.vocabulary import Level
from services.incidents.store import SERVICE, Store
from services.incidents.verify import verify
from services.runtime import names
from services.runtime.appender import Appender, Outgoing
from services.runtime.database import open_database
from services.runtime.epochs import Gate
from services.runtime.settings import Settings
from tests.hub import Hub
from tests.incidents.make import Made, Scribe, opened
from tests.incidents.room import centre, office
from tests.parts import kill, started

ARCHIVE = "services.incidents.archive:build"

COUNT = 1500


def _settings(hub: Hub, url: str = "") -> Settings:
    return Settings.model_validate(hub.settings.model_dump() | {"database_url": url})


async def _cursor(settings: Settings) -> int:
    store = Store(await asyncio.to_thread(open_database, settings, SERVICE))
    try:
        return (await asyncio.to_thread(store.cursor, "actual")).sequence
    finally:
        store.engine.dispose()


async def _write(hub: Hub, count: int) -> list[Made]:
    nc = await hub.connect(names.INCIDENTS_LEDGER)
    scribe = Scribe(nc)
    made = [opened() for _ in range(count)]
    await asyncio.gather(*(scribe.write(one) for one in made))
    await nc.close()
    return made


@pytest.mark.system
@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
async def test_a_killed_archive_has_every_fact_once_in_the_end(
    fresh_broker: Hub, database: str, request: pytest.FixtureRequest
) -> None:
    url = "" if database == "sqlite" else request.getfixturevalue("postgres_database")
    settings = _settings(fresh_broker, url)
    await asyncio.to_thread(lambda: open_database(settings, SERVICE).dispose())
    writing = asyncio.create_task(_write(fresh_broker, COUNT))
    reached, kills = 0, 0
    while reached < COUNT and kills < 40:
        child = started(settings, ARCHIVE)
        former, deadline = reached, asyncio.get_running_loop().time() + 20
        while reached == former and asyncio.get_running_loop().time() < deadline:
            await asyncio.sleep(0.03)
            reached = await _cursor(settings)
        kill(child)
        kills += 1
        reached = await _cursor(settings)
    await writing
    async with office(fresh_broker, url) as here:
        await here.reached(COUNT)
        found = await verify(settings, await here.client(names.INCIDENTS_ARCHIVE))
    assert kills >= 1
    assert [(report.facts, report.first) for report in found if report.mode == "actual"] == [(COUNT, None)]


async def test_a_door_opens_only_when_the_archive_agrees_with_the_ledger(
    fresh_broker: Hub, tmp_path: Path
) -> None:
    nc = await fresh_broker.connect(names.INCIDENTS_LEDGER)
    gate = Gate(nc, "actual", tmp_path / "mark.json")
    await gate.open()
    assert gate.reason == "LEDGER_UNREACHABLE"
    async with office(fresh_broker) as here:
        made = opened()
        sequence = await here.write(made)
        answer = orjson.loads((await nc.request(subjects.mark("actual"), b"")).data)
        assert answer == {"epoch": 1, "sequence": sequence, "digest": digest(made.raw)}
        await gate.check()
        assert gate.reason is None
    await nc.close()


async def test_an_empty_archive_answers_with_an_empty_mark(fresh_broker: Hub) -> None:
    async with office(fresh_broker):
        nc = await fresh_broker.connect(names.INCIDENTS_LEDGER)
        assert orjson.loads((await nc.request(subjects.mark("exercise"), b"")).data) == {}
        await nc.close()


async def test_a_message_that_is_no_fact_is_parked_by_reference(fresh_broker: Hub) -> None:
    async with office(fresh_broker) as here:
        nc = await here.client(names.INCIDENTS_LEDGER)
        subject = subjects.fact("actual", "4601", "vaktsentral", "incidents", "x", "opened")
        ack = await Appender(nc).append(Outgoing(subject, b"ordet Fjellfiol", "odd"))
        await here.reached(ack.sequence)
        js = (await here.client(names.OPS)).jetstream()
        while not (await js.stream_info(names.PARKED)).state.messages:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
        parked = await js.get_last_msg(names.PARKED, subjects.parked("actual", SERVICE), direct=True)
        where = {"code": "UNREADABLE", "stream": "LEDGER_ACTUAL", "epoch": 1, "sequence": ack.sequence}
        assert orjson.loads(parked.data or b"") == where


async def test_content_is_taken_from_the_other_class_when_its_own_is_damaged(fresh_broker: Hub) -> None:
    made = opened("Skogbrann")
    assert made.sealed is not None
    nc = await fresh_broker.connect(names.INCIDENTS_LEDGER)
    content, facts = Appender(nc), Appender(nc)
    await content.append(Outgoing(made.content_subject, b"x" * 80, made.id))
    await content.append(Outgoing(made.shared_subject, made.sealed, f"{made.id}-shared"))
    await facts.append(Outgoing(made.subject, made.raw, made.id))
    async with office(fresh_broker) as here:
        await here.write(*centre())
        answer = await here.get(made.owner, id=made.about)
    assert answer["incident"]["content"]["headline"] == "Skogbrann"
    await nc.close()


async def test_content_that_comes_back_is_taken_in_at_the_next_start(fresh_broker: Hub) -> None:
    made = opened("Savnet turgåer")
    assert made.sealed is not None
    nc = await fresh_broker.connect(names.INCIDENTS_LEDGER)
    await Appender(nc).append(Outgoing(made.subject, made.raw, made.id))
    async with office(fresh_broker) as here:
        await here.write(*centre())
        assert (await here.get(made.owner, id=made.about))["incident"]["content"] is None
    await Appender(nc).append(Outgoing(made.content_subject, made.sealed, f"{made.id}-again"))
    async with office(fresh_broker) as here, asyncio.timeout(5):
        while (await here.get(made.owner, id=made.about))["incident"]["content"] is None:  # noqa: ASYNC110
            await asyncio.sleep(0.1)
    await nc.close()


async def test_an_archive_made_anew_is_the_same_and_keeps_the_log_of_reads(fresh_broker: Hub) -> None:
    made = [opened(level=Level.NAMED, named=["4624"]) for _ in range(20)]
    raised = incidents.SharedWider(
        entry="head", level=Level.REGION, commitment=commitment(made[0].sealed or b"")
    )
    async with office(fresh_broker) as here:
        await here.write(*centre(), *made, Made(raised, about=made[0].about))
        before = await _everything(here.archive)
    store = Store(open_database(_settings(fresh_broker), SERVICE))
    for mode in ("actual", "exercise"):
        store.clear(mode)
    store.engine.dispose()
    async with office(fresh_broker) as here:
        await here.reached(len(before))
        assert await _everything(here.archive) == before


async def _everything(archive: Any) -> list[dict[str, Any]]:
    return [dict(row) for page in archive._store.facts("actual") for row in page]
