"""The hint that a report may be the same as what stands open: it comes after the report is stored."""

import asyncio
from typing import Any

from services.cli.frame import Call, Outcome, table
from services.cli.looking import words
from services.cli.sending import ask, local
from services.cli.texts import language, say
from services.words.shared import word

HINT_S = 3.0
"""How long the program waits for the hint before it ends without it."""


async def hinted(call: Call, outcome: Outcome) -> Outcome:
    """What the report led to, with the open incidents that it may be the same as, if one can be told.

    They are those whose heads the reporter may see; the machine's answer has them as ``similar``.
    """
    if outcome.data.get("status") != "accepted":
        return outcome
    found = await _alike(call, outcome.data)
    lang, rows = language(call.lang), briefly(call, found)
    hint = say(
        "It may be the same as these; if so: samvirke incident merge {ref} OTHER.", lang, **outcome.data
    )
    lines = [hint, *rows] if rows else []
    return Outcome({**outcome.data, "similar": found}, [*outcome.lines, *lines], outcome.code)


def briefly(call: Call, incidents: list[dict[str, Any]]) -> list[str]:
    """Incidents whose heads are seen, one a line."""
    lang = language(call.lang)
    return table(
        (
            *(one["ref"], word(one["priority"], lang), word(one["state"], lang)),
            *(local(one.get("occurred_at")), one["owner"], words(one, lang)),
        )
        for one in incidents
        if one.get("ref")
    )


async def _alike(call: Call, answer: dict[str, Any]) -> list[dict[str, Any]]:
    from services.runtime.edge import AskRefused, Unanswered

    try:
        async with asyncio.timeout(HINT_S):
            asked = {"ref": answer["ref"], "after": answer["receipt"]}
            found = await ask(call, "incidents", "similar", **asked)
    except (AskRefused, Unanswered, TimeoutError):
        return []
    alike: list[dict[str, Any]] = found["incidents"]
    return alike
