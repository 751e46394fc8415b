"""The verb that searches the log."""

from datetime import datetime
from typing import Annotated, Any

import typer

from schemas.vocabulary import Priority
from services.cli.frame import Call, Outcome, Usage, table, verb
from services.cli.looking import Which, words
from services.cli.options import ReasonOption
from services.cli.sending import ask, local, moment
from services.cli.texts import language, say
from services.words.shared import word

_CORNERS = 4
_KINDS = {"head": "incident", "outcome": "status", "reference": "incident"}


async def search(
    call: Call,
    text: Annotated[str, typer.Argument(help="Words, or parts of words, that must all be there.")] = "",
    organisation: Annotated[str | None, typer.Option(help="Whose log it is: an organisation.")] = None,
    log_of: Annotated[str | None, typer.Option("--log-of", help="Whose log it is: a watch.")] = None,
    type_: Annotated[str | None, typer.Option("--type", help="The incident's type.")] = None,
    state: Annotated[Which, typer.Option(help="How the incident stands.")] = Which.ALL,
    priority: Annotated[Priority | None, typer.Option(help="The incident's priority.")] = None,
    since: Annotated[str | None, typer.Option(help="It happened then or later.")] = None,
    until: Annotated[str | None, typer.Option(help="It happened before then.")] = None,
    writer: Annotated[str | None, typer.Option(help="Who wrote: the person's id.")] = None,
    municipality: Annotated[str | None, typer.Option(help="The incident's municipality, by number.")] = None,
    box: Annotated[str | None, typer.Option(help="South,west,north,east in degrees.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=200, help="How many at most.")] = 50,
    page: Annotated[str | None, typer.Option(help="Go on after this item, as the last line said.")] = None,
    reason: ReasonOption = None,
    after: Annotated[str | None, typer.Option(help="Wait until the log has this receipt.")] = None,
) -> Outcome:
    """Search what the watch may see of all logs, the newest first."""
    found = await ask(
        call,
        "incidents",
        "search",
        text=text,
        organisation=organisation,
        watch=log_of,
        type=type_,
        state=state.value,
        priority=priority.value if priority else None,
        since=_sent(moment(since)),
        until=_sent(moment(until)),
        person=writer,
        municipality=municipality,
        box=_box(box),
        limit=limit,
        page=page,
        reason=reason,
        after=after,
    )
    lang = language(call.lang)
    rows = [_row(hit, lang) for hit in found["found"]]
    lines = table(rows) if rows else [say("Nothing was found.", lang)]
    if found.get("page"):
        lines.append(say("There are more: samvirke search … --page {page}", lang, page=found["page"]))
    return Outcome(found, lines)


def _row(hit: dict[str, Any], lang: str) -> tuple[object, ...]:
    incident, entry = hit["incident"], hit["entry"]
    text = words(entry, lang)
    if entry.get("corrected_by"):
        text = say("(struck) {text}", lang, text=text)
    where = incident.get("ref"), word(incident.get("state"), lang), incident.get("owner")
    kind = word(_KINDS.get(entry["kind"], entry["kind"]), lang)
    return (*where, local(entry["occurred_at"]), kind, text)


def _sent(said: datetime | None) -> str | None:
    return None if said is None else said.isoformat()


def _box(text: str | None) -> list[float] | None:
    """The corners of a box. Raises Usage."""
    if text is None:
        return None
    try:
        corners = [float(part) for part in text.split(",")]
    except ValueError:
        corners = []
    if len(corners) != _CORNERS:
        raise Usage("write a box as south,west,north,east, such as 60.1,5.1,60.6,5.7")
    return corners


def register(app: typer.Typer) -> None:
    """Put the verb under the program."""
    verb(app, "search", "samvirke search lekkasj --since 2026-11-01T00:00+01:00", acting=True)(search)
