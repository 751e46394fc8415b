"""Verbs of erasure, which takes two persons: erase ask, erase approve."""

from typing import Annotated

import typer

from services.cli.frame import Call, Outcome, verb
from services.cli.options import Incident
from services.cli.sending import on_incident, send

erase = typer.Typer(
    help="Erase what was written, on a ground in law; it takes two persons.", no_args_is_help=True
)

Entry = Annotated[str, typer.Option(help="The entry's id; else the head of the incident.")]


async def ask(
    call: Call,
    said: Incident,
    ground: Annotated[str, typer.Option(help="Why, as a code such as consent_withdrawn.")],
    law: Annotated[str, typer.Option(help="The law it rests on, such as gdpr-17-1-b.")],
    entry: Entry = "head",
) -> Outcome:
    """Ask that the words of an item be erased; nothing is erased yet."""
    from schemas.incidents import AskErasure

    request = AskErasure(**await on_incident(call, said), entry=entry, ground=ground, law=law)
    return await send(call, request, done="Asked; another person must approve it.")


async def approve(call: Call, said: Incident, entry: Entry = "head") -> Outcome:
    """Approve an erasure that another person asked for: the words are gone, everywhere, for good."""
    from schemas.incidents import ApproveErasure

    request = ApproveErasure(**await on_incident(call, said), entry=entry)
    return await send(call, request, done="Approved; the words are erased.")


def register(app: typer.Typer) -> None:
    """Put the verbs under the program."""
    app.add_typer(erase, name="erase")
    verb(erase, "ask", "samvirke erase ask 7K3Q9XT --ground wrong_person --law gdpr-17-1-d", acting=True)(ask)
    verb(erase, "approve", "samvirke erase approve 7K3Q9XT", acting=True)(approve)
