"""Situation reports in an export: held against what was locked; what is restricted lies sealed."""

import hashlib
from pathlib import Path
from typing import Any

import orjson
import pytest

from schemas.reports import Approved, Drafted, report_digest
from schemas.vocabulary import Level, Tag
from services.cli.export import archiving, disclosing
from services.cli.export.gather import ENTRIES, INCIDENTS
from services.cli.export.printed import Known, Sheet, write_log
from services.cli.export.report_check import check_reports
from services.cli.export.reported import REPORTS
from services.cli.export.tables import lines_of, write_tables
from services.incidents.evidence_format import FACTS, fact_line
from tests.incidents.make import OWNER, Made

WORDS = {"headline": "Rapport 1", "words": {"measures": "Pumper er satt ut", "needs": ""}}
INCIDENT = {
    "id": "i1",
    "ref": "ABC123X",
    "state": "closed",
    "level": "organisation",
    "tags": [],
    "type": "storm",
}
INCIDENT |= {"owner": OWNER, "controller": "4601", "recorded_at": "2027-01-14T14:00:00+01:00"}


def quoted(**more: Any) -> dict[str, Any]:
    entry: dict[str, Any] = {"id": "e1", "incident": "i1", "kind": "information", "watch": OWNER}
    entry |= {"level": "named", "tags": [], "headline": None, "text": "Vann i kjeller", "erased": False}
    return entry | {"occurred_at": "2027-01-14T14:00:00+01:00", "corrected": None} | more


class Export:
    """A folder with one locked report, its exact facts and its paper."""

    def __init__(self, folder: Path, entry: dict[str, Any] | None = None, tags: tuple[Tag, ...] = ()) -> None:
        self.folder = folder
        draft = Drafted(report="r1", template="sf", version=1, incident="i1", tags=list(tags))
        self.draft = Made(draft, about="r1", content=WORDS)
        digest = report_digest(
            report="r1",
            version=1,
            template="sf",
            draft=self.draft.id,
            commitment=self.draft.fact.data.commitment,
            entries=[],
            incident="i1",
        )
        bound = {"report": "r1", "version": 1, "draft": self.draft.id, "digest": digest, "template": "sf"}
        lock = Approved.model_validate(
            bound | {"locked": True, "level": Level.NAMED, "tags": list(tags), "named": ["sf-vestland"]}
        )
        self.lock = Made(lock, about="r1", content=WORDS)
        paper = folder / "reports" / f"{self.lock.id}.html"
        paper.parent.mkdir(parents=True)
        paper.write_bytes(b"<p>Pumper er satt ut</p>")
        self.line: dict[str, Any] = {
            **{
                "form": "samvirke.export.report.v1",
                "incident": "i1",
                "incidents": ["i1"],
                "fact": self.lock.id,
            },
            **{
                "id": "r1",
                "watch": OWNER,
                "version": 1,
                "state": "locked",
                "digest": digest,
                "template": "sf",
            },
            **{"title": "Til Statsforvalteren", "headline": "Rapport 1", "level": "named", "erased": False},
            **{
                "receivers": ["sf-vestland"],
                "tags": list(tags),
                "approved": [{"at": "2027-01-14T17:45:00+01:00"}],
            },
            "locked_at": "2027-01-14T17:46:00+01:00",
            "fields": [
                {"code": "measures", "text": "Pumper er satt ut", "entries": [entry] if entry else []},
                {"code": "needs", "text": None, "entries": []},
            ],
            "files": {
                "html": {
                    "file": f"reports/{self.lock.id}.html",
                    "sha256": hashlib.sha256(paper.read_bytes()).hexdigest(),
                    "bytes": 24,
                }
            },
        }
        self.write(self.line)
        made = (self.draft, self.lock)
        facts = [fact_line("l", leaf, one.raw, one.sealed) for leaf, one in enumerate(made)]
        (folder / FACTS).write_bytes(b"\n".join(facts))
        head = {"form": "f", "incident": INCIDENT, "chains": []}
        (folder / INCIDENTS).write_bytes(orjson.dumps(head) + b"\n")
        (folder / ENTRIES).write_bytes(b"")

    def write(self, *lines: dict[str, Any]) -> None:
        (self.folder / REPORTS).write_bytes(b"".join(orjson.dumps(one) + b"\n" for one in lines))

    @property
    def found(self) -> str | None:
        first = check_reports(self.folder).first
        return first.what if first else None


def test_a_report_that_is_as_it_was_locked_is_counted_and_proved(tmp_path: Path) -> None:
    Export(tmp_path)
    checked = check_reports(tmp_path)
    assert (checked.reports, checked.unproved, checked.first) == (1, 0, None)


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"headline": "Rapport 2"}, "REPORT_DIFFERS"),
        ({"receivers": ["4627"]}, "REPORT_DIFFERS"),
        ({"version": 2}, "REPORT_DIFFERS"),
        ({"level": "public"}, "REPORT_DIFFERS"),
        ({"digest": "ab" * 32}, "REPORT_DIFFERS"),
        ({"id": "r2"}, "REPORT_DIFFERS"),
        ({"fields": [{"code": "measures", "text": "Ingen pumper", "entries": []}]}, "REPORT_DIFFERS"),
        ({"fields": []}, "REPORT_DIFFERS"),
        ({"files": {"html": {"file": "../reports.jsonl", "sha256": "00", "bytes": 1}}}, "REPORT_PAPER"),
        ({"files": {"html": {"file": "reports/borte.html", "sha256": "00", "bytes": 1}}}, "REPORT_PAPER"),
        ({"files": None}, "LINE"),
    ],
)
def test_a_line_that_was_changed_is_found(tmp_path: Path, change: dict[str, Any], what: str) -> None:
    export = Export(tmp_path)
    export.write(export.line | change)
    assert export.found == what


