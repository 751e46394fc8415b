"""Verbs of the incident log: report, entry, incident, incidents."""

import sys
from typing import Annotated, Any

import typer

from schemas.vocabulary import EntryKind, IncidentState, Level, Priority
from services.cli.alike import hinted
from services.cli.frame import Call, Outcome, Usage, verb
from services.cli.names import incident_named, person_id
from services.cli.options import (
    At,
    Attach,
    ChannelOption,
    Figures,
    Incident,
    LevelOption,
    Named,
    Notify,
    Paper,
    Place,
    Position,
    PriorityOption,
    Reference,
    Source,
    Tags,
    Text,
    Unconfirmed,
)
from services.cli.sending import ask, figures_of, moment, on_incident, send, written
from services.cli.texts import language, say

incident = typer.Typer(
    help="One incident: show it, move it, correct it, close it, share it.", no_args_is_help=True
)


async def report(
    call: Call,
    headline: Annotated[str, typer.Argument(help="What has happened, in one line.")],
    type: Annotated[str, typer.Option(help="Its type, from: samvirke types.")] = "other",
    priority: PriorityOption = None,
    municipality: Annotated[
        list[str] | None, typer.Option(help="Municipality number it concerns. Repeat it.")
    ] = None,
    text: Text = None,
    place: Place = None,
    position: Position = None,
    source: Source = None,
    reference: Reference = None,
    figures: Figures = None,
    level: LevelOption = Level.WATCH,
    tags: Tags = None,
    named: Named = None,
    notify: Notify = None,
    unconfirmed: Unconfirmed = False,
    channel: ChannelOption = None,
    paper: Paper = False,
    at: At = None,
) -> Outcome:
    """Open an incident; the answer is its reference.

    Priority and who is told are the type's in the register, where you do not say them. With a position or a
    municipality you also hear which open incidents it may be the same as; the report is stored before that.
    """
    from schemas.identifiers import new_id
    from schemas.incidents import OpenIncident

    if not headline.strip():
        raise Usage("say in a few words what has happened")
    request = OpenIncident(
        incident=new_id(),
        type=type,
        priority=priority,
        municipalities=municipality or [],
        confirmed=False if unconfirmed else None,
        channel=channel,
        late=_late(paper, at),
        **_shared(level, tags, named, notify) | {"notify": notify or None},
    )
    content = written(
        headline=headline,
        text=text,
        place=place,
        position=position,
        source=source,
        reference=reference,
        figures=figures_of(figures),
    )
    opened = await send(call, request, content, moment(at), done="Incident {ref} is opened.")
    return await hinted(call, opened) if position or municipality else opened


async def entry(
    call: Call,
    said: Incident,
    text: Annotated[str, typer.Argument(help="The words.")],
    kind: Annotated[EntryKind, typer.Option(help="What sort of entry it is.")] = EntryKind.INFORMATION,
    priority: PriorityOption = None,
    unconfirmed: Unconfirmed = False,
    channel: ChannelOption = None,
    headline: Annotated[str | None, typer.Option(help="One line, for an entry shared wider.")] = None,
    place: Place = None,
    position: Position = None,
    source: Source = None,
    reference: Reference = None,
    figures: Figures = None,
    basis: Annotated[str | None, typer.Option(help="The ground of a decision.")] = None,
    decider: Annotated[
        str | None, typer.Option(help="Who decided: person, or function such as crisis_leader.")
    ] = None,
    assignee: Annotated[str | None, typer.Option(help="Who is to do a task: watch or person.")] = None,
    due: Annotated[str | None, typer.Option(help="By when a task is to be done.")] = None,
    asks: Annotated[
        list[str] | None, typer.Option("--ask", help="Watch that is asked for resources. Repeat it.")
    ] = None,
    level: LevelOption = Level.WATCH,
    tags: Tags = None,
    named: Named = None,
    notify: Notify = None,
    paper: Paper = False,
    files: Attach = None,
    at: At = None,
) -> Outcome:
    """Write in an incident's log."""
    from schemas.incidents import AddEntry

    request = AddEntry(
        **await on_incident(call, said),
        kind=EntryKind.MESSAGE_OUT if asks else kind,
        priority=priority,
        confirmed=not unconfirmed,
        channel=channel,
        late=_late(paper, at),
        decider=_who(call, decider),
        assignee=_who(call, assignee),
        due=moment(due),
        asks=asks or None,
        **_shared(level, tags, named, notify),
    )
    content = written(
        headline=headline,
        text=text,
        place=place,
        position=position,
        source=source,
        reference=reference,
        figures=figures_of(figures),
        basis=basis,
    )
    written_down = await send(call, request, content, moment(at), done="Written in the log of {ref}.")
    if not files or written_down.code:
        return written_down
    from services.cli.attaching import attach_all

    fields = {**await on_incident(call, said), **_shared(level, tags, named, notify)}
    attached = await attach_all(call, files, fields, None, at)
    data = {**written_down.data, "files": attached.data}
    return Outcome(data, [*written_down.lines, *attached.lines], attached.code)


