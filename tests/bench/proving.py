"""How fast an export is checked offline, with nothing but its files and the public key."""

import time
from pathlib import Path

from services.incidents.checkpoint import Checkpoint, public_key, sign
from services.incidents.evidence_check import check
from services.incidents.evidence_format import CHECKPOINTS, FACTS, PROOFS, fact_line, part_hash, proof_line
from services.incidents.tree import Node, leaf_hash, node_hash
from tests.bench.million import Million

ENTRIES = 100_000
LOG = "actual/4601.vaktsentral"
_KEY = bytes(range(32))


def write(folder: Path, entries: int) -> int:
    """Export a log of so many entries, whole, with their content; the count of its facts."""
    levels: list[list[bytes]] = [[]]
    with (folder / FACTS).open("wb") as file:
        for leaf, (_, raw, sealed, _) in enumerate(Million(entries).facts()):
            levels[0].append(leaf_hash(raw))
            file.write(fact_line(LOG, leaf, raw, sealed) + b"\n")
    size = len(levels[0])
    while len(levels[-1]) > 1:
        under = levels[-1]
        levels.append([node_hash(under[at], under[at + 1]) for at in range(0, len(under) - 1, 2)])

    def hash_of(node: Node) -> bytes:
        return levels[node[0]][node[1]]

    note = sign(Checkpoint(LOG, size, part_hash(iter(levels[0])), 600), _KEY).note()
    (folder / PROOFS).write_bytes(proof_line(LOG, note, size, range(size), hash_of) + b"\n")
    (folder / CHECKPOINTS).touch()
    return size


def verify_per_s(folder: Path, entries: int = ENTRIES) -> float:
    """Facts a second, each with its content, in the quicker of three runs. Raises ValueError for a fault."""
    place = folder / "export"
    place.mkdir()
    size = write(place, entries)
    rates = []
    for _ in range(3):
        began = time.perf_counter()
        checked = check(place, public_key(_KEY))
        rates.append(size / (time.perf_counter() - began))
        if checked.first is not None or checked.facts != size:
            raise ValueError(checked.first)
    return max(rates)
