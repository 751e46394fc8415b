"""What is handed out: the wheel holds all of the hub, the locks fit, no tracked file is tied to a machine."""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import venv
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
PIN = re.compile(
    r"^([A-Za-z0-9._-]+)==([^ ]+)((?: ;[^\\]+)? \\\n(?: +--hash=sha256:[0-9a-f]{64}(?: \\)?\n)+)", re.M
)

# The brackets keep this file from holding what it forbids.
HOSTS = "p[y]pi|python[h]osted|ana[c]onda|npm[j]s|js[d]elivr|un[p]kg|arti[f]actory"
INDEX = re.compile(rf"(?i)(?<![a-z])(?:{HOSTS})(?![a-z])|--(?:extra-)?index-url")
MACHINE_PATH = re.compile(r"(?<![\w./~$}*])/(?:home|root|Users|work)/[\w.-]+")

IMPORT_ALL = """
import importlib, sys
for name in sys.argv[1:]:
    file = importlib.import_module(name).__file__
    assert file.startswith(sys.prefix), f"{name} was read from {file}"
"""


def _run(*command: str | Path, cwd: Path = ROOT) -> str:
    """Standard output of a program; its failure fails the test with all it wrote."""
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command} gave {done.returncode}:\n{done.stdout}\n{done.stderr}"
    return done.stdout


def _tracked(*paths: str) -> list[str]:
    """Tracked files that are still there, as paths from the root."""
    names = _run("git", "-c", "safe.directory=*", "ls-files", "-z", "--", *paths).split("\0")
    return [name for name in names if name and (ROOT / name).is_file()]


def _lines_with(pattern: re.Pattern[str]) -> Iterator[str]:
    """Each line of a tracked text file in which the pattern occurs, as `file:number: line`."""
    for name in _tracked():
        content = (ROOT / name).read_bytes()
        if b"\0" in content:
            continue
        for number, line in enumerate(content.decode().splitlines(), start=1):
            if pattern.search(line):
                yield f"{name}:{number}: {line.strip()[:120]}"


def _pins(lock: str) -> dict[str, str]:
    """Version by canonical name of each requirement that is pinned with a hash."""
    found = PIN.findall((ROOT / lock).read_text())
    return {canonicalize_name(name): version for name, version, _ in found}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built without network from a copy of the tracked files alone."""
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for name in _tracked("pyproject.toml", "LICENSE", "README.md", "schemas", "services", "deploy/examples"):
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, source / name)
    _run(sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", out, cwd=source)
    (built,) = out.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an environment that has the wheel, and sees the libraries of this one but not its hub."""
    home = tmp_path_factory.mktemp("installed")
    venv.create(home, with_pip=False, symlinks=True)
    python = home / "bin" / "python"
    _run(sys.executable, "-m", "pip", "--python", python, "install", "-qq", "--no-deps", "--no-index", wheel)
    libraries = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    (site,) = home.glob("lib/python*/site-packages")
    (site / "libraries.pth").write_text("\n".join(sorted(libraries)) + "\n")
    return home


def _modules(wheel: Path) -> list[str]:
    """Names of all modules in the wheel, save those that are programs: `__main__` and Alembic's `env`."""
    paths = [Path(name) for name in zipfile.ZipFile(wheel).namelist() if name.endswith(".py")]
    modules = [path.with_suffix("") for path in paths if path.name not in {"__main__.py", "env.py"}]
    return [".".join(path.parts).removesuffix(".__init__") for path in modules]


def test_every_tracked_file_of_the_packages_is_in_the_wheel(wheel: Path) -> None:
    missing = set(_tracked("schemas", "services")) - set(zipfile.ZipFile(wheel).namelist())
    assert not missing


def test_pages_styles_texts_and_migrations_are_in_the_wheel(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    for kind in (
        "templates/.*[.]html",
        "static/.*[.]css",
        "LC_MESSAGES/.*[.]po",
        "versions/0.*[.]py",
        "json/.*[.]json",
    ):
        assert any(re.search(kind, name) for name in names), kind


def test_every_module_can_be_imported_from_the_installed_wheel(wheel: Path, installed: Path) -> None:
    modules = _modules(wheel)
    assert {"schemas", "services"} <= set(modules)
    _run(installed / "bin" / "python", "-I", "-c", IMPORT_ALL, *modules, cwd=installed)


def test_the_installed_command_explains_itself(installed: Path) -> None:
    assert "up" in _run(installed / "bin" / "samvirke", "--help", cwd=installed)


def test_nobody_can_upload_the_package_by_mistake() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert "Private :: Do Not Upload" in project["classifiers"]


@pytest.mark.parametrize(
    ("lock", "extras"),
    [("requirements.lock", ["build"]), ("requirements-test.lock", ["build", "pdf", "test"])],
)
def test_a_lock_pins_every_requirement_within_its_bounds(lock: str, extras: list[str]) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    optional = [text for name in extras for text in project["optional-dependencies"][name]]
    pins = _pins(lock)
    for requirement in map(Requirement, project["dependencies"] + optional):
        assert pins[canonicalize_name(requirement.name)] in requirement.specifier, requirement


def test_the_tests_run_with_the_versions_that_are_installed_in_production() -> None:
    assert _pins("requirements.lock").items() <= _pins("requirements-test.lock").items()


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-test.lock"])
def test_a_lock_holds_hashed_pins_and_nothing_else(lock: str) -> None:
    assert PIN.sub("", (ROOT / lock).read_text()) == ""


def test_no_tracked_file_names_a_package_index_or_host() -> None:
    assert list(_lines_with(INDEX)) == []


def test_no_tracked_file_holds_the_path_of_one_machine() -> None:
    assert list(_lines_with(MACHINE_PATH)) == []


def test_the_continuous_integration_can_be_started() -> None:
    assert os.access(ROOT / ".ci" / "run", os.X_OK)


def test_the_installed_command_finds_the_example_centre(installed: Path) -> None:
    find = "from services.cli.running import example_file; print(example_file().read_text()[:9])"
    assert _run(installed / "bin" / "python", "-I", "-c", find, cwd=installed) == "# Example\n"
