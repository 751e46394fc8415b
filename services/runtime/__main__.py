"""`python -m services.runtime <part>[,<part>]`: a process of parts; settings come from the surroundings."""

import argparse
import os
import sys
from collections.abc import Sequence

from services.runtime.plain import without_rich


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the parts named until a signal comes; the exit code."""
    without_rich()
    from services.runtime.settings import Settings
    from services.runtime.worker import run_worker

    parser = argparse.ArgumentParser(prog="worker")
    parser.add_argument("parts")
    parser.add_argument("--beat", type=int)
    asked = parser.parse_args(arguments)
    if asked.beat is not None:
        os.set_blocking(asked.beat, False)
    return run_worker(asked.parts.split(","), Settings(), asked.beat)


def _run() -> int:
    try:
        return main()
    except Exception:
        from services.runtime import logs

        logs.get().error("worker.failed", exc_info=True)
        return 1


if __name__ == "__main__":
    code = _run()
    sys.stderr.flush()
    os._exit(code)
