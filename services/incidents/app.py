"""The two parts of the room: the door in worker *life*, the archive in worker *rest*."""

from services.runtime.room import Room
from services.runtime.settings import Settings


def build_door(settings: Settings) -> Room:
    """Takes commands; holds no tables."""
    from services.incidents.door import build

    return build(settings)


def build_archive(settings: Settings) -> Room:
    """Keeps every fact again, answers queries, erases."""
    from services.incidents.archive import build

    return build(settings)
