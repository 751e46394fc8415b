"""The verb paper: what can be printed for the hour when no screen works."""

from datetime import UTC, datetime
from pathlib import Path

import typer

from services.cli.frame import Call, Outcome, verb
from services.cli.texts import language, say

TRADES = ("notifications", "incidents")
"""Who makes papers: the duty list, and the open incidents with the log sheets."""


async def paper(call: Call) -> Outcome:
    """Make the watch's papers now: duty list, open incidents, blank log sheets; and say where they lie.

    They are made every five minutes anyway. If the hub does not answer, the latest are named.
    """
    from services.cli.sending import ask
    from services.runtime.connect import BrokerUnreachable
    from services.runtime.edge import Unanswered

    made: list[str] = []
    try:
        for trade in TRADES:
            made += (await ask(call, trade, "paper"))["files"]
    except (Unanswered, BrokerUnreachable) as fault:
        return _latest(call, fault)
    home = call.settings().home
    lines = [say("Made: {path}", language(call.lang), path=home / name) for name in made]
    return Outcome({"status": "ok", "files": [str(home / name) for name in made]}, lines)


def _latest(call: Call, fault: Exception) -> Outcome:
    """Why none were made, and which ones lie there."""
    from services.cli.failures import explain

    outcome, lang = explain(call, fault), language(call.lang)
    folder = call.settings().home / "paper" / call.mode / call.key
    found = sorted(folder.glob("*.html"))
    lines = [say("From {time}: {path}", lang, time=_made(path), path=path) for path in found]
    return Outcome({**outcome.data, "files": list(map(str, found))}, [*outcome.lines, *lines], outcome.code)


def _made(path: Path) -> str:
    from services.cli.sending import local

    return local(datetime.fromtimestamp(path.stat().st_mtime, UTC).isoformat())


def register(app: typer.Typer) -> None:
    """Put the verb under the program."""
    verb(app, "paper", "samvirke paper --watch 4601.vaktsentral --person leif", acting=True)(paper)
