"""The CSV files of an export, made from its JSON Lines."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import orjson

from services.cli.export.cells import row
from services.cli.export.gather import ENTRIES, INCIDENTS
from services.cli.export.reported import REPORTS

_BOM = "\ufeff"
_HEAD = ("ref", "number", "owner", "type", "priority", "state", "level", "occurred_at", "recorded_at")
_ENTRY = ("occurred_at", "recorded_at", "kind", "level", "confirmed", "channel", "state", "corrected_by")
_REPORT = ("fact", "id", "version", "state", "watch", "template", "title", "locked_at", "recalled_at")
_WORDS = ("headline", "text", "place", "source", "reference", "basis")


def lines_of(path: Path) -> Iterator[dict[str, Any]]:
    """The lines of a file, one at a time."""
    with path.open("rb") as file:
        for line in file:
            yield orjson.loads(line)


def write_tables(folder: Path) -> None:
    """Write all tables, in UTF-8 with a mark of it, as spreadsheets want it."""
    with (folder / "incidents.csv").open("w", encoding="utf-8", newline="") as file:
        file.write(_BOM + row(("id", *_HEAD, "tags", *_WORDS)))
        for line in lines_of(folder / INCIDENTS):
            head = line["incident"]
            file.write(row((head["id"], *(head.get(name) for name in _HEAD), _tags(head), *_words(head))))
    with (folder / "entries.csv").open("w", encoding="utf-8", newline="") as file:
        file.write(_BOM + row(("incident", "id", *_ENTRY, "author", "tags", *_WORDS)))
        for entry in lines_of(folder / ENTRIES):
            cells = (entry["incident"], entry["id"], *(entry.get(name) for name in _ENTRY))
            file.write(row((*cells, _author(entry), _tags(entry), *_words(entry))))
    with (folder / "reports.csv").open("w", encoding="utf-8", newline="") as file:
        file.write(
            _BOM + row(("incidents", *_REPORT, "receivers", "approvals", "digest", "headline", "file"))
        )
        for report in lines_of(folder / REPORTS):
            file.write(row(_report(report)))


def under(folder: Path, name: str, incidents: Iterable[str]) -> Iterator[list[dict[str, Any]]]:
    """The lines of a file that stand under each of these incidents, in whose order they lie."""
    lines = lines_of(folder / name)
    ahead = next(lines, None)
    for incident in incidents:
        found = []
        while ahead is not None and ahead["incident"] == incident:
            found.append(ahead)
            ahead = next(lines, None)
        yield found


def _report(line: dict[str, Any]) -> tuple[object, ...]:
    known = (" ".join(line["incidents"]), *(line.get(name) for name in _REPORT))
    approvals = " ".join(one["at"] for one in line["approved"])
    paper = line["files"].get("html", {}).get("file")
    return (*known, " ".join(line["receivers"]), approvals, line["digest"], line["headline"], paper)


def _words(item: dict[str, Any]) -> tuple[object, ...]:
    content = item.get("content") or {}
    return tuple(content.get(name) for name in _WORDS)


def _tags(item: dict[str, Any]) -> str:
    return " ".join(item.get("tags", []))


def _author(entry: dict[str, Any]) -> str:
    actor = entry.get("actor") or {}
    who = actor.get("person") or actor.get("machine") or actor.get("post")
    return " ".join(filter(None, [f"{actor.get('organisation')}.{actor.get('watch')}", who]))
