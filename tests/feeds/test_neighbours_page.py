"""docs/neighbours.md, walked through on a fresh hub: every snippet is run as it stands there."""

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from services.desk.live import STREAMS_MOST, UNREAD_S
from services.desk.problems import STATUS
from services.runtime.connect import address
from tests.feeds.page import TEXT, snippets
from tests.system_hub import SAMVIRKE, HubProcess, free_port, running

pytestmark = pytest.mark.system
SNIPPETS = snippets()
WORDS = "Water leak at Sotra bridge"
PATIENCE_S = 30.0
BASH = shutil.which("bash") or "bash"


class Run:
    """A snippet that runs, and what it has printed."""

    def __init__(self, arguments: list[str], environment: dict[str, str], folder: Path) -> None:
        run = len(list(folder.glob("*.out")))
        self._files = [folder / f"{run}.out", folder / f"{run}.err"]
        with self._files[0].open("wb") as out, self._files[1].open("wb") as err:
            self.process = subprocess.Popen(
                arguments, env=environment, cwd=folder, stdout=out, stderr=err, start_new_session=True
            )

    def said(self) -> str:
        """What it has printed, then what it has said of faults."""
        return "\n".join(file.read_text("utf-8") for file in self._files)

    def until(self, pattern: str, count: int = 1) -> list[str]:
        """What the pattern finds, once it is found so often."""
        deadline = time.monotonic() + PATIENCE_S
        while len(found := re.findall(pattern, self.said(), flags=re.MULTILINE)) < count:
            assert time.monotonic() < deadline, self.said()
            time.sleep(0.05)
        return found

    def end(self) -> None:
        self.process.kill()
        self.process.wait(10)


class Stranger:
    """Somebody in a shell with nothing but the page and what the centre gave."""

    def __init__(self, hub: HubProcess, folder: Path) -> None:
        self.hub = hub
        self.folder = folder
        ours = {key: value for key, value in os.environ.items() if not key.startswith("SAMVIRKE")}
        path = f"{SAMVIRKE.parent}{os.pathsep}{os.environ['PATH']}"
        home = str(hub.home)
        self.environment = {
            **ours,
            "PATH": path,
            "PWD": str(folder),
            "SAMVIRKE_HOME": home,
            "LANG": "C.UTF-8",
        }
        printed = self.shell(SNIPPETS["try"] + "echo $ORG $TOKEN\n").split()
        self.environment |= {"HUB": hub.desk, "ORG": printed[0], "TOKEN": printed[1]}
        seed = hub.home / "credentials" / f"{printed[0]}.feed.nk"
        self.environment |= {"NATS": address(hub.settings), "SEED": str(seed)}

    def shell(self, script: str, **more: str) -> str:
        """What a script prints; it has to succeed."""
        ran = subprocess.run(
            [BASH, "-euo", "pipefail", "-c", script],
            env={**self.environment, **more}, cwd=self.folder,
            capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
        assert ran.returncode == 0, ran.stderr
        return ran.stdout

    def report(self) -> None:
        """Bergen reports to the neighbour, as the page says."""
        self.shell(SNIPPETS["report"])

    @contextlib.contextmanager
    def runs(self, name: str, *arguments: str, **more: str) -> Iterator[Run]:
        """A snippet in the background: a shell's, or a program in its file."""
        (self.folder / name).write_text(SNIPPETS[name], "utf-8")
        begin = arguments or (BASH, "-c", SNIPPETS[name])
        run = Run([*begin, name] if arguments else list(begin), {**self.environment, **more}, self.folder)
        try:
            yield run
        finally:
            run.end()


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubProcess]:
    folder = tmp_path_factory.mktemp("neighbours")
    with running(folder / "home", nats_port=str(free_port())) as hub:
        yield hub


@pytest.fixture(scope="module")
def stranger(hub: HubProcess, tmp_path_factory: pytest.TempPathFactory) -> Stranger:
    found = Stranger(hub, tmp_path_factory.mktemp("stranger"))
    found.report()
    return found


