"""Checking the situation reports of an export with nothing but its files.

The exact facts are held against the signed checkpoint by `services.incidents.evidence_check`. Here each line
is held against the facts that wrote and locked its version, and each paper against the checksum in its line.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from schemas.reports import Approved, Drafted, report_digest
from services.cli.export.reported import REPORTS
from services.incidents.evidence_format import FACTS, raw_of
from services.incidents.log_check import Finding

_OF_REPORTS = b"samvirke.reports."
_SEALED = "sealed/"


@dataclass(slots=True)
class ReportsChecked:
    """How many versions there are, and how many of them no exact fact in the export proves."""

    reports: int = 0
    unproved: int = 0
    first: Finding | None = None


@dataclass(slots=True)
class _Known:
    """What the exact facts say: drafts with what binds their words, and locks with their words."""

    drafts: dict[str, tuple[Drafted, str | None]] = field(default_factory=dict)
    locks: dict[str, tuple[Approved, Any]] = field(default_factory=dict)


def check_reports(folder: Path) -> ReportsChecked:
    """Check the reports of an export; of one without reports there is nothing to say.

    ``what`` of the finding: LINE (it cannot be read), REPORT_DIFFERS (words, receivers or digest are others
    than were locked), REPORT_PAPER (a paper is missing or changed), REPORT_MISSING (a locked version of which
    the facts tell has no line).
    """
    checked = ReportsChecked()
    if not (folder / REPORTS).exists():
        return checked
    known, seen = _known(folder), set()
    for number, raw in enumerate(_lines(folder / REPORTS), 1):
        checked.reports += 1
        try:
            line = orjson.loads(raw)
            seen.add(line["fact"])
            wrong = _differs(line, known) or _paper_differs(folder, line)
            checked.unproved += line["fact"] not in known.locks
        except (ValueError, KeyError, TypeError, AttributeError):
            wrong = "LINE"
        if wrong is not None:
            checked.first = Finding(wrong, REPORTS, number)
            return checked
    if known.locks.keys() - seen:
        checked.first = Finding("REPORT_MISSING", REPORTS, checked.reports)
    return checked


def _known(folder: Path) -> _Known:
    known = _Known()
    for raw in _lines(folder / FACTS) if (folder / FACTS).exists() else ():
        if _OF_REPORTS not in raw:
            continue
        line = orjson.loads(raw)
        fact = orjson.loads(raw_of(line, "fact"))
        body = fact["data"]["body"]
        if fact["type"] == Drafted.type_name():
            bound = fact["data"].get("commitment")
            known.drafts[fact["id"]] = (Drafted.model_validate(body, strict=False), bound)
        elif fact["type"] == Approved.type_name() and body["locked"]:
            words = orjson.loads(raw_of(line, "content")) if "salt" in line else None
            known.locks[fact["id"]] = (Approved.model_validate(body, strict=False), words)
    return known


def _differs(line: dict[str, Any], known: _Known) -> str | None:
    """How a line differs from the facts that locked its version; None where nothing here says so."""
    if line["fact"] not in known.locks:
        return None
    lock, words = known.locks[line["fact"]]
    draft, bound = known.drafts[lock.draft]
    wanted = report_digest(
        report=draft.report,
        version=draft.version,
        template=draft.template,
        draft=lock.draft,
        commitment=bound,
        entries=draft.entries,
        incident=draft.incident,
    )
    told = (line["id"], line["version"], line["digest"], line["digest"], line["receivers"], line["level"])
    if told != (lock.report, lock.version, lock.digest, wanted, lock.named, lock.level.value):
        return "REPORT_DIFFERS"
    if words is None or line.get("withheld"):
        return None
    said = {one["code"]: one["text"] for one in line["fields"] if one["text"]}
    locked = {code: text for code, text in words.get("words", {}).items() if text}
    is_same = (line["headline"], said) == (words.get("headline"), locked)
    return None if is_same else "REPORT_DIFFERS"


def _paper_differs(folder: Path, line: dict[str, Any]) -> str | None:
    """A paper is other than its line says; the sealed part may be kept elsewhere."""
    for one in line["files"].values():
        place = folder / one["file"]
        if not place.resolve().is_relative_to(folder.resolve()):
            return "REPORT_PAPER"
        if not place.exists() and one["file"].startswith(_SEALED) and not (folder / _SEALED).exists():
            continue
        if not place.exists() or hashlib.sha256(place.read_bytes()).hexdigest() != one["sha256"]:
            return "REPORT_PAPER"
    return None


def _lines(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        yield from (line for line in file if line.strip())
