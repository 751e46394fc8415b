"""The files of a public-access export: what is open, what is partly so, and a mark for what is withheld."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

from services.cli.export import access
from services.cli.export.access import Decision, Openness
from services.cli.export.cells import row
from services.cli.export.gather import ENTRIES, INCIDENTS
from services.cli.export.printed import LOG, moment, words_of, write_page
from services.cli.export.tables import lines_of
from services.cli.texts import say
from services.words.shared import word

ACCESS, TABLE = "access.jsonl", "access.csv"


def items_of(folder: Path) -> Iterator[tuple[dict[str, Any], bool]]:
    """Every item of what was gathered, each head before its entries; True for a head."""
    entries = lines_of(folder / ENTRIES)
    ahead = next(entries, None)
    for line in lines_of(folder / INCIDENTS):
        head = line["incident"]
        if "level" in head:
            yield head, True
        while ahead is not None and ahead["incident"] == head["id"]:
            yield ahead, False
            ahead = next(entries, None)


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
    gathered: Path, folder: Path, decided: dict[str, Decision], made: str, lang: str, *, is_exercise: bool
) -> dict[str, int]:
    """Write what may be given out; how many items are open, partly so and withheld. Raises BadDecision."""
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
    title = say("Incident log, public access", lang)
    write_page(folder / LOG, _pages(folder, lang), title, made, lang, is_exercise=is_exercise)
    return counts


def _cells(told: dict[str, Any], lang: str) -> tuple[object, ...]:
    known = tuple(told.get(name) for name in ("occurred_at", "watch", "kind"))
    words = " ".join(text for _, text in words_of(told.get("content"), lang))
    return (told["n"], told["openness"], access.mark_of(told["grounds"]), *known, words)


def _pages(folder: Path, lang: str) -> Iterator[dict[str, Any]]:
    """Each incident with its rows; an entry whose head is not seen stands in one of its own."""
    page: dict[str, Any] | None = None
    for told in lines_of(folder / ACCESS):
        if told["head"] or page is None:
            if page is not None:
                yield page
            page = {"head": _head(told, lang), "rows": [], "chains": []}
        if not told["head"]:
            page["rows"].append(_row(told, lang))
    if page is not None:
        yield page


def _head(told: dict[str, Any], lang: str) -> dict[str, Any]:
    known = [moment(told["occurred_at"])] if told.get("occurred_at") else []
    known += [str(word(told[name], lang)) for name in ("watch", "type", "state") if told.get(name)]
    words = words_of(told.get("content"), lang) if told["head"] else []
    facts = " · ".join(known) if told["head"] else ""
    mark = _mark(told, lang) if told["head"] else ""
    return {"named": f"{told['n']}", "facts": facts, "words": words, "withheld": mark}


def _row(told: dict[str, Any], lang: str) -> dict[str, Any]:
    times = {name: moment(told.get(f"{name}_at")) for name in ("occurred", "recorded")}
    openness = {
        "open": say("open", lang),
        "partly": say("partly open", lang),
        "withheld": say("withheld", lang),
    }
    return {
        **times,
        "kind": word(told.get("kind"), lang) or "–",
        "who": told.get("watch") or "–",
        "person": f"{told['n']}",
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
