"""Times by the clock on the wall in Norway."""

from datetime import datetime
from zoneinfo import ZoneInfo

OSLO = ZoneInfo("Europe/Oslo")
"""The zone that people read and write times in, whatever this machine's is."""


def norwegian(moment: datetime) -> datetime:
    """The moment in Norway; as it was said when no calendar here has it, at either end of the years."""
    try:
        return moment.astimezone(OSLO)
    except OverflowError:
        return moment
