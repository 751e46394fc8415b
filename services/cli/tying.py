"""Verbs that tie incidents, hand them over, and say where they are and who does what there."""

from pathlib import Path
from typing import Annotated, Any

import typer

from schemas.vocabulary import Level
from services.cli.alike import briefly
from services.cli.ending import Answer
from services.cli.frame import Call, Outcome, Usage, verb
from services.cli.names import person_id
from services.cli.options import At, Incident, LevelOption, Named, Notify, Place, Position, Tags, Text
from services.cli.sending import ask, moment, on_incident, send, written
from services.cli.texts import language, say

Other = Annotated[str, typer.Argument(help="The other incident, named in the same way.", metavar="OTHER")]
_REF = "7K3Q9XT"


async def parent(
    call: Call,
    said: Incident,
    parent: Annotated[str | None, typer.Argument(help="The incident above it; none to take it out.")] = None,
) -> Outcome:
    """Put an incident under another, or take it out from under it."""
    from schemas.relations import SetParent

    named = await on_incident(call, said)
    if parent is None:
        return await send(call, SetParent(**named), done="Incident {ref} lies under no other.")
    request = SetParent(**named, **await _other(call, parent))
    return await send(call, request, done="Incident {ref} lies under the other.")


async def link(call: Call, said: Incident, other: Other) -> Outcome:
    """Say that two incidents have to do with each other."""
    from schemas.relations import LinkIncidents

    request = LinkIncidents(**await on_incident(call, said), **await _other(call, other))
    return await send(call, request, done="The two are linked.")


async def unlink(call: Call, said: Incident, other: Other) -> Outcome:
    """Take back a link between two incidents."""
    from schemas.relations import UnlinkIncidents

    request = UnlinkIncidents(**await on_incident(call, said), **await _other(call, other))
    return await send(call, request, done="The two are no longer linked.")


async def merge(call: Call, said: Incident, other: Other) -> Outcome:
    """Merge a duplicate into another incident; its reference keeps working, and unmerge undoes it."""
    from schemas.relations import MergeIncident

    request = MergeIncident(**await on_incident(call, said), **await _other(call, other))
    return await send(call, request, done="Incident {ref} is merged.")


async def unmerge(call: Call, said: Incident) -> Outcome:
    """Let a merged incident stand for itself again, as it stood before."""
    from schemas.relations import UnmergeIncident

    request = UnmergeIncident(**await on_incident(call, said))
    return await send(call, request, done="Incident {ref} stands for itself again.")


async def place(
    call: Call,
    said: Incident,
    place: Place = None,
    position: Position = None,
    area: Annotated[Path | None, typer.Option(help="A file with a GeoJSON polygon.")] = None,
    municipality: Annotated[
        list[str] | None, typer.Option(help="Municipality number it concerns. Repeat it.")
    ] = None,
    at: At = None,
) -> Outcome:
    """Say anew where an incident is; what was said before stays in the log."""
    from schemas.relations import ChangePlace

    content = written(place=place, position=position, area=None if area is None else _area(area))
    request = ChangePlace(**await on_incident(call, said), municipalities=municipality)
    return await send(call, request, content, moment(at), done="The place of {ref} is changed.")


async def assign(
    call: Call,
    said: Incident,
    function: Annotated[str, typer.Argument(help="Its code, such as incident.commander or liaison.")],
    who: Annotated[str | None, typer.Option(help="A person of the house, by id or centre file key.")] = None,
    of: Annotated[str | None, typer.Option(help="A watch that has the function.")] = None,
    name: Annotated[str | None, typer.Option(help="Somebody from outside, in words.")] = None,
    at: At = None,
) -> Outcome:
    """Give somebody a function at an incident; the answer is its id, to end it by."""
    from schemas.relations import AssignFunction

    person = None if who is None else person_id(call.settings(), who)
    request = AssignFunction(**await on_incident(call, said), function=function, person=person, watch=of)
    return await send(call, request, written(text=name), moment(at), done="The function is given: {id}.")


async def unassign(
    call: Call,
    said: Incident,
    id: Annotated[str, typer.Argument(help="The function's id, from: samvirke incident show.")],
    at: At = None,
) -> Outcome:
    """End somebody's function at an incident."""
    from schemas.relations import EndFunction

    request = EndFunction(**await on_incident(call, said), assignment=id)
    return await send(call, request, None, moment(at), done="The function is ended.")


async def case_number(
    call: Call,
    said: Incident,
    system: Annotated[str, typer.Argument(help="The other system's code, such as 110.")],
    number: Annotated[str, typer.Argument(help="The case number there.")],
    level: LevelOption = Level.WATCH,
    tags: Tags = None,
    named: Named = None,
    notify: Notify = None,
) -> Outcome:
    """Add the incident's case number in another system."""
    from schemas.relations import AddReference

    shared: dict[str, Any] = {"tags": tags or [], "named": named or [], "notify": notify or []}
    request = AddReference(**await on_incident(call, said), system=system, level=level, **shared)
    return await send(call, request, {"reference": number}, done="The case number is added to {ref}.")


