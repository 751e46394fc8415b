"""Verbs of data protection: privacy received, person-report."""

from functools import partial
from typing import Annotated, Any

import typer

from services.cli.frame import Call, Outcome, Usage, table, verb
from services.cli.names import incident_named, person_id
from services.cli.options import Incident
from services.cli.sending import ask, local, names_of
from services.cli.texts import language, say
from services.runtime.reads_asked import reads_of_reports
from services.words.shared import word

privacy = typer.Typer(help="What data protection asks for.", no_args_is_help=True)


async def received(call: Call, said: Incident) -> Outcome:
    """Who may see each item of an incident, was sent it, was told and has read it, in reports too."""
    named = incident_named(said)
    if "number" in named:
        raise Usage("name the incident by its reference or id")
    found = await ask(call, "incidents", "received", **named)
    about = {"incident": found["incident"], "owner": found["owner"]}
    given = await ask(call, "feeds", "received", **about)
    found |= {"given": given["given"], "given_since": given["since"]}
    of_reports = await reads_of_reports(partial(ask, call), incident=found["incident"])
    for one in found["items"]:
        one["read"] += [read for read in of_reports if read["item"] == one["item"]]
    lang = language(call.lang)
    rows = [
        (
            one["item"],
            word(one["level"], lang),
            " ".join(one["tags"]) or None,
            say("everybody", lang) if one["public"] else " ".join(one["organisations"]) or None,
            _sent(found["given"], one["item"]),
            " ".join(sorted({read["watch"] for read in one["read"]})) or None,
        )
        for one in found["items"]
    ]
    head = (
        say("Item", lang),
        say("Level", lang),
        say("Tags", lang),
        say("May have it", lang),
        say("Was sent it", lang),
        say("Has read it", lang),
    )
    told = say("Told: {watches}", lang, watches=" ".join(found["told"]) or "–")
    return Outcome(found, [*table([head, *rows]), "", told, *_since(found, lang)])


def _sent(given: list[dict[str, Any]], item: str) -> str | None:
    """The organisations in whose feed an item was put, each with the first time."""
    first: dict[str, str] = {}
    for one in given:
        if one["item"] == item:
            first.setdefault(one["organisation"], local(one["at"]))
    return ", ".join(f"{organisation} {at}" for organisation, at in sorted(first.items())) or None


def _since(found: dict[str, Any], lang: str) -> list[str]:
    """From when on it is known: what is older has passed its term, and may have happened."""
    lines = []
    if at := found["given_since"]:
        lines.append(say("Who was sent it is known since {at}; earlier is forgotten.", lang, at=local(at)))
    if at := found["reads_since"]:
        lines.append(say("Who has read it is known since {at}; earlier is forgotten.", lang, at=local(at)))
    return lines or [say("Nothing of this has passed its term: it is known from the beginning.", lang)]


async def person_report(
    call: Call,
    who: Annotated[str, typer.Argument(help="A person's id, or key in the centre file.", metavar="PERSON")],
) -> Outcome:
    """All that the hub holds of one person: name, roles, what was written or names them, what they read."""
    person = person_id(call.settings(), who)
    found: dict[str, Any] = await ask(call, "incidents", "person", who=person)
    of_reports = await reads_of_reports(partial(ask, call), person=person)
    found["reads"] += [one for one in of_reports if one["person"] == person]
    names = await names_of(call, [person])
    found["display_name"] = names.get(person)
    lang = language(call.lang)
    roles = [(word(one["role"], lang), one["where"], one["until"]) for one in found["roles"]]
    facts = [(local(one["recorded_at"]), one["watch"], one["type"], one["id"]) for one in found["facts"]]
    lines = [f"{person}  {found['display_name'] or '–'}", *(table(roles) if roles else [])]
    count = say(
        "{facts} facts name the person, {reads} lines of the log of reads are theirs.",
        lang,
        facts=len(found["facts"]),
        reads=len(found["reads"]),
    )
    return Outcome(found, [*lines, "", count, *(table(facts) if facts else [])])


def register(app: typer.Typer) -> None:
    """Put the verbs under the program."""
    app.add_typer(privacy, name="privacy")
    verb(privacy, "received", "samvirke privacy received 7K3Q9XT --json", acting=True)(received)
    verb(app, "person-report", "samvirke person-report kari --json", acting=True)(person_report)
