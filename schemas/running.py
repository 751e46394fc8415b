"""The running number of an incident, such as VAKT-2026-0413: counted by watch, anew each year. Pure.

It stands in no fact. Whoever reads the ledger counts the opened incidents of a watch in ledger order.
"""

import re
from datetime import datetime
from zoneinfo import ZoneInfo

NUMBER = re.compile(r"([A-Za-z0-9_-]{1,64})-(\d{4})-(\d{1,9})")
"""How it is written: the code of the watch, the year, the number."""
_OSLO = ZoneInfo("Europe/Oslo")


def year_of(recorded_at: datetime) -> int:
    """The year in Norway of the time, with offset, at which the incident was recorded."""
    return recorded_at.astimezone(_OSLO).year


def written(code: str, year: int, number: int) -> str:
    """The number as people read it."""
    return f"{code}-{year}-{number:04d}"
