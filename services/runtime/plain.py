"""What no process of the hub needs in memory; to be called before anything else is imported."""

import sys


def without_rich() -> None:
    """Keep structlog from loading rich, several MB of it, to colour what is JSON anyway."""
    sys.modules["rich"] = None  # type: ignore[assignment]