def item(line: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(line)
    return found


def number(position: str) -> int:
    return int(position.rpartition(".")[2])


@pytest.mark.needs("curl")
def test_curl_shows_the_first_event_and_goes_on_after_it(stranger: Stranger) -> None:
    with stranger.runs("curl") as run:
        last = run.until(r"^id: (\S+)$")[-1]
        first = item(run.until(r"^data: (\{.*\})$")[-1])
    assert first["content"]["headline"] == WORDS
    assert first["position"] == last
    with stranger.runs("resume", LAST=last) as run:
        stranger.report()
        assert number(run.until(r"^id: (\S+)$")[0]) == number(last) + 1
    page = item(stranger.shell(SNIPPETS["page"], LAST=last))
    assert [number(one["position"]) for one in page["items"]] == [number(last) + 1]


def positions(run: Run) -> list[int]:
    """The numbers of the items that a program has printed, in its order."""
    said = re.findall(r"""['"]position['"]: ?['"]([^'"]+)['"]""", run.said())
    return [number(one) for one in said]


def test_each_program_follows_through_a_restart_of_the_hub_and_shows_each_item_once(
    stranger: Stranger,
) -> None:
    programs = {"follow.py": sys.executable, "bell.py": sys.executable}
    if node := shutil.which("node"):
        programs["follow.mjs"] = node
    with contextlib.ExitStack() as running:
        runs = [running.enter_context(stranger.runs(name, by)) for name, by in programs.items()]
        for run in runs:
            run.until(WORDS)
        seen = max(len(positions(run)) for run in runs)
        stranger.hub.stop()
        stranger.hub.start()
        stranger.report()
        for run in runs:
            run.until(WORDS, seen + 1)
            assert positions(run) == list(range(1, seen + 2))
    last = (stranger.folder / "position.txt").read_text()
    stranger.report()
    with stranger.runs("follow.py", sys.executable) as run:
        run.until(WORDS)
        assert positions(run) == [number(last) + 1]


def test_the_python_program_says_when_its_token_is_refused(stranger: Stranger) -> None:
    with stranger.runs("follow.py", sys.executable, TOKEN="x" * 43) as run:
        run.until("refused: HTTP Error 401")
        assert run.process.wait(10) == 1


@pytest.mark.needs("node")
def test_the_node_program_ends_when_its_token_is_refused(stranger: Stranger) -> None:
    with stranger.runs("follow.mjs", "node", TOKEN="x" * 43) as run:
        assert run.process.wait(20) == 1


@pytest.mark.parametrize("name", ["program", "nats"])
def test_the_hubs_own_program_follows_both_ways(stranger: Stranger, name: str) -> None:
    with stranger.runs(name) as run:
        run.until(WORDS)
        before = run.said().count(WORDS)
        stranger.report()
        run.until(WORDS, before + 1)
        assert positions(run) == list(range(1, before + 2))


def test_over_nats_a_wrong_key_is_refused_and_a_file_that_is_not_there_named(stranger: Stranger) -> None:
    other = stranger.hub.home / "credentials" / "4601.feed.nk"
    ran = stranger.hub.command("feed", "follow", "4627", "--seed", str(other), "--count", "1", "--json")
    assert json.loads(ran.stdout)["code"] == "NOT_CONNECTED"
    ran = stranger.hub.command("feed", "follow", "4627", "--seed", "nowhere.nk", "--json")
    assert json.loads(ran.stdout)["code"] == "NO_CREDENTIAL"


def test_the_python_program_is_short_and_the_page_says_what_the_hub_does() -> None:
    assert len(SNIPPETS["follow.py"].splitlines()) <= 20
    assert set(SNIPPETS) == {
        "try", "report", "curl", "resume", "page", "follow.py", "follow.mjs", "program", "nats", "bell.py"
    }  # fmt: skip
    assert f"takes nothing for {UNREAD_S:.0f} s" in TEXT
    assert f"more than {STREAMS_MOST} streams" in TEXT
    for status, code in re.findall(r"^\| (\d{3}) \| `(\w+)` \|", TEXT, flags=re.MULTILINE):
        assert STATUS[code] == int(status)
