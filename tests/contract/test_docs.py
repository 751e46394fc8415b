"""The documents say what the code does: commands, settings, links, length."""

import re
import shlex
from pathlib import Path

import pytest

from services.runtime.settings import every_setting

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text("utf-8")
SETTINGS = (ROOT / "docs" / "settings.md").read_text("utf-8")
PAGES = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]


def _commands() -> list[str]:
    blocks = re.findall(r"```sh\n(.*?)```", README, flags=re.DOTALL)
    inline = re.findall(r"`(samvirke [^`…]+)`", README)
    lines = [line for block in blocks for line in block.splitlines()] + inline
    return sorted({line for line in lines if line.startswith("samvirke ")})


@pytest.mark.parametrize("line", _commands())
def test_every_command_of_the_readme_is_one_of_the_program(line: str) -> None:
    from typer.main import get_command

    from services.cli.main import app

    command = get_command(app)
    words = shlex.split(line)[1:]
    while words and hasattr(command, "commands") and words[0] in command.commands:
        command = command.commands[words.pop(0)]
    known = {option for parameter in command.params for option in parameter.opts}
    assert not hasattr(command, "commands") or getattr(command, "invoke_without_command", False), line
    assert {word for word in words if word.startswith("--")} <= known, line


def test_the_page_of_settings_lists_every_one_with_its_default() -> None:
    for setting in every_setting():
        default = "" if setting.secret or not setting.default else f"`{setting.default}`"
        assert f"| `{setting.variable}` | {default} | {setting.text} |" in SETTINGS


def test_the_page_of_settings_lists_none_that_is_gone() -> None:
    listed = set(re.findall(r"^\| `(SAMVIRKE_\w+)`", SETTINGS, flags=re.MULTILINE))
    assert listed == {setting.variable for setting in every_setting()}


def test_every_make_target_of_the_readme_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), flags=re.MULTILINE))
    assert set(re.findall(r"(?:^|`)make ([a-z-]+)", README, flags=re.MULTILINE)) <= targets


def test_the_readme_can_be_read_in_one_sitting() -> None:
    assert len(README.splitlines()) <= 150


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_between_documents_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text("utf-8")):
        if "://" not in target:
            assert (page.parent / target).exists(), target


def test_every_file_that_a_document_names_is_there() -> None:
    for page in PAGES:
        for name in re.findall(
            r"`((?:services|schemas|deploy|docs|tests)/[\w./-]+)`", page.read_text("utf-8")
        ):
            assert (ROOT / name).exists(), f"{page.name}: {name}"


def test_every_decision_says_context_decision_and_consequences() -> None:
    for page in sorted((ROOT / "docs" / "decisions").glob("*.md")):
        text = page.read_text("utf-8")
        assert all(f"**{part}.**" in text for part in ("Context", "Decision", "Consequences")), page.name
