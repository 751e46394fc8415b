"""An export that was tampered with is found out, with its files and the public key alone."""

import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import orjson
import pytest

from schemas import incidents
from services.incidents.checkpoint import BadNote, Checkpoint, public_key, read_note, sign
from services.incidents.evidence_check import Checked, check
from services.incidents.evidence_format import (
    BLOCK,
    CHECKPOINTS,
    FACTS,
    PROOFS,
    checkpoint_line,
    fact_line,
    part_hash,
    proof_line,
)
from services.incidents.log_check import Found, LogCheck
from services.incidents.tree import Node, full_nodes, leaf_hash, node_hash
from tests.incidents.make import OWNER, Made, opened

SEED = bytes(range(32))
PUBLIC = public_key(SEED)
LOG = f"actual/{OWNER}"
SIZE, MUTATIONS, CUNNING = 10_000, 10_000, 100


class Log:
    """A log of facts, its tree, and what can be exported of it."""

    def __init__(self, facts: Sequence[bytes]) -> None:
        self.facts = facts
        self.levels = [[leaf_hash(raw) for raw in facts]]
        while len(self.levels[-1]) > 1:
            under = self.levels[-1]
            pairs = range(0, len(under) - 1, 2)
            self.levels.append([node_hash(under[at], under[at + 1]) for at in pairs])

    def hash_of(self, node: Node) -> bytes:
        return self.levels[node[0]][node[1]]

    def root(self, size: int) -> bytes:
        return part_hash(iter(self.levels[0][:size]))

    def note(self, size: int) -> str:
        return sign(Checkpoint(LOG, size, self.root(size), 600 + size), SEED).note()

    def proof(self, leaves: Sequence[int], size: int | None = None) -> bytes:
        size = size or len(self.facts)
        return proof_line(LOG, self.note(size), size, leaves, self.hash_of)


def _write(folder: Path, **files: Sequence[bytes]) -> Path:
    folder.mkdir(exist_ok=True)
    for name, lines in files.items():
        (folder / f"{name}.jsonl").write_bytes(b"".join(line + b"\n" for line in lines))
    return folder


@pytest.fixture(scope="module")
def made() -> list[Made]:
    """150 facts; the content of the third was erased by the last."""
    found = [opened() for _ in range(149)]
    body = incidents.Erased(fact=found[2].id, ground="gdpr-17", law="GDPR 17", asked_by="p1")
    return [*found, Made(body, about=found[2].about)]


@pytest.fixture(scope="module")
def log(made: list[Made]) -> Log:
    return Log([one.raw for one in made])


def _lines(made: list[Made], leaves: Sequence[int]) -> list[bytes]:
    return [fact_line(LOG, leaf, made[leaf].raw, None if leaf == 2 else made[leaf].sealed) for leaf in leaves]


def _found(checked: Checked) -> tuple[str, int] | None:
    return None if checked.first is None else (checked.first.what, checked.first.leaf)


def test_a_whole_log_is_as_it_was_signed(made: list[Made], log: Log, tmp_path: Path) -> None:
    everything = range(150)
    earlier = [checkpoint_line(log.note(size)) for size in (1, 64, 77, 149)]
    folder = _write(
        tmp_path, facts=_lines(made, everything), proofs=[log.proof(everything)], checkpoints=earlier
    )
    found = check(folder, PUBLIC, [log.note(100)])
    assert found == Checked(1, 150, 148, 1, 0, 6, 0, 750, None)
    assert (folder / FACTS).exists()
    assert {FACTS, PROOFS, CHECKPOINTS} == {path.name for path in folder.iterdir()}


def test_chosen_facts_are_as_they_were_signed(made: list[Made], log: Log, tmp_path: Path) -> None:
    leaves = [0, 5, 6, 63, 64, 100, 149]
    folder = _write(
        tmp_path,
        facts=_lines(made, leaves),
        proofs=[log.proof(leaves)],
        checkpoints=[checkpoint_line(log.note(3))],
    )
    found = check(folder, PUBLIC)
    assert (found.first, found.facts, found.unproved) == (None, 7, 1)


def _changed(line: bytes, **fields: Any) -> bytes:
    return orjson.dumps({**orjson.loads(line), **fields})


