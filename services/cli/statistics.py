"""The verb statistics: figures for the evaluation after an event, without persons."""

from typing import Annotated, Any

import typer

from services.cli.frame import Call, Outcome, table, verb
from services.cli.sending import ask
from services.cli.texts import language, say
from services.words.shared import word


async def statistics(
    call: Call,
    first: Annotated[str, typer.Option("--from", help="The first day, such as 2027-01-14.")],
    last: Annotated[str, typer.Option("--to", help="The last day, which counts too.")],
) -> Outcome:
    """Count incidents by type, watch and hour, and how long acknowledging and closing took.

    No figure is below five, nor follows from the others: small groups are put together as the rest.
    """
    found = await ask(call, "incidents", "statistics", first=first, last=last)
    lang = language(call.lang)
    if found["total"] is None:
        return Outcome(found, [say("Fewer than five: nothing is told.", lang)])
    lines = [say("Incidents: {count}", lang, count=found["total"])]
    for title, name in (
        (say("By type", lang), "by_type"),
        (say("By watch", lang), "by_watch"),
        (say("By hour", lang), "by_hour"),
    ):
        lines += ["", title, *_groups(found[name], lang)]
    lines += ["", _took(say("Until acknowledged", lang), found["to_acknowledge"], lang)]
    return Outcome(found, [*lines, _took(say("Until closed", lang), found["to_close"], lang)])


def _groups(found: dict[str, Any], lang: str) -> list[str]:
    rows: list[tuple[object, ...]] = [(word(one["name"], lang), one["count"]) for one in found["groups"]]
    rest = [(say("the rest", lang), found["rest"])] if found["rest"] else []
    return table([*rows, *rest]) if rows or rest else ["–"]


def _took(title: str, found: dict[str, Any], lang: str) -> str:
    if found["count"] is None:
        return f"{title}: –"
    text = say("{title}: half within {median} min ({count} incidents)", lang, title=title, **found)
    tail = found["ninth_decile"]
    return text if tail is None else f"{text}; " + say("nine of ten within {minutes} min", lang, minutes=tail)


def register(app: typer.Typer) -> None:
    """Put the verb under the program."""
    verb(app, "statistics", "samvirke statistics --from 2027-01-14 --to 2027-01-16", acting=True)(statistics)
