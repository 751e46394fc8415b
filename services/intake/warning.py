"""What every parser of official messages gives: one warning, update or end, in the hub's own words."""

import re
from datetime import datetime, timedelta, timezone, tzinfo
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from schemas.canonical import canonical, digest
from schemas.envelope import Code, Municipality
from schemas.warnings import WarningText

MAX_BYTES = 2 * 1024 * 1024
MAX_POLYGON = 20_000
ENDS = ("cancel", "all_clear")
SEVERITIES = ("Minor", "Moderate", "Severe", "Extreme")
"""In the order of the awareness levels 1 (green) to 4 (red)."""

_TIME = re.compile(r"(20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d{1,9})?([+-]\d\d:\d\d|Z)?", re.ASCII)
_LINE_BREAKS = re.compile(r" *[\t\r\n][ \t\r\n]*")


class ParseRefused(Exception):
    """The message cannot be read as a warning: ``code`` says why, ``parameters`` where; never its text."""

    def __init__(self, code: str, **parameters: str | int) -> None:
        super().__init__(code)
        self.code = code
        self.parameters = parameters


class OfficialWarning(BaseModel):
    """One official warning at one revision; all times carry an offset and all numbers are integers.

    ``key`` is the identity that never alarms twice, ``revision`` grows when the sender changes the same key.
    ``replaces`` are the keys that this one takes over from, oldest first. ``thread`` is the oldest that the
    message itself names; who knows the thread of any of them already, keeps that one instead. ``levels`` is
    filled only where municipalities stand at different levels; ``awareness`` is the highest. ``quiet`` is a
    green day or a fall back to green: kept, addressed to nobody. ``assumed_zone`` says that a time had no
    offset and was read as Europe/Oslo. ``sent`` is None where the message does not say. ``brief`` is a form
    that says less than the message of the same key. ``polygons`` are CAP's «lat,lon lat,lon …», unchanged;
    one above ``MAX_POLYGON`` characters is left out, since the raw message has it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    source: str
    key: str
    revision: Annotated[int, Field(ge=0)] = 0
    thread: str
    replaces: tuple[str, ...] = ()
    kind: Literal["alert", "update", "cancel", "all_clear"]
    status: Literal["actual", "exercise", "test"]
    event: Code | None = None
    event_code: Code | None = None
    severity: str | None = None
    urgency: str | None = None
    certainty: str | None = None
    response: str | None = None
    awareness: Annotated[int, Field(ge=1, le=4)]
    levels: tuple[tuple[Municipality, int], ...] = ()
    municipalities: tuple[Municipality, ...] = ()
    counties: tuple[str, ...] = ()
    sent: AwareDatetime | None
    effective: AwareDatetime | None = None
    onset: AwareDatetime | None = None
    expires: AwareDatetime | None = None
    event_ends: AwareDatetime | None = None
    assumed_zone: bool = False
    quiet: bool = False
    brief: bool = False
    texts: tuple[WarningText, ...] = ()
    polygons: tuple[str, ...] = ()

    @property
    def ends(self) -> bool:
        """True if it takes back or ends what it replaces."""
        return self.kind in ENDS

    @property
    def fingerprint(self) -> str:
        """SHA-256 over all but the times of sending; the same content sent again has the same."""
        return digest(canonical(self.model_dump(mode="json", exclude={"sent", "effective", "brief"})))

    def level_in(self, municipality: str) -> int:
        """The awareness level there, 1 to 4."""
        return dict(self.levels).get(municipality, self.awareness)


def moment(text: str, field: str, zone: tzinfo | None = None, fold: int = 0) -> datetime:
    """The time that ``text`` says, with a fixed offset; without one it is read in ``zone``.

    In the hour that comes twice in autumn, ``fold`` 0 takes the first and 1 the second. Fractions beyond
    microseconds are cut. Refuses a time without offset when there is no zone to assume.
    """
    found = _TIME.fullmatch(text)
    if not found or not (found[3] or zone):
        raise ParseRefused("BAD_TIME", field=field)
    try:
        read = datetime.fromisoformat(found[1] + (found[2] or ".0")[:7] + (found[3] or ""))
    except ValueError:
        raise ParseRefused("BAD_TIME", field=field) from None
    if read.tzinfo is None:
        read = read.replace(tzinfo=zone, fold=fold)
    return read.replace(tzinfo=timezone(read.utcoffset() or timedelta()), fold=0)


def text_of(language: str, fields: dict[str, str | None]) -> WarningText:
    """One language's text. Line breaks in one-line fields are layout and become a space; the rest is kept.

    Refuses text with control characters or beyond the contract's length.
    """
    values: dict[str, Any] = {name: value for name, value in fields.items() if value}
    for name, value in values.items():
        breaks_kept = name in ("description", "instruction", "consequence", "area")
        values[name] = value.replace("\r\n", "\n") if breaks_kept else _LINE_BREAKS.sub(" ", value)
    try:
        return WarningText(language=language, **values)
    except ValidationError as error:
        raise ParseRefused("TEXT_REFUSED", field=str(error.errors()[0]["loc"][0])) from None
