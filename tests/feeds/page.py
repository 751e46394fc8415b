"""The snippets of docs/neighbours.md, taken from the page as a stranger would copy them."""

import re
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "neighbours.md"
TEXT = PAGE.read_text("utf-8")


def snippets() -> dict[str, str]:
    """Each snippet by the name behind its language."""
    return dict(re.findall(r"^```(?:sh|python|js) (\S+)\n(.*?)^```$", TEXT, flags=re.MULTILINE | re.DOTALL))
