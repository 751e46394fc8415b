"""Verbs of files: attach one to an incident, and fetch one."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from schemas.vocabulary import Level
from services.cli.failures import refused
from services.cli.frame import Call, Outcome, Usage, verb
from services.cli.options import At, Incident, LevelOption, Named, Notify, ReasonOption, Source, Tags, Text
from services.cli.sending import edge_of, moment, on_incident, told, written
from services.cli.texts import language, say

if TYPE_CHECKING:
    from schemas.envelope import Accepted, Refused
    from services.runtime.edge import Edge, Kept

_PIECE = 1 << 17
_AT_ONCE = 4


async def attach(
    call: Call,
    said: Incident,
    file: Annotated[Path, typer.Argument(help="A picture, PDF, film (MP4) or plain text.")],
    text: Text = None,
    source: Source = None,
    level: LevelOption = Level.WATCH,
    tags: Tags = None,
    named: Named = None,
    notify: Notify = None,
    at: At = None,
) -> Outcome:
    """Attach a file to an incident; others than the log's and your watch get it without hidden data."""
    require_file(file)
    fields: dict[str, Any] = {
        **await on_incident(call, said),
        "level": level,
        "tags": tags or [],
        "named": named or [],
        "notify": notify or [],
    }
    return await attach_all(call, [file], fields, written(text=text, source=source), at)


def require_file(file: Path) -> None:
    """Raises Usage for what is no file."""
    if not file.is_file():
        raise Usage(f"{file} is no file")


async def attach_all(
    call: Call, files: Sequence[Path], fields: dict[str, Any], words: dict[str, Any] | None, at: str | None
) -> Outcome:
    """Attach files one by one, all alike, until one is not taken; the data are of the last one."""
    outcome, lines = Outcome(), list[str]()
    async with edge_of(call) as edge:
        for file in files:
            answer = await _attach(call, edge, file, fields, words, at)
            outcome = told(call, answer, done="The file is attached to {ref} as {id}.")
            lines += outcome.lines
            if outcome.code:
                break
    return Outcome(outcome.data, lines, outcome.code)


async def _attach(
    call: Call, edge: "Edge", file: Path, fields: dict[str, Any], words: dict[str, Any] | None, at: str | None
) -> "Accepted | Refused | Kept":
    from schemas.attachments import AttachFile, claimed_by
    from schemas.envelope import Refused
    from services.runtime.upload import Upload

    sort = claimed_by(file.name)
    if sort is None:
        return Refused(code="FILE_TYPE_REFUSED")
    upload = Upload(edge, call.mode, call.actor())
    with file.open("rb") as opened:
        while piece := opened.read(_PIECE):
            answer = await upload.feed(piece)
            if answer is not None:
                return answer
    answer = await upload.finish()
    if answer is not None:
        return answer
    request = AttachFile(media_type=sort, **upload.named, **fields)
    return await edge.send(call.mode, request, call.actor(), upload.content(file.name, words), moment(at))


async def fetch(
    call: Call,
    id: Annotated[str, typer.Argument(help="The id of the file's entry: incident show --ids.")],
    reason: ReasonOption = None,
    out: Annotated[Path | None, typer.Option(help="Where to put it; else here, under its own name.")] = None,
) -> Outcome:
    """Fetch an attached file; nothing that lies here is written over."""
    import base64

    from services.runtime.edge import AskRefused

    async with edge_of(call) as edge:

        async def part(first: int) -> dict[str, Any]:
            asked = {"file": id, "first": first, "most": _AT_ONCE, "reason": reason}
            return await edge.ask(call.mode, "incidents", "file", call.actor(), **asked)

        try:
            found = await part(0)
            place = out or Path(found["name"])
            if place.exists():
                raise Usage(f"{place} is there already; name another place with --out")
            sent = 0
            with place.open("xb") as opened:
                place.chmod(0o600)
                while True:
                    opened.writelines(base64.b64decode(data) for data in found["data"])
                    sent += len(found["data"])
                    if sent >= found["chunks"]:
                        break
                    found = await part(sent)
        except AskRefused as fault:
            return refused(call, fault.code, fault.parameters)
    told_of = {name: found[name] for name in ("id", "media_type", "name", "copy")}
    line = say("The file lies in {place}.", language(call.lang), place=place)
    return Outcome({"status": "ok", "place": str(place), **told_of}, [line])


def register(app: typer.Typer) -> None:
    """Put the verbs under the program."""
    verb(app, "attach", "samvirke attach 7K3Q9XT skadested.jpg --text 'Bruddet'", acting=True)(attach)
    verb(app, "fetch", "samvirke fetch 019b76da-… --out skadested.jpg", acting=True)(fetch)