async def transfer(
    call: Call,
    said: Incident,
    to: Annotated[str, typer.Argument(help="The watch that is asked.")],
    text: Text = None,
) -> Outcome:
    """Ask another watch to take over an incident; until it accepts, yours answers for it."""
    from schemas.relations import AskTransfer

    request = AskTransfer(**await on_incident(call, said), to=to)
    return await send(call, request, written(text=text), done="{ref}: the watch is asked to take over.")


async def take_over(
    call: Call,
    said: Incident,
    answer: Annotated[Answer, typer.Argument(help="Accept or decline.")],
    text: Text = None,
) -> Outcome:
    """Take over an incident that your watch was asked to, or decline and say why."""
    from schemas.relations import AnswerTransfer

    is_taken = answer is Answer.ACCEPT
    request = AnswerTransfer(**await on_incident(call, said), accept=is_taken)
    if is_taken:
        return await send(call, request, written(text=text), done="Your watch answers for {ref} now.")
    return await send(call, request, written(text=text), done="Declined.")


async def withdraw(call: Call, said: Incident) -> Outcome:
    """Ask no longer that another watch takes over."""
    from schemas.relations import WithdrawTransfer

    request = WithdrawTransfer(**await on_incident(call, said))
    return await send(call, request, done="The question is withdrawn.")


async def break_glass(
    call: Call,
    said: Incident,
    to: Annotated[str, typer.Argument(help="The watch that must see it.")],
    ground: Annotated[str, typer.Option(help="The ground in law, as a code such as hpl-31.")],
    until: Annotated[str, typer.Option(help="When it ends, at most seven days on.")],
    text: Annotated[str, typer.Option(help="Why it is needed.")],
    entry: Annotated[str, typer.Option(help="An entry's id; else the head of the incident.")] = "head",
) -> Outcome:
    """Let one watch see an item above its cap for a time; the data-protection officer is told."""
    from schemas.relations import BreakGlass

    end = moment(until)
    assert end is not None  # noqa: S101  the option has no default
    request = BreakGlass(**await on_incident(call, said), entry=entry, to=to, ground=ground, until=end)
    return await send(call, request, {"text": text}, done="The watch may see it until its time is over.")


async def similar(call: Call, said: Incident) -> Outcome:
    """Show open incidents that may be the same: of its type, and near in space and time."""
    found = await ask(call, "incidents", "get", **_ref_of(await on_incident(call, said)))
    return _listed(call, await ask(call, "incidents", "similar", ref=found["incident"]["ref"]))


async def case(
    call: Call,
    system: Annotated[str, typer.Argument(help="The other system's code, such as 110.")],
    number: Annotated[str, typer.Argument(help="The case number there.")],
) -> Outcome:
    """Find the incidents that have a case number in another system."""
    return _listed(call, await ask(call, "incidents", "case", system=system, number=number))


def _listed(call: Call, found: dict[str, Any]) -> Outcome:
    return Outcome(found, briefly(call, found["incidents"]) or [say("No incidents.", language(call.lang))])


async def _other(call: Call, said: str) -> dict[str, Any]:
    named = await on_incident(call, said)
    return {"other_ref": named["ref"]} if "ref" in named else {"other": named["incident"]}


def _ref_of(named: dict[str, Any]) -> dict[str, Any]:
    return {"ref": named["ref"]} if "ref" in named else {"id": named["incident"]}


def _area(path: Path) -> list[str]:
    """The corners in a file. Raises Usage."""
    import orjson

    from schemas.geometry import corners

    try:
        return corners(orjson.loads(path.read_bytes()))
    except ValueError as fault:
        raise Usage(f"{path}: {fault}") from None


def register(app: typer.Typer, incident: typer.Typer) -> None:
    """Put the verbs under the program."""
    id = "0192f1c0-7a6e-7cc1-9d0a-5f0c8ab4f3de"
    other = "4M8P2WZ"
    for name, work, example in (
        ("parent", parent, f"{_REF} {other}"),
        ("link", link, f"{_REF} {other}"),
        ("unlink", unlink, f"{_REF} {other}"),
        ("merge", merge, f"{_REF} {other}"),
        ("unmerge", unmerge, _REF),
        ("place", place, f"{_REF} --place 'Arna stasjon' --position 60.4207,5.4676"),
        ("assign", assign, f"{_REF} incident.commander --who leif"),
        ("unassign", unassign, f"{_REF} {id}"),
        ("case", case_number, f"{_REF} 110 2027-004711"),
        ("transfer", transfer, f"{_REF} 110-vest.main --text 'Brann i bygg'"),
        ("take-over", take_over, f"{_REF} accept"),
        ("withdraw", withdraw, _REF),
        ("similar", similar, _REF),
        (
            "break-glass",
            break_glass,
            f"{_REF} 110-vest.main --ground hpl-31 --until 2027-01-15T12:00+01:00 --text 'Fare for liv'",
        ),
    ):
        verb(incident, name, f"samvirke incident {name} {example}", acting=True)(work)
    verb(app, "case", "samvirke case 110 2027-004711", acting=True)(case)
