"""Verbs of situation reports and deadlines: sitrep, deadlines."""

import base64
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from services.cli.failures import refused
from services.cli.frame import Call, Outcome, Usage, bare, table, verb
from services.cli.names import incident_named
from services.cli.options import ReasonOption
from services.cli.sending import ask, local, moment, names_of, send, written
from services.cli.texts import language, say
from services.words.shared import word

sitrep = typer.Typer(
    help="Situation reports: write, hand on, approve, read and print them.", no_args_is_help=True
)
deadlines = typer.Typer(help="Who must report when; ask for reports, or say that there is nothing to report.")

Report = Annotated[str, typer.Argument(help="The report's id, from: samvirke sitrep list.")]
Version = Annotated[int | None, typer.Option("--number", help="A locked version; else what stands now.")]
Wheel = Annotated[str | None, typer.Option(help="Its id, where several ask; from: samvirke deadlines.")]


class Form(StrEnum):
    """What a report is printed as."""

    HTML = "html"
    MARKDOWN = "md"
    PDF = "pdf"


async def templates(call: Call) -> Outcome:
    """List the templates of the watch, with their fields and receivers."""
    found = await ask(call, "reports", "templates")
    lang = language(call.lang)
    rows = [
        (
            one["template"],
            one["title"],
            ", ".join(one["receivers"]),
            ", ".join(field["code"] for field in one["fields"]),
        )
        for one in found["templates"]
    ]
    return Outcome(found, table(rows) if rows else [say("No templates.", lang)])


async def listed(call: Call) -> Outcome:
    """List the reports that the watch may see, the newest first."""
    found = await ask(call, "reports", "list")
    lang = language(call.lang)
    rows = [
        (one["id"], one["watch"], one["title"], one["version"], word(one["state"], lang))
        for one in found["reports"]
    ]
    return Outcome(found, table(rows) if rows else [say("No reports.", lang)])


async def draft(
    call: Call,
    template: Annotated[str, typer.Argument(help="Which template, from: samvirke sitrep templates.")],
    headline: Annotated[str | None, typer.Option(help="One line above it all.")] = None,
    words: Annotated[
        list[str] | None, typer.Option("--say", help="Own words, as field=text. Repeat it.")
    ] = None,
    entry: Annotated[
        list[str] | None,
        typer.Option(help="An entry under a field, as field=INCIDENT:ENTRY. Repeat it."),
    ] = None,
    report: Annotated[str | None, typer.Option(help="Write this one anew; else a new one.")] = None,
    about: Annotated[str | None, typer.Option(help="The incident that it is about.")] = None,
) -> Outcome:
    """Write a report, or write it anew; after a locked version it is the next one."""
    from schemas.identifiers import new_id
    from schemas.reports import DraftReport, ReportEntry

    entries = [
        ReportEntry(field=field, incident=await _incident(call, said), entry=id)
        for field, said, id in map(_entry, entry or [])
    ]
    incident = await _incident(call, about) if about else None
    request = DraftReport(report=report or new_id(), template=template, incident=incident, entries=entries)
    content = written(headline=headline, words=dict(map(_words, words or [])))
    return await send(call, request, content, done="Draft {report} is written.")


async def submit(call: Call, report: Report) -> Outcome:
    """Hand a draft on to those who approve."""
    from schemas.reports import SubmitReport

    return await send(call, SubmitReport(report=report), done="Handed on for approval.")


async def approve(call: Call, report: Report) -> Outcome:
    """Approve a report as it stands; the last approval locks it, and it goes to its receivers."""
    from schemas.reports import ApproveReport

    found = (await ask(call, "reports", "get", report=report, brief=True))["report"]
    if not found["digest"] or found["state"] == "locked":
        return refused(call, "NOT_SUBMITTED", {})
    outcome = await send(call, ApproveReport(report=report, digest=found["digest"]), done="Approved.")
    lang = language(call.lang)
    if not outcome.data.get("result", {}).get("locked"):
        return outcome
    more = say("The version is locked, and has gone to its receivers.", lang)
    return Outcome(outcome.data, [*outcome.lines, more], outcome.code)


