"""A small exercise, played on a whole hub that runs in processes of its own."""

import asyncio
import json
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from schemas.exercise_file import load
from services.runtime import names, watches
from services.runtime.connect import connect
from services.runtime.direct import Direct
from services.runtime.ledger import read
from tests.system_hub import EXAMPLE, SAMVIRKE, SMALL, HubProcess, running

pytestmark = pytest.mark.system
EVENTS = """
[[events]]
no = "01"
at = 2027-01-14T08:00:00+01:00
title = "Et rør ryker; primærvakten i Askøy sover"
sender = "4601.vaktsentral"
incident = "A"
delivered = ["4627"]
not_delivered = ["5001", "110-vest"]
seen_by = ["4601.vaktsentral", "4627.vakt"]
not_seen_by = ["5001.vakt"]
[events.open]
type = "water.leak"
priority = "critical"
level = "named"
named = ["4627"]
notify = ["4601.vaktsentral", "4627.vakt"]
content = { headline = "Vannlekkasje i Åsane" }
[[events.answers]]
watch = "4627.vakt"
by = "backup"
[[events.escalates]]
watch = "4627.vakt"
to = ["backup"]

[[events]]
no = "02"
at = 2027-01-14T09:00:00+01:00
title = "Linjen til Askøy faller ut"
[events.cut]
organisation = "4627"
until = 2027-01-14T12:00:00+01:00

[[events]]
no = "03"
at = 2027-01-14T10:00:00+01:00
title = "Det skrives på papir, og føres inn sent"
sender = "4601.vaktsentral"
incident = "A"
occurred_at = 2027-01-14T09:40:00+01:00
delivered = ["4627"]
[events.entry]
level = "named"
named = ["4627"]
content = { text = "Vi stenger ventilen" }

[[events]]
no = "04"
at = 2027-01-14T11:00:00+01:00
title = "Kummens svakhet blir i huset"
sender = "4601.vaktsentral"
incident = "A"
not_delivered = ["4627"]
seen_by = ["4601.samvirke"]
[events.entry]
level = "organisation"
tags = ["vuln"]
content = { text = "Kummen på Gråbergsletta tåler ikke mer" }

[[events]]
no = "05"
at = 2027-01-14T11:30:00+01:00
title = "Barnevernvakten har en sak for seg selv"
sender = "4601.barnevern"
incident = "I"
not_seen_by = ["4601.samvirke"]
[events.open]
type = "child.placement"
priority = "high"
tags = ["child"]
notify = ["4601.barnevern"]
content = { headline = "Akutt plassering" }

[[events]]
no = "06"
at = 2027-01-14T11:40:00+01:00
title = "Helseopplysninger slipper ikke ut"
sender = "4601.vaktsentral"
incident = "A"
refused = "LEVEL_ABOVE_CAP"
[events.entry]
level = "named"
named = ["4627"]
tags = ["health"]
content = { text = "Halldis Prøvesen har vondt i kneet" }

[[events]]
no = "07"
at = 2027-01-15T09:00:00+01:00
title = "En rapport"
needs = "situation reports"

[[markers]]
id = "K01"
event = "04"
text = "Gråbergsletta"
stays_in = ["4601"]

[[markers]]
id = "K02"
event = "06"
text = "Halldis Prøvesen"
kept = false
"""


def write(folder: Path, events: str = EVENTS) -> Path:
    """A file that can be played."""
    path = folder / "liten.toml"
    head = f"""
[exercise]
code = "liten"
title = "En liten øvelse"
centre = "{EXAMPLE}"
starts = 2027-01-14T08:00:00+01:00
ends = 2027-01-15T20:00:00+01:00
"""
    path.write_text(head + events, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubProcess]:
    """The example centre in an exercise, with neither gateway nor mail server."""
    home = tmp_path_factory.mktemp("exercise") / "home"
    with running(home, modes="exercise", stream_bytes=SMALL) as found:
        yield found


def play(hub: HubProcess, file: Path, *more: str) -> tuple[int, dict[str, Any]]:
    done = hub.command("exercise", "play", str(file), "--json", *more)
    return done.returncode, json.loads(done.stdout)


@pytest.fixture(scope="module")
def played(hub: HubProcess, tmp_path_factory: pytest.TempPathFactory) -> tuple[int, dict[str, Any], float]:
    """Exit code and report of the sound file, and how long it took."""
    began = time.monotonic()
    return *play(hub, write(tmp_path_factory.mktemp("file"))), time.monotonic() - began


Played = tuple[int, dict[str, Any], float]


