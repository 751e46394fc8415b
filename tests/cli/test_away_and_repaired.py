"""What the command line does with a hub that is away, and with one that must stand still."""

import time
from pathlib import Path

import pytest

from services.runtime.spool import spool_of
from tests.cli.calls import WATCH, call, facts, opened
from tests.system_hub import SMALL, running

pytestmark = pytest.mark.system


def test_what_was_reported_while_the_hub_was_away_is_sent_by_the_next_up(
    tmp_path: Path, hub_snapshot: Path
) -> None:
    with running(tmp_path / "home", hub_snapshot, stream_bytes=SMALL) as hub:
        before = facts(hub.settings)
        hub.stop()
        code, kept = call(hub, "report", "Skrevet uten samband")
        assert (code, kept["status"]) == (3, "kept")
        spool = spool_of(hub.settings, WATCH)
        assert spool.count() == 1
        hub.start()
        deadline = time.monotonic() + 20
        while spool.count():
            assert time.monotonic() < deadline
            time.sleep(0.1)
        code, found = call(hub, "incidents", "--after", kept["id"])
        assert [one["content"]["headline"] for one in found["incidents"]] == ["Skrevet uten samband"]
        assert facts(hub.settings) == [before[0] + 1, before[1]]


def test_a_running_hub_stands_still_for_a_repair_and_goes_on(tmp_path: Path, hub_snapshot: Path) -> None:
    with running(tmp_path / "home", hub_snapshot, stream_bytes=SMALL) as hub:
        ref = opened(hub, "Før reparasjonen")
        before = facts(hub.settings)
        code, done = call(hub, "repair")
        assert code == 0, done
        assert [(one["mode"], one["epoch"]) for one in done["modes"]] == [("actual", 2), ("exercise", 2)]
        deadline = time.monotonic() + 40
        while call(hub, "doctor")[0] != 0:
            assert time.monotonic() < deadline, hub.said()
        assert facts(hub.settings) == [count + 1 for count in before]
        code, shown = call(hub, "incident", "show", ref)
        assert (code, shown["incident"]["content"]) == (0, {"headline": "Før reparasjonen"})
        while call(hub, "report", "Etter reparasjonen")[0] != 0:
            assert time.monotonic() < deadline, hub.said()
        assert call(hub, "verify")[0] == 0
