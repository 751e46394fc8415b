"""Finds every English text that the command line can say: literals in the code, and the sentences."""

import ast
from collections.abc import Iterator
from pathlib import Path

from services.cli.discarding import LEFT, THERE
from services.cli.player.report import CHECKS, HOWS, METRICS_UNREAD
from services.cli.sentences_own import SENTENCES
from services.cli.starting import STEPS

CODE = Path(__file__).parents[2] / "services" / "cli"


def texts_used() -> set[str]:
    """All keys that the command line's catalogue or the shared one must have."""
    found = {text for sentences in SENTENCES.values() for text in sentences}
    found |= set(STEPS.values())
    found |= {*CHECKS.values(), *HOWS.values(), METRICS_UNREAD}
    found |= {*THERE.values(), *LEFT.values()}
    for path in CODE.rglob("*.py"):
        found |= set(_literals(ast.parse(path.read_text(encoding="utf-8"))))
    return found


def _literals(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
        wanted = {
            "say": node.args[:1],
            "hold": node.args[1:2],
            "trouble": node.args[1:3],
            "_tell_trouble": node.args[:2],
        }.get(name, [])
        for argument in [*wanted, *(keyword.value for keyword in node.keywords if keyword.arg == "done")]:
            if isinstance(argument, ast.Constant) and isinstance(argument.value, str) and argument.value:
                yield argument.value
