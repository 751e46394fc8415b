"""One trace id leads from the request to the gateway and the acknowledgement, and to nothing hidden."""

import asyncio
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from schemas import subjects
from services.runtime import names
from services.runtime.connect import connect
from services.runtime.direct import Direct
from services.runtime.tracing import trace_of
from services.runtime.worker import STEP_BACK
from tests.system.scene import Phones, acknowledge, phones, soon
from tests.system_hub import HubProcess, running

pytestmark = pytest.mark.system
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
LEIF = {"watch": "4601.vaktsentral", "person": "leif"}
GEIR = {"watch": "4601.barnevern", "person": "geir"}
STEPS = {"edge.accepted", "cmd.accepted", "chain.started", "page.sent", "chain.acknowledged"}


@pytest.fixture(scope="module")
def outside() -> Iterator[Phones]:
    with phones() as found:
        yield found


@pytest.fixture(scope="module")
def hub(
    tmp_path_factory: pytest.TempPathFactory, hub_snapshot: Path, outside: Phones
) -> Iterator[HubProcess]:
    home = tmp_path_factory.mktemp("trace") / "home"
    with running(home, hub_snapshot, modes="actual", gateway_url=outside.gateway.url) as found:
        yield found


def said(hub: HubProcess, *arguments: str, **who: str) -> list[dict[str, Any]]:
    """What a command printed, one JSON object a line."""
    done = hub.command(*arguments, "--json", **who)
    assert done.returncode == 0, done.stdout + done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def reported(hub: HubProcess) -> dict[str, Any]:
    """A machine reports over HTTP, as part of a trace of its own, and the watch is to be told."""
    leader = LEIF | {"person": "jon"}
    (issued,) = said(hub, "token", "issue", "pumpe", "--scope", "report", **leader)
    headers = {
        "Authorization": f"Bearer {issued['result']['secret']}",
        "traceparent": f"00-{TRACE}-00f067aa0ba902b7-01",
    }
    body: dict[str, Any] = {"type": "water.leak", "priority": "high", "notify": ["4601.vaktsentral"]}
    body |= {"content": {"headline": "Pumpe 4 står"}}
    answer = httpx.post(f"{hub.desk}/v1/incidents", json=body, headers=headers, trust_env=False)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    assert TRACE not in answer.text + str(answer.headers)
    return found


def test_a_trace_leads_from_the_request_to_the_gateway_and_the_acknowledgement(
    hub: HubProcess, outside: Phones
) -> None:
    answer = reported(hub)
    sms = soon(lambda: outside.about(answer["ref"]))[0]
    assert trace_of(sms.trace) == TRACE
    acknowledge(sms.link)
    facts = [fact for fact in _facts(hub) if fact["data"].get("trace") == TRACE]
    assert {fact["type"].split(".")[2] for fact in facts} == {"opened", "started", "sent", "acknowledged"}
    lines = soon(lambda: {one["event"] for one in said(hub, "logs", "--trace", TRACE)} >= STEPS)
    assert lines, said(hub, "logs", "--trace", TRACE)
    about = said(hub, "logs", "--incident", answer["ref"], "--since", "1h", **LEIF)
    assert {one["event"] for one in about} >= STEPS
    times = [one["ts"] for one in about]
    assert times == sorted(times)


@pytest.mark.parametrize("told", ["4601.barnevern", "4601.samvirke"])
def test_the_trace_of_a_hidden_watch_is_on_no_line_and_reaches_no_gateway(
    hub: HubProcess, outside: Phones, told: str
) -> None:
    more = () if told == "4601.barnevern" else ("--level", "organisation")
    (answer,) = said(hub, "report", "Akutt plassering", "--priority", "high", "--notify", told, *more, **GEIR)
    sms = soon(lambda: outside.about(answer["ref"]))[0]
    assert sms.trace == ""
    (trace,) = {fact["data"]["trace"] for fact in _facts(hub) if fact["id"] == answer["id"]}
    assert re.fullmatch("[0-9a-f]{32}", trace)
    written = "".join(path.read_text() for path in (hub.home / "log").glob("*.jsonl"))
    assert not [word for word in (trace, answer["subject"], answer["id"]) if word in written]
    assert said(hub, "logs", "--incident", answer["subject"]) == []


def test_health_says_no_number_of_facts_and_the_papers_ages(hub: HubProcess) -> None:
    archive = hub.worker("rest")["rooms"]["incidents-archive"]
    assert archive["modes"] == {"actual": None}
    assert archive["paper_age_s"] >= 0
    assert hub.worker("life")["rooms"]["notifications"]["paper_age_s"] >= 0


def test_what_may_wait_gives_way_to_what_takes_reports_also_where_sessions_are_weighed(
    hub: HubProcess,
) -> None:
    waits, life = hub.find("incidents-archive"), hub.find("incidents-door")
    assert (waits.nice(), life.nice()) == (STEP_BACK, 0)
    groups = [Path(f"/proc/{process.pid}/autogroup") for process in (waits, life)]
    if all(group.exists() for group in groups):
        assert [int(group.read_text().rpartition(" ")[2]) for group in groups] == [STEP_BACK, 0]


def test_what_up_prints_are_words_and_a_worker_that_died_is_said_in_words(hub: HubProcess) -> None:
    hub.find("incidents-archive").kill()
    assert soon(lambda: "Prosessen rest var avsluttet og startes på nytt" in hub.said())
    assert "{" not in hub.said()
    assert "worker.restarts" in (hub.home / "log" / "supervisor.jsonl").read_text()
    (line,) = [one for one in said(hub, "logs", "--level", "error") if one["event"] == "worker.restarts"]
    assert (line["service"], line["part"]) == ("supervisor", "rest")


def _facts(hub: HubProcess) -> list[dict[str, Any]]:
    """Every fact in the ledger, in order."""

    async def read() -> list[dict[str, Any]]:
        nc = await connect(hub.settings, names.INCIDENTS_ARCHIVE)
        direct = Direct(nc)
        await direct.open()
        found = await direct.history(names.ledger("actual"), subjects.ledger("actual"))
        await nc.close()
        return [json.loads(stored.data) for stored in found]

    return asyncio.run(read())
