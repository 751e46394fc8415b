"""Erasing content: no byte of it is left in the archive's files or the broker's, whoever is killed when."""

import asyncio
import os
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa

from schemas import incidents
from schemas.canonical import commitment
from schemas.vocabulary import Level
from services.incidents.erasure import Register
from services.incidents.store import SERVICE, Store
from services.incidents.tables import ERASURES
from services.incidents.verify import verify, verify_erased
from services.runtime import names
from services.runtime.appender import Appender, Outgoing
from services.runtime.credentials import write_durably
from services.runtime.database import open_database
from services.runtime.settings import Settings
from tests.hub import Hub
from tests.incidents.make import Made, Scribe, opened
from tests.incidents.room import Office, centre, office
from tests.parts import kill, started

ARCHIVE = "services.incidents.archive:build"

WORD = "Fjellfiolett"


def _settings(hub: Hub, url: str = "") -> Settings:
    return Settings.model_validate(hub.settings.model_dump() | {"database_url": url})


def _erased(made: Made) -> Made:
    body = incidents.Erased(fact=made.id, ground="gdpr-17", law="GDPR 17", asked_by="p1")
    return Made(body, about=made.about, owner=made.owner)


def _files_with(word: str, folder: Path) -> list[str]:
    return [str(path) for path in folder.rglob("*") if path.is_file() and word.encode() in path.read_bytes()]


def _pending(settings: Settings) -> int:
    engine = open_database(settings, SERVICE)
    with engine.connect() as connection:
        found = connection.execute(sa.select(ERASURES).where(ERASURES.c.done_at.is_(None))).all()
    engine.dispose()
    return len(found)


async def _until_erased(settings: Settings) -> None:
    async with asyncio.timeout(20):
        while await asyncio.to_thread(_pending, settings):  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def _copy_to_shared(here: Office, made: Made) -> None:
    nc = await here.client(names.INCIDENTS_LEDGER)
    assert made.sealed is not None
    await Appender(nc).append(Outgoing(made.shared_subject, made.sealed, f"{made.id}-shared"))
    body = incidents.SharedWider(
        entry="head", level=Level.NAMED, named=["4624"], commitment=commitment(made.sealed)
    )
    await here.write(Made(body, about=made.about))


@pytest.mark.parametrize("size", [1, 400])
async def test_no_byte_is_left_in_the_home(fresh_broker: Hub, size: int) -> None:
    home = fresh_broker.settings.home
    made = opened(f"{WORD} " * size)
    async with office(fresh_broker) as here:
        await here.write(*centre(), opened(), made, opened())
        await _copy_to_shared(here, made)
        assert _files_with(WORD, home / "nats")
        assert (await here.ask(made.owner, "paper"))["status"] == "ok"
        assert _files_with(WORD, home / "paper")
        await here.write(_erased(made))
        assert (await here.get(made.owner, id=made.about))["incident"]["erased"]
        await _until_erased(fresh_broker.settings)
        (before,) = [
            r
            for r in await verify(fresh_broker.settings, await here.client(names.INCIDENTS_ARCHIVE))
            if r.facts
        ]
    assert _files_with(WORD, home) == []
    assert (before.first, before.erased) == (None, 1)
    assert Register(home).ids() == {made.id}
    assert await verify_erased(fresh_broker.settings) == []


async def test_no_byte_is_left_in_the_files_of_postgresql(fresh_broker: Hub, postgres_database: str) -> None:
    many = [opened(f"{WORD} {number}") for number in range(40)]
    long = opened(f"{WORD} " + os.urandom(4000).hex())
    settings = _settings(fresh_broker, postgres_database)
    async with office(fresh_broker, postgres_database) as here:
        await here.write(*centre(), *many, long, opened())
        assert _table_files_with(WORD, postgres_database)
        await here.write(*(_erased(made) for made in (*many, long)))
        await _until_erased(settings)
    assert _table_files_with(WORD, postgres_database) == []
    assert _files_with(WORD, settings.home) == []
    assert {residue.where for residue in await verify_erased(settings)} <= {"postgresql-wal"}


def _table_files_with(word: str, url: str) -> list[str]:
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute("CHECKPOINT")
        (folder,) = connection.execute("SHOW data_directory").fetchone() or ("",)
        (oid,) = connection.execute(
            "SELECT oid FROM pg_database WHERE datname = current_database()"
        ).fetchone() or (0,)
    return _files_with(word, Path(folder) / "base" / str(oid))


