"""The files of a public-access export: what is open, what is partly so, and a mark for what is withheld."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

from schemas.reports import REPORT
from services.cli.export import access
from services.cli.export.access import Decision, Openness
from services.cli.export.cells import row
from services.cli.export.gather import ENTRIES, INCIDENTS
from services.cli.export.printed import LOG, Known, Sheet, moment, words_of, write_page
from services.cli.export.reported import REPORTS
from services.cli.export.tables import lines_of, under
from services.cli.texts import say
from services.words.shared import word

ACCESS, TABLE = "access.jsonl", "access.csv"


def items_of(folder: Path) -> Iterator[tuple[dict[str, Any], bool]]:
    """Every item of what was gathered, each head before its entries and reports; True for a head."""
    heads = [line["incident"] for line in lines_of(folder / INCIDENTS)]
    ids = [head["id"] for head in heads]
    parts = zip(heads, under(folder, ENTRIES, ids), under(folder, REPORTS, ids), strict=True)
    for head, entries, reports in parts:
        if "level" in head:
            yield head, True
        for item in (*entries, *map(as_item, reports)):
            yield item, False
    for line in lines_of(folder / REPORTS):
        if line["incident"] is None:
            yield as_item(line), False


def as_item(line: dict[str, Any]) -> dict[str, Any]:
    """A version of a report as an item: it bears the tags of all that stands in it."""
    entries = [entry for one in line["fields"] for entry in one["entries"]]
    said = [part for one in line["fields"] for part in (one["text"], *map(_quoted, one["entries"])) if part]
    organisation, _, watch = line["watch"].partition(".")
    return {
        "id": line["fact"],
        "kind": REPORT,
        "level": line["level"],
        "tags": sorted({*line["tags"], *(tag for entry in entries for tag in entry.get("tags", []))}),
        "occurred_at": line["locked_at"],
        "recorded_at": line["locked_at"],
        "state": line["state"],
        "actor": {"organisation": organisation, "watch": watch},
        "content": {"headline": line["headline"], "text": "\n".join(said)},
    }


def _quoted(entry: dict[str, Any]) -> str:
    return " ".join(filter(None, (entry.get("headline"), entry.get("text"))))


def propose(gathered: Path, file: Path) -> int:
    """Write the file in which a person decides, for its owner's eyes; how many items."""
    count = 0
    with os.fdopen(
        os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8"
    ) as lines:
        for item, _ in items_of(gathered):
            lines.writelines(access.proposal([item]))
            count += 1
    return count


def disclose(
    gathered: Path, folder: Path, decided: dict[str, Decision], sheet: Sheet, known: Known
) -> dict[str, int]:
    """Write what may be given out; how many items are open, partly so and withheld. Raises BadDecision."""
    lang = sheet.lang
    counts = dict.fromkeys((one.value for one in Openness), 0)
    with (
        (folder / ACCESS).open("wb") as lines,
        (folder / TABLE).open("w", encoding="utf-8", newline="") as table,
    ):
        table.write("\ufeff" + row(("n", "openness", "grounds", "occurred_at", "watch", "kind", "words")))
        for number, (item, is_head) in enumerate(items_of(gathered), 1):
            decision = access.decide(item, decided)
            counts[decision.openness.value] += 1
            told = access.given_out(number, item, decision) | {"head": is_head}
            lines.write(orjson.dumps(told) + b"\n")
            table.write(row(_cells(told, lang)))
    write_page(folder / LOG, _pages(folder, lang, known), sheet)
    return counts


def _cells(told: dict[str, Any], lang: str) -> tuple[object, ...]:
    known = tuple(told.get(name) for name in ("occurred_at", "watch", "kind"))
    words = " ".join(text for _, text in words_of(told.get("content"), lang))
    return (told["n"], told["openness"], access.mark_of(told["grounds"]), *known, words)


def _pages(folder: Path, lang: str, known: Known) -> Iterator[dict[str, Any]]:
    """Each incident with its rows; an entry whose head is not seen stands in one of its own."""
    page: dict[str, Any] | None = None
    for told in lines_of(folder / ACCESS):
        if told["head"] or page is None:
            if page is not None:
                yield page
            page = {"head": _head(told, lang, known), "rows": [], "chains": []}
        if not told["head"]:
            page["rows"].append(_row(told, lang, known))
    if page is not None:
        yield page


def _head(told: dict[str, Any], lang: str, known: Known) -> dict[str, Any]:
    parts = [moment(told["occurred_at"])] if told.get("occurred_at") else []
    parts += [known.watch(told["watch"])] if told.get("watch") else []
    parts += [str(word(told[name], lang)) for name in ("type", "state") if told.get(name)]
    if not told["head"]:
        return {"named": f"{told['n']}", "headline": "", "facts": "", "words": [], "withheld": ""}
    content = dict(told.get("content") or {})
    headline, words = content.pop("headline", ""), words_of(content, lang)
    head = {"named": f"{told['n']}", "headline": headline, "facts": " · ".join(parts), "words": words}
    return head | {"withheld": _mark(told, lang)}


def _row(told: dict[str, Any], lang: str, known: Known) -> dict[str, Any]:
    times = {name: moment(told.get(f"{name}_at")) for name in ("occurred", "recorded")}
    openness = {
        "open": say("open", lang),
        "partly": say("partly open", lang),
        "withheld": say("withheld", lang),
    }
    return {
        **times,
        "kind": word(told.get("kind"), lang) or "–",
        "number": told["n"],
        "who": known.watch(told.get("watch")) or "–",
        "person": "",
        "level": openness[told["openness"]],
        "words": words_of(told.get("content"), lang),
        "struck": told.get("corrected", False),
        "withheld": _mark(told, lang),
    }


def _mark(told: dict[str, Any], lang: str) -> str:
    grounds = access.mark_of(told["grounds"])
    if told["openness"] == "withheld":
        return say("Withheld: {grounds}", lang, grounds=grounds)
    return say("Partly withheld: {grounds}", lang, grounds=grounds) if told["openness"] == "partly" else ""