async def state(
    call: Call,
    said: Incident,
    state: Annotated[IncidentState, typer.Argument(help="Where it stands from now on.")],
    at: At = None,
) -> Outcome:
    """Move an incident to another state; leaving closed reopens it."""
    from schemas.incidents import ChangeState

    request = ChangeState(**await on_incident(call, said), state=state)
    return await send(call, request, None, moment(at), done="Incident {ref} is moved.")


async def correct(
    call: Call,
    said: Incident,
    entry: Annotated[str, typer.Argument(help="The entry's id, from: samvirke incident show --ids.")],
    text: Annotated[
        str | None, typer.Option(help="What stands instead; without it, the entry is struck.")
    ] = None,
    headline: Annotated[str | None, typer.Option(help="One line that stands instead.")] = None,
    at: At = None,
) -> Outcome:
    """Strike an entry, or replace it; the old words stay readable."""
    from schemas.incidents import CorrectEntry

    content = written(text=text, headline=headline)
    request = CorrectEntry(
        **await on_incident(call, said), entry=entry, manner="replace" if content else "strike"
    )
    return await send(call, request, content, moment(at), done="The entry is corrected.")


async def close(
    call: Call,
    said: Incident,
    text: Text = None,
    figures: Figures = None,
    yes: Annotated[bool, typer.Option("--yes", help="Close it even if it is critical (P1).")] = False,
    at: At = None,
) -> Outcome:
    """Close an incident, with its outcome; a critical one (P1) is asked about once more."""
    from schemas.incidents import CloseIncident

    if not yes:
        await _sure(call, said)
    request = CloseIncident(**await on_incident(call, said))
    content = written(text=text, figures=figures_of(figures))
    return await send(call, request, content, moment(at), done="Incident {ref} is closed.")


async def _sure(call: Call, said: str) -> None:
    """Ask before a critical incident is closed; what cannot be looked up is closed as it is said.

    Raises Usage where nobody can be asked, typer.Abort for a no.
    """
    from services.runtime.edge import AskRefused, Unanswered

    try:
        found = await ask(call, "incidents", "get", **incident_named(said))
    except (AskRefused, Unanswered):
        return
    if found["incident"].get("priority") != Priority.CRITICAL.value:
        return
    if call.as_json or not sys.stdin.isatty():
        raise Usage("the incident is critical (P1): say --yes to close it")
    typer.confirm(say("The incident is critical (P1). Close it?", language(call.lang)), abort=True)


async def share(
    call: Call,
    said: Incident,
    level: Annotated[Level, typer.Option(help="The wider circle.")],
    entry: Annotated[str, typer.Option(help="An entry's id; else the head of the incident.")] = "head",
    named: Named = None,
    notify: Notify = None,
) -> Outcome:
    """Let a wider circle see an entry, or the head; nothing is ever made narrower."""
    from schemas.incidents import ShareWider

    request = ShareWider(
        **await on_incident(call, said), entry=entry, level=level, named=named or [], notify=notify or []
    )
    return await send(call, request, done="Shared wider.")


def _shared(level: Level, tags: Any, named: list[str] | None, notify: list[str] | None) -> dict[str, Any]:
    return {"level": level, "tags": tags or [], "named": named or [], "notify": notify or []}


def _late(paper: bool, at: str | None) -> bool | None:
    """Whether it was typed in later from paper. Raises Usage when it is not said when it happened."""
    if paper and at is None:
        raise Usage("say with --at when it happened, as it stands on the paper")
    return paper or None


def _who(call: Call, said: str | None) -> str | None:
    """A watch's key or a function as it was said; else a person's id."""
    if said is None or "." in said:
        return said
    try:
        return person_id(call.settings(), said)
    except Usage:
        return said


def register(app: typer.Typer) -> None:
    """Put the verbs under the program."""
    app.add_typer(incident, name="incident")
    verb(
        app,
        "report",
        'samvirke report "Vannlekkasje i Øvre gate" --type water.leak --priority high',
        'samvirke report "Ras på E16" --level region --notify 110-vest.main --municipality 4628',
        acting=True,
    )(report)
    verb(
        app,
        "entry",
        'samvirke entry 7K3Q9XT "Vakt er på stedet" --channel phone',
        'samvirke entry 7K3Q9XT "Rød beredskap" --kind decision --decider crisis_leader',
        'samvirke entry 7K3Q9XT "Sett ut nødvann" --kind task --assignee 4601.ikt --due 2027-01-15T09:00',
        'samvirke entry 7K3Q9XT "2 pumper" --ask sivf.main --level named --named sivf',
        'samvirke entry 7K3Q9XT "Politi på stedet" --paper --at 2027-01-15T07:02',
        acting=True,
    )(entry)
    verb(incident, "state", "samvirke incident state 7K3Q9XT in_progress", acting=True)(state)
    verb(
        incident,
        "correct",
        "samvirke incident correct 7K3Q9XT 0192f1c0-7a6e-7cc1-9d0a-5f0c8ab4f3de --text 'Nedre gate'",
        acting=True,
    )(correct)
    verb(
        incident,
        "close",
        "samvirke incident close 7K3Q9XT --text 'Tettet' --figure husstander=12",
        acting=True,
    )(close)
    verb(incident, "share", "samvirke incident share 7K3Q9XT --level named --named 4624", acting=True)(share)
