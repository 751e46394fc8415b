"""Verbs of people and machines: person, token."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer

from schemas.vocabulary import Role
from services.cli.frame import Call, Exit, Outcome, table, verb
from services.cli.names import person_id
from services.cli.sending import ask, edge_of, moment, send, told, written
from services.cli.texts import language, say

person = typer.Typer(help="People: take in, give roles, sign in, forget.", no_args_is_help=True)
token = typer.Typer(help="Tokens with which machines report or read.", no_args_is_help=True)

Who = Annotated[str, typer.Argument(help="A person's id, or key in the centre file.", metavar="PERSON")]
RoleOption = Annotated[Role, typer.Option(help="What the person may do.")]
Where = Annotated[str | None, typer.Option(help="Organisation or watch; else the acting watch.")]


async def add(
    call: Call,
    name: Annotated[str, typer.Argument(help="The name that others see.")],
    email: Annotated[str | None, typer.Option(help="Mail address.")] = None,
    phone: Annotated[str | None, typer.Option(help="Number with country code, such as +4799000001.")] = None,
    id: Annotated[str | None, typer.Option(help="To change a person: the id.")] = None,
    role: Annotated[list[Role] | None, typer.Option(help="A role in the acting watch. Repeat it.")] = None,
) -> Outcome:
    """Take a person in, or change the contact; name and address never enter the log."""
    from uuid import uuid4

    from schemas.people import AddPerson, Grant

    who = person_id(call.settings(), id) if id else str(uuid4())
    content = written(display_name=name, email=email, phone=phone)
    outcome = await send(call, AddPerson(person=who), content, done="{person} is taken in.")
    for one in role or []:
        if outcome.code is not Exit.DONE:
            break
        given = await send(call, Grant(person=who, role=one, where=call.key))
        if given.code is not Exit.DONE:
            return given
    return Outcome(
        outcome.data | {"person": who}, [who] if outcome.code is Exit.DONE else outcome.lines, outcome.code
    )


async def grant(
    call: Call,
    who: Who,
    role: RoleOption,
    where: Where = None,
    until: Annotated[str | None, typer.Option(help="Till when.")] = None,
) -> Outcome:
    """Give a person a role."""
    from schemas.people import Grant

    request = Grant(
        person=person_id(call.settings(), who), role=role, where=where or call.key, until=moment(until)
    )
    return await send(call, request, done="The role is given.")


async def revoke(call: Call, who: Who, role: RoleOption, where: Where = None) -> Outcome:
    """Take a role back."""
    from schemas.people import Revoke

    request = Revoke(person=person_id(call.settings(), who), role=role, where=where or call.key)
    return await send(call, request, done="The role is taken back.")


async def link(
    call: Call,
    who: Who,
    minutes: Annotated[int, typer.Option(min=1, max=10_080, help="How long it works.")] = 60,
) -> Outcome:
    """Make a one-time sign-in link."""
    from schemas.envelope import Accepted
    from schemas.people import MakeLink
    from services.cli.links import link_to

    async with edge_of(call) as edge:
        request = MakeLink(person=person_id(call.settings(), who), minutes=minutes)
        answer = await edge.send(call.mode, request, call.actor())
    outcome = told(call, answer, "")
    if not isinstance(answer, Accepted):
        return outcome
    address = link_to(call.settings(), answer.result["path"])
    return Outcome(outcome.data | {"link": address}, [address])


async def forget(call: Call, who: Who) -> Outcome:
    """Remove a person's name and addresses everywhere; what was done stays, under the bare id."""
    from schemas.people import Forget

    return await send(call, Forget(person=person_id(call.settings(), who)), done="The person is forgotten.")


async def lockout(call: Call, who: Who) -> Outcome:
    """End every session and link of a person, at once."""
    from schemas.people import RevokeSessions

    return await send(
        call, RevokeSessions(person=person_id(call.settings(), who)), done="Nobody is signed in so."
    )


async def people(call: Call) -> Outcome:
    """List people and their roles."""
    found = await ask(call, "people", "list")
    rows = [
        (one.get("person") or one.get("id"), one.get("display_name") or one.get("name"), _roles(one))
        for one in found["people"]
    ]
    return Outcome(found, table(rows) if rows else [say("Nobody.", language(call.lang))])


def _roles(one: dict[str, Any]) -> str:
    roles = one.get("roles") or []
    return ", ".join(
        f"{role['role']} {role['where']}" if isinstance(role, dict) else str(role) for role in roles
    )


async def issue(
    call: Call,
    machine: Annotated[str, typer.Argument(help="The machine's name.")],
    scope: Annotated[list[str], typer.Option(help="report, read or feed. Repeat it.")],
    where: Where = None,
    days: Annotated[int, typer.Option(min=1, max=3650, help="How long it works.")] = 365,
) -> Outcome:
    """Make a token; it is shown this once.

    A machine has one token: that which was made for the name before works no more.
    """
    from schemas.envelope import Accepted
    from schemas.people import IssueToken

    until = datetime.now(UTC) + timedelta(days=days)
    request = IssueToken(machine=machine, where=where or call.key, scope=scope, until=until)
    async with edge_of(call) as edge:
        answer = await edge.send(call.mode, request, call.actor())
    outcome = told(call, answer, "")
    return Outcome(outcome.data, [answer.result["secret"]]) if isinstance(answer, Accepted) else outcome


async def end(call: Call, machine: Annotated[str, typer.Argument(help="The machine's name.")]) -> Outcome:
    """End a token, at once."""
    from schemas.people import RevokeToken

    return await send(call, RevokeToken(machine=machine), done="The token works no more.")


def register(app: typer.Typer) -> None:
    """Put the verbs under the program."""
    app.add_typer(person, name="person")
    app.add_typer(token, name="token")
    who = "b7f0cf0e-6d0c-4a55-9d3c-6a3b0f9e1c11"
    verb(person, "add", "samvirke person add 'Kari Vik' --phone +4799000001 --role operator", acting=True)(
        add
    )
    verb(person, "grant", f"samvirke person grant {who} --role leader --where 4601", acting=True)(grant)
    verb(person, "revoke", f"samvirke person revoke {who} --role leader", acting=True)(revoke)
    verb(person, "link", f"samvirke person link {who} --minutes 30", acting=True)(link)
    verb(person, "forget", f"samvirke person forget {who}", acting=True)(forget)
    verb(person, "lockout", f"samvirke person lockout {who}", acting=True)(lockout)
    verb(person, "list", "samvirke person list --json", acting=True)(people)
    verb(token, "issue", "samvirke token issue pump-7 --scope report --days 90", acting=True)(issue)
    verb(token, "revoke", "samvirke token revoke pump-7", acting=True)(end)
