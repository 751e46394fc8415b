"""How old what comes from others may be before it is called outdated. Pure; ``now`` is an argument."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

SOURCE_LIMIT = timedelta(hours=24)
"""A source of warnings says something at least once a day, be it that nothing is the matter."""


@dataclass(frozen=True, slots=True)
class Freshness:
    """When something was last heard of, and whether that is too long ago."""

    name: str
    heard_at: str
    outdated: bool


def freshness(
    heard: Mapping[str, datetime], now: datetime, limit: timedelta | None = SOURCE_LIMIT
) -> list[Freshness]:
    """One line for each, by name; without a limit nothing is called outdated."""
    return [
        Freshness(name, at.isoformat(), limit is not None and now - at > limit)
        for name, at in sorted(heard.items())
    ]