def test_twenty_five_hours_with_a_silent_primary_are_played_in_seconds_and_all_holds(played: Played) -> None:
    code, report, seconds = played
    faults = [fault for check in report["checks"] for fault in check["faults"]]
    assert (code, report["status"], faults) == (0, "ok", [])
    assert {check["check"] for check in report["checks"] if check["looked_at"]} == {
        *("acts", "sight", "answers", "deliveries", "order", "lines", "messages"),
        *("notifications", "escalations", "leaks"),
    }
    assert seconds < 60


def test_what_waits_for_a_feature_is_passed_over_and_said(played: Played) -> None:
    _, report, _ = played
    skipped = [{key: one[key] for key in ("no", "needs", "what")} for one in report["skipped"]]
    assert skipped == [{"no": "07", "needs": "situation reports", "what": "skipped"}]
    assert [one["no"] for one in report["events"]] == ["01", "02", "03", "04", "05", "06"]


def test_the_people_are_told_in_the_order_of_their_policy_and_nobody_else_is(played: Played) -> None:
    _, report, _ = played
    assert [one["person"] for one in report["messages"]] == ["leif", "harald", "nina", "geir"]
    assert all(one["text"].startswith("ØVELSE ") for one in report["messages"])


def test_who_lost_the_line_fetched_afterwards_what_came_meanwhile(played: Played) -> None:
    assert played[1]["missed_and_fetched"]["4627"] >= 1


def test_the_report_lies_in_the_home_for_people_and_machines(hub: HubProcess, played: Played) -> None:
    path = Path(played[1]["report"])
    assert path.parent == hub.home / "exercises"
    assert json.loads(path.with_suffix(".json").read_text("utf-8"))["exercise"] == played[1]["exercise"]
    assert "HOLDER IKKE" not in path.read_text("utf-8")
    assert "Akkurat de ventede varslene går videre til flere: holder" in path.read_text("utf-8")


def test_each_fact_bears_the_time_of_the_exercise_and_that_of_the_wall(
    hub: HubProcess, played: Played
) -> None:
    facts = asyncio.run(ledger(hub))
    told = {name: fact for name, fact in facts if name in ("opened", "escalated", "entry_added")}
    now = datetime.now(UTC)
    assert all(now - timedelta(hours=1) < fact.time <= now for fact in told.values())
    day = datetime.fromisoformat("2027-01-14T00:00:00+01:00")
    assert all(day < fact.data.occurred_at < day + timedelta(days=1) for fact in told.values())
    escalated = next(fact.data.occurred_at for name, fact in facts if name == "escalated")
    assert timedelta(minutes=3) <= escalated - (day + timedelta(hours=8)) < timedelta(minutes=6)
    recorded = [fact.time for _, fact in facts]
    assert recorded == sorted(recorded)


async def ledger(hub: HubProcess) -> list[tuple[str, Any]]:
    """Name and fact of all that lies in the ledger, in order."""
    nc = await connect(hub.settings, names.WATCH_LEDGER)
    try:
        direct = Direct(nc)
        await direct.open()
        stored = await direct.history(names.ledger("exercise"), "samvirke.exercise.*.*.incidents.>")
        stored += await direct.history(names.ledger("exercise"), "samvirke.exercise.*.*.notifications.>")
    finally:
        await nc.close()
    stored.sort(key=lambda one: one.sequence)
    found = [(one.subject.rpartition(".")[2], recorded.fact) for one in stored if (recorded := read(one))]
    return [one for one in found if one[0] != "policy_set"]


def test_an_exercise_leaves_no_credential_behind(hub: HubProcess, played: Played) -> None:
    assert list(hub.settings.credentials.glob("exercise.*")) == []
    assert watches.load_exercises(hub.settings) == {}
    assert not (hub.home / "exercises" / "player.json").exists()


def test_what_does_not_come_true_is_named_and_the_exit_code_is_1(hub: HubProcess, tmp_path: Path) -> None:
    wrong = EVENTS.replace(
        'delivered = ["4627"]\nnot_delivered = ["5001", "110-vest"]', 'delivered = ["4628"]'
    )
    wrong = wrong.replace('to = ["backup"]', 'to = ["backup", "leader"]')
    code, report = play(hub, write(tmp_path, wrong), "--to", "01")
    faults = {check["check"]: check["faults"] for check in report["checks"] if not check["ok"]}
    assert (code, faults) == (
        1,
        {
            "deliveries": ["01: 4628 does not have it"],
            "escalations": ["01: 4627.vakt went on to backup, not backup, leader"],
        },
    )


