"""One line of a log: read, judged by what is asked for, and shown to people."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import orjson

from services.words.norway import norwegian

LEVELS = ("debug", "info", "warning", "error")
_SHOWN_APART = ("ts", "level", "event", "service", "trace_id")
_ABOUT = ("incident", "chain", "subject", "entry")
_COLOURS = {"error": "31", "warning": "33", "debug": "2"}


@dataclass(frozen=True, slots=True)
class Line:
    """A line as it was written, its moment in UTC, and its fields."""

    raw: bytes
    ts: datetime
    fields: Mapping[str, Any]

    @property
    def level(self) -> str:
        """How bad it is; a word that this version does not know counts as the worst."""
        level = self.fields.get("level")
        return level if level in LEVELS else LEVELS[-1]


@dataclass(slots=True)
class Asked:
    """Which lines are wanted; ``incident`` is an id, ``since`` a moment.

    Lines about an incident are those that name it, and those that belong to a chain or a trace which a line
    before has shown to be about it.
    """

    level: str = LEVELS[0]
    since: datetime | None = None
    incident: str | None = None
    trace: str | None = None
    _ids: set[str] = field(default_factory=set)
    _traces: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._ids = {self.incident} if self.incident else set()

    def choose(self, lines: Iterable[Line]) -> Iterator[Line]:
        """The lines that are wanted, in the order in which they come."""
        return (line for line in lines if self.wants(line))

    def wants(self, line: Line) -> bool:
        """True if the line is wanted; what it tells of chains and traces is remembered in any case."""
        is_about = self.incident is None or self._is_about(line.fields)
        is_bad_enough = LEVELS.index(line.level) >= LEVELS.index(self.level)
        is_late_enough = self.since is None or line.ts >= self.since
        return (
            is_about
            and is_bad_enough
            and is_late_enough
            and self.trace in (None, line.fields.get("trace_id"))
        )

    def _is_about(self, fields: Mapping[str, Any]) -> bool:
        named = {str(fields[key]) for key in _ABOUT if fields.get(key)}
        trace = fields.get("trace_id")
        if not named & self._ids and trace not in self._traces:
            return False
        self._ids |= {str(fields["chain"])} if fields.get("chain") else set()
        self._traces |= {trace} if isinstance(trace, str) else set()
        return True


def read_line(raw: bytes) -> Line | None:
    """The line in some bytes, or None: as a process wrote it, or as journald tells it (short, cat, json)."""
    begin = raw.find(b"{")
    try:
        found = orjson.loads(raw[begin:]) if begin >= 0 else None
        if isinstance(found, dict) and isinstance(found.get("MESSAGE"), str):
            return read_line(found["MESSAGE"].encode())
        if not isinstance(found, dict) or not isinstance(found.get("event"), str):
            return None
        moment = datetime.fromisoformat(found["ts"]).astimezone(UTC)
    except (ValueError, KeyError, TypeError, OverflowError):
        return None
    return Line(raw[begin:].strip(), moment, found)


def pretty(line: Line, *, colour: bool) -> str:
    """Time in Norway, level, process, event, and the other fields; nothing that would steer a terminal."""
    local = norwegian(line.ts)
    when = f"{local:%d.%m. %H:%M:%S}.{local.microsecond // 1000:03}"
    service, event = _short(plain(line.fields.get("service", "–"))), plain(line.fields["event"])
    more = [f"{plain(key)}={plain(value)}" for key, value in line.fields.items() if key not in _SHOWN_APART]
    trace = [f"trace={plain(line.fields['trace_id'])}"] if line.fields.get("trace_id") else []
    text = f"{when}  {line.level.upper():7}  {service:12}  {event:22}  {' '.join(more + trace)}".rstrip()
    code = _COLOURS.get(line.level)
    return f"\x1b[{code}m{text}\x1b[0m" if colour and code else text


def _short(service: str) -> str:
    """A worker of several parts is named by the first one and how many more there are."""
    first, *others = service.split("+")
    return f"{first}+{len(others)}" if others else first


def plain(value: object) -> str:
    """A value without characters that a terminal would obey."""
    return "".join(character if character.isprintable() else "\ufffd" for character in str(value))
