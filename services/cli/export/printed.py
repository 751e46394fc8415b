"""The log of an export for print: one HTML file that needs nothing else, written incident by incident."""

from collections.abc import Iterator
from datetime import datetime
from itertools import chain
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader

from services.cli.export.gather import ENTRIES, INCIDENTS
from services.cli.export.tables import lines_of
from services.cli.texts import say
from services.runtime.paper import page
from services.words.norway import norwegian
from services.words.shared import priority_word, word

LOG = "log.html"
_on_paper = page.TEXTS.say
_WORDS = ("headline", "text")


def write_log(folder: Path, title: str, made: str, lang: str, *, is_exercise: bool) -> None:
    """Write the log of what lies in the folder's JSON Lines."""
    write_page(folder / LOG, _incidents(folder, lang), title, made, lang, is_exercise=is_exercise)


def write_page(
    path: Path, incidents: Iterator[dict[str, Any]], title: str, made: str, lang: str, *, is_exercise: bool
) -> None:
    """Write a page of incidents, each with its rows, as they come."""
    templates = [str(Path(__file__).parent / "templates"), str(page.HERE / "templates")]
    pages = Environment(loader=FileSystemLoader(templates), autoescape=True, trim_blocks=True)
    pages.lstrip_blocks = True
    values = {
        "lang": lang,
        "title": title,
        "made": made,
        "exercise": _on_paper("EXERCISE – EXERCISE – EXERCISE", lang) if is_exercise else "",
        "heads": _columns(lang),
        "told": say("Told:", lang),
        "incidents": incidents,
    }
    with path.open("w", encoding="utf-8") as file:
        file.writelines(pages.get_template("export.html").stream(values))


def moment(text: str | None) -> str:
    """A time as one reads it in Norway, with its date."""
    if not text:
        return "–"
    local = norwegian(datetime.fromisoformat(text))
    return f"{local:%d.%m.%Y %H.%M}"


def words_of(content: dict[str, Any] | None, lang: str) -> list[tuple[str, str]]:
    """What was written, each part with its name; the words themselves have none."""
    found = content or {}
    parts = [("", str(found[name])) for name in _WORDS if found.get(name)]
    parts += [(shown, str(found[name])) for name, shown in _names(lang).items() if found.get(name)]
    figures = found.get("figures") or {}
    return parts + [(name, str(number)) for name, number in figures.items()]


def _columns(lang: str) -> list[str]:
    when = [say("Happened", lang), say("Logged", lang)]
    return [*when, say("What", lang), say("Who", lang), say("May see it", lang), say("Written", lang)]


def _names(lang: str) -> dict[str, str]:
    return {
        "place": say("Where", lang),
        "position": say("Position", lang),
        "source": say("Source", lang),
        "reference": say("Reference", lang),
        "basis": say("Basis", lang),
    }


def _incidents(folder: Path, lang: str) -> Iterator[dict[str, Any]]:
    entries = lines_of(folder / ENTRIES)
    ahead = next(entries, None)
    for line in lines_of(folder / INCIDENTS):
        head = line["incident"]
        rows = []
        while ahead is not None and ahead["incident"] == head["id"]:
            rows.append(_row(ahead, lang))
            ahead = next(entries, None)
        yield {"head": _head(head, lang), "rows": rows, "chains": _chains(line["chains"], lang)}


def _head(head: dict[str, Any], lang: str) -> dict[str, Any]:
    named = " ".join(str(head[key]) for key in ("ref", "number") if head.get(key))
    known = [word(head.get(key), lang) for key in ("type", "state", "level") if head.get(key)]
    rank = priority_word(head["priority"], lang) if head.get("priority") else ""
    times = [moment(head["occurred_at"])] if head.get("occurred_at") else []
    facts = " · ".join(filter(None, [*times, head.get("owner"), rank, *known]))
    return {"named": named, "facts": facts, "words": _said(head, lang)}


def _row(entry: dict[str, Any], lang: str) -> dict[str, Any]:
    state = word(entry.get("state"), lang)
    actor = entry.get("actor") or {}
    who = f"{actor.get('organisation', '')}.{actor.get('watch', '')}"
    return {
        "occurred": moment(entry["occurred_at"]),
        "recorded": moment(entry["recorded_at"]),
        "kind": word(entry["kind"], lang),
        "who": who,
        "person": actor.get("person") or actor.get("machine") or "",
        "level": word(entry["level"], lang),
        "words": list(chain([("", state)] if state else [], _said(entry, lang))),
        "struck": bool(entry.get("corrected_by")),
    }


def _said(item: dict[str, Any], lang: str) -> list[tuple[str, str]]:
    return [("", say("(erased)", lang))] if item.get("erased") else words_of(item.get("content"), lang)


def _chains(chains: list[dict[str, Any]], lang: str) -> list[str]:
    return [f"{one['watch']}: {word(one['outcome'], lang)}" for one in chains]
