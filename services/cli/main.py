"""The program `samvirke`: verbs of the watch, and of those who run the hub."""

import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from services.cli import (
    attaching,
    auditing,
    backups,
    care,
    centre,
    config,
    doctor,
    duty,
    ending,
    erasing,
    evidence,
    exercise,
    exporting,
    feed,
    heads,
    intake,
    logs,
    looking,
    papers,
    people,
    privacy,
    provisioning,
    reporting,
    retaining,
    running,
    searching,
    sitrep,
    statistics,
    tying,
    waiting,
)
from services.cli.frame import Exit
from services.runtime.plain import without_rich

_LIBRARY_USAGE = 2

app = typer.Typer(
    name="samvirke",
    help="A hub where the watches of municipalities, emergency services and partners share one incident log.",
    epilog="Exit codes: 0 done, 2 refused, 3 kept in the spool, 64 wrong usage, 1 else.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _say_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"samvirke {version('samvirke')}")
        raise typer.Exit


@app.callback()
def _program(
    _: Annotated[
        bool,
        typer.Option("--version", help="Say the version, and leave.", callback=_say_version, is_eager=True),
    ] = False,
) -> None:
    """Options before any verb."""


running.register(app)
reporting.register(app)
looking.register(app, reporting.incident)
ending.register(app, reporting.incident)
tying.register(app, reporting.incident)
searching.register(app)
exporting.register(app)
statistics.register(app)
retaining.register(app)
privacy.register(app)
for _verbs in (duty, people, feed, intake, backups, care, erasing, auditing, waiting, centre, exercise):
    _verbs.register(app)
for _verbs in (attaching, doctor, config, logs, evidence):
    _verbs.register(app)
heads.register(app)
papers.register(app)
sitrep.register(app)
provisioning.register(app)


def run(arguments: Sequence[str]) -> int:
    """Run one verb; the exit code."""
    from typer.main import get_command

    try:
        code = get_command(app).main(list(arguments), prog_name="samvirke", standalone_mode=False)
    except typer.TyperException as fault:
        return _tell(fault)
    except typer.Abort:
        return int(Exit.FAILED)
    return code if isinstance(code, int) else int(Exit.DONE)


def _tell(fault: typer.TyperException) -> int:
    """Say what is wrong; the library's own code for wrong usage is another than ours."""
    show = getattr(fault, "show", None)
    if show is not None:
        show()
    else:
        sys.stderr.write(f"{fault.format_message()}\n")
    return int(Exit.USAGE if fault.exit_code == _LIBRARY_USAGE else Exit.FAILED)


def main() -> None:
    """The entry point of the program."""
    without_rich()
    sys.exit(run(sys.argv[1:]))