def test_a_paper_that_was_changed_and_a_version_that_was_taken_out_are_found(tmp_path: Path) -> None:
    export = Export(tmp_path)
    export.write()
    assert export.found == "REPORT_MISSING"
    export.write(export.line)
    (tmp_path / export.line["files"]["html"]["file"]).write_bytes(b"<p>Ingen pumper</p>")
    assert export.found == "REPORT_PAPER"


def test_a_neighbours_report_has_no_exact_facts_here_and_is_said_not_to_be_proved(tmp_path: Path) -> None:
    export = Export(tmp_path)
    (tmp_path / FACTS).unlink()
    checked = check_reports(export.folder)
    assert (checked.reports, checked.unproved, checked.first) == (1, 1, None)


@pytest.mark.parametrize(
    ("entry", "tags"),
    [
        (quoted(tags=["person"]), ()),
        (quoted(level="watch"), ()),
        ({"id": "e1", "incident": "i1", "withheld": True}, ()),
        (quoted(), (Tag.VULNERABILITY,)),
    ],
)
def test_what_holds_restricted_items_lies_in_the_sealed_part_alone(
    tmp_path: Path, entry: dict[str, Any], tags: tuple[Tag, ...]
) -> None:
    export = Export(tmp_path / "sealed", entry, tags)
    archiving.split(tmp_path)
    (line,) = lines_of(tmp_path / REPORTS)
    assert (line["withheld"], line["headline"], line["fields"]) == ("sealed", None, [])
    assert line["digest"] == export.line["digest"]
    opened = [path for path in tmp_path.rglob("*") if path.is_file() and "sealed" not in path.parts]
    assert [path.name for path in opened if b"Pumper" in path.read_bytes()] == []
    assert (tmp_path / line["files"]["html"]["file"]).read_bytes() == b"<p>Pumper er satt ut</p>"
    noark = orjson.loads((tmp_path / archiving.NOARK).read_bytes())
    (report,) = noark["mappe"][0]["registrering"]
    assert (report["tittel"], report["dokumentbeskrivelse"][0]["tittel"]) == ("*****", "*****")
    for part in (tmp_path, tmp_path / "sealed"):
        assert check_reports(part).first is None


def test_what_receivers_had_and_nothing_restricts_lies_open_with_its_paper(tmp_path: Path) -> None:
    export = Export(tmp_path / "sealed", quoted())
    archiving.split(tmp_path)
    assert list(lines_of(tmp_path / REPORTS)) == [export.line]
    paper = export.line["files"]["html"]["file"]
    assert (tmp_path / paper).read_bytes() == (tmp_path / "sealed" / paper).read_bytes()
    assert check_reports(tmp_path).first is None
    (report,) = orjson.loads((tmp_path / archiving.NOARK).read_bytes())["mappe"][0]["registrering"]
    assert report["korrespondansepart"][0]["korrespondansepartNavn"] == "sf-vestland"
    (document,) = report["dokumentbeskrivelse"][0]["dokumentobjekt"]
    assert (document["referanseDokumentfil"], document["sjekksum"]) == (
        paper,
        export.line["files"]["html"]["sha256"],
    )
    raw = (tmp_path / FACTS).read_text("utf-8")
    assert raw.count("Pumper er satt ut") == 1, "what was locked is open, its drafts are not"


def test_the_printed_log_and_the_table_name_the_report_and_where_its_paper_lies(tmp_path: Path) -> None:
    export = Export(tmp_path, quoted())
    write_tables(tmp_path)
    sheet = Sheet("Hendelseslogg", "Kriseledelsen", "Eksportert", "nb", is_exercise=False)
    write_log(tmp_path, sheet, Known({"sf-vestland": "Statsforvalteren", OWNER: "Vaktsentralen"}, {}))
    page = (tmp_path / "log.html").read_text("utf-8")
    assert f'href="{export.line["files"]["html"]["file"]}"' in page
    assert "Vaktsentralen · versjon 1 · godkjent og låst 14.01.2027 17.46 · → Statsforvalteren" in page
    table = (tmp_path / "reports.csv").read_text("utf-8-sig")
    assert export.line["digest"] in table
    assert "Rapport 1" in table


def test_for_public_access_a_report_is_an_item_with_the_tags_of_all_that_stands_in_it(tmp_path: Path) -> None:
    export = Export(tmp_path, quoted(tags=["health"]), (Tag.VULNERABILITY,))
    head, report = (item for item, _ in disclosing.items_of(tmp_path))
    assert head["id"] == "i1"
    assert (report["id"], report["tags"]) == (export.lock.id, ["health", "vuln"])
    assert report["content"] == {"headline": "Rapport 1", "text": "Pumper er satt ut\nVann i kjeller"}
