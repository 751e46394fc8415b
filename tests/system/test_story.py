"""From a report to the log, the person on duty, the acknowledgement and the neighbour, in a running hub."""

import asyncio
import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from services.runtime.edge import AskRefused
from tests.system.scene import Scene, acknowledge, example, scene, soon
from tests.system.sender import ledger_facts

pytestmark = pytest.mark.system
RECORDED = Path(__file__).parents[3] / "shared" / "data" / "samples" / "nve_flood_vestland_20251215.json"
COORDINATOR, BERGEN, ASKOY = "4601.samvirke/kari", "4601.vaktsentral/leif", "4627.vakt/harald"
TRONDHEIM, FIRE = "5001.vakt/synnove", "110-vest.main/oddvar"
SOON = (0, 1, 90, 100)
SHORT = (0, 1, 2, 90)
ALONE = (0, 1, 2, 8)
"""Seconds from the chain's start to primary, backup, leader and coordinator.

Who is alone is told again three times in that while, each time after a quarter of it.
"""
TEXT = re.compile(
    r"ØVELSE Varsel P2 høy, ref ([0-9A-Z]{7}), vannlekkasje\. Svar: http://127\.0\.0\.1:\d+/k/[\w-]+"
)


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """The example centre in an exercise; some neighbours have seconds where the example has minutes."""
    values = example()
    paces = (("soon", SOON, 120), ("short", SHORT, 120), ("alone", ALONE, 10))
    values["policies"] += [quick(values, *pace) for pace in paces]
    hurried = {"4623.vakt": "soon", "4630.vakt": "soon", "4628.vakt": "short", "4618.vakt": "alone"}
    for watch in values["watches"]:
        watch["policy"] = hurried.get(watch["key"], watch.get("policy", "standard"))
    with scene(tmp_path_factory.mktemp("story") / "home", values, modes="exercise,actual") as found:
        yield found


def quick(values: dict[str, Any], code: str, times: tuple[int, ...], end_s: int) -> dict[str, Any]:
    """The standard policy for what is critical, with other times."""
    policy: dict[str, Any] = next(one for one in values["policies"] if one["code"] == "standard")
    rules = next(one for one in policy["rules"] if one["priority"] == "critical")
    steps = [step | {"after_s": at} for step, at in zip(rules["steps"], times, strict=True)]
    hurried = [rules | {"priority": name, "steps": steps, "end_s": end_s} for name in ("critical", "high")]
    return policy | {"code": code, "rules": hurried}


def token(hub: Scene, sender: str, name: str) -> str:
    """A token for a feed, issued on the command line."""
    answer = hub.do(sender, "token", "issue", name, "--scope", "feed")
    secret: str = answer["result"]["secret"]
    return secret


def streamed(hub: Scene, org: str, secret: str, wanted: str) -> dict[str, Any]:
    """The item with this id from an organisation's event stream."""
    url, headers = f"{hub.hub.desk}/v1/feeds/{org}/events", {"Authorization": f"Bearer {secret}"}
    with httpx.stream(
        "GET", url, params={"mode": hub.mode}, headers=headers, timeout=10, trust_env=False
    ) as answer:
        for line in answer.iter_lines():
            if line.startswith("data:") and (item := json.loads(line[5:])).get("id") == wanted:
                found: dict[str, Any] = item
                return found
    raise AssertionError("the stream ended")


def climbed(hub: Scene, sender: str, ref: str) -> list[tuple[str, float]]:
    """Whom the chain of the sender's watch went on to, and how many seconds after the report."""
    reported_at = hub.ask(sender, "incidents", "get", ref=ref)["incident"]["recorded_at"]
    opened = datetime.fromisoformat(reported_at)
    steps = hub.chain(sender, ref, sender.partition("/")[0])["steps"]
    went_on = [one for one in steps if one["what"] == "escalated"]
    return [
        (one["function"], (datetime.fromisoformat(one["at"]) - opened).total_seconds()) for one in went_on
    ]


def count_facts(hub: Scene) -> int:
    return len(asyncio.run(ledger_facts(hub.hub.settings, hub.mode)))


@pytest.fixture(scope="module")
def silent(hub: Scene) -> dict[str, str]:
    """The refs of three reports to neighbours who do not answer their phones."""
    neighbours = ["4630", "4623"]
    meeting = hub.report(
        COORDINATOR,
        "Statusmøte 13:00",
        "meeting.call",
        priority="high",
        level="named",
        named=neighbours,
        notify=[f"{key}.vakt" for key in neighbours],
    )
    circle: dict[str, Any] = {"priority": "critical", "level": "named"}
    slide = hub.report(FIRE, "Ras", "landslide", **circle, named=["4628"], notify=["4628.vakt"])
    circle |= {"named": ["4618"], "notify": ["4618.vakt"]}
    alone = hub.report(COORDINATOR, "Stengt vei", "road.closed", **circle)
    return {"meeting": meeting.ref or "", "slide": slide.ref or "", "alone": alone.ref or ""}


