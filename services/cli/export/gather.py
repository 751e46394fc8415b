"""Gathering an export from the hub, page by page, into JSON Lines: never more than a page in memory."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from services.cli.export.attached import Attached
from services.cli.export.proofs import Bound

INCIDENTS, ENTRIES = "incidents.jsonl", "entries.jsonl"
INCIDENT_FORM, ENTRY_FORM = "samvirke.export.incident.v1", "samvirke.export.entry.v1"

Ask = Callable[..., Awaitable[dict[str, Any]]]
"""Asks the hub: the question's name and its parameters."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What is exported: one incident, named as in a question, or those of a watch or a period."""

    incident: dict[str, Any] | None = None
    watch: str | None = None
    since: str | None = None
    until: str | None = None
    reason: str | None = None


@dataclass(slots=True)
class Counts:
    """How much lies in each file."""

    incidents: int = 0
    entries: int = 0
    facts: int = 0
    states: dict[str, str] = field(default_factory=dict)


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
    ask: Ask, scope: Scope, folder: Path, told: Callable[[int], None], *, with_files: bool = True
) -> Counts:
    """Write incidents, entries and, for the own watch, exact facts with their proof; how much it was.

    Attached files lie in a folder beside, as the person may have them; an entry says under which name.
    """
    counts = Counts()
    checkpoint = await ask("export_proof")
    bound = Bound(folder, checkpoint)
    with (folder / INCIDENTS).open("wb") as heads, (folder / ENTRIES).open("wb") as entries:
        async for named in incidents_of(ask, scope):
            attached = Attached(ask, folder, scope.reason) if with_files else None
            head = await _log(ask, named, scope, entries, counts, attached)
            heads.write(orjson.dumps(head) + b"\n")
            counts.incidents += 1
            counts.states[head["incident"]["id"]] = head["incident"].get("state", "")
            await _facts(ask, head["incident"]["id"], scope, bound)
            told(counts.incidents)
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
) -> dict[str, Any]:
    """Write an incident's entries; the rest of it."""
    head: dict[str, Any] = {}
    start: int | None = 0
    while start is not None:
        page = await ask("export", **named, part="log", start=start, reason=scope.reason)
        if start == 0:
            names = ("incident", "chains", "tasks", "requests", "card")
            head = {"form": INCIDENT_FORM} | {name: page[name] for name in names}
        for entry in page["entries"]:
            line = {"form": ENTRY_FORM, "incident": head["incident"]["id"], **entry}
            if attached is not None and (entry.get("attachment") or {}).get("given"):
                line["file"] = await attached.write(entry["id"])
            entries.write(orjson.dumps(line) + b"\n")
            counts.entries += 1
        start = page["next"]
    return head


async def _facts(ask: Ask, id: str, scope: Scope, bound: Bound) -> None:
    start: int | None = 0
    while start is not None and bound.size:
        asked = {"id": id, "part": "facts", "start": start, "size": bound.size, "reason": scope.reason}
        page = await ask("export", **asked)
        for fact in page["facts"]:
            bound.add(fact["leaf"], bytes.fromhex(fact["raw"]), fact["sealed"])
        start = page["next"]