def _without(line: bytes, *names: str) -> bytes:
    return orjson.dumps({name: value for name, value in orjson.loads(line).items() if name not in names})


_TAMPERED: dict[str, tuple[Callable[[list[bytes]], list[bytes]], tuple[str, int]]] = {
    "a changed fact": (
        lambda lines: [*lines[:7], _changed(lines[7], fact="{}"), *lines[8:]],
        ("FACT_CHANGED", 7),
    ),
    "a fact changed with its hash": (
        lambda lines: [*lines[:7], fact_line(LOG, 7, b"{}"), *lines[8:]],
        ("FACTS_DIFFER", 0),
    ),
    "a fact left out": (lambda lines: [*lines[:7], *lines[8:]], ("FACT_MISSING", 7)),
    "a fact twice": (lambda lines: [*lines[:7], lines[6], *lines[7:]], ("FACT_EXTRA", 6)),
    "two facts that changed places": (
        lambda lines: [*lines[:7], lines[8], lines[7], *lines[9:]],
        ("FACT_MISSING", 7),
    ),
    "an end that is cut off": (lambda lines: lines[:140], ("FACT_MISSING", 140)),
    "a fact of another log": (
        lambda lines: [*lines, _changed(lines[0], log="actual/x.y")],
        ("FACT_EXTRA", 0),
    ),
    "a line that is none": (lambda lines: [*lines[:3], b"{", *lines[3:]], ("LINE", 4)),
    "changed words": (
        lambda lines: [*lines[:7], _changed(lines[7], content='{"text":"x"}'), *lines[8:]],
        ("CONTENT_CHANGED", 7),
    ),
    "words gone though never erased": (
        lambda lines: [*lines[:7], _without(lines[7], "salt", "content"), *lines[8:]],
        ("CONTENT_MISSING", 7),
    ),
}


@pytest.mark.parametrize("what", _TAMPERED)
def test_what_was_done_to_an_export_is_named_with_its_place(
    what: str, made: list[Made], log: Log, tmp_path: Path
) -> None:
    tamper, named = _TAMPERED[what]
    folder = _write(tmp_path, facts=tamper(_lines(made, range(150))), proofs=[log.proof(range(150))])
    assert _found(check(folder, PUBLIC)) == named


def test_words_that_are_left_out_for_a_reason_are_counted(made: list[Made], log: Log, tmp_path: Path) -> None:
    lines = _lines(made, range(150))
    lines[7] = fact_line(LOG, 7, made[7].raw, made[7].sealed, withheld="offl-13")
    found = check(_write(tmp_path, facts=lines, proofs=[log.proof(range(150))]), PUBLIC)
    assert (found.first, found.contents, found.withheld) == (None, 147, 1)


def test_another_hubs_key_proves_nothing(made: list[Made], log: Log, tmp_path: Path) -> None:
    folder = _write(tmp_path, facts=_lines(made, range(150)), proofs=[log.proof(range(150))])
    assert _found(check(folder, public_key(bytes(32)))) == ("KEY", 0)


def test_a_log_rewritten_from_the_start_differs_from_the_signed_root(
    made: list[Made], log: Log, tmp_path: Path
) -> None:
    others = [*made[:9], opened(), *made[10:]]
    forged = Log([one.raw for one in others])
    proof = _changed(forged.proof(range(150)), checkpoint=log.note(150))
    folder = _write(tmp_path, facts=_lines(others, range(150)), proofs=[proof])
    assert _found(check(folder, PUBLIC)) == ("ROOT", 0)


def test_a_log_cut_back_to_an_older_checkpoint_shows_only_against_one_held_elsewhere(
    made: list[Made], log: Log, tmp_path: Path
) -> None:
    folder = _write(tmp_path, facts=_lines(made, range(100)), proofs=[log.proof(range(100), 100)])
    before_erasure = made[2].sealed
    lines = _lines(made, range(100))
    lines[2] = fact_line(LOG, 2, made[2].raw, before_erasure)
    _write(tmp_path, facts=lines)
    assert check(folder, PUBLIC).first is None
    assert _found(check(folder, PUBLIC, [log.note(150)])) == ("CUT", 100)
    assert check(folder, PUBLIC, [log.note(60)]).first is None


