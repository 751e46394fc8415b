"""The verb that looks for what is wrong: doctor. Each check says the cause and the remedy."""

import shutil
import stat
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from services.cli.frame import Call, Exit, Outcome, verb
from services.cli.texts import language, say

if TYPE_CHECKING:
    from services.runtime.settings import Settings
    from services.runtime.state import BrokerState

LEAST_FREE = 1024 * 1024 * 1024
"""Bytes that must be free on the disk of HOME."""

_PATIENCE_S = 2.0
_NAMED_MOST = 5


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found: fine when ``cause`` is None, else why and the exact remedy, in English."""

    check: str
    cause: str | None = None
    remedy: str = ""
    parameters: tuple[tuple[str, Any], ...] = ()


def trouble(check: str, cause: str, remedy: str, **parameters: Any) -> Finding:
    """A finding that something is wrong."""
    return Finding(check, cause, remedy, tuple(parameters.items()))


async def doctor(call: Call) -> Outcome:
    """Check broker, sync, version, database, files, credentials and disk."""
    from services.runtime import logs

    logs.configure("cli", "error")
    settings, lang = call.settings(), language(call.lang)
    found = [await check(settings) for check in CHECKS]
    rows = [_row(finding, lang) for finding in found]
    ok = all(finding.cause is None for finding in found)
    return Outcome(
        {"status": "ok" if ok else "failed", "checks": rows},
        [line for row in rows for line in _lines(row, lang)],
        Exit.DONE if ok else Exit.FAILED,
    )


def _row(finding: Finding, lang: str) -> dict[str, Any]:
    if finding.cause is None:
        return {"check": finding.check, "ok": True}
    parameters = dict(finding.parameters)
    cause, remedy = say(finding.cause, lang, **parameters), say(finding.remedy, lang, **parameters)
    return {"check": finding.check, "ok": False, "cause": cause, "remedy": remedy}


def _lines(row: dict[str, Any], lang: str) -> list[str]:
    if row["ok"]:
        return [f"{row['check']:12} {say('in order', lang)}"]
    return [f"{row['check']:12} {row['cause']}", f"{'':12} → {row['remedy']}"]


async def check_broker(settings: "Settings") -> Finding:
    """The broker answers, and knows the hub's key."""
    from services.runtime import names
    from services.runtime.connect import BrokerRefused, BrokerUnreachable, address, connect

    where = address(settings)
    if not where:
        return trouble(
            "broker", "No broker was ever started in {home}.", "Run: samvirke up", home=settings.home
        )
    try:
        await (await connect(settings, names.OPS, patience_s=_PATIENCE_S)).close()
    except BrokerUnreachable:
        return trouble("broker", "Nobody answers at {address}.", "Run: samvirke up", address=where)
    except BrokerRefused:
        return trouble(
            "broker",
            "The broker at {address} is not this hub's.",
            "Stop what listens there, or correct SAMVIRKE_NATS_URL; then run: samvirke up",
            address=where,
        )
    return Finding("broker")


async def check_sync(settings: "Settings") -> Finding:
    """The broker syncs every write before it says that it has it."""
    known = await _state(settings)
    if known is None:
        return trouble("sync", "It is not known whether the broker syncs its writes.", "Run: samvirke up")
    if not known.sync_always:
        return trouble(
            "sync",
            "The broker acknowledges before it syncs: a power cut can take what was saved.",
            "Set jetstream.sync_interval to always in its configuration, and restart it.",
        )
    return Finding("sync")


async def check_version(settings: "Settings") -> Finding:
    """The broker is new enough."""
    from services.runtime.state import LEAST_VERSION

    known = await _state(settings)
    least = ".".join(map(str, LEAST_VERSION))
    if known is None:
        return trouble("version", "The broker's version is not known.", "Run: samvirke up")
    if tuple(int(part) for part in known.version.partition("-")[0].split(".")) < LEAST_VERSION:
        return trouble(
            "version",
            "The broker is {version}; {least} is needed.",
            "Install nats-server {least} or newer, and run: samvirke up",
            version=known.version,
            least=least,
        )
    return Finding("version")


