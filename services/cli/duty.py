"""Verbs of those on duty: ack, duty."""

from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from schemas.vocabulary import DutyFunction
from services.cli.failures import refused
from services.cli.frame import Call, Outcome, bare, table, verb
from services.cli.names import incident_named
from services.cli.sending import ask, local, moment, names_of, send, written
from services.cli.texts import language, say
from services.words.shared import word

duty = typer.Typer(help="Who is on duty; take a function over, or leave it.")

Post = Annotated[str, typer.Argument(help="The post, such as duty.")]
Function = Annotated[DutyFunction, typer.Option(help="Who is told first, second and third.")]


async def ack(
    call: Call,
    said: Annotated[
        str | None,
        typer.Argument(help="The incident's reference, or the notification's id.", metavar="WHICH"),
    ] = None,
    decline: Annotated[
        bool, typer.Option("--decline", help="Say that you cannot: the next one is told.")
    ] = False,
    text: Annotated[str | None, typer.Option(help="Why you cannot.")] = None,
) -> Outcome:
    """Say that you have it; without an argument, list what waits for an answer."""
    from schemas.notifications import Acknowledge, Decline

    if said is None:
        return _waiting(call, await _open_chains(call))
    chain = await _chain_named(call, said)
    if chain is None:
        return refused(call, "NOTHING_TO_ANSWER", {"ref": said})
    if decline:
        return await send(
            call, Decline(chain=chain), written(text=text), done="Declined; the next one is told."
        )
    return await send(call, Acknowledge(chain=chain), done="Acknowledged.")


async def _open_chains(call: Call) -> list[dict[str, Any]]:
    found = await ask(call, "notifications", "chains", open=True)
    chains: list[dict[str, Any]] = found["chains"]
    return chains


async def _chain_named(call: Call, said: str) -> str | None:
    """The id of the watch's open notification; an id is taken as it is."""
    ref = incident_named(said).get("ref")
    if ref is None:
        return said
    own = (one for one in await _open_chains(call) if one.get("ref") == ref and one["watch"] == call.key)
    return next((one["chain"] for one in own), None)


def _waiting(call: Call, chains: list[dict[str, Any]]) -> Outcome:
    lang = language(call.lang)
    rows = [
        (
            one.get("ref") or one["chain"],
            one["watch"],
            word(one["priority"], lang),
            local(one.get("started_at")),
            word(one.get("type"), lang),
        )
        for one in chains
    ]
    nothing = say("Nothing waits for an answer.", lang)
    return Outcome({"status": "ok", "chains": chains}, table(rows) if rows else [nothing])


async def show(
    call: Call,
    at: Annotated[str | None, typer.Option(help="When; now if left out.")] = None,
    of: Annotated[
        str | None, typer.Option(help="This watch; the acting one if left out.", metavar="WATCH")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Every watch.")] = False,
) -> Outcome:
    """Show who is on duty in the own watch, in another, or everywhere."""
    when, watch = moment(at), None if every else of or call.key
    found = await ask(call, "watch", "duty", at=when.isoformat() if when else None, watch=watch)
    lines = await on_duty(call, found["duty"])
    return Outcome(found, lines or [say("Nobody is on duty.", language(call.lang))])


async def on_duty(call: Call, duty: list[dict[str, Any]]) -> list[str]:
    """Who is on duty, one place a line; none for machines, which read the answer itself."""
    if call.as_json or not duty:
        return []
    lang = language(call.lang)
    names = await names_of(call, (one.get("person") for one in duty))
    return table(
        (one["watch"], one["post"], word(one["function"], lang), _holder(one, names, lang), _until(one, lang))
        for one in duty
    )


def _holder(one: dict[str, Any], names: dict[str, str], lang: str) -> str:
    if "filled" in one:
        return say("filled", lang) if one["filled"] else say("not filled", lang)
    person = one.get("person")
    return names.get(person, str(person)) if person else say("not filled", lang)


def _until(one: dict[str, Any], lang: str) -> str:
    return say("until {time}", lang, time=local(one["until"])) if one.get("until") else ""


async def take(
    call: Call,
    post: Post = "duty",
    function: Function = DutyFunction.PRIMARY,
    until: Annotated[str | None, typer.Option(help="Till when; open if left out.")] = None,
) -> Outcome:
    """Hold a function from now on."""
    from schemas.watch import TakeOver

    request = TakeOver(post=post, function=function, until=moment(until))
    return await send(call, request, None, datetime.now(UTC), done="You are on duty.")


async def release(call: Call, post: Post = "duty", function: Function = DutyFunction.PRIMARY) -> Outcome:
    """Leave a function; what the roster says holds again."""
    from schemas.watch import Release

    return await send(call, Release(post=post, function=function), done="You are off duty.")


def register(app: typer.Typer) -> None:
    """Put the verbs under the program."""
    app.add_typer(duty, name="duty")
    verb(app, "ack", "samvirke ack", "samvirke ack 7K3Q9XT", acting=True)(ack)
    bare(duty)(show)
    verb(duty, "show", "samvirke duty show --of 4601.ikt", "samvirke duty show --all", acting=True)(show)
    verb(duty, "take", "samvirke duty take duty --function backup", acting=True)(take)
    verb(duty, "release", "samvirke duty release", acting=True)(release)
