"""The verb export: a whole incident, watch or period as files that can be checked without the hub."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from schemas.vocabulary import ReadReason
from services.cli.frame import Call, Outcome, Usage, verb
from services.cli.names import incident_named
from services.cli.options import ReasonOption
from services.cli.texts import language, say

if TYPE_CHECKING:
    from services.cli.export.asking import Scope

_Of = Annotated[str | None, typer.Option("--of", help="Only incidents born in this watch.", metavar="WATCH")]
_From = Annotated[str | None, typer.Option("--from", help="Only incidents opened since then.")]
_To = Annotated[str | None, typer.Option("--to", help="Only incidents opened before then.")]
_Out = Annotated[Path, typer.Option("--out", help="A new folder; it is there whole or not at all.")]
_Archive = Annotated[
    bool, typer.Option("--archive", help="The archive package of what is closed: an open and a sealed part.")
]
_Access = Annotated[
    Path | None,
    typer.Option(
        "--public-access",
        help="What the law of public access opens, as decided in this file; proposed when there is none.",
        metavar="FILE",
    ),
]
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
    archive: _Archive = False,
    decisions: _Access = None,
    reason: ReasonOption = None,
) -> Outcome:
    """Write what the person may see as JSON Lines, tables, a log for print, proofs and checksums.

    Restricted items are noted as read. Exact facts and proofs are in it where the acting watch's own log is.
    """
    from services.cli.export import making
    from services.cli.export.access import BadDecision
    from services.cli.export.archiving import NotClosed, NotWhole
    from services.cli.failures import failed
    from services.cli.sending import edge_of

    if archive and decisions is not None:
        raise Usage("make an archive package, or what is given out, not both at once")
    usual = ReadReason.ARCHIVE if archive else ReadReason.ACCESS_REQUEST if decisions else None
    scope = scope_of(incident, of, since, until, reason or usual)
    async with edge_of(call) as edge:

        async def ask(what: str, trade: str = "incidents", /, **asked: Any) -> dict[str, Any]:
            return await edge.ask(call.mode, trade, what, call.actor(), **asked)

        made = making.Making(call, ask, scope, out, progress(call))
        try:
            if decisions is not None:
                return await made.access(decisions)
            return await (made.archive() if archive else made.plain())
        except NotClosed as fault:
            return failed(call, "NOT_CLOSED", incident=str(fault))
        except NotWhole as fault:
            return failed(call, "PACKAGE_DIFFERS", what=str(fault))
        except BadDecision as fault:
            return failed(call, "BAD_DECISION", what=fault.args[0], item=fault.args[1])


def scope_of(
    incident: str | None, of: str | None, since: str | None, until: str | None, reason: ReadReason | None
) -> "Scope":
    """What is to be exported. Raises Usage when it is one incident and more."""
    from services.cli.export.asking import Scope
    from services.cli.sending import moment

    if incident is not None and (of or since or until):
        raise Usage("name one incident, or a watch and a period")
    times = [time.isoformat() if (time := moment(text)) else None for text in (since, until)]
    named = None if incident is None else incident_named(incident)
    return Scope(named, of, times[0], times[1], None if reason is None else reason.value)


def progress(call: Call) -> Callable[[int], None]:
    """Tells people at a terminal how far it has come."""
    lang = language(call.lang)
    if call.as_json or not sys.stderr.isatty():
        return lambda count: None

    def tell(count: int) -> None:
        sys.stderr.write("\r" + say("{count} incidents …", lang, count=count))

    return tell


def register(app: typer.Typer) -> None:
    """Put the verb under the program."""
    one = "samvirke export --out ./export --incident 7K3Q9XT"
    period = "samvirke export --out ./january --of 4601.vaktsentral --from 2027-01-14 --to 2027-01-17"
    package = "samvirke export --out ./package --incident 7K3Q9XT --archive"
    access = "samvirke export --out ./answer --incident 7K3Q9XT --public-access decisions.toml"
    verb(app, "export", one, period, package, access, acting=True)(export)
