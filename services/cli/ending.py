"""Verbs that end what the log began: incident done, answer, tick; and what the register of types says: types.

What other logs would edit or delete is refused here already, with what to do instead.
"""

from enum import StrEnum
from typing import Annotated, Any

import typer

from services.cli.failures import refused
from services.cli.frame import Call, Outcome, table, verb
from services.cli.options import At, Figures, Incident, Text
from services.cli.sending import ask, figures_of, moment, on_incident, send, written
from services.cli.texts import language, say
from services.words.shared import word

Entry = Annotated[str, typer.Argument(help="The entry's id, from: samvirke incident show --ids.")]


class Answer(StrEnum):
    """What a watch says to a request for resources."""

    ACCEPT = "accept"
    DECLINE = "decline"


async def done(
    call: Call, said: Incident, entry: Entry, text: Text = None, figures: Figures = None, at: At = None
) -> Outcome:
    """Close a task by an entry that says what was done."""
    from schemas.entries import CloseTask

    request = CloseTask(**await on_incident(call, said), entry=entry)
    content = written(text=text, figures=figures_of(figures))
    return await send(call, request, content, moment(at), done="The task is closed.")


async def answer(
    call: Call,
    said: Incident,
    entry: Entry,
    answer: Annotated[Answer, typer.Argument(help="Accept or decline.")],
    text: Text = None,
    figures: Figures = None,
    at: At = None,
) -> Outcome:
    """Answer a request for resources that was put to the watch; say why when you decline."""
    from schemas.entries import AnswerRequest

    request = AnswerRequest(**await on_incident(call, said), entry=entry, answer=answer.value)
    content = written(text=text, figures=figures_of(figures))
    return await send(call, request, content, moment(at), done="The request is answered.")


async def tick(
    call: Call,
    said: Incident,
    step: Annotated[str, typer.Argument(help="The step's code, from: samvirke incident show.")],
    text: Text = None,
    at: At = None,
) -> Outcome:
    """Tick a step of the incident's action card; to take it back, strike the entry with: incident correct."""
    from schemas.entries import TickStep

    request = TickStep(**await on_incident(call, said), step=step)
    return await send(call, request, written(text=text), moment(at), done="The step is ticked.")


async def types(call: Call) -> Outcome:
    """Show the register of incident types: code, name, priority, who is told, card."""
    found = await ask(call, "incidents", "types")
    lang = language(call.lang)
    rows = [
        (
            one["type"],
            spoken(one["title"], lang),
            word(one["priority"], lang),
            ", ".join(one["notify"]) or None,
            say("card {version}", lang, version=one["card"]["version"]) if one["card"] else None,
        )
        for one in found["types"]
    ]
    return Outcome(found, table(rows) if rows else [say("The register is empty.", lang)])


def spoken(words: dict[str, Any], lang: str) -> str:
    """A text of the register in a language, in bokmål where there is none."""
    return str(words.get(lang) or words["nb"])


def never(call: Call, said: Incident, entry: Annotated[str, typer.Argument()] = "") -> Outcome:
    """Nothing in the log is ever edited or deleted: use incident correct."""
    return refused(call, "NEVER_CHANGED", {})


def register(app: typer.Typer, incident: typer.Typer) -> None:
    """Put the verbs under the program."""
    id = "0192f1c0-7a6e-7cc1-9d0a-5f0c8ab4f3de"
    verb(incident, "done", f"samvirke incident done 7K3Q9XT {id} --text 'Ventil stengt'", acting=True)(done)
    verb(
        incident,
        "answer",
        f"samvirke incident answer 7K3Q9XT {id} decline --text 'Alle pumper er ute'",
        acting=True,
    )(answer)
    verb(incident, "tick", "samvirke incident tick 7K3Q9XT valves", acting=True)(tick)
    verb(app, "types", "samvirke types", "samvirke types --json", acting=True)(types)
    for name in ("edit", "delete"):
        verb(incident, name, acting=True, hidden=True)(never)
