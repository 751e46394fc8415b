"""Verbs that copy what is stored, and put it back: backup, restore."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from services.cli.failures import failed
from services.cli.frame import Call, Outcome, Usage, verb
from services.cli.texts import language, say

if TYPE_CHECKING:
    from services.runtime.settings import Settings


def backup(
    call: Call,
    folder: Annotated[Path, typer.Argument(help="An empty or new folder, best on another disk.")],
    keep_days: Annotated[int, typer.Option(min=1, help="After so many days it is to be destroyed.")] = 30,
) -> Outcome:
    """Copy every service's tables while the hub runs; keys and the register of erasures are not copied."""
    from services.runtime.backup import backup as copy

    manifest = copy(call.settings(), folder, keep_days)
    text = say(
        "{count} files lie in {folder}, to be destroyed by {until}. Keep {erasures} and {keys} elsewhere.",
        language(call.lang),
        count=len(manifest.files),
        folder=folder,
        until=(manifest.until or "")[:10],
        erasures=call.settings().home / "erasures",
        keys=call.settings().home / "keys",
    )
    return Outcome({"status": "ok", "folder": str(folder.absolute()), **asdict(manifest)}, [text])


def restore(
    call: Call,
    folder: Annotated[
        Path | None, typer.Argument(help="The backup; else the newest one noted in the home.")
    ] = None,
    verify: Annotated[
        bool, typer.Option("--verify", help="Only prove that it can be restored; nothing here is changed.")
    ] = False,
    register: Annotated[
        Path | None, typer.Option(help="A kept copy of the folder erasures, when the home is a new one.")
    ] = None,
) -> Outcome:
    """Put back the tables of services that have none; what was erased since then stays erased."""
    from services.cli import upkeep
    from services.runtime import logs
    from services.runtime.supervisor import AlreadyRunning

    logs.configure("cli", "error")
    settings = call.settings()
    chosen = folder or _newest(settings)
    if verify:
        return _prove(call, settings, chosen, register)
    try:
        with upkeep.alone(settings):
            restored, modes = _put_back(settings, chosen, register)
    except AlreadyRunning:
        return failed(call, "ALREADY_RUNNING", home=settings.home)
    text = say(
        "Restored: {services}. Ledgers written anew: {modes}.",
        language(call.lang),
        services=restored or "–",
        modes=modes or "–",
    )
    return Outcome({"status": "ok", "services": restored, "ledgers": modes}, [text])


def _put_back(settings: "Settings", folder: Path, register: Path | None) -> tuple[list[str], list[str]]:
    """The services restored, and the modes whose ledger was missing and is written anew."""
    import asyncio

    from services.incidents.copies import copies
    from services.incidents.erasure import forget
    from services.runtime.backup import lacks_ledger
    from services.runtime.backup import restore as put_back
    from services.runtime.repair import repair

    restored = put_back(settings, folder, forget, register)
    missing = lacks_ledger(settings)
    with copies(settings) as found:
        wanted = {mode: copy for mode, copy in found.items() if mode in missing}
        done = asyncio.run(repair(settings, wanted)) if wanted else []
    return restored, [one.mode for one in done]


def _prove(call: Call, settings: "Settings", folder: Path, register: Path | None) -> Outcome:
    """Check every file; with SQLite, restore into a folder that goes again, and go through the chains."""
    import tempfile

    from services.runtime.backup import check

    manifest = check(folder)
    reports: list[Mapping[str, Any]] = []
    if manifest.database == "sqlite":
        with tempfile.TemporaryDirectory(prefix="samvirke-") as scratch:
            reports = _try(settings, Path(scratch), folder, register or settings.home / "erasures")
    first = next((report["first"] for report in reports if report["first"]), None)
    if first is not None:
        return failed(call, "BACKUP_DAMAGED", file=f"{first['mode']} {first['sequence']} {first['what']}")
    text = say(
        "{folder} is whole: {count} files, {facts} facts in unbroken chains.",
        language(call.lang),
        folder=folder,
        count=len(manifest.files),
        facts=sum(report["facts"] for report in reports),
    )
    return Outcome(
        {"status": "ok", "folder": str(folder), "made_at": manifest.made_at, "modes": reports}, [text]
    )


def _try(settings: "Settings", scratch: Path, folder: Path, register: Path) -> list[Mapping[str, Any]]:
    import asyncio

    from services.incidents.erasure import forget
    from services.incidents.verify import verify
    from services.runtime.backup import restore as put_back

    trial = settings.model_copy(update={"home": scratch})
    put_back(trial, folder, forget, register)
    return [asdict(report) for report in asyncio.run(verify(trial))]


def _newest(settings: "Settings") -> Path:
    """The newest backup that the home has noted. Raises Usage if there is none."""
    import orjson

    notes = sorted((settings.home / "backups").glob("*.json"))
    if not notes:
        raise Usage("name the folder of the backup: none is noted in this home")
    return Path(orjson.loads(notes[-1].read_bytes())["folder"])


def register(app: typer.Typer) -> None:
    """Put the verbs under the program."""
    verb(app, "backup", "samvirke backup /mnt/safe/2027-01-14 --keep-days 30")(backup)
    verb(app, "restore", "samvirke restore --verify", "samvirke restore /mnt/safe/2027-01-14")(restore)
