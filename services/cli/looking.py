"""Verbs that look into the log: incident show, incidents."""

from enum import StrEnum
from typing import Annotated, Any

import typer

from services.cli.frame import Call, Outcome, table, verb
from services.cli.names import incident_named
from services.cli.options import Incident
from services.cli.sending import ask, local, names_of
from services.cli.texts import language, say


class Which(StrEnum):
    """Which incidents are listed."""

    OPEN = "open"
    CLOSED = "closed"
    ALL = "all"


async def show(
    call: Call,
    said: Incident,
    after: Annotated[str | None, typer.Option(help="Wait until the log has this receipt.")] = None,
) -> Outcome:
    """Show an incident: its head, its log, and who was told."""
    found = await ask(call, "incidents", "get", after=after, **incident_named(said))
    lang = language(call.lang)
    entries = found.get("entries", [])
    writers = (one.get("actor", {}).get("person") for one in entries)
    names = await names_of(call, writers) if not call.as_json else {}
    lines = [*_head(found["incident"], lang), "", *_entries(entries, names, lang)]
    return Outcome(found, lines + _chains(found.get("chains", []), lang))


async def incidents(
    call: Call,
    state: Annotated[Which, typer.Option(help="Which ones.")] = Which.OPEN,
    limit: Annotated[int, typer.Option(min=1, max=500, help="How many at most.")] = 50,
    after: Annotated[str | None, typer.Option(help="Wait until the log has this receipt.")] = None,
) -> Outcome:
    """List the incidents that the watch may see."""
    found = await ask(call, "incidents", "list", state=state.value, limit=limit, after=after)
    rows = [
        (
            one.get("ref"),
            one.get("number"),
            one["priority"],
            one["state"],
            local(one.get("occurred_at")),
            one["owner"],
            words(one, language(call.lang)),
        )
        for one in found["incidents"]
    ]
    empty = say("No incidents.", language(call.lang))
    return Outcome(found, table(rows) if rows else [empty])


def words(item: dict[str, Any], lang: str) -> str:
    """What an item says, in one line."""
    if item.get("erased"):
        return say("(erased)", lang)
    content = item.get("content") or {}
    return str(content.get("headline") or content.get("text") or item.get("type") or "")


def _head(head: dict[str, Any], lang: str) -> list[str]:
    named = " ".join(str(head[key]) for key in ("ref", "number") if head.get(key))
    facts = (head["owner"], head["type"], head["priority"], head["state"], head["level"])
    return [f"{named}  {words(head, lang)}", "  ".join(map(str, facts)), local(head.get("occurred_at"))]


def _entries(entries: list[dict[str, Any]], names: dict[str, str], lang: str) -> list[str]:
    rows = [
        (
            local(one["occurred_at"]),
            _writer(one.get("actor", {}), names),
            one["kind"],
            one["level"],
            one["id"],
            one.get("state") or _written(one, lang),
        )
        for one in entries
    ]
    return table(rows) if rows else []


def _writer(actor: dict[str, Any], names: dict[str, str]) -> str:
    who = actor.get("person") or actor.get("machine")
    return names.get(str(who), str(who or "–"))


def _written(entry: dict[str, Any], lang: str) -> str:
    text = words(entry, lang)
    return say("(struck) {text}", lang, text=text) if entry.get("corrected_by") else text


def _chains(chains: list[dict[str, Any]], lang: str) -> list[str]:
    if not chains:
        return []
    rows = [(one["watch"], one["priority"], one.get("outcome")) for one in chains]
    return ["", say("Told:", lang), *table(rows)]


def register(app: typer.Typer, incident: typer.Typer) -> None:
    """Put the verbs under the program."""
    verb(incident, "show", "samvirke incident show 7K3Q9XT", acting=True)(show)
    verb(app, "incidents", "samvirke incidents --state all --json", acting=True)(incidents)
