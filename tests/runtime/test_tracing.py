"""One trace id from the key press on; what a sender makes up is never logged."""

import contextlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.envelope import Accepted
from services.runtime import logs, tracing
from services.runtime.outbound import build
from services.runtime.reading import Received
from tests.hub import Hub
from tests.ledgers import logging_to
from tests.runtime.test_edge import ACTOR, KEY, WORDS, Answering, accept, an_edge, door, opening

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
SPAN = "00f067aa0ba902b7"


@pytest.mark.parametrize(
    ("parent", "trace"),
    [
        (f"00-{TRACE}-{SPAN}-01", TRACE),
        (f"00-{TRACE}-{SPAN}-00", TRACE),
        (f"cc-{TRACE}-{SPAN}-01-what-a-later-version-adds", TRACE),
        (f"00-{TRACE}-{SPAN}-01-more", None),
        (f"ff-{TRACE}-{SPAN}-01", None),
        (f"00-{'0' * 32}-{SPAN}-01", None),
        (f"00-{TRACE}-{'0' * 16}-01", None),
        (f"00-{TRACE.upper()}-{SPAN}-01", None),
        (f"00-{TRACE}-{SPAN}", None),
        (f" 00-{TRACE}-{SPAN}-01", None),
        (f"00-{TRACE}-{SPAN}-01\n", None),
        ("", None),
    ],
)
def test_a_trace_is_taken_over_only_from_a_header_in_good_form(parent: str, trace: str | None) -> None:
    assert tracing.trace_of(parent) == trace


@given(st.text(max_size=80))
def test_no_text_becomes_a_trace_that_is_none(text: str) -> None:
    found = tracing.trace_of(text)
    assert found is None or tracing.is_trace(found)


def test_the_header_to_the_gateway_is_in_good_form_and_its_span_is_new() -> None:
    first, second = (tracing.parent_of(TRACE) for _ in range(2))
    assert tracing.trace_of(first) == tracing.trace_of(second) == TRACE
    assert first != second


def test_a_command_begins_a_trace_unless_it_belongs_to_one() -> None:
    one, two = (build("actual", opening(), ACTOR, WORDS) for _ in range(2))
    assert tracing.is_trace(one.trace)
    assert one.trace != two.trace
    assert build("actual", opening(), ACTOR, WORDS, trace=TRACE).trace == TRACE
    assert json.loads(one.payload)["data"]["trace"] == one.trace


@pytest.fixture
def known() -> Iterator[None]:
    """This process has read that the watch exists, and is not hidden."""
    logs.note_watch("test", KEY, is_hidden=False)
    yield
    logs._known.clear()
    logs.hide(())


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def on_incident(received: Received) -> Accepted:
    received.said["incident"] = "incident-1"
    answer = accept(received)
    assert isinstance(answer, Accepted)
    return answer


@contextlib.contextmanager
def belonging_to(trace: str) -> Iterator[None]:
    """As the desk does while it has a request in hand."""
    before = tracing.asked.set(trace)
    try:
        yield
    finally:
        tracing.asked.reset(before)


async def test_the_trace_of_a_request_is_on_the_lines_of_edge_and_door(
    broker: Hub, tmp_path: Path, known: None
) -> None:
    hub = Answering(on_incident)
    with logging_to(tmp_path / "log"):
        async with door(broker.settings, hub), an_edge(broker.settings) as edge:
            with belonging_to(TRACE):
                await edge.send("actual", opening(), ACTOR, WORDS)
            await edge.send("actual", opening(), ACTOR, WORDS)
    assert hub.received[0].command.data.trace == TRACE
    found = lines(tmp_path / "log")
    traced = {line["event"]: line for line in found if line.get("trace_id") == TRACE}
    assert set(traced) == {"cmd.accepted", "edge.accepted"}
    assert traced["cmd.accepted"]["incident"] == "incident-1"
    assert len({line["trace_id"] for line in found if "trace_id" in line}) == 2


async def test_an_edge_that_does_not_know_the_watch_or_knows_it_hidden_says_nothing(
    broker: Hub, tmp_path: Path
) -> None:
    with logging_to(tmp_path / "log"):
        async with door(broker.settings, Answering()), an_edge(broker.settings) as edge:
            await edge.send("actual", opening(), ACTOR, WORDS)
            logs.note_watch("test", KEY, is_hidden=True)
            await edge.send("actual", opening(), ACTOR, WORDS)
            logs.note_watch("test", KEY, is_hidden=False)
    logs._known.clear()
    assert not [line for line in lines(tmp_path / "log") if line["event"].startswith("edge.")]


async def test_a_word_that_a_sender_calls_its_trace_is_not_logged(broker: Hub, tmp_path: Path) -> None:
    hub = Answering()
    with logging_to(tmp_path / "log"):
        async with door(broker.settings, hub), an_edge(broker.settings) as edge:
            with belonging_to("Kari_Nordmann"):
                await edge.send("actual", opening(), ACTOR, WORDS)
    assert hub.received[0].command.data.trace == "Kari_Nordmann"
    assert not re.search("Kari|Nordmann", (tmp_path / "log").read_text())
