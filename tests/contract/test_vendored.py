"""What the desk serves of others is what its list says, with its licence, and asks no other host."""

import hashlib
import re
from pathlib import Path

import pytest

VENDOR = Path(__file__).parents[2] / "services" / "desk" / "static" / "vendor"
ROW = re.compile(
    r"^\| `([^`]+)` \| (\S+) \| (\d+\.\d+\.\d+) \| (\S+) \| `[^`]+` \| `([0-9a-f]{64})` \|$", re.M
)
LISTED = {row[0]: row for row in ROW.findall((VENDOR / "SOURCES.md").read_text("utf-8"))}
PRESENT = {path.relative_to(VENDOR).as_posix() for path in VENDOR.rglob("*") if path.is_file()}
LOADS = re.compile(r"""(?:@import|\burl\(|\bimport\(|\bfrom)\s*["']?(?:https?:)?//""")


def test_the_list_names_every_file_and_no_other() -> None:
    assert set(LISTED) == PRESENT - {"SOURCES.md"}


@pytest.mark.parametrize("name", sorted(LISTED))
def test_a_file_of_others_is_byte_for_byte_the_listed_one(name: str) -> None:
    assert hashlib.sha256((VENDOR / name).read_bytes()).hexdigest() == LISTED[name][4]


def test_every_package_comes_with_its_licence() -> None:
    packages = {(row[1], name.partition("/")[0]) for name, row in LISTED.items()}
    assert all(f"{folder}/LICENSE" in LISTED for _, folder in packages)
    assert len({package for package, _ in packages}) == len(packages)


@pytest.mark.parametrize("name", sorted(name for name in LISTED if name.endswith((".css", ".js"))))
def test_no_file_of_others_loads_anything_from_another_host(name: str) -> None:
    assert LOADS.search((VENDOR / name).read_text("utf-8")) is None
