"""Verbs that look after what is stored: verify, repair."""

import asyncio
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from services.cli.failures import failed, told
from services.cli.frame import Call, Exit, Outcome, table, verb
from services.cli.texts import language, say

if TYPE_CHECKING:
    from services.incidents.verify import Report
    from services.runtime.settings import Settings


async def verify(
    call: Call,
    erased: Annotated[
        bool, typer.Option("--erased", help="Instead: where bytes of erased words may still lie.")
    ] = False,
    offline: Annotated[
        Path | None,
        typer.Option(metavar="EXPORT", help="Instead: check an export, with nothing but its files."),
    ] = None,
    key: Annotated[
        str | None, typer.Option(help="With --offline: the hub's public key, or a file that holds it.")
    ] = None,
    checkpoint: Annotated[
        list[Path] | None, typer.Option(help="With --offline: a checkpoint that was kept elsewhere.")
    ] = None,
) -> Outcome:
    """Hold archive, chains and ledger against each other; the first difference is named."""
    if offline is not None:
        from services.cli.evidence import offline as check_export

        return check_export(call, offline, key, checkpoint or [])
    return await _verify(call, erased=erased)


async def _verify(call: Call, *, erased: bool) -> Outcome:
    from services.incidents.verify import verify_erased
    from services.runtime import logs

    logs.configure("cli", "error")
    settings, lang = call.settings(), language(call.lang)
    if erased:
        rows = [asdict(residue) for residue in await verify_erased(settings)]
        shown = table((row["fact"], row["where"], row["until"], row["path"]) for row in rows) if rows else []
        return Outcome(
            {"status": "ok", "residues": rows}, shown or [say("Nothing is left of erased words.", lang)]
        )
    reports, compared = await _reports(settings)
    if not settings.credentials.exists() and not any(report.facts for report in reports):
        return failed(call, "NOT_RUNNING", home=settings.home)
    data = {"status": "ok", "ledger": compared, "modes": [asdict(report) for report in reports]}
    first = next((report.first for report in reports if report.first), None)
    if first is not None:
        outcome = told(call, "failed", "COPIES_DIFFER", asdict(first), Exit.FAILED)
        return Outcome(data | outcome.data, outcome.lines, outcome.code)
    lines, wrong = await asyncio.to_thread(_reads, settings)
    if wrong is not None:
        outcome = told(call, "failed", "READS_DIFFER", wrong, Exit.FAILED)
        return Outcome(data | outcome.data, outcome.lines, outcome.code)
    known = say("The log of reads is whole: {lines} lines.", lang, lines=lines)
    told_lines = [*(_line(report, lang) for report in reports), known, *_not_compared(compared, lang)]
    return Outcome(data | {"reads": lines}, told_lines)


def _reads(settings: "Settings") -> tuple[int, dict[str, Any] | None]:
    """How many lines the logs of reads have, and the first that does not fit its own."""
    from services.incidents import reads as of_incidents
    from services.incidents.store import SERVICE
    from services.reports import reads as of_reports
    from services.runtime.database import open_database

    count = 0
    for service, log_of in ((SERVICE, of_incidents.log_of), ("reports", of_reports.log_of)):
        engine = open_database(settings, service)
        try:
            checked = log_of(engine).check()
        finally:
            engine.dispose()
        if checked.wrong is not None:
            return count, {"log": service, "position": checked.wrong}
        count += checked.lines
    return count, None


def repair(call: Call) -> Outcome:
    """Make ledger or archive anew from the other; a running hub stands still meanwhile, and goes on."""
    from services.cli import upkeep
    from services.runtime import logs

    settings, lang = call.settings(), language(call.lang)
    logs.configure("cli", "error")
    try:
        done = upkeep.have_done(settings, "repair")
    except upkeep.Abandoned:
        return failed(call, "ABANDONED")
    if done["status"] != "ok":
        return told(call, done["status"], done["code"], done["parameters"], Exit.FAILED)
    lines = [
        say(
            "{mode}: {facts} facts written anew, {salvaged} saved from the old one, in {quarantine}.",
            lang,
            **one,
        )
        for one in done["modes"]
    ]
    lines += [
        say("{mode}: the archive was made anew: {facts} facts, {saved} of them saved.", lang, **one)
        for one in done["archive"]
    ]
    return Outcome(done, lines or [say("The archive is empty: there is nothing to repair from.", lang)])


async def _reports(settings: "Settings") -> "tuple[list[Report], bool]":
    """The reports, and True if the broker answered, so that its copy was looked at too."""
    from services.incidents.verify import verify as hold_together
    from services.runtime import names
    from services.runtime.connect import BrokerRefused, BrokerUnreachable, address, connect

    nc = None
    try:
        if address(settings):
            nc = await connect(settings, names.INCIDENTS_ARCHIVE, patience_s=2.0)
    except (BrokerUnreachable, BrokerRefused):
        nc = None
    try:
        return await hold_together(settings, nc), nc is not None
    finally:
        if nc is not None:
            await nc.close()


def _line(report: "Report", lang: str) -> str:
    return say(
        "{mode}: {facts} facts in chains; words: {contents}; erased: {erased}; not archived yet: {behind}.",
        lang,
        **asdict(report),
    )


def _not_compared(compared: bool, lang: str) -> list[str]:
    return [] if compared else [say("The broker does not answer: only the archive was looked at.", lang)]


def register(app: typer.Typer) -> None:
    """Put the verbs under the program."""
    verb(app, "verify", "samvirke verify", "samvirke verify --offline EXPORT --key log.pub")(verify)
    verb(app, "repair", "samvirke repair")(repair)
