"""Verbs of ending an exercise for good: exercise list, preview, discard, approve."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from schemas.vocabulary import Mode
from services.cli.failures import refused
from services.cli.frame import Call, Outcome, table, verb
from services.cli.sending import ask, local, names_of, send
from services.cli.texts import language, say
from services.words.shared import word

Exercise = Annotated[str, typer.Argument(help="The exercise's id, as the list shows it.", metavar="EXERCISE")]
Where = Annotated[
    list[str] | None,
    typer.Option(help="A house, or a hidden watch from within; else all that one has a say over. Repeat it."),
]
_ASKED = ("incidents", "feeds", "notifications", "reports", "warnings")
"""The trades of the rooms that keep something of an exercise."""
_SHOWN = 6
THERE = {
    "incidents": "Incidents in lists and searches",
    "words": "Words of entries and others",
    "files": "Files",
    "feed_items": "Items of feeds",
    "feed_rows": "Places in neighbours' feeds",
    "chains": "Chains of being told",
    "messages": "Messages not long ended",
    "reports": "Situation reports and drafts",
    "wheels": "Reporting wheels",
    "warnings": "Official warnings",
    "originals": "Their original messages",
}
LEFT = {
    "facts_without_words": "Facts that had words: times, codes and ids, in the chains for good",
    "erasures_pending": "Of these, still to be erased at the broker",
    "reads": "Lines of the log of reads, until their own term is over",
}


async def listing(call: Call) -> Outcome:
    """List the exercises of one's house: what runs, what has ended, what is gone, and what was ordered."""
    call, lang = replace(call, mode=Mode.EXERCISE), language(call.lang)
    found = (await ask(call, "exercise", "list"))["exercises"]
    names = await names_of(call, (order["by"] for one in found for order in one["orders"]))
    rows = [
        (
            one["exercise"],
            one["code"],
            local(one["began"]),
            local(one["ended"]) if one["ended"] else say("runs", lang),
            say("{gone} of {all} ended for good", lang, gone=_gone(one), all=len(one["shares"])),
        )
        for one in found
    ]
    lines = table(rows) if rows else [say("There is no exercise.", lang)]
    orders = [
        (
            order["order"],
            one["code"],
            _listed(order["where"]),
            order["law"],
            names.get(order["by"], order["by"]),
            word(order["state"], lang),
        )
        for one in found
        for order in one["orders"]
    ]
    return Outcome({"status": "ok", "exercises": found}, [*lines, *(["", *table(orders)] if orders else [])])


async def preview(call: Call, exercise: Exercise, where: Where = None) -> Outcome:
    """Show what would go if the exercise were ended for good, and what stays; nothing is done by looking."""
    call, lang = replace(call, mode=Mode.EXERCISE), language(call.lang)
    there, left, shares = await _counted(call, exercise, where or [])
    beside, backups = list(_beside(call, exercise)), list(_backups(call))
    data = {"status": "ok", "where": shares, "there": there, "left": left}
    lines = [*_shown(there, left, shares, lang), *_kept_elsewhere(beside, backups, lang)]
    return Outcome(data | {"beside": beside, "backups": backups}, lines)


async def discard(
    call: Call,
    exercise: Exercise,
    law: Annotated[str, typer.Option(help="The law it rests on, such as arkivlova-15.")],
    where: Where = None,
) -> Outcome:
    """Order, as archive owner, that an exercise be ended for good; nothing is gone before it is approved."""
    from schemas.exercise import Discard
    from schemas.identifiers import new_id

    call, lang = replace(call, mode=Mode.EXERCISE), language(call.lang)
    shares = where or await _own_shares(call, exercise)
    there, left, _ = await _counted(call, exercise, shares)
    request = Discard(exercise=exercise, order=new_id(), where=shares, law=law)
    outcome = await send(call, request, done="Ordered; another person must approve it.")
    if outcome.data.get("status") != "accepted":
        return outcome
    data = outcome.data | {"order": request.order, "there": there, "left": left}
    lines = [*outcome.lines, request.order, "", *_shown(there, {}, shares, lang)]
    return Outcome(data, lines, outcome.code)


