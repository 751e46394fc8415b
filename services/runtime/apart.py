"""A broker that is no child of the hub: its configuration is written here and taken over through SYS (D8)."""

import asyncio
import secrets
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import orjson
from nats.aio.client import Client
from nats.errors import NoRespondersError

from schemas import subjects
from schemas.canonical import digest
from services.runtime import broker, names
from services.runtime.connect import connect
from services.runtime.credentials import write_durably
from services.runtime.grants import TRADES
from services.runtime.settings import Settings
from services.runtime.watches import Pair, accounts_text, wait_until_answered

RELOADS = 2
"""After one reload the imports of a new account find no responders (measured)."""

_OTHERS: Mapping[str, tuple[str, ...]] = {
    "people": (names.PEOPLE_WRITER,),
    "incidents-door": TRADES["incidents"],
    "incidents-archive": (names.INCIDENTS_ARCHIVE, names.RETENTION, names.MENDER, names.ERASER),
    "notifications": (names.NOTIFICATIONS_REACTION, names.NOTIFICATIONS_PEOPLE, names.PHONE),
    "feeds": (names.FEEDS,),
    "intake": TRADES["warnings"],
    "desk": (names.DESK,),
}
_REQUEST_S = 5.0
_ANSWERED_S = 30.0


class NotReloaded(Exception):
    """The broker turned its new configuration down; it goes on with the former one."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where the broker runs: its configuration as this process sees it, the rest as the broker does."""

    configuration: Path
    store: Path
    listen: str


def users_of(part: str, watches: Iterable[Pair]) -> tuple[str, ...]:
    """The users whose keys a part needs when it runs in a home of its own; the desk acts for every watch."""
    own = (*TRADES.get(part, ()), *_OTHERS.get(part, ()), names.OPS)
    return (*own, *(names.watch_user(*pair) for pair in watches)) if part == "desk" else own


def write_configuration(settings: Settings, watches: Iterable[Pair], place: Place) -> bool:
    """Write what the broker is to obey, once `nats-server -t` has accepted it; True if that is new.

    Missing keys are made. Raises BrokerFailed, and changes nothing, when the server would not accept it.
    """
    folder = place.configuration.parent
    room = settings.stream_bytes or int(shutil.disk_usage(folder).total * broker.FILE_SHARE)
    text = broker.remote_settings(settings, _name(place.configuration), place.listen, place.store, room)
    data = (text + accounts_text(settings, sorted(set(watches)))).encode("utf-8")
    if place.configuration.exists() and place.configuration.read_bytes() == data:
        return False
    trial = settings.home / "trial.conf"
    write_durably(trial, data)
    broker.check(trial)
    trial.unlink()
    _told(settings).unlink(missing_ok=True)
    write_durably(place.configuration, data, mode=0o644)
    return True


async def reload(settings: Settings, place: Place, patience_s: float) -> bool:
    """Have the broker take configuration and certificate over, unless it was told of just these.

    Each reload is felt by whoever is connected. Waits up to `patience_s` for the broker to answer at all.
    True if it was told. Raises BrokerUnreachable, or NotReloaded.
    """
    told, wanted = _told(settings), await asyncio.to_thread(_digest, settings, place)
    nc = await connect(settings, names.SUPERVISOR, patience_s=patience_s)
    try:
        if told.exists() and told.read_text(encoding="ascii") == wanted:
            return False
        for _ in range(RELOADS):
            await _reload_once(nc)
        write_durably(told, wanted.encode("ascii"))
        return True
    finally:
        await nc.close()


def _told(settings: Settings) -> Path:
    """What the broker has taken over for certain; absent from before something new is written until then."""
    return settings.home / "broker-told"


def _digest(settings: Settings, place: Place) -> str:
    files = (place.configuration, settings.nats_cert, settings.nats_key, settings.nats_ca)
    return digest(b"".join(digest(file.read_bytes()).encode() for file in files if file is not None))


def hand_out(settings: Settings, watches: Iterable[Pair], homes: Path) -> list[str]:
    """Give each part whose home lies under `homes` the keys that it needs, and take back all others.

    The parts found, by the names of their folders.
    """
    known = sorted(set(watches))
    parts = sorted(path.name for path in homes.iterdir() if path.is_dir() and path.name != "lost+found")
    for part in parts:
        _hand_out(settings.credentials, homes / part / "credentials", users_of(part, known))
    return parts


def _hand_out(kept: Path, folder: Path, users: Iterable[str]) -> None:
    wanted = {f"{user}.nk" for user in users}
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for path in folder.glob("*.nk"):
        if path.name not in wanted:
            path.unlink()
    for name in sorted(wanted):
        seed = (kept / name).read_bytes()
        if not (folder / name).exists() or (folder / name).read_bytes() != seed:
            write_durably(folder / name, seed)


async def _reload_once(nc: Client) -> None:
    ping = await nc.request("$SYS.REQ.SERVER.PING.JSZ", b"{}", timeout=_REQUEST_S)
    server = orjson.loads(ping.data)["server"]["id"]
    answer = await nc.request(f"$SYS.REQ.SERVER.{server}.RELOAD", b"", timeout=_REQUEST_S)
    fault = orjson.loads(answer.data).get("error")
    if fault:
        raise NotReloaded(str(fault.get("description", fault)))


def _name(configuration: Path) -> str:
    """The server's name; it is kept, as a stream knows its servers by name."""
    if configuration.exists():
        first = configuration.read_text(encoding="utf-8").partition("\n")[0]
        return first.partition('"')[2].rstrip('"')
    return f"samvirke-{secrets.token_hex(4)}"


async def wait_until_let_in(settings: Settings, fresh: Iterable[Pair]) -> None:
    """Return when the broker lets each new watch in, and the hub, if it runs, answers it.

    Raises BrokerUnreachable, BrokerRefused or NotAnswered.
    """
    pairs = list(fresh)
    for pair in pairs:
        await (await connect(settings, names.watch_user(*pair))).close()
    if pairs and await _serves(settings, pairs[0][0]):
        for org, watch in pairs:
            subject = subjects.query("actual", org, watch, "watch", "duty")
            await wait_until_answered(settings, org, watch, subject, _ANSWERED_S)


async def _serves(settings: Settings, org: str) -> bool:
    """Whether the watch's door runs: it answers, inside the hub's account, a command without sense."""
    nc = await connect(settings, names.CENTRE)
    try:
        subject = subjects.command("actual", org, subjects.CENTRE, "watch", "establish")
        await nc.request(subject, b"{}", timeout=_REQUEST_S)
    except (NoRespondersError, TimeoutError):
        return False
    finally:
        await nc.close()
    return True
