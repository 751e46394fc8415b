"""Verbs of evidence: checkpoint, and what verify does with an export and nothing else."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from services.cli.failures import failed, told
from services.cli.frame import Call, Exit, Outcome, Usage, bare, table, verb
from services.cli.sending import ask, local
from services.cli.texts import language, say

if TYPE_CHECKING:
    from services.cli.export.report_check import ReportsChecked
    from services.incidents.evidence_check import Checked

_AFTER_WORDS = 2
checkpoint = typer.Typer(help="Signed checkpoints of the watch's log, and proofs against them.")


async def kept(
    call: Call,
    limit: Annotated[int, typer.Option(min=1, max=500, help="How many at most.")] = 20,
    note: Annotated[bool, typer.Option("--note", help="The newest one whole, to be kept elsewhere.")] = False,
) -> Outcome:
    """List the signed checkpoints of the watch's log, the newest first."""
    found = await ask(call, "incidents", "checkpoints", limit=1 if note else limit)
    made, lang = found["checkpoints"], language(call.lang)
    if not made:
        return Outcome(found, [say("No checkpoint has been made yet.", lang)])
    if note:
        return Outcome(found, made[0]["note"].rstrip("\n").split("\n"))
    return Outcome(found, table((moment(one["at"]), one["size"], one["root"]) for one in made))


async def key(call: Call) -> Outcome:
    """Print the public key with which anybody can check the checkpoints of the watch's log."""
    found = await ask(call, "incidents", "checkpoints", limit=1)
    return Outcome({"status": "ok", "key": found["key"]}, [found["key"]])


async def proof(call: Call, fact: Annotated[str, typer.Argument(help="The fact's id.")]) -> Outcome:
    """Prove that a fact of the watch is in its log: its hash, the hashes up to the root, the checkpoint."""
    found = await ask(call, "incidents", "inclusion", fact=fact)
    size = found["checkpoint"].split("\n")[1]
    return Outcome(found, [f"{found['leaf']} / {size}", found["hash"], *found["proof"], found["checkpoint"]])


async def consistency(
    call: Call,
    former: Annotated[int, typer.Argument(min=1, help="The size in an earlier checkpoint.")],
    size: Annotated[int | None, typer.Argument(min=1, help="The size in a later one; else now.")] = None,
) -> Outcome:
    """Prove that the log has only grown since an earlier checkpoint."""
    found = await ask(call, "incidents", "consistency", former=former, size=size)
    ends = (f"{former} {found['former']['root']}", f"{found['size']} {found['root']}")
    return Outcome(found, [*ends, *found["proof"], found["checkpoint"]])


async def opening(
    call: Call,
    at: Annotated[int, typer.Argument(min=1, help="When the round was made, as the kept head says it.")],
) -> Outcome:
    """Open the blinded head that neighbours keep of a round, for the watch's own checkpoint."""
    found = await ask(call, "incidents", "opening", at=at)
    place = f"{found['leaf']} / {found['size']}"
    return Outcome(found, [found["checkpoint"], found["salt"], place, *found["path"]])


def offline(call: Call, folder: Path, public: str | None, held: Sequence[Path]) -> Outcome:
    """Check an export with nothing but its files and the public key. Raises Usage."""
    from services.cli.export.report_check import check_reports
    from services.incidents.checkpoint import BadNote, read_key
    from services.incidents.evidence_check import check

    if public is None:
        raise Usage("name the hub's public key, or a file that holds it, with --key")
    try:
        key = read_key(_text(public))
        checked = check(folder, key, [file.read_text(encoding="utf-8") for file in held])
    except BadNote:
        return failed(call, "BAD_NOTE")
    reports = check_reports(folder)
    first = checked.first or reports.first
    data = {
        "status": "ok",
        **asdict(checked),
        "reports": reports.reports,
        "reports_unproved": reports.unproved,
    }
    if first is not None:
        outcome = told(call, "failed", "EXPORT_DIFFERS", asdict(first), Exit.FAILED)
        return Outcome(data | outcome.data, outcome.lines, outcome.code)
    lines = _said(checked, held, language(call.lang))
    if reports.reports:
        lines.insert(_AFTER_WORDS, _reports_said(reports, language(call.lang)))
    return Outcome(data, lines)


def _said(checked: "Checked", held: Sequence[Path], lang: str) -> list[str]:
    """What was found to be whole, and what no export can show by itself."""
    lines = [
        say("{facts} facts of {logs} logs are as they were signed.", lang, **asdict(checked)),
        say("Words: {contents}; erased: {erased}; left out: {withheld}.", lang, **asdict(checked)),
    ]
    if checked.unproved:
        lines.append(
            say(
                "{unproved} checkpoints lie within what is left out, and say nothing here.",
                lang,
                **asdict(checked),
            )
        )
    if not held:
        lines += [
            say("Nothing here can tell of what was written after {time},", lang, time=moment(checked.newest)),
            say("or cut off back to an older checkpoint: for that, name one that was kept elsewhere.", lang),
        ]
    return lines


def _reports_said(checked: "ReportsChecked", lang: str) -> str:
    return say(
        "Situation reports: {reports} versions are as they were locked; not proved here: {unproved}.",
        lang,
        reports=checked.reports - checked.unproved,
        unproved=checked.unproved,
    )


def _text(public: str) -> str:
    file = Path(public)
    return file.read_text(encoding="utf-8") if "+" not in public or file.exists() else public


def moment(at: int) -> str | None:
    """A moment in seconds since 1970 as people read it."""
    return local(datetime.fromtimestamp(at, UTC).isoformat())


def register(app: typer.Typer) -> None:
    """Put the verbs under the program."""
    app.add_typer(checkpoint, name="checkpoint")
    bare(checkpoint)(kept)
    verb(checkpoint, "key", "samvirke checkpoint key", acting=True)(key)
    verb(checkpoint, "proof", "samvirke checkpoint proof 01a2b3…", acting=True)(proof)
    verb(checkpoint, "consistency", "samvirke checkpoint consistency 10000", acting=True)(consistency)
    verb(checkpoint, "opening", "samvirke checkpoint opening 1795471200", acting=True)(opening)
