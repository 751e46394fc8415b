"""What an export asks the hub: a question of a room, and which incidents are meant."""

from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Any, Protocol


class Ask(Protocol):
    """Asks a room: the question's name, the room's trade, and parameters."""

    def __call__(self, what: str, trade: str = "incidents", /, **asked: Any) -> Awaitable[dict[str, Any]]:
        """The answer. Raises AskRefused, Unanswered."""
        ...


@dataclass(frozen=True, slots=True)
class Scope:
    """What is exported: one incident, named as in a question, or those of a watch or a period."""

    incident: dict[str, Any] | None = None
    watch: str | None = None
    since: str | None = None
    until: str | None = None
    reason: str | None = None