async def show(
    call: Call,
    report: Report,
    number: Version = None,
    format: Annotated[Form, typer.Option(help="Markdown is for pasting elsewhere.")] = Form.MARKDOWN,
    out: Annotated[Path | None, typer.Option(help="Write it to this file; needed for PDF.")] = None,
    reason: ReasonOption = None,
) -> Outcome:
    """Show a report, or print it to a file as HTML, Markdown or PDF."""
    named: dict[str, Any] = {"report": report, "version": number}
    why = None if reason is None else reason.value
    found = (await ask(call, "reports", "get", **named, brief=not call.as_json, reason=why))["report"]
    if call.as_json:
        return Outcome({"status": "ok", "report": found})
    if format is Form.PDF and out is None:
        raise Usage("name a file for the PDF with --out")
    lang = language(call.lang)
    names = await names_of(call, (one.get("person") for one in found["approved"]))
    asked = named | {"format": format.value, "language": lang, "names": names, "reason": why}
    made = await ask(call, "reports", "document", **asked)
    raw = base64.b64decode(made["body"])
    if out is None:
        return Outcome({}, raw.decode().splitlines())
    out.write_bytes(raw)
    return Outcome({"status": "ok", "file": str(out)}, [say("Written to {file}.", lang, file=str(out))])


async def recall(
    call: Call,
    report: Report,
    ground: Annotated[str, typer.Option(help="Why, as a code: wrong_content, wrong_receiver, too_early …")],
    number: Version = None,
) -> Outcome:
    """Recall a locked version, the newest when none is named; its receivers get a notice in its place."""
    from schemas.reports import RecallReport

    request = RecallReport(report=report, version=number, ground=ground)
    return await send(call, request, done="Version {version} is recalled; its receivers are told.")


async def erase_ask(
    call: Call,
    report: Report,
    ground: Annotated[str, typer.Option(help="Why, as a code such as wrong_person.")],
    law: Annotated[str, typer.Option(help="The law it rests on, such as gdpr-17-1-d.")],
    number: Version = None,
) -> Outcome:
    """Ask that the own words of a version be erased, of all versions when none is named; nothing is yet."""
    from schemas.reports import AskReportErasure

    request = AskReportErasure(report=report, version=number, ground=ground, law=law)
    return await send(call, request, done="Asked; another person must approve it.")


async def erase_approve(call: Call, report: Report, number: Version = None) -> Outcome:
    """Approve an erasure that another person asked for: the words are gone, everywhere, for good."""
    from schemas.reports import ApproveReportErasure

    request = ApproveReportErasure(report=report, version=number)
    return await send(call, request, done="Approved; the words are erased.")


async def due(
    call: Call, every: Annotated[bool, typer.Option("--all", help="Those answered or ended too.")] = False
) -> Outcome:
    """List deadlines that the watch has set, or must meet."""
    found = await ask(call, "reports", "deadlines", which="all" if every else "open")
    lang = language(call.lang)
    rows = [
        (local(one["due"]), one["watch"], one["receiver"], word(_state(one), lang), one["wheel"])
        for one in found["deadlines"]
    ]
    return Outcome(found, table(rows) if rows else [say("No deadlines.", lang)])


async def begin(
    call: Call,
    receiver: Annotated[str, typer.Option(help="Who gets the reports: organisation or watch.")],
    reporter: Annotated[list[str], typer.Option(help="A watch that must report. Repeat it.")],
    at: Annotated[list[str] | None, typer.Option(help="A set moment. Repeat it.")] = None,
    daily: Annotated[list[str] | None, typer.Option(help="A time each day, as 08:00. Repeat it.")] = None,
    every: Annotated[int | None, typer.Option(help="Each so many hours, from --first on.")] = None,
    first: Annotated[str | None, typer.Option(help="When the first is due.")] = None,
    remind: Annotated[int, typer.Option(help="Minutes from the deadline; before it when negative.")] = -15,
    escalate: Annotated[int, typer.Option(help="Minutes after the deadline until it is missed.")] = 15,
    template: Annotated[str | None, typer.Option(help="Only reports by this template count.")] = None,
    incident: Annotated[str | None, typer.Option(help="The incident that it is about.")] = None,
) -> Outcome:
    """Ask watches for reports: at set moments, each day, or in a rhythm."""
    from schemas.identifiers import new_id
    from schemas.reports import BeginWheel

    request = BeginWheel(
        wheel=new_id(),
        incident=await _incident(call, incident) if incident else None,
        receiver=receiver,
        template=template,
        reporters=reporter,
        moments=[found for said in at or [] if (found := moment(said))],
        daily=daily or [],
        every_s=every * 3600 if every else None,
        first=moment(first),
        remind_s=remind * 60,
        escalate_s=escalate * 60,
    )
    return await send(call, request, done="Reports are asked for: {wheel}.")


