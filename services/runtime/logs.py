"""Logs: one JSON line per outcome on stderr, with codes, ids, counts and durations, never with text."""

import contextlib
import logging
import re
import sys
import traceback
from collections.abc import Collection, MutableMapping
from datetime import UTC, datetime
from typing import IO, Any, BinaryIO, cast

import orjson
import structlog

_PLACE = "ts level event service logger where error_type trace_id span_id"
_PROCESS = "part room pid port signal exit_code restarts version"
_TRADE = """mode org watch trade verb subject user incident entry fact command person post machine
    agreement warning exercise chain policy step request channel feed tag sharing"""
_OUTCOME = """stream consumer sequence epoch position code reason outcome status attempt count rows bytes
    lag pending duration_ms age_s"""

ALLOWED_KEYS = frozenset(" ".join((_PLACE, _PROCESS, _TRADE, _OUTCOME)).split())
"""Keys that a line may carry; any other is dropped."""

_TOKEN = re.compile(r"[A-Za-z0-9_.:/$*>+\-]{1,200}")
_WATCH_KEYS = ("ts", "level", "event", "service", "code", "error_type", "where")
_LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}

Line = MutableMapping[str, Any]

_file: IO[bytes] | None = None
"""Where this process's lines go, if not to stderr; closed when they go elsewhere."""

_hidden: dict[str, set[str]] = {}
"""Keys of hidden watches, and who says so of each."""
_known: set[str] = set()
"""Keys of watches that somebody in this process has read of."""


def configure(
    service: str, level: str = "info", hidden: Collection[str] = (), file: IO[bytes] | None = None
) -> None:
    """Send this process's lines, and those of its libraries, to `file`, or to stderr.

    `hidden` are the keys (`<org>.<watch>`) of watches that leave no trace in logs.
    """
    global _file
    hide(hidden)
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            _silence_hidden,
            _name_error,
            _finish(service),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        logger_factory=structlog.BytesLoggerFactory(file=cast(BinaryIO, _Steady(file or sys.stderr.buffer))),
        cache_logger_on_first_use=False,
    )
    logging.basicConfig(level=max(_LEVELS[level], logging.WARNING), handlers=[_Bridge()], force=True)
    if _file is not None and _file is not file:
        _file.close()
    _file = file


def hide(watches: Collection[str]) -> None:
    """Replace the set of watches that leave no trace."""
    _hidden.clear()
    _hidden.update({watch: {""} for watch in watches})


def note_watch(teller: str, watch: str, *, is_hidden: bool) -> None:
    """Hide a watch while anyone who reads the ledger says so: of several readers one may be behind."""
    _known.add(watch)
    tellers = _hidden.setdefault(watch, set())
    (tellers.add if is_hidden else tellers.discard)(teller)
    if not tellers:
        del _hidden[watch]


def may_name(watch: str) -> bool:
    """True if this process has read of the watch that it is not hidden: only then is it named by an edge."""
    return watch in _known and watch not in _hidden


def get(**ids: object) -> Any:
    """A logger that puts `ids` on each of its lines."""
    return structlog.get_logger(**ids)


def _finish(service: str) -> Any:
    """The line as bytes: stamped, and with what it may carry."""

    def finish(_logger: object, _method: str, line: Line) -> bytes:
        kept = {"ts": datetime.now(UTC).isoformat(timespec="milliseconds"), "service": service}
        kept |= {key: value for key, value in line.items() if key in ALLOWED_KEYS and _is_plain(value)}
        return orjson.dumps(kept)

    return finish


def _silence_hidden(_logger: object, _method: str, line: Line) -> Line:
    """Nothing of a hidden watch is logged, save that something failed."""
    if not _hidden or not _names_hidden(line):
        return line
    if line["level"] in ("debug", "info"):
        raise structlog.DropEvent
    return {key: value for key, value in line.items() if key in _WATCH_KEYS or key == "exc_info"}


def _names_hidden(line: Line) -> bool:
    watch = f"{line.get('org')}.{line.get('watch')}"
    if watch in _hidden or line.get("watch") in _hidden or line.get("user") in _hidden:
        return True
    subject = f".{line.get('subject', '')}."
    return any(f".{key}." in subject for key in _hidden)


def _name_error(_logger: object, _method: str, line: Line) -> Line:
    """An exception becomes its type and the line where it arose: its text may echo what was typed."""
    info = line.pop("exc_info", None)
    if info is None:
        return line
    error = sys.exc_info()[1] if info is True else info[1] if isinstance(info, tuple) else info
    if isinstance(error, BaseException):
        frames = traceback.extract_tb(error.__traceback__)
        line["error_type"] = type(error).__qualname__
        if frames:
            line["where"] = f"{frames[-1].filename.rpartition('/')[2]}:{frames[-1].lineno}"
    return line


def _is_plain(value: object) -> bool:
    if isinstance(value, str):
        return _TOKEN.fullmatch(value) is not None
    return value is None or isinstance(value, bool | int | float)


class _Steady:
    """A file whose faults, such as a full disk, never become the faults of those who log."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def write(self, data: bytes) -> None:
        with contextlib.suppress(OSError, ValueError):
            self._file.write(data)

    def flush(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            self._file.flush()


class _Bridge(logging.Handler):
    """Takes lines of libraries: where and how bad, but not their text."""

    def emit(self, record: logging.LogRecord) -> None:
        name = logging.getLevelName(min(record.levelno, logging.ERROR)).lower()
        where = f"{record.filename}:{record.lineno}"
        line = structlog.get_logger().bind(logger=record.name, where=where)
        getattr(line, name if name in _LEVELS else "info")("library.line", exc_info=record.exc_info or None)
