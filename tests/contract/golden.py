"""Write what a version froze: golden facts and schemas (python -m tests.contract.golden v1).

A file that is there already is never written over: that would hide a break.
"""

import sys
from pathlib import Path

from schemas.catalogue import render, schemas
from tests.contract.samples import every_fact

HERE = Path(__file__).parent


def freeze(version: str) -> int:
    """The count of files that were written."""
    wanted = {
        HERE / "golden" / version / f"{name}.json": fact.encode() + b"\n"
        for name, fact in every_fact().items()
    }
    wanted |= {HERE / "baseline" / name: render(schema).encode() for name, schema in schemas().items()}
    fresh = {path: raw for path, raw in wanted.items() if not path.exists()}
    for path, raw in fresh.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(raw)
    return len(fresh)


if __name__ == "__main__":
    sys.stdout.write(f"{freeze(sys.argv[1])} files written\n")
