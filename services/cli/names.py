"""Names that people use on the command line, and what they stand for."""

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

from services.cli.frame import Usage

if TYPE_CHECKING:
    from schemas.centre import Centre
    from services.runtime.settings import Settings

_RECORD = "centre"
"""File in HOME that holds the path of the centre file in use; never its text, which holds names."""


def centre_path(settings: "Settings") -> Path | None:
    """The centre file in use: the setting, else the one that `up` was started with; None if there is none."""
    if settings.centre is not None:
        return settings.centre
    with contextlib.suppress(FileNotFoundError):
        named = Path((settings.home / _RECORD).read_text(encoding="utf-8").strip())
        return named if named.exists() else None
    return None


def remember_centre(settings: "Settings", path: Path) -> None:
    """Let later calls find the centre file."""
    settings.home.mkdir(mode=0o700, parents=True, exist_ok=True)
    (settings.home / _RECORD).write_text(f"{path.absolute()}\n", encoding="utf-8")


def centre_of(settings: "Settings") -> "Centre | None":
    """The centre file in use, read; None if there is none or it cannot be used."""
    from schemas.centre import load
    from schemas.centre_text import CentreRefused

    path = centre_path(settings)
    if path is None:
        return None
    with contextlib.suppress(CentreRefused):
        return load(path)
    return None


def person_id(settings: "Settings", name: str) -> str:
    """The random id of a person, given so or as the key in the centre file. Raises Usage if it is neither."""
    with contextlib.suppress(ValueError):
        return str(UUID(name))
    centre = centre_of(settings)
    found = centre.person(name) if centre else None
    if found is None:
        raise Usage(f"{name} is neither a person's id nor a person in the centre file")
    return found.id


def health_of(settings: "Settings", watch_key: str) -> str:
    """What the watch keeps of health text, as far as is known here: ``reference`` or ``watch``."""
    centre = centre_of(settings)
    found = centre.watch(watch_key) if centre else None
    return found.health if found else "reference"


def incident_named(said: str) -> dict[str, Any]:
    """The parameter that names an incident: by ref, by running number (VAKT-2027-0042), else by id."""
    from schemas.identifiers import read_ref

    ref = read_ref(said)
    if ref is not None:
        return {"ref": ref}
    parts = said.split("-")
    if len(parts) == 3 and parts[1].isdigit() and parts[2].isdigit():
        return {"number": said.upper()}
    return {"id": said}