async def test_what_an_earlier_process_left_is_erased_at_the_next_start(fresh_broker: Hub) -> None:
    made = opened(WORD)
    nc = await fresh_broker.connect(names.INCIDENTS_LEDGER)
    async with office(fresh_broker) as here:
        await here.write(*centre(), made, _erased(made))
        await _until_erased(fresh_broker.settings)
    assert made.sealed is not None
    await Appender(nc).append(Outgoing(made.content_subject, made.sealed, "back-again"))
    engine = open_database(fresh_broker.settings, SERVICE)
    with engine.begin() as connection:
        connection.execute(sa.update(ERASURES).values(done_at=None))
    engine.dispose()
    async with office(fresh_broker):
        await _until_erased(fresh_broker.settings)
    assert _files_with(WORD, fresh_broker.settings.home) == []
    await nc.close()


async def test_a_rebuild_from_the_ledger_keeps_it_erased(fresh_broker: Hub) -> None:
    made = opened(WORD)
    async with office(fresh_broker) as here:
        last = await here.write(*centre(), made, opened(), _erased(made))
        await _until_erased(fresh_broker.settings)
    store = Store(open_database(fresh_broker.settings, SERVICE))
    store.clear("actual")
    store.engine.dispose()
    async with office(fresh_broker) as here:
        await here.reached(last)
        head = (await here.get(made.owner, id=made.about))["incident"]
        await _until_erased(fresh_broker.settings)
        (report,) = [
            r
            for r in await verify(fresh_broker.settings, await here.client(names.INCIDENTS_ARCHIVE))
            if r.facts
        ]
    assert (head["content"], head["erased"]) == (None, True)
    assert (report.first, report.erased) == (None, 1)


async def test_what_the_register_names_is_erased_even_if_the_ledger_does_not_tell(fresh_broker: Hub) -> None:
    home, made = fresh_broker.settings.home, opened(WORD)
    Register(home).write("actual", made.id, "2026-01-01T00:00:00+01:00")
    async with office(fresh_broker) as here:
        await here.write(*centre(), made)
        assert (await here.get(made.owner, id=made.about))["incident"]["erased"]
        await _until_erased(fresh_broker.settings)
        reports = await verify(fresh_broker.settings, await here.client(names.INCIDENTS_ARCHIVE))
    assert reports[0].first is None
    assert _files_with(WORD, home) == []


@pytest.mark.system
async def test_an_archive_killed_again_and_again_erases_all_in_the_end(fresh_broker: Hub) -> None:
    settings, count = fresh_broker.settings, 60
    nc = await fresh_broker.connect(names.INCIDENTS_LEDGER)
    scribe = Scribe(nc)
    made = [opened(f"{WORD} {number}") for number in range(count)]
    for one in made:
        await scribe.write(one)
    for number in range(8):
        child = started(settings, ARCHIVE)
        await asyncio.sleep(1.0 + 0.15 * number)
        for one in made[number * 8 : number * 8 + 8]:
            await scribe.write(_erased(one))
        await asyncio.sleep(0.01 * number)
        kill(child)
    async with office(fresh_broker) as here:
        await here.reached(2 * count)
        await _until_erased(settings)
        (report,) = [r for r in await verify(settings, await here.client(names.INCIDENTS_ARCHIVE)) if r.facts]
    assert (report.first, report.erased) == (None, count)
    assert len(Register(settings.home).ids()) == count
    assert _files_with(WORD, settings.home) == []
    await nc.close()


async def test_residues_are_told_until_their_end(fresh_broker: Hub) -> None:
    home, made = fresh_broker.settings.home, opened(WORD)
    (home / "quarantine" / "20260101T000000Z").mkdir(parents=True)
    (home / "backups").mkdir()
    for name, until in (("a", "2999-01-01T00:00:00+00:00"), ("b", "2026-01-02T00:00:00+00:00")):
        noted = f'{{"folder": "/b/{name}", "made_at": "2026-01-01T00:00:00+00:00", "until": "{until}"}}'
        write_durably(home / "backups" / f"{name}.json", noted.encode())
    async with office(fresh_broker) as here:
        await here.write(*centre(), made, _erased(made))
        await _until_erased(fresh_broker.settings)
    found = await verify_erased(fresh_broker.settings)
    assert [(residue.where, residue.until is not None) for residue in found] == [
        ("backup", True),
        ("quarantine", False),
    ]
