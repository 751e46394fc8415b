"""Verbs that show what waits: spool, parked."""

from typing import Any

import typer

from services.cli.frame import Call, Outcome, bare, table, verb
from services.cli.sending import local
from services.cli.texts import language, say

spool = typer.Typer(help="What could not be sent yet, on this machine.")


def kept(call: Call) -> Outcome:
    """List what waits to be sent, without its words."""
    from schemas.subjects import parse_address
    from services.runtime.spool import every_spool

    rows: list[dict[str, Any]] = []
    for key, one in every_spool(call.settings()).items():
        for row in one.rows():
            address = parse_address(row.subject)
            verb_name = f"{address.trade}.{address.verb}" if address else ""
            rows.append(
                {
                    "watch": key,
                    "id": row.id,
                    "verb": verb_name,
                    "kept_at": row.kept_at.isoformat(),
                    "reason": row.reason,
                }
            )
    nothing = [say("Nothing waits.", language(call.lang))]
    return Outcome({"status": "ok", "kept": rows}, table(_line(row) for row in rows) if rows else nothing)


def _line(row: dict[str, Any]) -> tuple[object, ...]:
    return (row["watch"], local(row["kept_at"]), row["verb"], row["reason"], row["id"])


async def resend(call: Call) -> Outcome:
    """Send what waits, for every watch."""
    from services.runtime import logs
    from services.runtime.spool import every_spool, resend_all

    logs.configure("cli", "error")
    settings = call.settings()
    sent = await resend_all(settings)
    left = sum(one.count() for one in every_spool(settings).values())
    text = say("Answered: {sent}. Still waiting: {left}.", language(call.lang), sent=sent, left=left)
    return Outcome({"status": "ok", "answered": sent, "left": left}, [text])


async def parked(call: Call) -> Outcome:
    """List the messages that a service could not handle: why, and where they lie."""
    import orjson

    from services.runtime import logs, names
    from services.runtime.connect import connect
    from services.runtime.direct import Direct

    logs.configure("cli", "error")
    nc = await connect(call.settings(), names.OPS, patience_s=2.0)
    try:
        direct = Direct(nc)
        await direct.open()
        found = await direct.history(names.PARKED, ">")
    finally:
        await nc.close()
    rows = [{"service": one.subject.rpartition(".")[2], **orjson.loads(one.data)} for one in found]
    nothing = [say("Nothing is parked.", language(call.lang))]
    shown = [(row["service"], row.get("code"), row.get("stream"), row.get("sequence")) for row in rows]
    return Outcome({"status": "ok", "parked": rows}, table(shown) if rows else nothing)


def register(app: typer.Typer) -> None:
    """Put the verbs under the program."""
    app.add_typer(spool, name="spool")
    bare(spool)(kept)
    verb(spool, "list", "samvirke spool list --json")(kept)
    verb(spool, "send", "samvirke spool send")(resend)
    verb(app, "parked", "samvirke parked")(parked)
