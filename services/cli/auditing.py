"""The verb that looks into the log of reads: audit."""

from functools import partial
from typing import Annotated, Any

import typer

from services.cli.frame import Call, Outcome, Usage, table, verb
from services.cli.names import incident_named, person_id
from services.cli.sending import ask, local, moment, names_of
from services.cli.texts import language, say
from services.runtime.reads_asked import who_read
from services.words.shared import word

_SHORT = 8


async def audit(
    call: Call,
    said: Annotated[
        str | None, typer.Argument(help="Reads of this incident: its reference or id.", metavar="INCIDENT")
    ] = None,
    item: Annotated[str | None, typer.Option(help="Reads of this item: its id.")] = None,
    report: Annotated[str | None, typer.Option(help="Reads of this situation report: its id.")] = None,
    reader: Annotated[str | None, typer.Option(help="Reads by this person: id, or key in the file.")] = None,
    since: Annotated[str | None, typer.Option("--from", help="From when.")] = None,
    until: Annotated[str | None, typer.Option("--to", help="Till when.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=500, help="How many lines at most.")] = 200,
) -> Outcome:
    """Who read which restricted item or report, when and why; for archive owner and data protection."""
    named = incident_named(said) if said else {}
    if "number" in named:
        raise Usage("name the incident by its reference or id")
    asked: dict[str, Any] = {"item": item, "limit": limit, "ref": named.get("ref")}
    asked["incident"] = named.get("id")
    asked["person"] = person_id(call.settings(), reader) if reader else None
    for name, text in (("since", since), ("until", until)):
        time = moment(text)
        asked[name] = time.isoformat() if time else None
    if report is not None and named:
        raise Usage("name an incident or a report")
    found = await who_read(partial(ask, call), asked, report)
    lang = language(call.lang)
    names = {} if call.as_json else await names_of(call, (one["person"] for one in found["reads"]))
    rows = [_row(one, names, lang) for one in found["reads"]]
    more = [say("There are older ones; ask with --to.", lang)] if found["more"] else []
    return Outcome(found, [*table(rows), *more] if rows else [say("Nobody has read it.", lang)])


def _row(one: dict[str, Any], names: dict[str, str], lang: str) -> tuple[object, ...]:
    """When, by whom, how, why, and what."""
    who = one["person"] or one["machine"]
    version = f"{one['report'][:_SHORT]} v{one['version']}" if one.get("report") else None
    return (
        local(one["read_at"]),
        one["watch"],
        names.get(str(who)) or who,
        one["what"],
        word(one["reason"], lang),
        one["owner"],
        one["ref"] or (one["incident"] or "")[:_SHORT] or None,
        version,
        one["item"],
    )


def register(app: typer.Typer) -> None:
    """Put the verb under the program."""
    one = "samvirke audit --report 0192f1c0-7a6e-7cc1-9d0a-5f0c8ab4f3de"
    verb(app, "audit", "samvirke audit 7K3Q9XT", one, "samvirke audit --reader kari --json", acting=True)(
        audit
    )
