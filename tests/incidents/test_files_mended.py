"""Each copy of a file brings the other back; a backup brings both, and never what was erased."""

import asyncio
import os
import shutil
import signal
from pathlib import Path

import pytest
import sqlalchemy as sa

from schemas import incidents
from schemas.envelope import Accepted
from services.incidents.copies import copies
from services.incidents.erasure import forget
from services.incidents.store import SERVICE
from services.incidents.tables import ERASURES, PARTS
from services.runtime import names
from services.runtime.backup import backup, restore
from services.runtime.broker import Broker
from services.runtime.database import open_database
from services.runtime.repair import Repaired, repair
from services.runtime.settings import Settings
from services.runtime.watches import accounts_text
from tests.hub import WATCHES, Hub
from tests.incidents.centre import VAKT
from tests.incidents.files_room import MODE, Files, files_room
from tests.incidents.papers import photo

LARGE = photo(1200, 900, noise=1)


async def _repair(settings: Settings) -> list[Repaired]:
    with copies(settings) as found:
        return [one for one in await repair(settings, found) if one.mode == MODE]


def _store(hub: Hub) -> Path:
    return hub.settings.nats_home / "streams" / "jetstream" / "HUB" / "streams" / names.objects(MODE)


async def _attached(room: Files) -> tuple[str, str]:
    """An incident and a file in it, of which the archive has its copy."""
    kari, incident = await room.person("kari", VAKT), await room.opened()
    file = await room.attached(kari, incident, LARGE, "brudd.jpg")
    await room.until(kari, incident, file, "unscanned")
    await room.until_whole()
    return incident, file


@pytest.mark.parametrize("damage", ["a flipped bit", "the whole store lost"])
async def test_repair_puts_back_a_file_that_the_object_store_has_lost(fresh_broker: Hub, damage: str) -> None:
    async with files_room(fresh_broker) as room:
        _, file = await _attached(room)
    pid = fresh_broker.broker.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    await fresh_broker.broker.stop()
    if damage == "a flipped bit":
        block = sorted((_store(fresh_broker) / "msgs").glob("*.blk"))[0]
        raw = bytearray(block.read_bytes())
        raw[len(raw) // 2] ^= 0x10
        block.write_bytes(raw)
    else:
        shutil.rmtree(_store(fresh_broker))
    (done,) = await _repair(fresh_broker.settings)
    assert done.files == 1
    await fresh_broker.broker.start()
    await asyncio.to_thread(_forget_parts, fresh_broker.settings)
    async with files_room(fresh_broker) as room:
        kari = await room.person("kari", VAKT)
        assert await room.fetch(kari, file) == LARGE, "from the object store alone"


async def test_repair_has_a_lost_second_copy_taken_over_anew(fresh_broker: Hub) -> None:
    async with files_room(fresh_broker) as room:
        _, file = await _attached(room)
    await asyncio.to_thread(_forget_parts, fresh_broker.settings)
    await fresh_broker.broker.stop()
    (done,) = await _repair(fresh_broker.settings)
    assert done.files == 0
    await fresh_broker.broker.start()
    async with files_room(fresh_broker) as room:
        await room.until_whole()
        assert await room.fetch(await room.person("kari", VAKT), file) == LARGE
    await fresh_broker.broker.stop()
    shutil.rmtree(_store(fresh_broker))
    (done,) = await _repair(fresh_broker.settings)
    assert done.files == 1, "the second copy is whole again"
    await fresh_broker.broker.start()


async def test_a_backup_brings_a_file_back_in_a_new_home_and_never_an_erased_one(
    fresh_broker: Hub, tmp_path: Path
) -> None:
    folder, home = tmp_path / "backup", tmp_path / "elsewhere"
    async with files_room(fresh_broker) as room:
        incident, gone = await _attached(room)
        _, kept = await _attached(room)
        await asyncio.to_thread(backup, room.settings, folder)
        owner, guardian = await room.person("arkiv", VAKT), await room.person("vern", VAKT)
        ask = incidents.AskErasure(incident=incident, entry=gone, ground="wrong_person", law="gdpr-17-1-d")
        assert isinstance(await owner.send(ask), Accepted)
        approve = incidents.ApproveErasure(incident=incident, entry=gone)
        assert isinstance(await guardian.send(approve), Accepted)
        await asyncio.to_thread(room.wait, lambda: _is_erased(room.settings))
    settings = Settings(home=home, stream_bytes=fresh_broker.settings.stream_bytes)
    register = fresh_broker.settings.home / "erasures"
    assert SERVICE in await asyncio.to_thread(restore, settings, folder, forget, register)
    (done,) = await _repair(settings)
    assert done.files == 1
    broker = Broker(settings.nats_home, accounts_text(settings, WATCHES))
    try:
        await broker.start()
        async with files_room(Hub(settings, broker, WATCHES)) as room:
            kari = await room.person("kari", VAKT)
            assert await room.fetch(kari, kept) == LARGE
            assert await room.fetch(kari, gone) == "ALREADY_ERASED"
    finally:
        await broker.stop()


def _forget_parts(settings: Settings) -> None:
    engine = open_database(settings, SERVICE)
    with engine.begin() as connection:
        connection.execute(sa.delete(PARTS))
    engine.dispose()


def _is_erased(settings: Settings) -> bool:
    engine = open_database(settings, SERVICE)
    with engine.connect() as connection:
        rows = connection.execute(sa.select(ERASURES.c.done_at)).scalars().all()
    engine.dispose()
    return bool(rows) and all(rows)
