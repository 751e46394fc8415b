"""Situation reports in an export: a line for each locked version, and its paper beside, made here."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, Any

import orjson

from services.cli.export.asking import Ask, Scope
from services.cli.export.proofs import Bound

REPORTS, PAPERS = "reports.jsonl", "reports"
REPORT_FORM = "samvirke.export.report.v1"
_FORMATS = ("html", "md", "pdf")


@dataclass(frozen=True, slots=True)
class Paper:
    """What stands on every paper: its language, the mode, and when it was made."""

    language: str
    mode: str
    made_at: datetime


class Reported:
    """Writes the versions that the person may see, each once, as the incidents come that they are about."""

    def __init__(
        self, ask: Ask, scope: Scope, folder: Path, bound: Bound, paper: Paper | None, lines: IO[bytes]
    ) -> None:
        self._ask = ask
        self._scope = scope
        self._folder = folder
        self._bound = bound
        self._paper = paper
        self._lines = lines
        self.titles: dict[str, str] = {}
        """What watches and houses are called that reports name."""
        self._written: set[str] = set()
        self._proved: set[str] = set()

    @property
    def count(self) -> int:
        """How many versions are written."""
        return len(self._written)

    async def of_incident(self, id: str, *others: str) -> None:
        """Those about an incident, or about ``others`` that were merged into it."""
        for one in (id, *others):
            await self._all(id, incident=one)

    async def of_scope(self) -> None:
        """Those of the watch and period that are about none of the incidents before."""
        scope = self._scope
        if scope.incident is None:
            await self._all(None, watch=scope.watch, since=scope.since, until=scope.until)

    async def _all(self, under: str | None, /, **asked: Any) -> None:
        start: int | None = 0
        while start is not None:
            page = await self._ask("locked", "reports", start=start, **asked)
            for one in page["versions"]:
                if one["fact"] not in self._written:
                    await self._write(under, one)
            start = page["next"]

    async def _write(self, incident: str | None, one: dict[str, Any]) -> None:
        named = {"report": one["report"], "version": one["version"], "reason": self._scope.reason}
        found = await self._ask("export", "reports", **named)
        self.titles |= found["titles"]
        about = {"form": REPORT_FORM, "incident": incident, "incidents": one["incidents"]}
        line = about | found["report"] | {"files": {}}
        if self._paper is not None:
            line["files"] = await self._print(one["fact"], found, self._paper)
        self._lines.write(orjson.dumps(line) + b"\n")
        self._written.add(one["fact"])
        await self._prove(one["watch"], one["report"])

    async def _print(self, fact: str, found: dict[str, Any], paper: Paper) -> dict[str, Any]:
        """Make the papers of a version under its fact's id; what lies where, with its checksum."""
        persons = sorted({one["person"] for one in found["report"]["approved"] if one.get("person")})
        names = (await self._ask("names", "people", persons=persons))["names"] if persons else {}
        from services.reports.printing import is_for_archives

        made: dict[str, Any] = {}
        for format, raw in papers(found, names, paper):
            place = self._folder / PAPERS / f"{fact}.{format}"
            place.parent.mkdir(mode=0o700, exist_ok=True)
            place.write_bytes(raw)
            made[format] = {
                "file": place.relative_to(self._folder).as_posix(),
                "sha256": hashlib.sha256(raw).hexdigest(),
                "bytes": len(raw),
                "archive": is_for_archives(raw),
            }
        return made

    async def _prove(self, watch: str, report: str) -> None:
        """Exact facts of a report of the own watch, once: they lie in the same log as those of incidents."""
        bound = self._bound
        if watch != bound.watch or report in self._proved:
            return
        self._proved.add(report)
        start: int | None = 0
        while start is not None and bound.size:
            page = await self._ask("export", id=report, part="report", start=start, size=bound.size)
            for fact in page["facts"]:
                bound.add(fact["leaf"], bytes.fromhex(fact["raw"]), fact["sealed"])
            start = page["next"]


def papers(found: dict[str, Any], names: dict[str, str], paper: Paper) -> Iterator[tuple[str, bytes]]:
    """The papers of a version; PDF where the extra is installed that makes it."""
    from services.reports.printing import FORMS, prepared
    from services.words.languages import speaking

    printed = {
        "report": found["report"],
        "titles": found["titles"],
        "names": names,
        "mode": paper.mode,
        "made_at": paper.made_at.isoformat(),
    }
    with speaking(paper.language):
        shown = prepared(printed) | {"language": paper.language}
        for format in _FORMATS:
            try:
                yield format, FORMS[format](shown)
            except ImportError:
                continue


@contextmanager
def reports_in(ask: Ask, scope: Scope, folder: Path, bound: Bound, paper: Paper | None) -> Iterator[Reported]:
    """The reports of an export, whose file is closed at the end."""
    with (folder / REPORTS).open("wb") as lines:
        yield Reported(ask, scope, folder, bound, paper, lines)
