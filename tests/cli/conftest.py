"""Runs the program in this process, and tells its exit code and what it wrote."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from services.cli.main import run


@dataclass(frozen=True)
class Ran:
    """What one call of the program did."""

    code: int
    out: str
    err: str

    @property
    def answer(self) -> Any:
        """The JSON on standard output."""
        return json.loads(self.out)


Samvirke = Callable[..., Ran]


@pytest.fixture
def samvirke(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Samvirke:
    """Call the program with these arguments, in a home of the test's own."""
    monkeypatch.setenv("SAMVIRKE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("LANG", "nb_NO.UTF-8")
    for name in ("LC_ALL", "LC_MESSAGES"):
        monkeypatch.delenv(name, raising=False)

    def call(*arguments: str) -> Ran:
        capsys.readouterr()
        code = run(arguments)
        written = capsys.readouterr()
        return Ran(code, written.out, written.err)

    return call
