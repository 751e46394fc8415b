"""Verbs of the centre file: centre check, centre apply."""

from pathlib import Path
from typing import Annotated

import typer

from schemas.vocabulary import Mode
from services.cli.failures import failed, told
from services.cli.frame import Call, Exit, Outcome, verb
from services.cli.names import centre_path, remember_centre
from services.cli.texts import language, say

centre = typer.Typer(help="The file that says who takes part in the hub.", no_args_is_help=True)

File = Annotated[Path | None, typer.Argument(help="TOML or YAML; else SAMVIRKE_CENTRE, else the one in use.")]


def check(call: Call, file: File = None) -> Outcome:
    """Check the file, without a hub; every problem is shown with its line."""
    from schemas.centre import load

    path = file or centre_path(call.settings())
    if path is None:
        return failed(call, "NO_CENTRE")
    found = load(path)
    counts = {
        "organisations": len(found.organisations),
        "watches": len(found.watches),
        "persons": len(found.persons),
        "agreements": len(found.agreements),
        "regions": len(found.regions),
        "subscriptions": len(found.subscriptions),
    }
    text = say(
        "{path} is in order: {organisations} organisations, {watches} watches, {persons} persons.",
        language(call.lang),
        path=path,
        **counts,
    )
    return Outcome({"status": "ok", "path": str(path), **counts}, [text])


async def apply(
    call: Call,
    file: File = None,
    mode: Annotated[list[Mode] | None, typer.Option(help="Only this mode; else both. Repeat it.")] = None,
) -> Outcome:
    """Put the file into force in a running hub; later facts win, and a second time changes nothing."""
    from schemas.centre import load
    from services.cli.applying import HubAway
    from services.cli.applying import apply as put_into_force
    from services.runtime import logs

    settings = call.settings()
    path = file or centre_path(settings)
    if path is None:
        return failed(call, "NO_CENTRE")
    logs.configure("cli", "error")
    try:
        applied = await put_into_force(settings, load(path), mode or list(Mode))
    except HubAway:
        return failed(call, "NO_ANSWER")
    remember_centre(settings, path)
    if applied.refused:
        entries = [
            {"type": entry.request.type_name(), "organisation": entry.organisation, "code": code}
            for entry, code in applied.refused
        ]
        outcome = told(call, "refused", "ENTRIES_REFUSED", {"count": len(entries)}, Exit.REFUSED)
        lines = [f"{one['type']}  {one['organisation']}  {one['code']}" for one in entries]
        return Outcome(outcome.data | {"entries": entries}, [*lines, *outcome.lines], Exit.REFUSED)
    text = say("{count} entries are in force.", language(call.lang), count=applied.accepted)
    return Outcome({"status": "ok", "accepted": applied.accepted}, [text])


def register(app: typer.Typer) -> None:
    """Put the verbs under the program."""
    app.add_typer(centre, name="centre")
    verb(centre, "check", "samvirke centre check centre.toml")(check)
    verb(centre, "apply", "samvirke centre apply centre.toml", "samvirke centre apply --mode exercise")(apply)
