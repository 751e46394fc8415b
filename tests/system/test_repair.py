"""A ledger that lost facts without a word is noticed, and written anew from the archive."""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from schemas import incidents
from services.incidents.archive import build
from services.incidents.copies import ArchiveDamaged, copies
from services.incidents.store import SERVICE
from services.incidents.verify import Report, verify
from services.runtime import names
from services.runtime.database import open_database
from services.runtime.epochs import BEHIND, Gate
from services.runtime.repair import Repaired, repair
from tests.hub import Hub
from tests.incidents.make import Made, Scribe, opened
from tests.incidents.room import centre, erased_from_broker, office

pytestmark = pytest.mark.system
WORD = "Fjellfiolett"
_REPAIR = """
import asyncio
from services.incidents.copies import copies
from services.runtime.repair import repair
from services.runtime.settings import Settings
settings = Settings()
with copies(settings) as found:
    asyncio.run(repair(settings, found))
"""


async def _write(hub: Hub, made: list[Made]) -> None:
    nc = await hub.connect(names.INCIDENTS_LEDGER)
    scribe = Scribe(nc)
    for start in range(0, len(made), 500):
        await asyncio.gather(*(scribe.write(one) for one in made[start : start + 500]))
    await nc.close()


async def _archived(hub: Hub, made: list[Made]) -> int:
    """Write the facts and let the archive take them in; the last sequence."""
    async with office(hub) as here:
        last = await here.write(*centre())
        await _write(hub, made)
        await here.reached(last + len(made))
    return last + len(made)


async def _damage(hub: Hub, part: float) -> None:
    """Kill the broker, flip one bit in the ledger's block file, start again."""
    assert hub.broker.pid is not None
    os.kill(hub.broker.pid, signal.SIGKILL)
    await hub.broker.stop()
    folder = hub.settings.nats_home / "streams" / "jetstream" / "HUB" / "streams" / "LEDGER_ACTUAL" / "msgs"
    block = sorted(folder.glob("*.blk"))[0]
    raw = bytearray(block.read_bytes())
    raw[int(len(raw) * part)] ^= 0x10
    block.write_bytes(raw)
    await hub.broker.start()


async def _repair(hub: Hub) -> Repaired:
    await hub.broker.stop()
    with copies(hub.settings) as found:
        (done,) = await repair(hub.settings, found)
    await hub.broker.start()
    return done


async def _verified(hub: Hub) -> Report:
    """What ``verify`` says once a fresh archive has read all."""
    async with office(hub) as here:
        nc = await here.client(names.INCIDENTS_ARCHIVE)
        last = (await nc.jetstream().stream_info(names.ledger("actual"))).state.last_seq
        await here.reached(last)
        return (await verify(hub.settings, nc))[0]


async def _length(hub: Hub) -> int:
    nc = await hub.connect(names.OPS)
    found = (await nc.jetstream().stream_info(names.ledger("actual"))).state.last_seq
    await nc.close()
    return int(found)


async def test_a_flipped_bit_shuts_the_doors_and_a_repair_opens_them(
    fresh_broker: Hub, tmp_path: Path
) -> None:
    made = [opened() for _ in range(1500)]
    last = await _archived(fresh_broker, made)
    await _damage(fresh_broker, 0.4)
    assert await _length(fresh_broker) < last
    archive = build(fresh_broker.settings)
    await archive.start()
    nc = await fresh_broker.connect(names.INCIDENTS_LEDGER)
    gate = Gate(nc, "actual", tmp_path / "mark.json")
    await gate.open()
    assert gate.reason == BEHIND
    async with asyncio.timeout(5):
        while archive.projectors["actual"].reason != BEHIND:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    assert archive.health()["ok"] is False
    await archive.stop()
    await nc.close()

    done = await _repair(fresh_broker)
    assert (done.epoch, done.facts, done.contents, done.salvaged) == (2, last, 1500, 0)
    assert (done.quarantine / "LEDGER_ACTUAL").is_dir()
    report = await _verified(fresh_broker)
    assert (report.facts, report.first) == (last + 1, None)
    async with office(fresh_broker) as here:
        nc = await here.client(names.INCIDENTS_LEDGER)
        gate = Gate(nc, "actual", tmp_path / "mark.json")
        await gate.open()
        assert (gate.reason, gate.epoch) == (None, 2)
        assert await here.write(opened()) == last + 2