async def _state(settings: "Settings") -> "BrokerState | None":
    """What the broker was last seen to do: asked for, else from the file of the last `up`."""
    import asyncio

    import orjson

    from services.runtime import state
    from services.runtime.connect import BrokerRefused, BrokerUnreachable, address

    if address(settings):
        with suppress(BrokerUnreachable, BrokerRefused, TimeoutError):
            async with asyncio.timeout(_PATIENCE_S):
                return await state.read(settings)
    if not settings.state_file.exists():
        return None
    return state.BrokerState(**orjson.loads(settings.state_file.read_bytes()))


async def check_database(settings: "Settings") -> Finding:
    """Every service's tables can be opened and are whole."""
    import asyncio

    from services.cli.databases import first_trouble

    return await asyncio.to_thread(first_trouble, settings) or Finding("database")


async def check_credentials(settings: "Settings") -> Finding:
    """The keys are there, and only their owner can read them."""
    folder = settings.credentials
    if not folder.exists():
        return trouble(
            "credentials", "There are no credentials in {home}.", "Run: samvirke up", home=settings.home
        )
    if not (folder / "ops.nk").exists():
        return trouble(
            "credentials", "The key {path} is missing.", "Run: samvirke up", path=folder / "ops.nk"
        )
    for path in (folder, *sorted(folder.iterdir())):
        if stat.S_IMODE(path.stat().st_mode) & 0o077:
            return trouble(
                "credentials", "Others than the owner can read {path}.", "Run: chmod go-rwx {path}", path=path
            )
    return Finding("credentials")


async def check_disk(settings: "Settings") -> Finding:
    """There is room, and it can be written."""
    import os

    home = _nearest(settings.home)
    free = shutil.disk_usage(home).free
    if not os.access(home, os.W_OK):
        return trouble("disk", "{home} cannot be written.", "Run: chown $USER {home}", home=home)
    if free < LEAST_FREE:
        return trouble(
            "disk",
            "{free} MiB are free on the disk of {home}; {least} MiB are needed.",
            "Make room there, or move SAMVIRKE_HOME to a larger disk.",
            free=free // 2**20,
            least=LEAST_FREE // 2**20,
            home=home,
        )
    return Finding("disk")


async def check_files(settings: "Settings") -> Finding:
    """Attached files are whole in both copies, as far as they were gone through."""
    import asyncio

    from services.incidents.filescrub import read_course

    courses = [await asyncio.to_thread(read_course, settings.home, mode) for mode in settings.modes]
    damaged = {name.partition(".")[0]: lost for one in courses for name, lost in sorted(one.damaged.items())}
    lost = [fact for fact, is_lost in damaged.items() if is_lost]
    if lost:
        return trouble(
            "files",
            "{count} attached files are damaged in both copies: {files}.",
            "Have them attached anew by whoever has them, or fetch them from a backup in another home: "
            "samvirke restore",
            count=len(lost),
            files=_some(lost),
        )
    if damaged:
        return trouble(
            "files",
            "{count} attached files are whole in one of two copies only: {files}.",
            "Make room on the disk, and run: samvirke repair",
            count=len(damaged),
            files=_some(list(damaged)),
        )
    return Finding("files")


def _some(ids: list[str]) -> str:
    return " ".join([*ids[:_NAMED_MOST], *(["…"] if len(ids) > _NAMED_MOST else [])])


def _nearest(path: Path) -> Path:
    """The folder, or the nearest one above that exists."""
    return path if path.exists() else _nearest(path.parent)


CHECKS: tuple[Callable[["Settings"], Awaitable[Finding]], ...] = (
    check_broker,
    check_sync,
    check_version,
    check_database,
    check_files,
    check_credentials,
    check_disk,
)


def register(app: typer.Typer) -> None:
    """Put the verb under the program."""
    verb(app, "doctor", "samvirke doctor", "samvirke doctor --json")(doctor)
