"""The process that makes a report's paper or text: ``python -m services.reports.printing FORMAT LANGUAGE``.

It reads the report as JSON and writes HTML, Markdown or PDF. What people wrote is markup in none.
"""

import re
import sys
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson

from services.reports.rendering import NO_EXTRA
from services.runtime.paper.page import TEXTS
from services.words.languages import speaking
from services.words.norway import norwegian
from services.words.shared import word

TEMPLATES = Path(__file__).parent / "templates"
_ = TEXTS.say
_BIDI = re.compile("[\u200e\u200f\u061c\u202a-\u202e\u2066-\u2069]")
_SIGNS = re.compile(r"([\\`*_\[\]<>#~&|!()$@{}])")
_LINE_START = re.compile(r"^([+=:-])")
_PLAIN_KINDS = ("information", "opened")
_LINKS = re.compile(r"(?i)(://|www\.)")

Part = dict[str, Any]


def prepared(printed: Part) -> Part:
    """What all three forms show, in the order in which they show it, in the language that is spoken."""
    report, names, titles = printed["report"], printed["names"], printed["titles"]
    template = plain(report["title"])
    title = plain(report["headline"]) or template or _("Situation report")
    return {
        "title": title,
        "kicker": template if template != title else "",
        "watch": plain(titles.get(report["watch"], report["watch"])),
        "exercise": _("EXERCISE") if printed["mode"] == "exercise" else "",
        "warning": _warning(report),
        "status": _status(report),
        "facts": [fact for fact in _facts(report, names, titles) if fact[1]],
        "fields": [
            _field(one, report["watch"], titles) for one in report["fields"] if one["text"] or one["entries"]
        ],
        "foot": _("Made {time}", time=moment(printed["made_at"])),
        "checksum": _("Checksum: {digest}", digest=report["digest"]) if report["digest"] else "",
        "page": _("Page"),
        "of": _("of"),
        "erased": _("The words of this report are erased.") if report["erased"] else "",
    }


def _warning(report: Part) -> str:
    """What nobody may overlook: that it does not hold, or not yet."""
    if report["state"] == "recalled":
        return _("RECALLED – does not hold")
    return "" if report["state"] == "locked" else _("DRAFT – not approved")


def _status(report: Part) -> str:
    number = report["version"]
    if report["state"] == "locked":
        return _("Version {number}, approved and locked", number=number)
    if report["state"] == "recalled":
        return _("Version {number}, recalled {time}", number=number, time=moment(report["recalled_at"]))
    return _("Version {number}: {state} – not approved", number=number, state=word(report["state"]) or "")


def _facts(report: Part, names: dict[str, str], titles: dict[str, str]) -> list[tuple[str, str]]:
    receivers = [titles.get(one, one) for one in report.get("receivers", [])]
    tags = {*report["tags"], *(tag for one in report["fields"] for tag in _tags_of(one))}
    return [
        (_("From"), plain(titles.get(report["watch"], report["watch"]))),
        (_("To"), ", ".join(map(plain, receivers))),
        (_("Approved"), "; ".join(_approval(one, names) for one in report["approved"])),
        (_("Locked and sent"), moment(report.get("locked_at"))),
        (_("Recalled because"), word(report.get("recall_ground")) or ""),
        (_("Holds what is not for all"), ", ".join(word(tag) or tag for tag in sorted(tags))),
    ]


def _tags_of(field: Part) -> Iterable[str]:
    return (tag for entry in field["entries"] for tag in entry.get("tags", ()))


def _approval(one: Part, names: dict[str, str]) -> str:
    at = moment(one["at"])
    person = plain(names.get(one.get("person", ""), ""))
    return f"{person}, {at}" if person else at


def _field(one: Part, watch: str, titles: dict[str, str]) -> Part:
    title = one["title"] or word(one["code"]) or one["code"]
    title = title[:1].upper() + title[1:]
    return {
        "title": plain(title),
        "lines": lines(one["text"] or ""),
        "entries": [_entry(entry, watch, titles) for entry in one["entries"]],
    }


def _entry(one: Part, watch: str, titles: dict[str, str]) -> Part:
    """An entry that the report refers to: when, what, whose if not the sender's own, and what it says now."""
    if one.get("withheld"):
        return {"from": "", "lines": [_("An entry that this watch may not see.")], "struck": False}
    marks = {"strike": _("struck since"), "replace": _("corrected since")}
    whose = "" if one["watch"] == watch else plain(titles.get(one["watch"], one["watch"]))
    kind = "" if one["kind"] in _PLAIN_KINDS else word(one["kind"]) or ""
    about = (moment(one["occurred_at"]), kind, whose, marks.get(one["corrected"] or "", ""))
    said = [_("The words are erased.")] if one["erased"] else list(_said(one))
    return {"from": " · ".join(filter(None, about)), "lines": said, "struck": one["corrected"] == "strike"}


