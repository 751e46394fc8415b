"""A backup made while the hub runs, and a hub made of it on an empty machine."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
import sqlalchemy as sa
from psycopg import sql

from schemas import incidents
from services.incidents.copies import copies
from services.incidents.erasure import Register, forget
from services.incidents.store import SERVICE
from services.incidents.tables import READS
from services.incidents.verify import verify, verify_erased
from services.runtime import names
from services.runtime.backup import (
    BackupDamaged,
    FolderTaken,
    RegisterMissing,
    backup,
    check,
    lacks_ledger,
    restore,
)
from services.runtime.broker import Broker
from services.runtime.database import MIGRATIONS, open_database
from services.runtime.provisioner import provision
from services.runtime.repair import repair
from services.runtime.settings import Settings
from services.runtime.watches import accounts_text
from tests.hub import STREAM_BYTES, WATCHES, Hub
from tests.incidents.make import Made, opened
from tests.incidents.room import Office, centre, erased_from_broker, office

pytestmark = pytest.mark.system
WORD = "Fjellfiolett"


def _settings(home: Path, url: str) -> Settings:
    return Settings.model_validate({"home": home, "database_url": url, "stream_bytes": STREAM_BYTES})


def _erased(made: Made) -> Made:
    body = incidents.Erased(fact=made.id, ground="gdpr-17", law="GDPR 17", asked_by="p1")
    return Made(body, about=made.about, owner=made.owner)


async def _backup(here: Office, url: str, folder: Path, *made: Made) -> None:
    await here.write(*centre(), *made)
    await here.get(made[0].owner, id=made[0].about)
    await asyncio.to_thread(backup, _settings(here.hub.settings.home, url), folder)


@asynccontextmanager
async def _hub_in(settings: Settings) -> AsyncIterator[Hub]:
    broker = Broker(settings.nats_home, accounts_text(settings, WATCHES))
    try:
        await broker.start()
        await provision(settings)
        yield Hub(settings, broker, WATCHES)
    finally:
        await broker.stop()


def _files_with(word: str, folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and word.encode() in path.read_bytes()]


@pytest.fixture(params=["sqlite", "postgresql"])
def urls(request: pytest.FixtureRequest, postgres_url: str) -> Iterator[tuple[str, str]]:
    """The databases of the old hub and of the new one."""
    if request.param == "sqlite":
        yield "", ""
        return
    found, made = [], []
    for _ in range(2):
        name = f"test_{uuid4().hex}"
        with psycopg.connect(postgres_url, autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        server, _, query = postgres_url.partition("?")
        address = server.partition("://")[2].rpartition("/")[0]
        found.append(f"postgresql://{address}/{name}" + (f"?{query}" if query else ""))
        made.append(name)
    yield found[0], found[1]
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        for name in made:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


async def test_a_hub_on_an_empty_machine_is_what_the_backup_was(
    fresh_broker: Hub, tmp_path: Path, urls: tuple[str, str]
) -> None:
    folder, kept, gone = tmp_path / "backup", opened("Brann i Skuteviken", tags=["child"]), opened(WORD)
    async with office(fresh_broker, urls[0]) as here:
        await _backup(here, urls[0], folder, kept, gone)
        await here.write(_erased(gone), opened("written after the backup"))
    assert "Brann" not in (folder / "manifest.json").read_text()
    new = _settings(tmp_path / "new", urls[1])
    new.home.mkdir()
    with pytest.raises(RegisterMissing):
        restore(new, folder, forget)
    register = fresh_broker.settings.home / "erasures"
    assert restore(new, folder, forget, register) == [SERVICE]
    assert restore(new, folder, forget, register) == [], "what is there is not overwritten"
    assert lacks_ledger(new) == ["actual", "exercise"]
    assert _files_with(WORD, new.home) == []
    with copies(new) as found:
        await repair(new, found)
    async with _hub_in(new) as hub, office(hub, urls[1]) as here:
        nc = await here.client(names.INCIDENTS_ARCHIVE)
        await here.reached((await nc.jetstream().stream_info(names.ledger("actual"))).state.last_seq)
        report = (await verify(new, nc))[0]
        assert (report.first, report.contents, report.erased) == (None, 1, 1)
        head = (await here.get(kept.owner, id=kept.about))["incident"]
        assert head["content"]["headline"] == "Brann i Skuteviken"
        assert (await here.get(gone.owner, id=gone.about))["incident"]["erased"]
    assert Register(new.home).ids() == {gone.id}
    engine = open_database(new, SERVICE)
    with engine.begin() as connection:
        asked = sa.select(READS).where(READS.c.what == "get")
        assert len(connection.execute(asked).all()) == 2, "kept from before, and one since"
    engine.dispose()
    assert _files_with(WORD, new.home) == []


async def test_a_table_that_is_lost_is_put_back_beside_the_living_ledger(
    fresh_broker: Hub, tmp_path: Path
) -> None:
    folder, home = tmp_path / "backup", fresh_broker.settings.home
    late = opened("after the backup")
    async with office(fresh_broker) as here:
        await _backup(here, "", folder, opened("before"))
        last = await here.write(late)
    shutil.rmtree(home / "db")
    assert restore(fresh_broker.settings, folder, forget) == [SERVICE]
    assert lacks_ledger(fresh_broker.settings) == []
    async with office(fresh_broker) as here:
        await here.reached(last)
        nc = await here.client(names.INCIDENTS_ARCHIVE)
        assert (await verify(fresh_broker.settings, nc))[0].first is None
        assert (await here.get(late.owner, id=late.about))["incident"]["content"][
            "headline"
        ] == "after the backup"


async def test_a_changed_or_lost_file_is_named(fresh_broker: Hub, tmp_path: Path) -> None:
    folder = tmp_path / "backup"
    async with office(fresh_broker) as here:
        await _backup(here, "", folder, opened())
    newest = max(path.name[:4] for path in (MIGRATIONS / SERVICE / "migrations/versions").glob("0*.py"))
    assert check(folder).services == {SERVICE: newest}
    path = folder / "db" / "incidents.db"
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 1
    path.write_bytes(raw)
    with pytest.raises(BackupDamaged, match=r"incidents\.db"):
        restore(_settings(tmp_path / "new", ""), folder, forget)
    with pytest.raises(FolderTaken):
        backup(fresh_broker.settings, folder)


async def test_a_backup_is_told_as_a_residue_until_its_end(fresh_broker: Hub, tmp_path: Path) -> None:
    made = opened(WORD)
    async with office(fresh_broker) as here:
        await _backup(here, "", tmp_path / "backup", made)
        await here.write(_erased(made))
        await erased_from_broker(fresh_broker.settings)
    (residue,) = await verify_erased(fresh_broker.settings)
    assert (residue.where, residue.fact, residue.path) == ("backup", made.id, str(tmp_path / "backup"))
    assert residue.until is not None


async def test_no_key_is_in_a_backup(fresh_broker: Hub, tmp_path: Path) -> None:
    async with office(fresh_broker) as here:
        await _backup(here, "", tmp_path / "backup", opened())
    seeds = [path.read_bytes().strip() for path in fresh_broker.settings.credentials.glob("*.nk")]
    files = [path.read_bytes() for path in (tmp_path / "backup").rglob("*") if path.is_file()]
    assert not any(seed in raw for seed in seeds for raw in files)
    assert "credentials/eraser.nk" in check(tmp_path / "backup").keys