def test_a_checkpoint_held_elsewhere_shows_that_history_was_written_anew(
    made: list[Made], log: Log, tmp_path: Path
) -> None:
    others = [*made[:9], opened(), *made[10:]]
    forged = Log([one.raw for one in others])
    folder = _write(tmp_path, facts=_lines(others, range(150)), proofs=[forged.proof(range(150))])
    assert check(folder, PUBLIC).first is None, "signed by the hub itself"
    assert _found(check(folder, PUBLIC, [log.note(70)])) == ("HELD_DIFFERS", 0)
    with pytest.raises(BadNote):
        check(folder, PUBLIC, ["no note"])


@pytest.mark.parametrize(
    "fields",
    [
        {"hashes": []},
        {"leaves": [[5, 3]]},
        {"leaves": [[0, 400]]},
        {"leaves": "x"},
        {"blocks": []},
        {"checkpoint": "x"},
        {"log": "actual/x.y"},
    ],
)
def test_a_proof_that_was_changed_proves_nothing(
    fields: dict[str, Any], made: list[Made], log: Log, tmp_path: Path
) -> None:
    proof = _changed(log.proof([7, 100]), **fields)
    assert check(_write(tmp_path, facts=_lines(made, [7, 100]), proofs=[proof]), PUBLIC).first is not None


class _Forger:
    """Changes a log of 10,000 facts, and makes the numbers and hashes of all lines anew.

    Only one who is ``cunning`` makes the proof anew too, as far as that goes without the key.
    """

    def __init__(self, chance: random.Random, log: Log) -> None:
        self._chance = chance
        self._log = log
        self._blocks = _blocks(log.levels[0])
        self._signed = read_note(log.note(SIZE))

    def change(self) -> tuple[str, int, list[bytes]]:
        """What was done, from where on the lines differ, and the leaf hashes of the changed log."""
        chance, leaves = self._chance, self._log.levels[0].copy()
        kind, at = chance.choice(("edit", "delete", "insert", "swap", "cut")), chance.randrange(SIZE)
        match kind:
            case "edit":
                raw = bytearray(self._log.facts[at])
                raw[chance.randrange(len(raw))] ^= 1 << chance.randrange(8)
                leaves[at] = leaf_hash(bytes(raw))
            case "delete":
                del leaves[at]
            case "insert":
                leaves.insert(at, leaf_hash(chance.randbytes(100)))
            case "swap":
                other = (at + chance.randrange(1, SIZE)) % SIZE
                leaves[at], leaves[other] = leaves[other], leaves[at]
                at = min(at, other)
            case "cut":
                del leaves[at:]
        return kind, at, leaves

    def is_found(self, at: int, leaves: list[bytes], *, cunning: bool) -> bool:
        """True if the check runs into it. From lines that are alike it only needs the nodes over them."""
        begin = 0 if cunning else at // BLOCK * BLOCK
        blocks = _blocks(leaves) if cunning else self._blocks[begin // BLOCK :]
        end = min(SIZE, len(leaves)) if cunning else SIZE
        before = [self._log.hash_of(node) for node in full_nodes(0, begin)]
        try:
            checked = LogCheck(self._signed, [(begin, end)] if begin < end else [], before, blocks)
            for leaf in range(begin, len(leaves)):
                checked.take(leaf, leaves[leaf], leaves[leaf])
            checked.end()
        except Found:
            return True
        return False


def _blocks(leaves: list[bytes]) -> list[bytes]:
    return [part_hash(iter(leaves[at : at + BLOCK])) for at in range(0, len(leaves), BLOCK)]


def test_each_of_ten_thousand_mutations_of_ten_thousand_facts_is_found() -> None:
    seed = random.randrange(1 << 32)
    chance = random.Random(seed)
    log = Log([chance.randbytes(200) for _ in range(SIZE)])
    forger = _Forger(chance, log)
    assert not forger.is_found(0, log.levels[0], cunning=True), "an untouched log is whole"
    for number in range(MUTATIONS):
        kind, at, leaves = forger.change()
        cunning = number % CUNNING == 0
        assert forger.is_found(at, leaves, cunning=cunning), f"seed {seed}, {number}: {kind} at {at}"
    print(f"seed {seed}: {MUTATIONS} mutations found")