async def end(call: Call, wheel: Annotated[str, typer.Argument(help="Its id.")]) -> Outcome:
    """Ask for no more reports."""
    from schemas.reports import EndWheel

    return await send(call, EndWheel(wheel=wheel), done="No more reports are asked for.")


async def nothing(
    call: Call,
    wheel: Wheel = None,
    deadline: Annotated[str | None, typer.Option(help="Its id; else the nearest in time.")] = None,
) -> Outcome:
    """Say that there is nothing to report: that answers the deadline."""
    from schemas.reports import NothingToReport

    wanted = wheel or await _only_wheel(call)
    if wanted is None:
        return refused(call, "UNKNOWN_WHEEL", {})
    return await send(
        call, NothingToReport(wheel=wanted, deadline=deadline), done="Nothing to report: noted."
    )


async def _only_wheel(call: Call) -> str | None:
    """The wheel of the first deadline that the acting watch must meet."""
    found = await ask(call, "reports", "deadlines")
    return next((str(one["wheel"]) for one in found["deadlines"] if one["watch"] == call.key), None)


async def _incident(call: Call, said: str) -> str:
    found = await ask(call, "incidents", "get", **incident_named(said))
    return str(found["incident"]["id"])


def _entry(said: str) -> tuple[str, str, str]:
    field, _, rest = said.partition("=")
    incident, _, entry = rest.partition(":")
    if not (field and incident and entry):
        raise Usage("write an entry as field=INCIDENT:ENTRY, such as measures=7K3Q9XT:0192f1c0-…")
    return field, incident, entry


def _words(said: str) -> tuple[str, str]:
    field, equals, text = said.partition("=")
    if not (field and equals):
        raise Usage("write words as field=text, such as needs='Two pumps'")
    return field, text


def _state(one: dict[str, Any]) -> str:
    return "nothing_to_report" if one.get("nothing") else str(one["state"])


def register(app: typer.Typer) -> None:
    """Put the verbs under the program."""
    app.add_typer(sitrep, name="sitrep")
    app.add_typer(deadlines, name="deadlines")
    verb(sitrep, "templates", "samvirke sitrep templates", acting=True)(templates)
    verb(sitrep, "list", "samvirke sitrep list --json", acting=True)(listed)
    verb(
        sitrep,
        "draft",
        "samvirke sitrep draft statsforvalter --headline 'Rapport 1' --say needs='To pumper'",
        "samvirke sitrep draft statsforvalter --entry measures=7K3Q9XT:0192f1c0-7a6e-7cc1-9d0a-5f0c8ab4f3de",
        acting=True,
    )(draft)
    verb(sitrep, "submit", "samvirke sitrep submit 0192f1c0-7a6e-7cc1-9d0a-5f0c8ab4f3de", acting=True)(submit)
    verb(sitrep, "approve", "samvirke sitrep approve 0192f1c0-7a6e-7cc1-9d0a-5f0c8ab4f3de", acting=True)(
        approve
    )
    verb(
        sitrep,
        "show",
        "samvirke sitrep show 0192f1c0-7a6e-7cc1-9d0a-5f0c8ab4f3de --format pdf --out rapport.pdf",
        acting=True,
    )(show)
    one = "0192f1c0-7a6e-7cc1-9d0a-5f0c8ab4f3de"
    verb(sitrep, "recall", f"samvirke sitrep recall {one} --ground wrong_content", acting=True)(recall)
    asked = f"samvirke sitrep erase-ask {one} --number 1 --ground wrong_person --law gdpr-17-1-d"
    verb(sitrep, "erase-ask", asked, acting=True)(erase_ask)
    verb(sitrep, "erase-approve", f"samvirke sitrep erase-approve {one} --number 1", acting=True)(
        erase_approve
    )
    bare(deadlines)(due)
    verb(deadlines, "list", "samvirke deadlines list --all", acting=True)(due)
    verb(
        deadlines,
        "begin",
        "samvirke deadlines begin --receiver 4601.kk --reporter 4601.info --every 4 --first 2027-01-15T11:30",
        "samvirke deadlines begin --receiver 4601 --reporter 4601.kk --daily 08:00 --daily 18:00",
        acting=True,
    )(begin)
    verb(deadlines, "end", "samvirke deadlines end 0192f1c0-7a6e-7cc1-9d0a-5f0c8ab4f3de", acting=True)(end)
    verb(deadlines, "nothing", "samvirke deadlines nothing", acting=True)(nothing)
