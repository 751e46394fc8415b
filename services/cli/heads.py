"""The verb that shows what is kept of a neighbour's log, and whether it opens: feed heads."""

import base64
import binascii
import json
from pathlib import Path
from typing import Annotated, Any

import typer

from services.cli.evidence import moment
from services.cli.failures import failed, told
from services.cli.feed import feed
from services.cli.frame import Call, Exit, Outcome, table, verb
from services.cli.sending import ask
from services.cli.texts import language, say


async def heads(
    call: Call,
    organisation: Annotated[str, typer.Argument(help="Whose log.")],
    limit: Annotated[int, typer.Option(min=1, max=500, help="How many at most.")] = 20,
    opened: Annotated[
        Path | None,
        typer.Option("--open", metavar="FILE", help="Instead: what it has opened a head with, as JSON."),
    ] = None,
) -> Outcome:
    """List the blinded heads that are kept of a neighbour's log, or hold one against what opens it."""
    if opened is not None:
        return await _open(call, organisation, opened)
    found = await ask(call, "feeds", "heads", organisation=organisation, limit=limit)
    rows = [(one["at"], moment(one["at"]), one["head"]) for one in found["heads"]]
    return Outcome(found, table(rows) if rows else [say("No head is kept of that log.", language(call.lang))])


async def _open(call: Call, organisation: str, file: Path) -> Outcome:
    """Whether the neighbour's note, salt and path come to the head that was kept of that round."""
    from services.incidents.blinding import opens
    from services.incidents.checkpoint import BadNote, read_note

    try:
        opening = _read(file)
        checkpoint = read_note(opening.note).checkpoint
    except (BadNote, ValueError, KeyError, TypeError, binascii.Error):
        return failed(call, "BAD_NOTE")
    asked = {"organisation": organisation, "before": checkpoint.at + 1, "limit": 1}
    kept = (await ask(call, "feeds", "heads", **asked))["heads"]
    is_kept = bool(kept) and kept[0]["at"] == checkpoint.at
    is_theirs = checkpoint.log.partition("/")[2].partition(".")[0] == organisation
    if not is_kept or not is_theirs or not opens(opening, bytes.fromhex(kept[0]["head"])):
        parameters = {"organisation": organisation, "time": moment(checkpoint.at)}
        return told(call, "failed", "HEAD_DIFFERS", parameters, Exit.FAILED)
    said = say("It is what was kept: {log} had {size} facts.", language(call.lang), **_shown(checkpoint))
    return Outcome({"status": "ok", **_shown(checkpoint)}, [said, opening.note])


def _read(file: Path) -> Any:
    from services.incidents.blinding import Opening

    found = json.loads(file.read_text(encoding="utf-8"))
    salt, path = base64.b64decode(found["salt"]), [base64.b64decode(one) for one in found["path"]]
    return Opening(found["checkpoint"], salt, int(found["leaf"]), int(found["size"]), tuple(path))


def _shown(checkpoint: Any) -> dict[str, Any]:
    return {"log": checkpoint.log, "size": checkpoint.size, "at": checkpoint.at}


def register(_: typer.Typer) -> None:
    """Put the verb under `feed`."""
    verb(
        feed,
        "heads",
        "samvirke feed heads 4601",
        "samvirke feed heads 4601 --open opening.json",
        acting=True,
    )(heads)
