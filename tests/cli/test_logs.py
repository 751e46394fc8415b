"""Reading what the hub's processes have logged: merged, chosen, followed."""

import io
import json
import os
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from schemas.identifiers import new_ref
from services.cli.logs_files import Broken, Follower
from services.cli.logs_lines import LEVELS, pretty, read_line
from tests.cli.conftest import Ran, Samvirke
from tests.system_hub import SAMVIRKE

TRACE, OTHER = "4bf92f3577b34da6a3ce929d0e0e4736", "0af7651916cd43dd8448eb211c80319c"


def line(second: int, event: str, service: str = "life", level: str = "info", **more: Any) -> str:
    """A line as a process writes it."""
    ts = f"2026-01-23T18:00:{second:02}.000+00:00"
    return json.dumps({"ts": ts, "level": level, "event": event, "service": service, **more})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The log folder of the home that the program is called in."""
    found = tmp_path / "home" / "log"
    found.mkdir(parents=True)
    return found


def write(path: Path, *lines: str) -> Path:
    path.write_text("".join(f"{one}\n" for one in lines), encoding="utf-8")
    return path


def events(ran: Ran) -> list[str]:
    return [json.loads(one)["event"] for one in ran.out.splitlines()]


def test_the_lines_of_all_processes_come_in_time_order_and_as_they_are(
    samvirke: Samvirke, folder: Path
) -> None:
    life, rest = [line(1, "a"), line(4, "d")], [line(2, "b", "rest"), line(3, "c", "rest")]
    write(folder / "life.jsonl", *life)
    write(folder / "rest.jsonl", *rest)
    ran = samvirke("logs", "--json")
    assert ran.out.splitlines() == [life[0], *rest, life[1]]
    assert ran.code == 0


def test_what_was_rotated_away_is_read_too(samvirke: Samvirke, folder: Path) -> None:
    write(folder / "life.1.jsonl", line(1, "old"))
    write(folder / "life.jsonl", line(2, "new"))
    assert events(samvirke("logs", "--json")) == ["old", "new"]


def test_only_what_is_bad_enough_late_enough_or_of_a_trace(samvirke: Samvirke, folder: Path) -> None:
    write(
        folder / "life.jsonl",
        line(1, "early", level="debug"),
        line(2, "traced", trace_id=TRACE),
        line(3, "bad", level="warning", trace_id=OTHER),
        line(4, "worse", level="error"),
    )
    assert events(samvirke("logs", "--json", "--level", "warning")) == ["bad", "worse"]
    assert events(samvirke("logs", "--json", "--trace", TRACE)) == ["traced"]
    assert events(samvirke("logs", "--json", "--since", "2026-01-23T19:00:03+01:00")) == ["bad", "worse"]
    assert events(samvirke("logs", "--json", "--since", "2h")) == []


def test_an_age_is_counted_from_now(samvirke: Samvirke, folder: Path) -> None:
    now = datetime.now(UTC)
    for minutes, event in ((90, "long ago"), (10, "lately")):
        ts = (now - timedelta(minutes=minutes)).isoformat()
        with (folder / "life.jsonl").open("a") as file:
            file.write(json.dumps({"ts": ts, "level": "info", "event": event, "service": "life"}) + "\n")
    assert events(samvirke("logs", "--json", "--since", "1h")) == ["lately"]
    assert "lately" in events(samvirke("logs", "--json", "--since", "999999d")), "older than all years"


def test_a_since_that_is_no_time_is_wrong_usage(samvirke: Samvirke, folder: Path) -> None:
    write(folder / "life.jsonl", line(1, "a"))
    assert samvirke("logs", "--since", "yesterday").code == 64


def test_all_about_an_incident_is_found_by_its_id_its_chains_and_its_traces(
    samvirke: Samvirke, folder: Path
) -> None:
    write(
        folder / "life.jsonl",
        line(1, "cmd.accepted", incident="0190-i", trace_id=TRACE),
        line(3, "chain.started", incident="0190-i", chain="0190-c", trace_id=TRACE),
        line(5, "timer.armed_again", chain="0190-c"),
        line(6, "cmd.accepted", incident="0190-other", trace_id=OTHER),
        line(7, "chain.started", chain="0190-other", trace_id=OTHER),
    )
    write(folder / "rest.jsonl", line(2, "edge.accepted", "rest", trace_id=TRACE))
    found = events(samvirke("logs", "--json", "--incident", "0190-i"))
    assert found == ["cmd.accepted", "edge.accepted", "chain.started", "timer.armed_again"]


def test_a_reference_takes_somebody_who_may_ask_and_a_hub_that_answers(
    samvirke: Samvirke, folder: Path
) -> None:
    write(folder / "life.jsonl", line(1, "a"))
    ref = new_ref()
    assert samvirke("logs", "--incident", ref).code == 64
    asked = ("--watch", "4601.vaktsentral", "--person", "0190f1c0-7a6e-7cc1-9d0a-5f0c8ab4f3de")
    assert "NO_CREDENTIAL" in samvirke("logs", "--incident", ref, *asked).err


def test_lines_that_cannot_be_read_are_counted_and_stop_nothing(samvirke: Samvirke, folder: Path) -> None:
    cut = line(2, "cut")[:20]
    no_time = '{"event":"x","ts":"late"}'
    write(folder / "life.jsonl", line(1, "a"), cut, "[1]", "", no_time, "\x00\xff", line(3, "b"))
    ran = samvirke("logs", "--json")
    assert events(ran) == ["a", "b"]
    assert ran.err == "Linjer som ikke kunne leses: 4.\n"


def test_a_home_without_logs_is_said(samvirke: Samvirke) -> None:
    ran = samvirke("logs")
    assert ran.code == 1
    assert "NO_LOGS" in ran.err


def test_people_read_norwegian_clocks_and_no_colour_unless_on_a_terminal(
    samvirke: Samvirke, folder: Path
) -> None:
    write(folder / "life.jsonl", line(1, "cmd.refused", code="NOT_ALLOWED", trace_id=TRACE, level="error"))
    shown = samvirke("logs").out
    assert shown == (
        "23.01. 19:00:01.000  ERROR    life          cmd.refused             "
        f"code=NOT_ALLOWED trace={TRACE}\n"
    )
    found = read_line(line(1, "x", level="error").encode())
    assert found is not None
    assert pretty(found, colour=True).startswith("\x1b[31m")


def test_no_line_steers_a_terminal() -> None:
    found = read_line(line(1, "x\x1b[2J", service="\u202elife", code="\x07").encode())
    assert found is not None
    assert pretty(found, colour=False).isprintable()


@pytest.mark.parametrize("level", ["", "fatal", None])
def test_a_level_from_a_newer_hub_counts_as_the_worst(level: str | None) -> None:
    found = read_line(json.dumps({"ts": "2026-01-23T18:00:00Z", "event": "x", "level": level}).encode())
    assert found is not None
    assert found.level == LEVELS[-1]


@pytest.mark.parametrize(
    "manner",
    ["{}", "nov. 23 18:00:01 host samvirke[12]: {}", "json"],
)
def test_what_journald_gives_out_is_read_from_standard_input(
    samvirke: Samvirke, monkeypatch: pytest.MonkeyPatch, manner: str
) -> None:
    raw = line(1, "a")
    given = json.dumps({"MESSAGE": raw, "_PID": "12"}) if manner == "json" else manner.replace("{}", raw)
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(f"{given}\n".encode())))
    ran = samvirke("logs", "-", "--json")
    assert ran.out == f"{raw}\n"
    assert ran.err == ""


class Tail:
    """Follows a folder, and gives the events that have come."""

    def __init__(self, folder: Path) -> None:
        self.broken = Broken()
        self.follower = Follower([], folder, self.broken)

    def events(self) -> list[str]:
        return [str(one.fields["event"]) for one in self.follower.read()]


@pytest.fixture
def tail(folder: Path) -> Iterator[Tail]:
    found = Tail(folder)
    yield found
    found.follower.close()


def append(path: Path, text: str) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write(text)


def test_following_loses_nothing_when_a_file_makes_room_and_takes_up_new_ones(
    folder: Path, tail: Tail
) -> None:
    life = write(folder / "life.jsonl", line(1, "a"))
    assert tail.events() == ["a"]
    append(life, f"{line(2, 'b')}\n")
    life.replace(folder / "life.1.jsonl")
    write(life, line(3, "c"))
    write(folder / "rest.jsonl", line(4, "d", "rest"))
    assert tail.events() == ["b", "c", "d"]
    append(folder / "life.1.jsonl", f"{line(5, 'e')}\n")
    assert tail.events() == ["e"]
    assert tail.events() == []


def test_a_line_that_is_still_being_written_is_shown_once_it_is_whole(folder: Path, tail: Tail) -> None:
    life, text = folder / "life.jsonl", line(1, "a")
    assert tail.events() == []
    append(life, text[:30])
    assert tail.events() == []
    append(life, f"{text[30:]}\n")
    assert tail.events() == ["a"]
    assert tail.broken.count == 0


def test_a_file_that_was_emptied_is_read_from_its_beginning(folder: Path, tail: Tail) -> None:
    life = write(folder / "life.jsonl", line(1, "a"), line(2, "b"))
    assert tail.events() == ["a", "b"]
    write(life, line(3, "c"))
    assert tail.events() == ["c"]


def test_a_reader_that_has_seen_enough_ends_it_quietly_and_an_interrupt_too(folder: Path) -> None:
    write(folder / "life.jsonl", *(line(1, "a" * 4000) for _ in range(200)))
    surroundings = {**os.environ, "SAMVIRKE_HOME": str(folder.parent), "LANG": "en_GB.UTF-8"}
    options = {"env": surroundings, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen([str(SAMVIRKE), "logs"], **options) as program:  # type: ignore[call-overload]
        program.stdout.readline()
        program.stdout.close()
        assert program.stderr.read() == b""
    with subprocess.Popen([str(SAMVIRKE), "logs", "-f"], **options) as program:  # type: ignore[call-overload]
        program.stdout.readline()
        program.send_signal(2)
        assert program.stderr.read() == b""
        assert program.wait(10) == 0