def test_a_call_to_two_neighbours_whose_primaries_are_silent_reaches_their_backups(
    hub: Scene, silent: dict[str, str]
) -> None:
    ref = silent["meeting"]
    for watch, primary, backup in (("4630.vakt", "torstein", "ragnhild"), ("4623.vakt", "ellen", "magne")):
        told = soon(lambda person=backup: hub.sent_to(person, ref))  # type: ignore[misc]
        acknowledge(told[0].link)
        chain = hub.ended(COORDINATOR, ref, watch)
        assert (chain["outcome"], len(hub.sent_to(primary, ref))) == ("acknowledged", 1)
        steps = hub.chain(f"{watch}/{primary}", ref, watch)["steps"]
        assert [step["function"] for step in steps if "channel" in step] == ["primary", "backup"]


def test_a_slide_of_which_primary_and_backup_do_not_hear_reaches_the_leader(
    hub: Scene, silent: dict[str, str]
) -> None:
    ref = silent["slide"]
    acknowledge(soon(lambda: hub.sent_to("roar", ref))[0].link)
    assert hub.ended(FIRE, ref, "4628.vakt")["outcome"] == "acknowledged"
    told = {name: hub.sent_to(name, ref) for name in ("kjell", "vigdis", "roar", "kari")}
    assert {name: len(messages) for name, messages in told.items()} == {
        "kjell": 1,
        "vigdis": 1,
        "roar": 1,
        "kari": 0,
    }
    (backup, backup_s), (leader, leader_s) = climbed(hub, "4628.vakt/kjell", ref)
    assert [backup, backup_s >= SHORT[1], leader, leader_s >= SHORT[2]] == ["backup", True, "leader", True]


def test_one_person_alone_is_told_again_three_times_then_the_coordinator_then_nobody_was_reached(
    hub: Scene, silent: dict[str, str]
) -> None:
    ref = silent["alone"]
    assert hub.ended(COORDINATOR, ref, "4618.vakt")["outcome"] == "nobody_reached"
    told = hub.sent_to("gudrun", ref)
    assert ["gjentatt" in one.text for one in told] == [False, True, True, True]
    assert len({one.reference for one in told}) == 4
    assert len(hub.sent_to("kari", ref)) == 1
    assert [after_s >= ALONE[-1] for _, after_s in climbed(hub, "4618.vakt/gudrun", ref)] == [True]
    assert httpx.get(told[0].link, trust_env=False).status_code == 410
    seen = hub.ask("4618.vakt/gudrun", "incidents", "get", ref=ref)
    assert seen["chains"][0]["outcome"] == "nobody_reached"
    with pytest.raises(AskRefused, match="UNKNOWN_INCIDENT"):
        hub.ask(ASKOY, "incidents", "get", ref=ref)


@pytest.mark.skipif(not RECORDED.exists(), reason="the recorded messages are not here")
def test_a_recorded_flood_file_gives_two_warnings_each_addressed_once_and_again_nothing(hub: Scene) -> None:
    actual = replace(hub, mode="actual")
    actual.do(COORDINATOR, "intake", str(RECORDED))
    listed = actual.ask(ASKOY, "warnings", "list")["warnings"]
    ids, days = [one["id"] for one in listed], {one["key"] for one in listed}
    assert days == {"nve:flood:148481:2025-12-15", "nve:flood:148481:2025-12-16"}
    assert all(len(one["municipalities"]) == len(set(one["municipalities"])) for one in listed)
    addressed = ["4627", "4628", "4618", "110-vest"]
    given = soon(lambda: all(found := [actual.feed(org) for org in addressed]) and found)
    assert [sorted(one["id"] for one in items) for items in given] == [sorted(ids)] * len(addressed)
    assert actual.feed("5001") == []

    facts = count_facts(actual)
    actual.do(COORDINATOR, "intake", str(RECORDED))
    assert (count_facts(actual), [actual.feed(org) for org in addressed]) == (facts, given)


