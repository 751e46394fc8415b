"""A room: one part of the hub, started and stopped by a worker."""

from typing import Protocol


class Room(Protocol):
    """What `services/<room>/app.py` returns from `build(settings)`."""

    @property
    def name(self) -> str:
        """The part's name, such as `incidents-door`."""
        ...

    async def start(self) -> None:
        """Return when the room serves; raise when it cannot."""
        ...

    async def stop(self) -> None:
        """Finish what runs and close; called once, also after a failed start."""
        ...

    def health(self) -> dict[str, object]:
        """Codes and counts only; key `ok` is False when the room cannot do its job."""
        ...
