"""Verbs of exercises: exercise check, exercise play; how one is ended for good lies in `discarding.py`."""

from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from services.cli import discarding
from services.cli.failures import failed
from services.cli.frame import Call, Exit, Outcome, verb
from services.cli.texts import language, say
from services.words.norway import OSLO, norwegian

if TYPE_CHECKING:
    from schemas.exercise_parts import Event
    from services.cli.player.report import Report
    from services.runtime.settings import Settings

exercise = typer.Typer(
    help="Exercises: played from a file, listed, and ended for good by two persons.", no_args_is_help=True
)

File = Annotated[Path, typer.Argument(help="TOML or YAML.")]


def check(call: Call, file: File) -> Outcome:
    """Check the file and its centre, without a hub; every problem is shown with its line."""
    from schemas.exercise_file import load

    plan = load(file)
    needs = [event.no for event in plan.exercise.events if event.needs]
    counts = {
        "events": len(plan.exercise.events),
        "markers": len(plan.exercise.markers),
        "watches": len(plan.centre.watches),
        "needs": len(needs),
    }
    text = say(
        "{path} is in order: {events} events, {markers} planted words, {watches} watches; {needs} need more.",
        language(call.lang),
        path=file,
        **counts,
    )
    return Outcome({"status": "ok", "path": str(file), **counts, "waiting": needs}, [text])


async def play(
    call: Call,
    file: File,
    speed: Annotated[
        int, typer.Option(min=1, max=60, help="Seconds of exercise time in a second, while somebody is told.")
    ] = 60,
    first: Annotated[str | None, typer.Option("--from", help="The first event to play.")] = None,
    last: Annotated[str | None, typer.Option("--to", help="The last event to play.")] = None,
    without: Annotated[
        list[str] | None, typer.Option(help="Leave out an incident's events, at their times. Repeat it.")
    ] = None,
) -> Outcome:
    """Play the file on the running hub, answer every phone, and check what comes of it.

    The report lies in the home under exercises/. Exit code 1 when a check does not hold.
    """
    from schemas.exercise_file import load
    from services.cli.applying import HubAway
    from services.cli.player.hub import HubSilent
    from services.cli.player.play import Wanted
    from services.cli.player.play import play as run
    from services.runtime import logs, players
    from services.runtime.watches import NotAnswered

    logs.configure("cli", "error")
    plan, settings, lang = load(file), call.settings(), language(call.lang)
    if not players.reaches(settings.home):
        return failed(call, "NOT_RUNNING", home=str(settings.home))
    wanted = Wanted(first, last, frozenset(without or ()), speed)
    try:
        report = await run(settings, plan, wanted, partial(_tell, call))
    except (HubAway, HubSilent, NotAnswered):
        return failed(call, "NO_ANSWER")
    lines = report.lines(lambda text, /, **given: say(text, lang, **given))
    path = _keep(settings, report, lines)
    lines.append(say("The report lies in {path}.", lang, path=path))
    return Outcome(report.data | {"report": str(path)}, lines, Exit.DONE if report.ok else Exit.FAILED)


def _tell(call: Call, at: datetime, event: "Event", how: str) -> None:
    """Say that an event has been played: by the clock of the exercise, and by that on the wall."""
    from services.cli.player.report import HOWS

    if not call.as_json:
        clock, wall = norwegian(at).strftime("%d.%m. %H:%M:%S"), datetime.now(OSLO).strftime("%H:%M:%S")
        print(
            f"{clock}  ({wall})  {event.no:4} {event.title}  {say(HOWS[how], language(call.lang))}",
            flush=True,
        )


def _keep(settings: "Settings", report: "Report", lines: list[str]) -> Path:
    import orjson

    from services.runtime.credentials import write_durably

    folder = settings.home / "exercises"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / f"{report.code}-{report.exercise}.txt"
    write_durably(path, "\n".join([*lines, ""]).encode())
    write_durably(path.with_suffix(".json"), orjson.dumps(report.data, option=orjson.OPT_INDENT_2))
    return path


def register(app: typer.Typer) -> None:
    """Put the verbs under the program."""
    app.add_typer(exercise, name="exercise")
    verb(exercise, "check", "samvirke exercise check deploy/exercises/ask.toml")(check)
    verb(
        exercise,
        "play",
        "samvirke exercise play deploy/exercises/ask.toml --speed 60",
        "samvirke exercise play deploy/exercises/ask.toml --from 01 --to 34",
    )(play)
    discarding.register(exercise)
