"""The page docs/command-line.md, made of the verbs' own help: `python -m services.cli.reference`."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

PAGE = Path(__file__).parents[2] / "docs" / "command-line.md"
_HEAD = """# The command line

Made of `samvirke VERB --help` by `python -m services.cli.reference`; a test holds the two together.

Who acts is said by `--watch` (or `SAMVIRKE_WATCH`, such as `4601.vaktsentral`), `--person` (or
`SAMVIRKE_PERSON`: an id, or the key in the centre file) and `--mode actual|exercise`. Every verb takes
`--json`, `--lang nb|nn|en` and `--home`. A verb that acts uses the watch's credential, which lies in the home
under `credentials/`.

| exit code | means |
|---|---|
| 0 | done |
| 2 | refused; the code and three sentences say why, what it means and what to do |
| 3 | kept in the spool of this machine, and sent again under the same id by the next call or a running `up` |
| 64 | wrong usage |
| 1 | anything else |

| verb | does | for example |
|---|---|---|
"""


def page() -> str:
    """The page as it must stand."""
    from typer.main import get_command

    from services.cli.main import app

    return _HEAD + "".join(_row(name, command) for name, command in verbs(get_command(app)))


def verbs(command: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Every verb with its full name; those left out that only say what cannot be done."""
    for key, below in command.commands.items():
        full = f"{name} {key}".strip()
        if below.hidden:
            continue
        if hasattr(below, "commands"):
            yield from verbs(below, full)
        else:
            yield full, below


def _row(name: str, command: Any) -> str:
    text, _, examples = str(command.help).partition("\n\n\b\nExamples:")
    first = next(line.strip() for line in examples.splitlines() if line.strip())
    cells = (f"`{name}`", " ".join(text.split()), f"`{first}`")
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    sys.stdout.write(f"{PAGE.name} written\n")