async def test_facts_that_only_the_old_ledger_had_are_saved(fresh_broker: Hub) -> None:
    last = await _archived(fresh_broker, [opened() for _ in range(50)])
    late = [opened("sent") for _ in range(30)]
    await _write(fresh_broker, late)
    done = await _repair(fresh_broker)
    assert (done.facts, done.salvaged) == (last, 30)
    report = await _verified(fresh_broker)
    assert (report.facts, report.contents, report.first) == (last + 31, 80, None)


async def test_facts_written_over_lost_ones_are_kept_beside_them(fresh_broker: Hub) -> None:
    last = await _archived(fresh_broker, [opened() for _ in range(300)])
    await _damage(fresh_broker, 0.5)
    left = await _length(fresh_broker)
    over = [opened() for _ in range(40)]
    await _write(fresh_broker, over)
    done = await _repair(fresh_broker)
    assert left < last
    assert (done.facts, done.salvaged) == (last, 40)
    report = await _verified(fresh_broker)
    assert (report.facts, report.first) == (last + 41, None)


async def test_what_was_erased_is_not_written_back(fresh_broker: Hub) -> None:
    made = opened(WORD)
    body = incidents.Erased(fact=made.id, ground="gdpr-17", law="GDPR 17", asked_by="p1")
    async with office(fresh_broker) as here:
        await here.write(*centre(), made, opened(), Made(body, about=made.about))
        await erased_from_broker(fresh_broker.settings)
    await _repair(fresh_broker)
    report = await _verified(fresh_broker)
    assert (report.first, report.erased, report.contents) == (None, 1, 1)
    home = fresh_broker.settings.home
    found = [path for path in home.rglob("*") if path.is_file() and WORD.encode() in path.read_bytes()]
    assert found == []


async def test_a_damaged_archive_never_becomes_the_ledger(fresh_broker: Hub) -> None:
    await _archived(fresh_broker, [opened() for _ in range(5)])
    engine = open_database(fresh_broker.settings, SERVICE)
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE facts SET raw = CAST('{}' AS BLOB) WHERE sequence = 3")
    engine.dispose()
    await fresh_broker.broker.stop()
    with copies(fresh_broker.settings) as found, pytest.raises(ArchiveDamaged):
        await repair(fresh_broker.settings, found)
    await fresh_broker.broker.start()
    assert await _length(fresh_broker) > 5, "nothing was moved"


async def test_what_unfinished_repairs_had_saved_is_written_once(fresh_broker: Hub) -> None:
    last = await _archived(fresh_broker, [opened() for _ in range(10)])
    await _write(fresh_broker, [opened() for _ in range(5)])
    done = await _repair(fresh_broker)
    (done.quarantine / "done").unlink()
    second = done.quarantine.with_name("20000101T000000Z")
    second.mkdir()
    shutil.copy(done.quarantine / "actual.salvage", second)
    again = await _repair(fresh_broker)
    assert (done.salvaged, again.salvaged) == (5, 6), "the facts, and that the ledger was repaired"
    report = await _verified(fresh_broker)
    assert (report.facts, report.contents, report.first) == (last + 7, 15, None)


async def test_a_repair_killed_again_and_again_ends_well(fresh_broker: Hub) -> None:
    last = await _archived(fresh_broker, [opened() for _ in range(1500)])
    await _damage(fresh_broker, 0.3)
    late = [opened() for _ in range(25)]
    await _write(fresh_broker, late)
    await fresh_broker.broker.stop()
    env = dict(os.environ) | fresh_broker.settings.as_environment()
    for number in range(7):
        child = subprocess.Popen([sys.executable, "-c", _REPAIR], env=env, stderr=subprocess.DEVNULL)
        await asyncio.sleep(1.1 + 0.2 * number)
        child.kill()
        child.wait()
    done = await _repair(fresh_broker)
    report = await _verified(fresh_broker)
    assert report.first is None
    assert done.facts == last
    async with office(fresh_broker) as here:
        store = here.archive._store
        assert store is not None
        assert all(store.has_fact("actual", made.id) for made in late)
