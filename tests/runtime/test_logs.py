"""What reaches a log, and what never does."""

import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from services.runtime import logs


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    handlers = logging.getLogger().handlers[:]
    yield
    structlog.reset_defaults()
    logs.hide(())
    logging.getLogger().handlers[:] = handlers


class Sink:
    """Configures logging and gives back the lines."""

    def __init__(self, capture: pytest.CaptureFixture[bytes]) -> None:
        self._capture = capture

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self._capture.readouterr().err.splitlines()]


@pytest.fixture
def sink(capfdbinary: pytest.CaptureFixture[bytes]) -> Sink:
    return Sink(capfdbinary)


def test_a_line_has_time_level_event_and_service(sink: Sink) -> None:
    logs.configure("people")
    logs.get(part="people").info("command.accepted", duration_ms=3, incident="0190-ab")
    (line,) = sink.lines()
    assert set(line) == {"ts", "level", "event", "service", "part", "duration_ms", "incident"}
    assert line["service"] == "people"
    assert line["level"] == "info"


def test_text_and_unknown_keys_are_dropped(sink: Sink) -> None:
    logs.configure("people")
    logs.get().info(
        "command.accepted", name="Kari", text="Brann", code="Kari Nordmann", reason="OK", body=b"x"
    )
    (line,) = sink.lines()
    assert set(line) == {"ts", "level", "event", "service", "reason"}


def test_an_exception_leaves_its_type_and_place_but_not_its_words(sink: Sink) -> None:
    logs.configure("people")
    try:
        raise ValueError("Kari Nordmann bor her")
    except ValueError:
        logs.get().exception("command.failed")
    (line,) = sink.lines()
    assert line["error_type"] == "ValueError"
    assert line["where"].startswith("test_logs.py:")
    assert "Kari" not in json.dumps(line)


def test_a_library_may_say_where_but_not_what(sink: Sink) -> None:
    logs.configure("people")
    logging.getLogger("uvicorn.error").error("could not read %s", "Kari Nordmann")
    (line,) = sink.lines()
    assert line["logger"] == "uvicorn.error"
    assert line["event"] == "library.line"
    assert "Kari" not in json.dumps(line)


@pytest.mark.parametrize(
    "ids",
    [
        {"org": "4601", "watch": "barnevern"},
        {"watch": "4601.barnevern"},
        {"user": "4601.barnevern"},
        {"subject": "samvirke.actual.4601.barnevern.incidents.x.opened"},
    ],
)
def test_a_hidden_watch_leaves_no_trace_but_that_something_failed(sink: Sink, ids: dict[str, str]) -> None:
    logs.configure("people", hidden={"4601.barnevern"})
    logs.get(**ids).info("command.accepted", incident="0190-ab")
    logs.get(**ids).error("command.failed", incident="0190-ab", code="BROKEN")
    logs.get(org="4601", watch="vaktsentral").info("command.accepted")
    failed, other = sink.lines()
    assert set(failed) == {"ts", "level", "event", "service", "code"}
    assert other["watch"] == "vaktsentral"


def test_a_watch_hidden_later_is_silent_from_then_on(sink: Sink) -> None:
    logs.configure("people")
    logs.get(org="4601", watch="barnevern").info("one")
    logs.hide({"4601.barnevern"})
    logs.get(org="4601", watch="barnevern").info("two")
    assert [line["event"] for line in sink.lines()] == ["one"]


def test_a_watch_stays_hidden_while_one_reader_of_the_ledger_says_so(sink: Sink) -> None:
    logs.configure("people")
    logs.note_watch("people", "4601.barnevern", is_hidden=True)
    logs.note_watch("watch", "4601.barnevern", is_hidden=False)
    logs.get(watch="4601.barnevern").info("door.refused")
    assert sink.lines() == []
    logs.note_watch("people", "4601.barnevern", is_hidden=False)
    logs.get(watch="4601.barnevern").info("door.refused")
    assert len(sink.lines()) == 1


def test_lines_below_the_level_are_not_written(sink: Sink) -> None:
    logs.configure("people", level="warning")
    logs.get().info("one")
    logs.get().warning("two")
    assert [line["event"] for line in sink.lines()] == ["two"]


@given(st.dictionaries(st.text(min_size=1, max_size=12), st.text(min_size=1)), st.text(min_size=1))
def test_whatever_is_logged_a_line_holds_only_allowed_keys_and_plain_tokens(
    more: dict[str, str], text: str
) -> None:
    line = json.loads(logs._finish("people")(None, "info", {"event": "x", "code": text, **more}))
    assert set(line) <= logs.ALLOWED_KEYS
    assert all(" " not in value and value.isascii() for value in line.values())


def test_logs_go_to_stderr_and_never_to_stdout() -> None:
    program = "from services.runtime import logs; logs.configure('people'); logs.get().info('started')"
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert found.stdout == b""
    assert json.loads(found.stderr)["event"] == "started"
