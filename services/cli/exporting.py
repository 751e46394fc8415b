"""The verb export: a whole incident, watch or period as files that can be checked without the hub."""

import sys
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from schemas.vocabulary import ReadReason
from services.cli.frame import Call, Outcome, Usage, verb
from services.cli.names import incident_named
from services.cli.options import ReasonOption
from services.cli.texts import language, say

if TYPE_CHECKING:
    from services.cli.export.gather import Ask, Counts, Scope

FORM = "samvirke.export.v1"
MANIFEST = "manifest.json"

_Of = Annotated[str | None, typer.Option("--of", help="Only incidents born in this watch.", metavar="WATCH")]
_From = Annotated[str | None, typer.Option("--from", help="Only incidents opened since then.")]
_To = Annotated[str | None, typer.Option("--to", help="Only incidents opened before then.")]
_Out = Annotated[Path, typer.Option("--out", help="A new folder; it is there whole or not at all.")]
_One = Annotated[
    str | None,
    typer.Option("--incident", help="One incident: its reference, number or id.", metavar="INCIDENT"),
]


async def export(
    call: Call,
    out: _Out,
    incident: _One = None,
    of: _Of = None,
    since: _From = None,
    until: _To = None,
    reason: ReasonOption = None,
) -> Outcome:
    """Write what the person may see as JSON Lines, tables, a log for print, proofs and checksums.

    Restricted items are noted as read. Exact facts and proofs are in it where the acting watch's own log is.
    """
    from services.cli.export.folder import whole
    from services.cli.sending import edge_of

    scope = scope_of(incident, of, since, until, reason)
    lang = language(call.lang)
    async with edge_of(call) as edge:

        async def ask(what: str, /, **asked: Any) -> dict[str, Any]:
            return await edge.ask(call.mode, "incidents", what, call.actor(), **asked)

        with whole(out) as folder:
            counts = await write(call, ask, scope, folder, progress(call, lang))
    data = {"status": "ok", "folder": str(out), **_counted(counts)}
    line = say("{incidents} incidents with {entries} entries, {facts} exact facts: {folder}", lang, **data)
    return Outcome(data, [line])


async def write(
    call: Call, ask: "Ask", scope: "Scope", folder: Path, told: Callable[[int], None]
) -> "Counts":
    """Write every file of a plain export but the checksums."""
    import orjson

    from services.cli.export.gather import gather
    from services.cli.export.printed import moment, write_log
    from services.cli.export.tables import write_tables

    made_at, lang = datetime.now(UTC).astimezone(), language(call.lang)
    counts = await gather(ask, scope, folder, told)
    write_tables(folder)
    made = say("Exported {time} for {watch}", lang, time=moment(made_at.isoformat()), watch=call.key)
    title = say("Incident log", lang)
    write_log(folder, title, made, lang, is_exercise=call.mode.value == "exercise")
    named = {"watch": scope.watch, "since": scope.since, "until": scope.until} | (scope.incident or {})
    manifest = {
        "form": FORM,
        "samvirke": version("samvirke"),
        "made_at": made_at.isoformat(),
        "mode": call.mode.value,
        "watch": call.key,
        "person": call.actor().person,
        "reason": scope.reason,
        "scope": {name: value for name, value in named.items() if value is not None},
        **_counted(counts),
    }
    (folder / MANIFEST).write_bytes(orjson.dumps(manifest, option=orjson.OPT_INDENT_2) + b"\n")
    return counts


def scope_of(
    incident: str | None, of: str | None, since: str | None, until: str | None, reason: ReadReason | None
) -> "Scope":
    """What is to be exported. Raises Usage when it is one incident and more."""
    from services.cli.export.gather import Scope
    from services.cli.sending import moment

    if incident is not None and (of or since or until):
        raise Usage("name one incident, or a watch and a period")
    times = [time.isoformat() if (time := moment(text)) else None for text in (since, until)]
    named = None if incident is None else incident_named(incident)
    return Scope(named, of, times[0], times[1], None if reason is None else reason.value)


def progress(call: Call, lang: str) -> Callable[[int], None]:
    """Tells people at a terminal how far it has come."""
    if call.as_json or not sys.stderr.isatty():
        return lambda count: None

    def tell(count: int) -> None:
        sys.stderr.write("\r" + say("{count} incidents …", lang, count=count))

    return tell


def _counted(counts: "Counts") -> dict[str, int]:
    return {"incidents": counts.incidents, "entries": counts.entries, "facts": counts.facts}


def register(app: typer.Typer) -> None:
    """Put the verb under the program."""
    one = "samvirke export --out ./export --incident 7K3Q9XT"
    period = "samvirke export --out ./january --of 4601.vaktsentral --from 2027-01-14 --to 2027-01-17"
    verb(app, "export", one, period, acting=True)(export)
