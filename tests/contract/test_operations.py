"""The page for those who run the hub names what the hub really says."""

import re
from pathlib import Path

from schemas.refusals import REFUSALS
from services.runtime import health

PAGE = (Path(__file__).parents[2] / "docs" / "operations.md").read_text("utf-8")


def test_every_metric_is_explained_and_none_that_is_gone() -> None:
    part = health.Part("life", is_ready=True, restarts=0, health={"people": {"ok": True, "lag": 3}})
    said = {line.partition("{")[0] for line in health._metrics([part])}
    assert set(re.findall(r"^\| `(samvirke_\w+)`", PAGE, flags=re.MULTILINE)) == said


def test_every_path_of_the_health_port_is_named_and_answers() -> None:
    part = health.Part("life", is_ready=True, restarts=0, health={})
    for path in re.findall(r"^\| `(/\w+)`", PAGE, flags=re.MULTILINE):
        assert health.answer("GET", path, [part])[0] == "200 OK", path


def test_every_code_of_the_table_is_a_code_of_the_contract() -> None:
    codes = set(re.findall(r"`((?!SAMVIRKE_)[A-Z]+_[A-Z]+)`", PAGE))
    assert codes <= set(REFUSALS)