def _said(one: Part) -> Iterable[str]:
    """The words of an entry line by line; of what is not plain words with its name."""
    yield from lines("\n".join(filter(None, (one["headline"], one["text"]))))
    if one.get("place"):
        yield _("Place: {place}", place=plain(one["place"]))
    for name, number in (one.get("figures") or {}).items():
        yield f"{plain(name)}: {number}"
    if one.get("basis"):
        yield from lines(_("Ground: {basis}", basis=one["basis"]))


def plain(text: str | None) -> str:
    """A text without the signs that turn the direction of what follows."""
    return _BIDI.sub("", text or "")


def lines(text: str) -> list[str]:
    """The lines of a text, without their indentation; empty ones are left out."""
    return [kept for line in plain(text).splitlines() if (kept := line.strip())]


def moment(text: str | None) -> str:
    """A time as people read it in Norway: 14.01.2027 kl. 18.00."""
    if not text:
        return ""
    local = norwegian(datetime.fromisoformat(text))
    return _("{date} at {time}", date=f"{local:%d.%m.%Y}", time=f"{local:%H.%M}")


def as_html(shown: Part) -> bytes:
    """A page by itself that can be printed: no script, nothing from elsewhere."""
    from services.runtime.paper.page import Pages

    return Pages(TEMPLATES, {}).render("report", None, **shown).encode()  # type: ignore[arg-type]


def as_markdown(shown: Part) -> bytes:
    """Text for the field of another system, such as CIM."""
    loud = filter(None, (shown["exercise"], shown["warning"]))
    found = [line for said in loud for line in (f"**{escaped(said)}**", "")]
    found += [f"# {escaped(shown['title'])}", ""]
    found += [escaped(shown["kicker"]), ""] if shown["kicker"] else []
    found += [f"**{escaped(shown['status'])}**", ""]
    found += [f"- {escaped(name)}: {escaped(said)}" for name, said in shown["facts"]]
    found += ["", escaped(shown["erased"])] if shown["erased"] else []
    for field in shown["fields"]:
        found += ["", f"## {escaped(field['title'])}", "", *_paragraph(field["lines"])]
        for entry in field["entries"]:
            from_, said = entry["from"], entry["lines"]
            found += ["", f"- {escaped(from_ or said[0])}"]
            found += ["", *_paragraph(said, "  ")] if from_ else []
    foot = "\\\n".join(escaped(one) for one in (shown["checksum"], shown["foot"]) if one)
    return ("\n".join([*found, "", foot]) + "\n").encode()


def _paragraph(said: Iterable[str], before: str = "") -> list[str]:
    """Lines of one paragraph, each on a line of its own also where it is shown."""
    kept = [f"{before}{escaped(line)}" for line in said]
    return [f"{line}\\" for line in kept[:-1]] + kept[-1:]


def escaped(text: str) -> str:
    """A text as Markdown that shows it as it is: nothing in it is markup, nor a link."""
    safe = _SIGNS.sub(r"\\\1", " ".join(text.split()))
    safe = _LINKS.sub(lambda found: found[1][:-1] + "\\." if found[1][-1] == "." else f"\\{found[1]}", safe)
    return _LINE_START.sub(r"\\\1", _number(safe))


def _number(text: str) -> str:
    """A number at the start is no list: its dot is written with a backslash."""
    return re.sub(r"^(\d+)\.(?=\s|$)", r"\1\\.", text)


def as_pdf(shown: Part) -> bytes:
    """A paper in A4, as PDF/A-2b; as plain PDF where signs are in it that no font here has.

    Raises ImportError without the extra.
    """
    import typst

    source = (TEMPLATES / "report.typ").read_bytes()
    given: dict[str, Any] = {"format": "pdf", "sys_inputs": {"report": orjson.dumps(shown).decode()}}
    made: bytes
    try:
        made = typst.compile(source, pdf_standards=["a-2b"], **given)
    except typst.TypstError:
        made = typst.compile(source, **given)
    return made


def is_for_archives(pdf: bytes) -> bool:
    """True if a PDF says of itself that it is PDF/A."""
    return b"<pdfaid:part>" in pdf


FORMS: dict[str, Callable[[Part], bytes]] = {"html": as_html, "md": as_markdown, "pdf": as_pdf}


def main(format: str, language: str) -> int:
    """Make one; the exit code."""
    printed = orjson.loads(sys.stdin.buffer.read())
    with speaking(language):
        try:
            made = FORMS[format](prepared(printed) | {"language": language})
        except ImportError:
            return NO_EXTRA
    sys.stdout.buffer.write(made)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]))
