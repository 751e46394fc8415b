"""What the broker does with a write, as the system account tells it: synced before it is acknowledged?"""

import asyncio
from dataclasses import asdict, dataclass

import orjson
from nats.aio.client import Client
from nats.js.errors import NotFoundError

from services.runtime import names
from services.runtime.connect import connect
from services.runtime.credentials import write_durably
from services.runtime.settings import Settings

LEAST_VERSION = (2, 14, 0)
"""Older servers lack timers that can be cancelled, and have known holes between accounts."""

_TIMEOUT_S = 5.0


class UnsafeBroker(Exception):
    """In production the broker must sync every write, and be no older than LEAST_VERSION."""


@dataclass(frozen=True, slots=True)
class BrokerState:
    """What was learnt; `version` such as `2.15.1`."""

    sync_always: bool
    version: str


async def learn(settings: Settings) -> BrokerState:
    """Ask the server as the supervisor, say it to the services, and write it to HOME."""
    nc = await connect(settings, names.SUPERVISOR)
    try:
        answer = await nc.request("$SYS.REQ.SERVER.PING.JSZ", b"{}", timeout=_TIMEOUT_S)
    finally:
        await nc.close()
    found = orjson.loads(answer.data)
    state = BrokerState(bool(found["data"]["config"].get("sync_always")), found["server"]["ver"])
    await _publish(settings, state)
    await asyncio.to_thread(write_durably, settings.state_file, orjson.dumps(asdict(state)))
    return state


async def read(settings: Settings) -> BrokerState | None:
    """What was last said of the broker; None when nobody has asked it yet."""
    nc = await connect(settings, names.OPS)
    try:
        js = nc.jetstream(timeout=_TIMEOUT_S)
        found = await js.get_last_msg(names.STATE, names.state_subject(), direct=True)
    except NotFoundError:
        return None
    finally:
        await nc.close()
    return BrokerState(**orjson.loads(found.data or b"{}"))


def require_safe(state: BrokerState | None, production: bool) -> None:
    """Raises UnsafeBroker when a hub in production would lose what it has called saved."""
    if not production:
        return
    if state is None:
        raise UnsafeBroker("nobody has said whether the broker syncs every write")
    if not state.sync_always:
        raise UnsafeBroker("the broker acknowledges before it syncs; set jetstream.sync_interval: always")
    if _numbers(state.version) < LEAST_VERSION:
        raise UnsafeBroker(f"the broker is {state.version}, older than {'.'.join(map(str, LEAST_VERSION))}")


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.partition("-")[0].split("."))


async def _publish(settings: Settings, state: BrokerState) -> None:
    nc: Client = await connect(settings, names.PROVISIONER)
    try:
        await nc.jetstream(timeout=_TIMEOUT_S).publish(names.state_subject(), orjson.dumps(asdict(state)))
    finally:
        await nc.close()
