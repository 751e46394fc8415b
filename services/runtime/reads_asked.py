"""Asking every room that keeps a log of reads, and putting what they tell in one order."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

Ask = Callable[..., Awaitable[dict[str, Any]]]
"""Asks a trade: its name, the question's name and its parameters."""

MOST = 200
_OF_BOTH = ("item", "person", "since", "until", "limit")


async def who_read(ask: Ask, asked: dict[str, Any], report: str | None = None) -> dict[str, Any]:
    """The newest lines of the incident log and of situation reports; with ``report`` of that one only.

    ``asked`` is the question as the incident log takes it. Raises what ``ask`` does: half an answer is none.
    """
    of_log: dict[str, Any] = {"reads": [], "more": False}
    if report is None:
        of_log = await ask("incidents", "audit", **asked)
    wanted = {name: asked[name] for name in _OF_BOTH if name in asked}
    incident = of_log.get("incident")
    of_reports = await ask("reports", "audit", **wanted, report=report, incident=incident)
    refs = {one["incident"]: one["ref"] for one in of_log["reads"]} | {incident: asked.get("ref")}
    of_reports["reads"] = [one | {"ref": refs.get(one["incident"])} for one in of_reports["reads"]]
    found = of_log["reads"] + of_reports["reads"]
    found.sort(key=lambda one: datetime.fromisoformat(one["read_at"]), reverse=True)
    most = asked.get("limit", MOST)
    is_cut = of_log["more"] or of_reports["more"] or len(found) > most
    return {"status": "ok", "reads": found[:most], "more": is_cut}


async def reads_of_reports(ask: Ask, **of: str) -> list[dict[str, Any]]:
    """Every line about situation reports of one ``person`` or ``incident``, the newest first."""
    found: list[dict[str, Any]] = []
    before: int | None = None
    while True:
        page = await ask("reports", "audit", **of, limit=500, before=before)
        found += page["reads"]
        if not page["more"]:
            return found
        before = page["reads"][-1]["position"]
