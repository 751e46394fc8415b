"""One flipped bit cuts the ledger without a word: doors shut, edges keep, a repair heals."""

import asyncio
import signal
import time
from pathlib import Path

import psutil
import pytest

from services.cli.frame import Exit
from tests.bench.sinks import gateway
from tests.system.sender import WATCH, Sender, missing_and_doubled, person
from tests.system_hub import SMALL, HubProcess, eventually, free_port, running

pytestmark = [pytest.mark.system, pytest.mark.timeout(240)]
COUNT = 400
SAYS = {"watch": WATCH, "person": "leif"}


def _cut(hub: HubProcess) -> None:
    """Kill the broker and flip one bit in the ledger's block file before the supervisor starts it again."""
    supervisor, broker = hub.processes()[0], hub.find("nats-server")
    supervisor.send_signal(signal.SIGSTOP)
    broker.kill()
    while broker.status() != psutil.STATUS_ZOMBIE:
        time.sleep(0.01)
    streams = hub.home / "nats" / "streams" / "jetstream" / "HUB" / "streams"
    block = sorted((streams / "LEDGER_ACTUAL" / "msgs").glob("*.blk"))[0]
    raw = bytearray(block.read_bytes())
    raw[len(raw) * 6 // 10] ^= 0x10
    block.write_bytes(raw)
    supervisor.send_signal(signal.SIGCONT)


async def _run(hub: HubProcess, *arguments: str) -> tuple[int, str]:
    done = await asyncio.to_thread(hub.command, *arguments, **SAYS)
    return done.returncode, done.stdout + done.stderr


async def test_a_silent_cut_is_noticed_kept_from_spreading_and_healed(
    tmp_path: Path, hub_snapshot: Path
) -> None:
    port = free_port()
    options = {
        "gateway_url": f"http://127.0.0.1:{port}/send",
        "gateway_body": '{"to": "{to}", "text": "{text}"}',
        "stream_bytes": SMALL,
    }
    with running(tmp_path / "home", hub_snapshot, **options) as hub:
        async with gateway(port) as sink:
            sender = Sender(hub.settings)
            await sender.open()
            told = await sender.report(person(), level="organisation", notify=["4601.lvs"], priority="high")
            await sender.many(COUNT, person(), priority="info")
            await sender.close()
            assert await eventually(lambda: _counts(sink.taken, 1))
            assert (await _run(hub, "verify"))[0] == Exit.DONE

            _cut(hub)
            code, said = await _run(hub, "report", "Etter kuttet")
            assert code == Exit.KEPT, said
            assert "LEDGER_BEHIND" in (await _run(hub, "spool", "list", "--json"))[1]
            assert (await _run(hub, "verify"))[0] != Exit.DONE

            code, said = await _run(hub, "repair")
            assert code == Exit.DONE, said
            assert await eventually(lambda: _is_empty(hub), 60)
            assert await missing_and_doubled(hub.settings, sender.accepted) == (set(), set())
            code, said = await _run(hub, "verify")
            assert code == Exit.DONE, said
            assert "Etter kuttet" in (await _run(hub, "incidents"))[1]
            assert told in sender.accepted
            assert len(sink.taken) == 1


async def _counts(taken: list[tuple[float, bytes]], count: int) -> bool:
    return len(taken) >= count


async def _is_empty(hub: HubProcess) -> bool:
    """True once what was kept has been sent."""
    return "Etter kuttet" in (await _run(hub, "incidents"))[1]
