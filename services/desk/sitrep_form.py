"""What the form of a situation report says, and what it is filled with. Pure."""

from collections.abc import Mapping
from typing import Any

import orjson

from schemas.reports import DraftReport, ReportContent
from services.desk.beside import brief_of
from services.runtime.reading import validate

_WORDS, _ENTRY = "words:", "entry:"


def chosen_in(form: Mapping[str, str]) -> list[dict[str, str]]:
    """The entries that stand under a field."""
    found = []
    for name, field in form.items():
        kind, _, rest = name.partition(":")
        incident, _, entry = rest.partition(":")
        if f"{kind}:" == _ENTRY and field:
            found.append({"field": field, "incident": incident, "entry": entry})
    return found


def drafted(
    form: Mapping[str, str], entries: list[dict[str, str]]
) -> tuple[DraftReport, dict[str, Any] | None]:
    """The command that writes a report, and its words. Raises Refusal."""
    fields = {"report": form.get("report"), "template": form.get("template"), "entries": entries}
    fields["incident"] = form.get("incident") or None
    written = {
        name.removeprefix(_WORDS): text for name, text in form.items() if name.startswith(_WORDS) and text
    }
    content: dict[str, Any] = {"words": written} if written else {}
    content |= {"headline": form["headline"]} if form.get("headline") else {}
    validate(ReportContent, orjson.dumps(content), "content.")
    return validate(DraftReport, orjson.dumps(fields)), content or None


def quoted(found: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The entries that a report refers to already, each with its field."""
    return [
        {**entry, "entry": entry["id"], "field": field["code"], "said": brief_of({"content": entry})}
        for field in found.get("fields", [])
        for entry in field["entries"]
    ]
