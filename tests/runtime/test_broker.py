"""The embedded broker as a real process."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from services.runtime import broker as broker_module
from services.runtime import processes
from services.runtime.broker import Broker, BrokerFailed
from services.runtime.connect import BrokerRefused, BrokerUnreachable, address, connect, lost_connections
from services.runtime.credentials import public_keys
from services.runtime.settings import Settings
from services.runtime.watches import accounts_text
from tests.hub import WATCHES, Hub

PROGRAM = """
import asyncio, sys
from pathlib import Path
from services.runtime.broker import Broker
from services.runtime.settings import Settings
from services.runtime.watches import accounts_text

async def main():
    settings = Settings(home=Path(sys.argv[1]))
    broker = Broker(settings.nats_home, accounts_text(settings, [("4601", "main")]))
    await broker.start()
    print(broker.pid, flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""


async def test_the_broker_greets_on_loopback_and_writes_its_address(fresh_broker: Hub) -> None:
    assert fresh_broker.settings.address_file.read_text() == fresh_broker.broker.address
    assert fresh_broker.broker.address.startswith("nats://127.0.0.1:")
    assert await fresh_broker.broker.answers()


async def test_a_broker_started_again_keeps_address_streams_and_clients(fresh_broker: Hub) -> None:
    lost = lost_connections()
    nc = await fresh_broker.connect("incidents-ledger")
    before = fresh_broker.broker.address
    await nc.jetstream().publish("samvirke.actual.4601.vaktsentral.incidents.one.opened", b"fact")
    os.kill(fresh_broker.broker.pid or 0, signal.SIGKILL)
    while fresh_broker.broker.pid is not None:  # noqa: ASYNC110 - a process gives no event
        await asyncio.sleep(0.01)
    await fresh_broker.broker.start()
    assert fresh_broker.broker.address == before
    info = await nc.jetstream(timeout=5).stream_info("LEDGER_ACTUAL")
    await nc.close()
    assert info.state.messages == 1
    assert lost_connections() == lost


def test_the_broker_dies_with_a_parent_that_was_killed(hub_home: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", PROGRAM, str(hub_home)], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert processes.started(pid) is not None
        parent.kill()
    for _ in range(100):
        if processes.started(pid) is None:
            return
        signal.sigtimedwait([], 0.02)
    pytest.fail("the broker outlived its parent")


async def test_a_reload_adds_an_account_and_keeps_connections(fresh_broker: Hub) -> None:
    async def answer(message: object) -> None:
        await message.respond(b"answered")  # type: ignore[attr-defined]

    door = await fresh_broker.connect("people-door")
    await door.subscribe("samvirke.query.*.*.*.people.*", cb=answer)
    await door.flush()
    watches = [*WATCHES, ("4625", "main")]
    await fresh_broker.broker.reload(accounts_text(fresh_broker.settings, watches))
    new = await fresh_broker.connect("4625.main")
    reply = await new.request("samvirke.query.actual.4625.main.people.session", b"{}", timeout=2)
    assert reply.data == b"answered"
    assert door.stats["reconnects"] == 0
    await new.close()
    await door.close()


async def test_accounts_that_the_server_refuses_change_nothing(fresh_broker: Hub) -> None:
    before = (fresh_broker.settings.nats_home / "server.conf").read_bytes()
    with pytest.raises(BrokerFailed):
        await fresh_broker.broker.reload("accounts { nonsense")
    assert (fresh_broker.settings.nats_home / "server.conf").read_bytes() == before
    await (await fresh_broker.connect("ops")).close()


async def test_a_broker_with_wrong_accounts_does_not_start(hub_home: Path) -> None:
    broker = Broker(hub_home / "nats", "accounts { nonsense")
    with pytest.raises(BrokerFailed):
        await broker.start()
    assert broker.pid is None


async def test_a_key_that_the_broker_does_not_know_is_refused_at_once(fresh_broker: Hub) -> None:
    public_keys(fresh_broker.settings.credentials, ["stranger"])
    with pytest.raises(BrokerRefused):
        await connect(fresh_broker.settings, "stranger", patience_s=10)


async def test_a_broker_that_is_not_there_is_waited_for_in_vain(hub_home: Path) -> None:
    settings = Settings(home=hub_home)
    public_keys(settings.credentials, ["ops"])
    assert address(settings) == ""
    with pytest.raises(BrokerUnreachable):
        await connect(settings, "ops", patience_s=0.3)


async def test_a_connection_made_early_comes_about_when_the_broker_starts(hub_home: Path) -> None:
    settings = Settings(home=hub_home)
    early = asyncio.create_task(connect(settings, "ops", patience_s=10))
    await asyncio.sleep(0.2)
    broker = Broker(settings.nats_home, accounts_text(settings, WATCHES))
    await broker.start()
    try:
        await (await early).close()
    finally:
        await broker.stop()


def test_the_broker_may_grow_with_its_ledger_unless_the_ops_team_limits_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("GOMEMLIMIT", raising=False)
    assert "GOMEMLIMIT" not in broker_module._environment()
    monkeypatch.setenv("GOMEMLIMIT", "2GiB")
    assert broker_module._environment()["GOMEMLIMIT"] == "2GiB"


def test_the_broker_collects_early_and_gets_none_of_the_hubs_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GOGC", raising=False)
    assert broker_module._environment()["GOGC"] == "20"
    monkeypatch.setenv("SAMVIRKE_SMTP_PASSWORD", "hemmelig")
    monkeypatch.setenv("GOGC", "80")
    found = broker_module._environment()
    assert found["GOGC"] == "80"
    assert not [name for name in found if name.startswith("SAMVIRKE_")]