async def approve(
    call: Call,
    order: Annotated[str, typer.Argument(help="The order's id, as the list shows it.", metavar="ORDER")],
) -> Outcome:
    """Approve what another person ordered: words and rows are gone for good, the facts stay."""
    from schemas.exercise import ApproveDiscard

    call = replace(call, mode=Mode.EXERCISE)
    found = (await ask(call, "exercise", "list"))["exercises"]
    of = next((one for one in found if any(known["order"] == order for known in one["orders"])), None)
    if of is None:
        return refused(call, "UNKNOWN_ORDER", {})
    request = ApproveDiscard(exercise=of["exercise"], order=order)
    return await send(call, request, done="Approved; that part of the exercise is ended for good.")


async def _own_shares(call: Call, exercise: str) -> list[str]:
    """What the person may order to be ended; the own house when it is nothing, so that it is said why."""
    found = (await ask(call, "exercise", "list"))["exercises"]
    shares = [share for one in found if one["exercise"] == exercise for share in one["shares"]]
    own = [share["where"] for share in shares if share["may_order"]]
    return own or [call.organisation]


async def _counted(
    call: Call, exercise: str, where: list[str]
) -> tuple[dict[str, int], dict[str, int], list[str]]:
    """What each room has of it; what is left of it; and which shares that is about."""
    answers = [await ask(call, trade, "exercise", exercise=exercise, where=where) for trade in _ASKED]
    there: dict[str, int] = {name: count for one in answers for name, count in one["there"].items()}
    return there, answers[0]["left"], answers[0]["where"]


def _beside(call: Call, exercise: str) -> Iterator[str]:
    """Files in this home that tell of the exercise and are nobody's rows."""
    home = call.settings().home
    for path in sorted((home / "exercises").glob(f"*-{exercise}.*")):
        yield str(path)


def _backups(call: Call) -> Iterator[dict[str, str | None]]:
    """Backups that this home has noted, until their own end: what they hold nobody erases in them."""
    import orjson

    for path in sorted((call.settings().home / "backups").glob("*.json")):
        noted = orjson.loads(path.read_bytes())
        if noted["until"] is None or datetime.fromisoformat(noted["until"]) > datetime.now(UTC):
            yield {"folder": noted["folder"], "until": noted["until"]}


def _shown(there: dict[str, int], left: dict[str, int], shares: list[str], lang: str) -> list[str]:
    rows = [(say(text, lang), there[name]) for name, text in THERE.items() if name in there]
    lines = [say("What is there of it in {shares}:", lang, shares=_listed(shares)), *table(rows)]
    kept = [(say(text, lang), left[name]) for name, text in LEFT.items() if name in left]
    if kept:
        lines += ["", say("What stays:", lang), *table(kept)]
        lines += [
            say("People, roles and rosters of the centre of the exercise; take them back one by one.", lang)
        ]
    return lines


def _kept_elsewhere(beside: list[str], backups: list[dict[str, str | None]], lang: str) -> list[str]:
    lines = [say("A report of the playing: {path}; delete it yourself.", lang, path=path) for path in beside]
    for one in backups:
        known = {"folder": one["folder"], "until": (one["until"] or "–")[:10]}
        lines.append(say("A backup may hold it: {folder}, to be destroyed by {until}.", lang, **known))
    return lines


def _listed(shares: list[str]) -> str:
    """The first of them, and how many there are when it is a whole region."""
    shown = " ".join(sorted(shares)[:_SHOWN])
    return shown if len(shares) <= _SHOWN else f"{shown} … ({len(shares)})"


def _gone(one: dict[str, Any]) -> int:
    return sum(share["gone"] is not None for share in one["shares"])


def register(exercise: typer.Typer) -> None:
    """Put the verbs under ``exercise``."""
    number = "01a0b1c2-d3e4-7f5a-8b6c-7d8e9f0a1b2c"
    verb(exercise, "list", "samvirke exercise list", acting=True)(listing)
    verb(exercise, "preview", f"samvirke exercise preview {number}", acting=True)(preview)
    verb(exercise, "discard", f"samvirke exercise discard {number} --law arkivlova-15", acting=True)(discard)
    verb(exercise, "approve", f"samvirke exercise approve {number}", acting=True)(approve)
