"""Whatever is sent to the desk is no fault of the hub, and programs are answered as the contract describes.

A whole hub is driven by its own OpenAPI document, with what fits and what does not, as a machine and as a
person; then the pages' forms. `SAMVIRKE_TEST_FUZZ=<seed>,<cases for each operation>` drives it otherwise.
"""

import itertools
import os
import re
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random
from subprocess import CompletedProcess, run
from typing import Any, cast
from urllib.parse import quote, urlencode

import httpx
import orjson
import pytest
from fastapi import APIRouter

from services.desk import openapi
from services.desk.acts import Acts
from services.desk.looking import Looking
from services.desk.pages import Pages
from services.desk.reports import Reports
from services.desk.sign_in import SignInPages
from services.desk.situation import Situation
from tests.browser.payloads import SCRIPTS, TURNED
from tests.system_hub import SMALL, HubProcess, running

SEED, CASES = (int(one) for one in os.environ.get("SAMVIRKE_TEST_FUZZ", "20271104,8").split(","))
pytestmark = [pytest.mark.system, pytest.mark.timeout(120 + 15 * CASES)]
SCHEMATHESIS = Path(sys.executable).with_name("schemathesis")
WATCH = "4601.vaktsentral"
CHECKS = (
    "not_a_server_error status_code_conformance content_type_conformance response_headers_conformance "
    "response_schema_conformance negative_data_rejection"
)
TEMPLATES = Path(openapi.__file__).parent / "templates"
REPORT = {"type": "water.main", "headline": "Røyk i Åsane", "text": "Tett"}
KNOWN = REPORT | {
    **{"level": "watch", "priority": "high", "kind": "task", "manner": "replace", "state": "in_progress"},
    **{
        "how": "link",
        "answer": "accept",
        "to": "4601.ikt",
        "system": "bris",
        "reference": "7",
        "due": "2027-01-14",
    },
    **{
        "occurred_at": "2026-11-30T08:00",
        "reason": "duty",
        "language": "nn",
        "theme": "light",
        "post": "duty",
    },
    **{"function": "primary", "report": "one", "template": "one", "wheel": "one", "digest": "0" * 64},
}
LASTING = {("/stream", "GET"), ("/sign-out", "POST")}
"""What would never end, and what would end the session."""
HOSTILE = (
    "\x00",
    "'; DROP TABLE incidents; --",
    "9999-12-31T23:59",
    "0001-01-01T00:00:00+14:00",
    "9" * 300,
    "-1",
    "../../../etc/passwd",
    "æ\u202e\u0301" * 9,
    "ffffffff-ffff-7fff-bfff-ffffffffffff",
    TURNED[0],
    SCRIPTS[0],
)


class Hub:
    """A hub with the example centre, a machine's token and Leif's browser."""

    def __init__(self, process: HubProcess) -> None:
        self.process = process
        done = process.command(
            *("token", "issue", "fuzz", "--scope", "report", "--scope", "read", "--json"),
            watch=WATCH,
            person="jon",
        )
        self.token = str(orjson.loads(done.stdout)["result"]["secret"])
        self.browser = httpx.Client(base_url=process.desk, headers={"Origin": process.desk}, trust_env=False)
        self.sign_in(process.link("leif"))

    def sign_in(self, link: str) -> None:
        """A new session, whose mark every change carries."""
        assert self.browser.post(link, data={"watch": WATCH}).status_code == 303
        self.csrf = self.browser.get("/v1/session").json()["csrf"]

    @property
    def as_person(self) -> list[str]:
        """The headers of the browser."""
        cookies = "; ".join(f"{name}={value}" for name, value in self.browser.cookies.items())
        return [f"Cookie: {cookies}", f"X-CSRF-Token: {self.csrf}", f"Origin: {self.process.desk}"]

    def faults(self) -> list[str]:
        """What the hub itself calls a fault: the desk keeps a command on which a door stumbles."""
        paths = (self.process.home / "log").glob("*.jsonl")
        lines = [one for path in paths for one in path.read_text("utf-8").splitlines()]
        return [one for one in lines if '"level":"error"' in one and '"error_type"' in one]


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory, hub_snapshot: Path) -> Iterator[Hub]:
    """All tests of this file drive it."""
    with running(tmp_path_factory.mktemp("fuzz") / "home", hub_snapshot, stream_bytes=SMALL) as process:
        found = Hub(process)
        yield found
        found.browser.close()


