"""Gathering an export from the hub, page by page, into JSON Lines: never more than a page in memory."""

from collections.abc import AsyncIterator, Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from services.cli.export.asking import Ask, Scope
from services.cli.export.attached import Attached
from services.cli.export.proofs import Bound
from services.cli.export.reported import Paper, reports_in

INCIDENTS, ENTRIES = "incidents.jsonl", "entries.jsonl"
INCIDENT_FORM, ENTRY_FORM = "samvirke.export.incident.v1", "samvirke.export.entry.v1"


@dataclass(slots=True)
class Counts:
    """How much lies in each file; the persons that are named, and what the watches are called."""

    incidents: int = 0
    entries: int = 0
    reports: int = 0
    facts: int = 0
    states: dict[str, str] = field(default_factory=dict)
    persons: set[str] = field(default_factory=set)
    titles: dict[str, str] = field(default_factory=dict)


async def incidents_of(ask: Ask, scope: Scope) -> AsyncIterator[dict[str, Any]]:
    """What names each incident of the scope, in a question."""
    if scope.incident is not None:
        yield scope.incident
        return
    last: str | None = None
    while True:
        asked = {"watch": scope.watch, "since": scope.since, "until": scope.until, "last": last}
        found = await ask("export_plan", **asked)
        for id in found["incidents"]:
            yield {"id": id}
        if not found["more"]:
            return
        last = found["incidents"][-1]


async def gather(
    ask: Ask, scope: Scope, folder: Path, told: Callable[[int], None], paper: Paper | None
) -> Counts:
    """Write incidents, entries, reports, and exact facts of the own watch with their proof; how much it was.

    Attached files and papers of reports lie in folders beside, as the person may have them, and lines say
    under which name; without ``paper`` they are left out.
    """
    counts = Counts()
    bound = Bound(folder, await ask("export_proof"))
    with (
        closing(bound),
        (folder / INCIDENTS).open("wb") as heads,
        (folder / ENTRIES).open("wb") as entries,
        reports_in(ask, scope, folder, bound, paper) as reported,
    ):
        async for named in incidents_of(ask, scope):
            attached = Attached(ask, folder, scope.reason) if paper is not None else None
            head, merged = await _log(ask, named, scope, entries, counts, attached)
            heads.write(orjson.dumps(head) + b"\n")
            counts.incidents += 1
            counts.states[head["incident"]["id"]] = head["incident"].get("state", "")
            await _facts(ask, head["incident"]["id"], scope, bound)
            await reported.of_incident(head["incident"]["id"], *sorted(merged))
            told(counts.incidents)
        await reported.of_scope()
    counts.reports, counts.titles = reported.count, reported.titles | counts.titles
    counts.facts = bound.count
    await bound.finish(ask)
    return counts


async def _log(
    ask: Ask,
    named: dict[str, Any],
    scope: Scope,
    entries: Any,
    counts: Counts,
    attached: Attached | None,
) -> tuple[dict[str, Any], set[str]]:
    """Write an incident's entries; the rest of it, and the incidents that were merged into it."""
    head: dict[str, Any] = {}
    merged: set[str] = set()
    start: int | None = 0
    while start is not None:
        page = await ask("export", **named, part="log", start=start, reason=scope.reason)
        if start == 0:
            names = ("incident", "chains", "tasks", "requests", "card")
            head = {"form": INCIDENT_FORM} | {name: page[name] for name in names}
        counts.titles |= page["titles"]
        for entry in page["entries"]:
            counts.persons |= {one for one in [entry["actor"].get("person")] if one}
            line = {"form": ENTRY_FORM, "incident": head["incident"]["id"], **entry}
            merged.update(one["id"] for one in [entry.get("of")] if one)
            if attached is not None and (entry.get("attachment") or {}).get("given"):
                line["file"] = await attached.write(entry["id"])
            entries.write(orjson.dumps(line) + b"\n")
            counts.entries += 1
        start = page["next"]
    return head, merged


async def _facts(ask: Ask, id: str, scope: Scope, bound: Bound) -> None:
    start: int | None = 0
    while start is not None and bound.size:
        asked = {"id": id, "part": "facts", "start": start, "size": bound.size, "reason": scope.reason}
        page = await ask("export", **asked)
        for fact in page["facts"]:
            bound.add(fact["leaf"], bytes.fromhex(fact["raw"]), fact["sealed"])
        start = page["next"]