def test_an_incident_can_be_left_out_while_its_times_are_kept(hub: HubProcess, tmp_path: Path) -> None:
    code, report = play(hub, write(tmp_path), "--from", "05", "--to", "05", "--without", "I")
    assert (code, [one["how"] for one in report["events"]], report["messages"]) == (0, ["left out"], [])


@contextmanager
def underway(hub: HubProcess, file: Path) -> Iterator["subprocess.Popen[str]"]:
    """A player that has just played the first event, as slow as the wall clock; interrupted at the end."""
    arguments = [str(SAMVIRKE), "exercise", "play", str(file), "--speed", "1", "--to", "01"]
    player = subprocess.Popen(
        arguments, env=hub.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert player.stdout is not None
    try:
        assert re.search(r" 01 ", player.stdout.readline())
        yield player
    finally:
        player.send_signal(signal.SIGINT)
        player.wait(30)
        player.stdout.close()


def test_who_is_interrupted_plays_the_same_file_again_as_another_exercise(
    hub: HubProcess, tmp_path: Path
) -> None:
    file = write(tmp_path)
    with underway(hub, file) as player:
        assert len(watches.load_exercises(hub.settings)) == 1
    assert player.returncode != 0
    assert watches.load_exercises(hub.settings) == {}
    code, report = play(hub, file, "--to", "01")
    assert (code, len(report["messages"])) == (0, 3)


def test_somebody_who_reports_beside_the_player_does_so_in_the_exercises_time(
    hub: HubProcess, tmp_path: Path
) -> None:
    who = {"watch": "4601.ikt", "person": "eli", "mode": "exercise"}
    with underway(hub, write(tmp_path)):
        done = hub.command("report", "Nettet er tregt", "--type", "it.slow", "--json", **who)
    fact = json.loads(done.stdout)["id"]
    found = next(one for _, one in asyncio.run(ledger(hub)) if one.id == fact)
    begun = datetime.fromisoformat("2027-01-14T08:00:00+01:00")
    assert begun <= found.data.occurred_at < begun + timedelta(minutes=2)
    assert found.time <= datetime.now(UTC)


def test_a_file_with_wrong_references_is_refused_before_anything_starts(
    hub: HubProcess, tmp_path: Path
) -> None:
    file = write(tmp_path, EVENTS.replace('incident = "I"', 'incident = "A"'))
    with pytest.raises(Exception, match=r"line \d+: .* incident A is opened twice"):
        load(file)
    before = len(asyncio.run(ledger(hub)))
    done = hub.command("exercise", "play", str(file), "--json")
    answer = json.loads(done.stdout)
    assert (done.returncode, answer["problems"][0]["code"]) == (2, "STANDS_TWICE")
    assert len(asyncio.run(ledger(hub))) == before


def test_an_exercise_is_ended_for_good_by_two_persons_and_its_facts_stay_whole(
    hub: HubProcess, tmp_path: Path
) -> None:
    _, report = play(hub, write(tmp_path), "--to", "04")
    archive, second = ({"watch": "4601.vaktsentral", "person": person} for person in ("liv", "ingrid"))

    def said(*words: str, **who: str) -> dict[str, Any]:
        done = hub.command("exercise", *words, "--json", **who)
        return {"exit": done.returncode, **json.loads(done.stdout)}

    exercise = report["exercise"]
    before = said("preview", exercise, "--where", "4601", **archive)
    assert before["there"]["incidents"] == 1
    assert before["there"]["words"] == 3
    assert before["there"]["chains"] == 2
    assert before["there"]["feed_rows"] > 0
    order = said("discard", exercise, "--law", "arkivlova-15", "--where", "4601", **archive)["order"]
    assert said("approve", order, **archive)["code"] == "SECOND_PERSON_NEEDED"
    assert said("preview", exercise, "--where", "4601", **archive)["there"] == before["there"]
    assert said("approve", order, **second)["status"] == "accepted"
    deadline = time.monotonic() + 60
    while True:
        after = said("preview", exercise, "--where", "4601", **archive)
        if set(after["there"].values()) == {0} and after["left"]["erasures_pending"] == 0:
            break
        assert time.monotonic() < deadline, after
        time.sleep(0.2)
    assert after["left"]["facts_without_words"] == 3
    assert [Path(path).suffix for path in after["beside"]] == [".json", ".txt"]
    assert json.loads(hub.command("verify", "--json").stdout)["modes"][0]["first"] is None
    listed = said("list", **archive)["exercises"]
    shares = {one["where"]: one["gone"] for one in listed[-1]["shares"]}
    assert shares["4601"] is not None
    assert shares["4627"] is None, "each house decides over its own share"
