"""Verbs that run the hub: up, run."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from services.cli.failures import failed
from services.cli.frame import Call, Exit, Outcome, Usage, verb
from services.cli.names import centre_path, remember_centre

if TYPE_CHECKING:
    from services.runtime.settings import Settings

EXAMPLE = "bergen.toml"
_LOOSE = {"allow_extra_args": True, "ignore_unknown_options": True}


def up(
    call: Call,
    context: typer.Context,
    example: Annotated[
        bool, typer.Option("--example", help="Use the invented centre of the exercise.")
    ] = False,
    centre: Annotated[Path | None, typer.Option(help="The centre file; see: samvirke centre check.")] = None,
) -> Outcome:
    """Run the hub on this machine until it is interrupted.

    Every setting is an option too, such as --port-desk 8490 or --production; see: samvirke config show.
    """
    from schemas.centre import load
    from services.cli.starting import Starting, watches_in

    given = settings_in(context.args) | _named_centre(example, centre)
    settings = call.settings(**given)
    path = centre_path(settings)
    found = load(path) if path else None
    if found is None and not watches_in(settings):
        return failed(call, "NO_CENTRE")
    if path is not None:
        remember_centre(settings, path)
    starting = Starting(call, settings, found, is_example=path == example_file())
    try:
        starting.run()
    except Exception as error:
        return _not_up(call, settings, error)
    return Outcome()


def run(
    call: Call,
    context: typer.Context,
    parts: Annotated[
        list[str], typer.Argument(help="Parts, such as people or incidents-door.", metavar="PART...")
    ],
) -> Outcome:
    """Run parts of a hub in one process; the broker runs elsewhere."""
    from services.runtime.worker import PARTS, run_worker

    unknown = [part for part in parts if part not in PARTS]
    if unknown:
        raise Usage(f"no part {unknown[0]}; the parts are: {', '.join(PARTS)}")
    code = run_worker(parts, call.settings())
    return Outcome(code=Exit.DONE if code == 0 else Exit.FAILED)


def example_file() -> Path:
    """The example centre: in the clone beside the code, else where the wheel put it."""
    beside = Path(__file__).parents[2] / "deploy" / "examples" / EXAMPLE
    return beside if beside.exists() else Path(__file__).parent / "examples" / EXAMPLE


def _named_centre(example: bool, centre: Path | None) -> dict[str, Any]:
    if example and centre is not None:
        raise Usage("name either --example or --centre")
    if example:
        return {"centre": example_file()}
    return {} if centre is None else {"centre": centre}


def settings_in(arguments: list[str]) -> dict[str, str]:
    """Settings given as options: --port-desk 8490, --port-desk=8490, --production. Raises Usage."""
    from services.runtime.settings import every_setting

    known = {setting.flag: setting.key for setting in every_setting()}
    found: dict[str, str] = {}
    left = list(arguments)
    while left:
        flag, equals, value = left.pop(0).partition("=")
        if flag not in known:
            raise Usage(f"no option {flag}; the settings are listed by: samvirke config show")
        if not equals:
            value = left.pop(0) if left and not left[0].startswith("--") else "true"
        found[known[flag]] = value
    return found


def _not_up(call: Call, settings: "Settings", error: Exception) -> Outcome:
    """Why the hub did not start. Raises what is not foreseen."""
    from services.runtime.broker import BrokerFailed
    from services.runtime.ports import PortTaken
    from services.runtime.state import UnsafeBroker
    from services.runtime.supervisor import AlreadyRunning, NotReady

    match error:
        case AlreadyRunning():
            return failed(call, "ALREADY_RUNNING", home=settings.home)
        case PortTaken():
            return failed(call, "PORT_TAKEN", port=error.port, setting=error.setting)
        case NotReady():
            return failed(call, "NOT_READY")
        case BrokerFailed():
            return failed(call, "BROKER_FAILED", reason=str(error))
        case UnsafeBroker():
            return failed(call, "UNSAFE_BROKER", reason=str(error))
    raise error


def register(app: typer.Typer) -> None:
    """Put the verbs under the program."""
    verb(
        app,
        "up",
        "samvirke up --example",
        "samvirke up --centre centre.toml --split",
        context_settings=_LOOSE,
    )(up)
    verb(app, "run", "samvirke run people incidents-door watch notifications")(run)
