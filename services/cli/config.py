"""The verb that shows the settings: config show."""

import os
from typing import TYPE_CHECKING, Any

import typer

from services.cli.frame import Call, Outcome, table, verb

if TYPE_CHECKING:
    from services.runtime.settings import SettingDoc, Settings

config = typer.Typer(
    help="The settings: each is a flag of up, a variable and a key of the file.", no_args_is_help=True
)

HIDDEN = "***"


def show(call: Call) -> Outcome:
    """Show every setting, its value and where the value comes from; secrets are not shown."""
    from services.runtime.settings import every_setting

    settings = call.settings()
    found = [_row(settings, setting, call) for setting in every_setting()]
    shown = [(row["key"], row["value"], row["origin"]) for row in found]
    return Outcome({"status": "ok", "settings": found}, table(shown))


def _row(settings: "Settings", setting: "SettingDoc", call: Call) -> dict[str, Any]:
    value = getattr(settings, setting.key)
    if setting.secret:
        value = HIDDEN if value.get_secret_value() else ""
    elif isinstance(value, tuple):
        value = ",".join(value)
    elif value is not None and not isinstance(value, bool | int):
        value = str(value)
    origin = _origin(settings, setting, call)
    return {
        "key": setting.key,
        "value": value,
        "origin": origin,
        "variable": setting.variable,
        "text": setting.text,
    }


def _origin(settings: "Settings", setting: "SettingDoc", call: Call) -> str:
    if setting.key == "home" and call.home is not None and not os.environ.get(setting.variable):
        return setting.flag
    for variable in (setting.variable, f"{setting.variable}_FILE"):
        if variable in os.environ:
            return variable
    return "file" if setting.key in settings.model_fields_set else "default"


def register(app: typer.Typer) -> None:
    """Put the verb under the program."""
    app.add_typer(config, name="config")
    verb(config, "show", "samvirke config show --json")(show)