def drive(hub: Hub, seed: int, headers: list[str]) -> CompletedProcess[str]:
    """One run of Schemathesis over every operation but the endless one."""
    arguments = [str(SCHEMATHESIS), "run", str(openapi.FILE), "--url", hub.process.desk]
    arguments += ["--phases", "fuzzing", "--mode", "all", "--seed", str(seed), "--max-examples", str(CASES)]
    arguments += ["--checks", CHECKS.replace(" ", ","), "--continue-on-failure", "--no-shrink", "--no-color"]
    arguments += ["--exclude-path", "/v1/feeds/{org}/events", "--generation-database", "none"]
    arguments += ["--generation-with-security-parameters", "false", "--warnings", "off"]
    arguments += [part for header in headers for part in ("--header", header)]
    return run(arguments, capture_output=True, text=True, check=False, cwd=hub.process.home.parent)


def test_every_operation_answers_as_described_whatever_a_machine_or_a_person_sends(hub: Hub) -> None:
    askers = [[f"Authorization: Bearer {hub.token}"], hub.as_person]
    print(f"SAMVIRKE_TEST_FUZZ={SEED},{CASES}")
    with ThreadPoolExecutor(len(askers)) as pool:
        done = list(pool.map(drive, itertools.repeat(hub), itertools.count(SEED), askers))
    for one in done:
        assert one.returncode == 0, one.stdout[-20_000:] + one.stderr
        assert f"Tested: {len(openapi.TOLD) - 1}" in one.stdout
    assert hub.faults() == []


def page_routers() -> list[APIRouter]:
    """The routes of all pages, joined to nothing."""
    none = cast(Any, None)
    makers: list[Any] = [
        Acts(none),
        Looking(none, none),
        Situation(none, none),
        SignInPages(none, none, none),
    ]
    return [one.router() for one in (*makers, Pages(none, none, none, none), Reports())]


def test_no_page_and_no_form_is_a_fault_whatever_stands_in_it(hub: Hub) -> None:
    print(f"SAMVIRKE_TEST_FUZZ={SEED},{CASES}")
    report = hub.browser.post("/v1/incidents", json=REPORT, headers={"X-CSRF-Token": hub.csrf}).json()
    known = KNOWN | {"other": report["ref"], "entry": report["id"], "csrf": hub.csrf, "watch": WATCH}
    names = {name for path in TEMPLATES.glob("*.html") for name in _named(path.read_text("utf-8"))} | {*known}
    tried = {one for router in page_routers() for one in _addresses(router)} - LASTING
    chance, wrong = Random(SEED), []
    for path, method in sorted(tried):
        for hostile in (*HOSTILE, *chance.choices(HOSTILE, k=CASES)):
            said = _filled(names - {"mode"}, known, hostile, chance)
            part = quote(chance.choice([hostile, report["ref"]]), safe="")
            address = re.sub(r"{\w+}", part, path)
            data = said if method == "POST" else None
            asked = f"{address}?{urlencode(said)}" if data is None else address
            headers = {"Referer": "http://[" + quote(hostile)}
            answer = hub.browser.request(method, asked, data=data, headers=headers)
            if answer.status_code >= 500:
                wrong.append((method, asked, data, answer.status_code))
    assert wrong == []
    assert hub.faults() == []


def _filled(names: set[str], known: dict[str, str], hostile: str, chance: Random) -> dict[str, str]:
    """A form in which some fields are as people fill them in, and the others hostile or away."""
    hostility = chance.choice([0.05, 0.2, 1])
    said = {name: hostile if chance.random() < hostility else known.get(name) for name in sorted(names)}
    return {name: value for name, value in said.items() if value is not None} | {"csrf": known["csrf"]}


def _named(template: str) -> list[str]:
    return re.findall(r'name="([a-z_]+)"', template)


def _addresses(router: APIRouter) -> set[tuple[str, str]]:
    return {(route.path, method) for route in cast(list[Any], router.routes) for method in route.methods}
