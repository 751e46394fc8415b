"""Checking an export with nothing but its files and the hub's public key.

Pure but for reading the files. Each log's tree is built anew from the lines in the order of their leaves,
with the nodes that the proof brings for what is not exported, and must come to the signed root.
"""

import base64
import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from services.incidents.checkpoint import BadNote, Signed, is_signed, read_note
from services.incidents.evidence_format import CHECKPOINTS, FACTS, PROOFS, raw_of
from services.incidents.log_check import Finding, Found, LogCheck
from services.incidents.tree import leaf_hash

_ERASED = ("samvirke.incidents.erased.", "samvirke.reports.erased.")


@dataclass(slots=True)
class Checked:
    """What was checked; ``first`` is None when all is well.

    ``newest`` is when the oldest of the logs' checkpoints was made, in seconds since 1970: what came after it
    was never bound. ``unproved`` counts checkpoints whose tree the exported leaves do not reach.
    """

    logs: int = 0
    facts: int = 0
    contents: int = 0
    erased: int = 0
    withheld: int = 0
    checkpoints: int = 0
    unproved: int = 0
    newest: int = 0
    first: Finding | None = None


def check(folder: Path, public: bytes, held: Sequence[str] = ()) -> Checked:
    """Check an export; ``held`` are checkpoints of its logs that were kept elsewhere.

    Raises FileNotFoundError when the folder is no export.
    """
    checked = Checked()
    try:
        logs = read_proofs(_lines(folder / PROOFS), public)
        _expect_checkpoints(logs, folder, public, held)
        check_lines(_lines(folder / FACTS), logs, checked)
    except Found as found:
        checked.first = found.finding
    return checked


def read_proofs(lines: Iterable[bytes], public: bytes) -> dict[str, LogCheck]:
    """What each log's facts are held against. Raises Found."""
    logs: dict[str, LogCheck] = {}
    for number, line in enumerate(lines, 1):
        try:
            proof = orjson.loads(line)
            log, signed = proof["log"], read_note(proof["checkpoint"])
            spans = [(int(begin), int(end)) for begin, end in proof["leaves"]]
            hashes = [base64.b64decode(text, validate=True) for text in proof["hashes"]]
            blocks = [base64.b64decode(text, validate=True) for text in proof["blocks"]]
        except (ValueError, KeyError, TypeError, BadNote):
            raise Found(Finding("LINE", PROOFS, number)) from None
        if not is_signed(signed, public) or signed.checkpoint.log != log:
            raise Found(Finding("KEY", log))
        logs[log] = LogCheck(signed, spans, hashes, blocks)
    return logs


def check_lines(lines: Iterable[bytes], logs: dict[str, LogCheck], checked: Checked) -> None:
    """Hold the facts' lines against their logs; counts in ``checked``. Raises Found."""
    contents = _Contents(checked)
    for number, line in enumerate(lines, 1):
        try:
            read = orjson.loads(line)
            log, leaf, raw = read["log"], read["leaf"], raw_of(read, "fact")
            stated = base64.b64decode(read["hash"])
        except (ValueError, KeyError, TypeError):
            raise Found(Finding("LINE", FACTS, number)) from None
        known = logs.get(log)
        if known is None:
            raise Found(Finding("FACT_EXTRA", str(log), leaf))
        known.take(leaf, leaf_hash(raw), stated)
        contents.take(log, leaf, raw, read)
        checked.facts += 1
    for known in logs.values():
        known.end()
    contents.end()
    checked.logs = len(logs)
    checked.checkpoints = sum(known.proved for known in logs.values())
    checked.unproved = sum(known.unproved for known in logs.values())
    checked.newest = min((known.signed.checkpoint.at for known in logs.values()), default=0)


class _Contents:
    """Content held against the commitments in the facts."""

    def __init__(self, checked: Checked) -> None:
        self._checked = checked
        self._absent: dict[str, tuple[str, int]] = {}
        self._erased: set[str] = set()

    def take(self, log: str, leaf: int, raw: bytes, line: dict[str, Any]) -> None:
        """What a line says of its fact's content. Raises Found."""
        try:
            fact = orjson.loads(raw)
            data = fact["data"]
            commitment = data.get("commitment")
            if fact["type"].startswith(_ERASED):
                body = data["body"]
                self._erased.update(body["facts"] if "facts" in body else [body["fact"]])
        except (ValueError, KeyError, TypeError, AttributeError):
            return
        if commitment is None:
            return
        if "withheld" in line:
            self._checked.withheld += 1
        elif "salt" not in line:
            self._absent[fact["id"]] = (log, leaf)
        elif _commitment_of(line) == commitment:
            self._checked.contents += 1
        else:
            raise Found(Finding("CONTENT_CHANGED", log, leaf))

    def end(self) -> None:
        """Once all facts are known to be as signed. Raises Found."""
        missing = [place for id, place in self._absent.items() if id not in self._erased]
        if missing:
            raise Found(Finding("CONTENT_MISSING", *missing[0]))
        self._checked.erased = len(self._absent)


def _commitment_of(line: dict[str, Any]) -> str | None:
    try:
        salt = base64.b64decode(line["salt"])
        return hashlib.sha256(salt + raw_of(line, "content")).hexdigest()
    except (KeyError, TypeError, ValueError):
        return None


def _expect_checkpoints(logs: dict[str, LogCheck], folder: Path, public: bytes, held: Sequence[str]) -> None:
    """Earlier checkpoints in the export, and those kept elsewhere, of the logs that are in it."""
    earlier = folder / CHECKPOINTS
    lines = _lines(earlier) if earlier.exists() else iter(())
    for number, line in enumerate(lines, 1):
        try:
            note = orjson.loads(line)["checkpoint"]
            signed = read_note(note)
        except (ValueError, KeyError, TypeError, BadNote):
            raise Found(Finding("LINE", CHECKPOINTS, number)) from None
        _expect(logs, signed, public, "CHECKPOINT")
    for note in held:
        _expect(logs, read_note(note), public, "HELD_DIFFERS")


def _expect(logs: dict[str, LogCheck], signed: Signed, public: bytes, what: str) -> None:
    checkpoint = signed.checkpoint
    if not is_signed(signed, public):
        raise Found(Finding("KEY", checkpoint.log))
    if checkpoint.log in logs and checkpoint.size:
        logs[checkpoint.log].expect(checkpoint.size, checkpoint.root, what)


def _lines(file: Path) -> Iterator[bytes]:
    with file.open("rb") as opened:
        for line in opened:
            if line.strip():
                yield line
