"""The log of an export for print: one HTML file that needs nothing else, written incident by incident."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader

from services.cli.export.gather import ENTRIES, INCIDENTS
from services.cli.export.reported import REPORTS
from services.cli.export.tables import lines_of, under
from services.cli.texts import say
from services.runtime.paper import page
from services.words.norway import norwegian
from services.words.shared import priority_word, word

LOG = "log.html"
_on_paper = page.TEXTS.say
_WORDS = ("headline", "text")


@dataclass(frozen=True, slots=True)
class Sheet:
    """What stands on every page: its title, whose it is, when it was made, and in which language."""

    title: str
    watch: str
    made: str
    lang: str
    is_exercise: bool


@dataclass(frozen=True, slots=True)
class Known:
    """What watches are called, by key, and persons, by id."""

    titles: dict[str, str]
    names: dict[str, str]

    def watch(self, key: str | None) -> str:
        """A watch as people call it."""
        return self.titles.get(key or "", key or "")


def write_log(folder: Path, sheet: Sheet, known: Known) -> None:
    """Write the log of what lies in the folder's JSON Lines."""
    write_page(folder / LOG, _incidents(folder, sheet.lang, known), sheet)


def write_page(path: Path, incidents: Iterator[dict[str, Any]], sheet: Sheet) -> None:
    """Write a page of incidents, each with its rows, as they come."""
    templates = [str(Path(__file__).parent / "templates"), str(page.HERE / "templates")]
    pages = Environment(loader=FileSystemLoader(templates), autoescape=True, trim_blocks=True)
    pages.lstrip_blocks = True
    pages.filters["css"] = page.css_string
    lang = sheet.lang
    values = {
        "sheet": sheet,
        "lang": lang,
        "exercise": _on_paper("EXERCISE – EXERCISE – EXERCISE", lang) if sheet.is_exercise else "",
        "page": _on_paper("Page", lang),
        "of": _on_paper("of", lang),
        "heads": _columns(lang),
        "told": say("Told:", lang),
        "reported": say("Situation reports", lang),
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
    when = [say("No.", lang), say("Happened", lang), say("Logged", lang)]
    return [*when, say("What", lang), say("Who", lang), say("May see it", lang), say("Written", lang)]


def _names(lang: str) -> dict[str, str]:
    return {
        "place": say("Where", lang),
        "position": say("Position", lang),
        "source": say("Source", lang),
        "reference": say("Reference", lang),
        "basis": say("Basis", lang),
    }


def _incidents(folder: Path, lang: str, known: Known) -> Iterator[dict[str, Any]]:
    """Each incident with its rows and reports; last the reports that stand under none."""
    ids = [line["incident"]["id"] for line in lines_of(folder / INCIDENTS)]
    parts = zip(
        lines_of(folder / INCIDENTS), under(folder, ENTRIES, ids), under(folder, REPORTS, ids), strict=True
    )
    for line, entries, reports in parts:
        numbers = {one["id"]: number for number, one in enumerate(entries, 1)}
        yield {
            "head": _head(line["incident"], lang, known),
            "rows": [_row(one, numbers, lang, known) for one in entries],
            "chains": [
                f"{known.watch(one['watch'])}: {word(one['outcome'], lang)}" for one in line["chains"]
            ],
            "reports": [_report(one, lang, known) for one in reports],
        }
    others = [_report(one, lang, known) for one in lines_of(folder / REPORTS) if one["incident"] is None]
    if others:
        head = {"named": "", "headline": say("Other reports", lang), "facts": "", "words": []}
        yield {"head": head, "rows": [], "chains": [], "reports": others}


def _report(line: dict[str, Any], lang: str, known: Known) -> dict[str, Any]:
    """A version of a report: what it is called, where it went, and where its paper lies."""
    version = say("version {number}", lang, number=line["version"])
    state = word(line["state"], lang)
    about = [version, f"{state} {moment(line.get('recalled_at') or line['locked_at'])}"]
    to = ", ".join(map(known.watch, line["receivers"]))
    return {
        "title": line["headline"] or line["title"] or line["template"],
        "facts": " · ".join([known.watch(line["watch"]), *about, *([f"→ {to}"] if to else [])]),
        "digest": line["digest"],
        "paper": line["files"].get("html", {}).get("file"),
        "withheld": _withheld(line, lang),
    }


def _head(head: dict[str, Any], lang: str, known: Known) -> dict[str, Any]:
    named = " ".join(str(head[key]) for key in ("ref", "number") if head.get(key))
    codes = [word(head.get(key), lang) for key in ("type", "state", "level") if head.get(key)]
    rank = priority_word(head["priority"], lang) if head.get("priority") else ""
    times = [moment(head["occurred_at"])] if head.get("occurred_at") else []
    facts = " · ".join(filter(None, [*times, known.watch(head.get("owner")), rank, *codes]))
    content = dict(head.get("content") or {})
    headline = str(content.pop("headline", ""))
    words = _said(head | {"content": content}, lang)
    return {
        "named": named,
        "headline": headline,
        "facts": facts,
        "words": words,
        "withheld": _withheld(head, lang),
    }


def _row(entry: dict[str, Any], numbers: dict[str, int], lang: str, known: Known) -> dict[str, Any]:
    state = word(entry.get("state"), lang)
    actor = entry.get("actor") or {}
    person = actor.get("person") or actor.get("machine") or ""
    return {
        "number": numbers[entry["id"]],
        "occurred": moment(entry["occurred_at"]),
        "recorded": _later(entry["occurred_at"], entry["recorded_at"]),
        "kind": word(entry["kind"], lang),
        "who": known.watch(f"{actor.get('organisation', '')}.{actor.get('watch', '')}"),
        "person": known.names.get(person, person),
        "level": word(entry["level"], lang),
        "tags": ", ".join(word(tag, lang) or tag for tag in entry.get("tags", ())),
        "words": list(chain([("", state)] if state else [], _said(entry, lang))),
        "struck": bool(entry.get("corrected_by")),
        "about": _about(entry, numbers, lang),
        "withheld": _withheld(entry, lang),
    }


def _later(occurred: str, recorded: str) -> str:
    """When it was logged: the clock alone where that was on the same day."""
    said, day = moment(recorded), moment(occurred)[:10]
    return said[11:] if said.startswith(day) else said


def _about(entry: dict[str, Any], numbers: dict[str, int], lang: str) -> str:
    """Which entry it corrects, or is corrected by."""
    if entry.get("corrects") in numbers:
        return say("Corrects no. {number}", lang, number=numbers[entry["corrects"]])
    if entry.get("corrected_by") in numbers:
        return say("Corrected by no. {number}", lang, number=numbers[entry["corrected_by"]])
    return ""


def _withheld(item: dict[str, Any], lang: str) -> str:
    return say("In the sealed part", lang) if item.get("withheld") else ""


def _said(item: dict[str, Any], lang: str) -> list[tuple[str, str]]:
    return [("", say("(erased)", lang))] if item.get("erased") else words_of(item.get("content"), lang)
