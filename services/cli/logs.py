"""The verb logs: what the hub's processes have said, merged, chosen and followed."""

import contextlib
import os
import re
import sys
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from services.cli.failures import failed
from services.cli.frame import Call, Outcome, Usage, verb
from services.cli.texts import language, say

if TYPE_CHECKING:
    from services.cli.logs_files import Follower
    from services.cli.logs_lines import Asked, Line

STDIN = "-"
LAST = 20
"""How many lines one sees first when following without a time."""
_AGO = re.compile(r"(\d{1,6})([smhd])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


class Least(StrEnum):
    """The least level that is shown."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


def logs(
    call: Call,
    files: Annotated[
        list[str] | None,
        typer.Argument(
            help="Log files, or - for standard input; else those in the home.", metavar="[FILE]..."
        ),
    ] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on as lines come.")] = False,
    incident: Annotated[
        str | None, typer.Option(help="Only what is about one: its id, or, asking the hub, its reference.")
    ] = None,
    level: Annotated[Least, typer.Option(help="The least level.")] = Least.DEBUG,
    since: Annotated[str | None, typer.Option(help="From 30s, 15m, 1h or 2d ago, or from a time.")] = None,
    trace: Annotated[str | None, typer.Option(help="Only what belongs to one trace id.")] = None,
) -> Outcome:
    """Show what the hub's processes have logged, merged in time order; --json gives the lines as they are.

    A reference takes a watch and a person who may see the incident. Hidden watches leave no lines.
    """
    from services.cli.logs_files import Broken, Follower, files_in, merged
    from services.cli.logs_lines import Asked

    folder = call.settings().home / "log"
    paths = [Path(name) for name in files or [] if name != STDIN]
    if not files and not follow and not files_in(folder):
        return failed(call, "NO_LOGS", folder=folder)
    asked = Asked(level.value, moment_since(since), _id_of(call, incident), trace)
    broken = Broken()
    with contextlib.suppress(KeyboardInterrupt), _reader_gone():
        if files and STDIN in files:
            _write(call, asked.choose(broken.read(sys.stdin.buffer)))
        elif follow:
            _follow(call, Follower(paths, None if paths else folder, broken), asked)
        else:
            _write(call, asked.choose(merged(paths or files_in(folder), broken)))
    if broken.count:
        text = say("Lines that could not be read: {count}.", language(call.lang), count=broken.count)
        sys.stderr.write(f"{text}\n")
    return Outcome()


def moment_since(text: str | None) -> datetime | None:
    """The moment that is meant by an age such as 1h, or by a time. Raises Usage."""
    from services.cli.sending import moment

    ago = _AGO.fullmatch(text or "")
    if ago is None:
        return moment(text)
    try:
        return datetime.now(UTC) - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
    except OverflowError:
        return None


@contextlib.contextmanager
def _reader_gone() -> Iterator[None]:
    """End quietly when who reads has seen enough, as `head` does."""
    try:
        yield
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _id_of(call: Call, said: str | None) -> str | None:
    """The incident's id; a reference or running number is looked up at the hub, which must be running."""
    from services.cli.names import incident_named

    named = {} if said is None else incident_named(said)
    if said is None or "id" in named:
        return said
    if not call.watch or not call.person:
        raise Usage("a reference takes --watch and --person; an incident's id needs neither")
    import asyncio

    from services.cli.sending import ask

    found = asyncio.run(ask(call, "incidents", "get", **named))
    return str(found["incident"]["id"])


def _follow(call: Call, follower: "Follower", asked: "Asked") -> None:
    with contextlib.closing(follower):
        _write(call, _followed(follower, asked))


def _followed(follower: "Follower", asked: "Asked") -> "Iterator[Line]":
    """What is there, the last of it only when nothing says from where; then what comes."""
    there = list(asked.choose(follower.read()))
    is_open = asked.since is None and asked.incident is None and asked.trace is None
    yield from there[-LAST:] if is_open else there
    yield from asked.choose(follower.follow())


def _write(call: Call, lines: "Iterable[Line]") -> None:
    """Each line at once, so that who follows sees it."""
    from services.cli.logs_lines import pretty

    colour = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    for line in lines:
        text = line.raw.decode("utf-8", "replace") if call.as_json else pretty(line, colour=colour)
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()


def register(app: typer.Typer) -> None:
    """Put the verb under the program."""
    verb(
        app,
        "logs",
        "samvirke logs -f --level warning",
        "samvirke logs --incident 7K3Q9XT --since 1h --watch 4601.vaktsentral --person leif",
        "journalctl -o cat -u samvirke | samvirke logs -",
        acting=True,
    )(logs)