def test_from_a_report_to_the_log_the_person_on_duty_the_acknowledgement_and_the_neighbour(
    hub: Scene,
) -> None:
    said = ["Sprengt ledning i Åsane", "Pumpehuset ved Liavatnet", "Liaveien 7"]
    told = ["--level", "named", "--named", "4627", "--notify", "4627.vakt", "--municipality", "4601"]
    words = [said[0], "--text", said[1], "--place", said[2], "--type", "water.leak", "--priority", "high"]
    answer = hub.do(BERGEN, "report", *words, *told)
    ref = answer["ref"]
    logged = hub.ask(BERGEN, "incidents", "get", ref=ref, after=answer["receipt"])
    assert logged["incident"]["content"] == {"headline": said[0], "text": said[1], "place": said[2]}

    messages = soon(lambda: hub.sent_to("harald", ref))
    assert [match[1] for one in messages if (match := TEXT.fullmatch(one.text))] == [ref]
    secret = {word for line in said for word in line.split() if len(word) > 3}
    assert [word for word in secret if word.casefold() in messages[0].text.casefold()] == []

    link = messages[0].link
    pages = [httpx.get(link, trust_env=False), httpx.head(link, trust_env=False)]
    assert [page.status_code for page in pages] == [200, 200]
    assert [word for word in secret if word in pages[0].text] == []
    assert hub.chain(BERGEN, ref, "4627.vakt")["outcome"] == "open"
    acknowledge(link)
    assert httpx.get(link, trust_env=False).text.count("Du har kvittert") == 1

    seen = hub.ended(BERGEN, ref, "4627.vakt")
    assert (seen["outcome"], {step["function"] for step in seen["steps"]}) == ("acknowledged", {"primary"})
    assert hub.id("harald") not in json.dumps(hub.ask(BERGEN, "incidents", "get", ref=ref))
    assert (len(hub.phones.about(ref)), hub.phones.mail.taken) == (1, [])

    askoy = token(hub, "4627.vakt/einar", "askoy")
    item = streamed(hub, "4627", askoy, answer["id"])
    assert (item["ref"], item["content"]["text"], item["owner"]) == (ref, said[1], "4601.vaktsentral")
    assert hub.feed("5001") == []
    assert refusal(hub, TRONDHEIM, ref) == refusal(hub, TRONDHEIM, "7K3Q9XA")
    with ThreadPoolExecutor() as people:
        shown = list(people.map(lambda one: hub.said(TRONDHEIM, "incident", "show", one), [ref, "7K3Q9XA"]))
    assert shown[0] == shown[1]
    assert shown[0][0] == 2


def refusal(hub: Scene, sender: str, ref: str) -> tuple[str, dict[str, Any]]:
    """What the hub answers who may not see an incident."""
    with pytest.raises(AskRefused) as refused:
        hub.ask(sender, "incidents", "get", ref=ref)
    return refused.value.code, refused.value.parameters


def _since(before: dict[Path, int], event: str) -> str:
    """What logs have taken up since they were of these sizes, once this event is among it."""
    taken = b"".join(path.read_bytes()[size:] for path, size in before.items()).decode()
    return taken if f'"{event}"' in taken else ""


def test_an_incident_of_a_hidden_watch_leaves_no_trace_outside_it(hub: Scene) -> None:
    logs = [hub.hub.output, *(hub.hub.home / "log").iterdir()]
    before = {path: path.stat().st_size for path in logs}
    feeds = [hub.feed(org) for org in ("4627", "110-vest")]
    answer = hub.report(
        "4601.barnevern/geir",
        "Akutt plassering Gråsteinveien",
        "child.placement",
        priority="high",
        tags=["child"],
        notify=["4601.barnevern"],
    )
    message = soon(lambda: hub.sent_to("geir", answer.ref or ""))[0]
    assert re.fullmatch(r"ØVELSE Varsel P2 høy, ref [0-9A-Z]{7}\. Svar: http://\S+", message.text)
    acknowledge(message.link)
    own = hub.ended("4601.barnevern/geir", answer.ref or "", "4601.barnevern")
    assert own["outcome"] == "acknowledged"
    hub.report(BERGEN, "En annen sak")
    traces = [answer.ref, answer.id, answer.subject, own["chain"], hub.id("geir")]
    traces += ["barnevern", "child.placement", "Gråstein"]
    written = soon(lambda: _since(before, "cmd.accepted"))
    health = f"http://127.0.0.1:{hub.hub.environment['SAMVIRKE_PORT_HEALTH']}"
    shown = [httpx.get(f"{health}/{path}", trust_env=False).text for path in ("metrics", "healthz")]
    others = (BERGEN, COORDINATOR, ASKOY)
    lists = json.dumps([hub.ask(who, "incidents", "list", state="all") for who in others])
    for place in (written, lists, *shown):
        assert [trace for trace in traces if str(trace) in place] == []
    assert '"En annen sak"' in lists
    assert written, "the other report leaves its line"
    assert [hub.feed(org) for org in ("4627", "110-vest")] == feeds
    assert refusal(hub, COORDINATOR, answer.ref or "") == refusal(hub, COORDINATOR, "7K3Q9XA")
