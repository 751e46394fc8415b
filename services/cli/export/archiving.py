"""The archive package of a closed incident: an open and a sealed part, Noark 5 metadata, a self-check.

What is meant for the own watch alone, or is tagged, lies in the sealed part; the open part keeps each such
fact, by which hash and signature hold, without its words (docs/archive-package.md).
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson

from schemas.reports import REPORT
from services.cli.export.access import default
from services.cli.export.gather import ENTRIES, INCIDENTS
from services.cli.export.reported import REPORTS
from services.cli.export.tables import lines_of, under
from services.incidents.evidence_format import CHECKPOINTS, FACTS, PROOFS

SEALED, NOARK = "sealed", "noark5.json"
NOARK_FORM = "samvirke.noark5.v1"
WITHHELD = "sealed"
_NARROW = "watch"


class NotClosed(Exception):
    """An archive package is made of what is closed; ``args[0]`` names what is not."""


class NotWhole(Exception):
    """The package does not prove itself; ``args[0]`` says where it first differs."""


def split(folder: Path) -> None:
    """Make the open part beside the sealed one, which holds all. Raises NotClosed."""
    sealed = folder / SEALED
    for line in lines_of(sealed / INCIDENTS):
        if line["incident"].get("state") != "closed":
            raise NotClosed(line["incident"].get("ref") or line["incident"]["id"])
    kept = {line["id"] for line in lines_of(sealed / ENTRIES) if is_sealed(line)}
    kept |= {line["fact"] for line in lines_of(sealed / REPORTS) if is_sealed_report(line)}
    heads = {line["incident"]["id"] for line in lines_of(sealed / INCIDENTS) if is_sealed(line["incident"])}
    _copy(sealed / ENTRIES, folder / ENTRIES, lambda line: _without_words(line, line["id"] in kept))
    _copy(sealed / INCIDENTS, folder / INCIDENTS, lambda line: _open_head(line, heads))
    _copy(sealed / REPORTS, folder / REPORTS, lambda line: _open_report(line, folder, sealed))
    if (sealed / FACTS).exists():
        _copy(sealed / FACTS, folder / FACTS, lambda line: _open_fact(line, kept, heads))
    for name in (PROOFS, CHECKPOINTS):
        if (sealed / name).exists():
            (folder / name).write_bytes((sealed / name).read_bytes())
    with (folder / NOARK).open("wb") as file:
        file.write(orjson.dumps({"form": NOARK_FORM, "mappe": list(_files(folder))}, option=_INDENT) + b"\n")


def is_sealed(item: dict[str, Any]) -> bool:
    """True for what only its own watch may see, and for what is tagged."""
    return bool(item.get("tags")) or item.get("level") == _NARROW


def is_sealed_report(line: dict[str, Any]) -> bool:
    """The same of a version of a report: also when an entry in it is so, or is not seen any more."""
    entries = [entry for one in line["fields"] for entry in one["entries"]]
    return is_sealed(line) or any(one.get("withheld") or is_sealed(one) for one in entries)


def prove(folder: Path, public: bytes) -> None:
    """Check both parts with nothing but their files and the key. Raises NotWhole."""
    from services.cli.export.report_check import check_reports
    from services.incidents.evidence_check import check

    for part in (folder, folder / SEALED):
        found = check(part, public).first if (part / PROOFS).exists() else None
        found = found or check_reports(part).first
        if found is not None:
            raise NotWhole(f"{found.what} {found.log} {found.leaf}")


def _copy(source: Path, target: Path, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    with target.open("wb") as file:
        for line in lines_of(source):
            file.write(orjson.dumps(change(line)) + b"\n")


def _without_words(item: dict[str, Any], is_kept: bool) -> dict[str, Any]:
    if not is_kept:
        return item | {"file": f"{SEALED}/{item['file']}"} if item.get("file") else item
    nameless: dict[str, Any] = {"file": None} if "file" in item else {}
    if item.get("attachment"):
        nameless["attachment"] = {"media_type": item["attachment"]["media_type"]}
    return item | nameless | {"content": None, "withheld": WITHHELD}


def _open_head(line: dict[str, Any], heads: set[str]) -> dict[str, Any]:
    head = line["incident"]
    shown = _without_words(head, head["id"] in heads)
    return {"form": line["form"], "incident": shown, "chains": line["chains"]}


def _open_report(line: dict[str, Any], folder: Path, sealed: Path) -> dict[str, Any]:
    """A version as it stands in the open part: its papers beside it, or its words withheld."""
    if is_sealed_report(line):
        nowhere = {form: one | {"file": f"{SEALED}/{one['file']}"} for form, one in line["files"].items()}
        return line | {"headline": None, "fields": [], "files": nowhere, "withheld": WITHHELD}
    for one in line["files"].values():
        paper = folder / one["file"]
        paper.parent.mkdir(mode=0o700, exist_ok=True)
        paper.write_bytes((sealed / one["file"]).read_bytes())
    return line


def _open_fact(line: dict[str, Any], kept: set[str], heads: set[str]) -> dict[str, Any]:
    """The exact fact; of content that may be read by few only the ground is told, so that it stays proved."""
    fact = orjson.loads(line["fact"])
    is_head_kept = fact["subject"] in heads and fact["id"] not in kept
    body = fact["data"]["body"]
    is_narrow = bool(body.get("tags")) or body.get("level", _NARROW) == _NARROW
    has_words = "salt" in line
    if has_words and (fact["id"] in kept or is_head_kept or is_narrow):
        bare = {name: value for name, value in line.items() if not name.startswith(("salt", "content"))}
        return bare | {"withheld": WITHHELD}
    return line


def _files(folder: Path) -> Iterator[dict[str, Any]]:
    heads = [line["incident"] for line in lines_of(folder / INCIDENTS)]
    ids = [head["id"] for head in heads]
    parts = zip(heads, under(folder, ENTRIES, ids), under(folder, REPORTS, ids), strict=True)
    for head, entries, reports in parts:
        rows = [_registration(number, one) for number, one in enumerate(entries, 1)]
        rows += [_report_registration(number, one) for number, one in enumerate(reports, len(rows) + 1)]
        yield _file(head, rows)


def _file(head: dict[str, Any], rows: list[dict[str, Any]]) -> dict[str, Any]:
    """A mappe: the incident."""
    return {
        "systemID": head["id"],
        "mappeID": head.get("number") or head.get("ref"),
        "tittel": _title(head),
        "opprettetDato": head.get("recorded_at"),
        "arkivskaper": head.get("controller"),
        "saksstatus": "Avsluttet",
        **_screen(head),
        "registrering": rows,
    }


def _registration(number: int, entry: dict[str, Any]) -> dict[str, Any]:
    """A registrering: an entry."""
    actor = entry.get("actor") or {}
    return {
        "systemID": entry["id"],
        "registreringsID": number,
        "tittel": _title(entry),
        "registreringstype": entry["kind"],
        "opprettetDato": entry["recorded_at"],
        "dokumentetsDato": entry["occurred_at"],
        "opprettetAv": f"{actor.get('organisation')}.{actor.get('watch')}",
        **_screen(entry),
    }


def _report_registration(number: int, line: dict[str, Any]) -> dict[str, Any]:
    """A registrering with its documents: a locked version of a situation report."""
    return {
        "systemID": line["fact"],
        "registreringsID": number,
        "tittel": _title(line | {"content": {"headline": line["headline"] or line["title"]}}),
        "registreringstype": REPORT,
        "opprettetDato": line["locked_at"],
        "dokumentetsDato": line["locked_at"],
        "opprettetAv": line["watch"],
        "korrespondansepart": [
            {"korrespondanseparttype": "Mottaker", "korrespondansepartNavn": one} for one in line["receivers"]
        ],
        **_screen(line),
        "dokumentbeskrivelse": [
            {
                "tittel": "*****" if line.get("withheld") else line["title"] or REPORT,
                "dokumentobjekt": [_document(line["version"], *one) for one in line["files"].items()],
            }
        ],
    }


def _document(version: int, form: str, one: dict[str, Any]) -> dict[str, Any]:
    """A dokumentobjekt: one paper of a version."""
    return {
        "versjonsnummer": version,
        "variantformat": "Arkivformat" if one.get("archive") else "Produksjonsformat",
        "format": form,
        "referanseDokumentfil": one["file"],
        "sjekksum": one["sha256"],
        "sjekksumAlgoritme": "SHA-256",
        "filstoerrelse": one["bytes"],
    }


def _title(item: dict[str, Any]) -> str:
    content = item.get("content") or {}
    words = content.get("headline") or content.get("text") or item.get("type") or item.get("kind") or ""
    return "*****" if item.get("withheld") else str(words)[:200]


def _screen(item: dict[str, Any]) -> dict[str, Any]:
    if not item.get("withheld"):
        return {}
    return {"skjerming": {"skjermingshjemmel": list(default(item).grounds), "skjermingMetadata": ["tittel"]}}


_INDENT = orjson.OPT_INDENT_2
