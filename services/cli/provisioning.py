"""The verb of a hub whose broker is no child of its own: provision."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from services.cli.failures import failed
from services.cli.frame import Call, Outcome, verb
from services.cli.names import centre_path, remember_centre
from services.cli.texts import language, say

if TYPE_CHECKING:
    from services.runtime.apart import Place
    from services.runtime.settings import Settings
    from services.runtime.watches import Pair

TABLES = {
    "people": "people",
    "incidents": "incidents-archive",
    "notifications": "notifications",
    "reports": "reports",
    "feeds": "feeds",
    "intake": "intake",
}
"""The services with tables of their own, and the part that keeps each."""
_POLL_S = 0.5


class NoDatabase(Exception):
    """The database does not answer, or turns its owner's password down."""


async def provision(
    call: Call,
    configuration: Annotated[
        Path | None, typer.Option(help="File of the broker's configuration; none means it is another's.")
    ] = None,
    store: Annotated[Path, typer.Option(help="Where the broker keeps streams, as it sees it.")] = Path(
        "/streams"
    ),
    listen: Annotated[str, typer.Option(help="Where the broker listens.")] = "0.0.0.0:4222",
    homes: Annotated[
        Path | None, typer.Option(help="Folder of the parts' homes, which get the keys that they need.")
    ] = None,
    patience: Annotated[float, typer.Option(help="Seconds to wait for broker and database.")] = 120.0,
) -> Outcome:
    """Prepare a broker that runs elsewhere: accounts, streams, and the keys and database roles of the parts.

    Run it again after a change of the centre file's watches; what is right stays as it is.
    """
    from schemas.centre import load
    from services.cli.applying import watches_of
    from services.runtime import apart, logs, watches

    settings = call.settings()
    logs.configure("provision", settings.log_level)
    path = centre_path(settings)
    if path is None:
        return failed(call, "NO_CENTRE")
    known = await asyncio.to_thread(watches.load_watches, settings)
    wanted = sorted({*known, *watches_of(load(path))})
    place = None if configuration is None else apart.Place(configuration, store, listen)
    await asyncio.to_thread(_prepare, settings, wanted, place, homes)
    remember_centre(settings, path)
    fresh = [pair for pair in wanted if pair not in known]
    roles = await _make_roles(settings, homes, patience)
    changed = await _declare(settings, fresh, place, patience)
    data = {"status": "ok", "watches": len(wanted), "changed": changed, "roles": roles}
    return Outcome(
        data, [say("The broker is ready for {count} watches.", language(call.lang), count=len(wanted))]
    )


def _prepare(settings: "Settings", wanted: "list[Pair]", place: "Place | None", homes: Path | None) -> None:
    """All that lies in files: the keys, the broker's configuration, the parts' share of the keys."""
    from services.runtime import apart, watches

    settings.home.mkdir(mode=0o700, parents=True, exist_ok=True)
    if place is None:
        watches.accounts_text(settings, wanted)
    else:
        apart.write_configuration(settings, wanted, place)
    if homes is not None:
        apart.hand_out(settings, wanted, homes)
    watches.save_watches(settings, wanted)


async def _make_roles(settings: "Settings", homes: Path | None, patience_s: float) -> list[str]:
    """The roles of the parts that have a home here; waits for a database that is starting."""
    if homes is None or not settings.database_url.get_secret_value():
        return []
    import psycopg

    from services.runtime.roles import make_roles

    found = {service: part for service, part in TABLES.items() if (homes / part).is_dir()}
    deadline = asyncio.get_running_loop().time() + patience_s
    while True:
        try:
            return await asyncio.to_thread(make_roles, settings, homes, found)
        except psycopg.OperationalError:
            if asyncio.get_running_loop().time() > deadline:
                raise NoDatabase from None
        await asyncio.sleep(_POLL_S)


async def _declare(
    settings: "Settings", fresh: "list[Pair]", place: "Place | None", patience_s: float
) -> int:
    """All that the broker is told; how many streams and consumers were made or widened."""
    from services.runtime import apart, provisioner, state

    if place is not None:
        await apart.reload(settings, place, patience_s)
    changes = await provisioner.provision(settings)
    state.require_safe(await state.learn(settings), settings.production)
    await apart.wait_until_let_in(settings, fresh)
    return len(changes)


def register(app: typer.Typer) -> None:
    """Put the verb under the program."""
    verb(app, "provision", "samvirke provision --configuration /broker/server.conf --homes /homes")(provision)
