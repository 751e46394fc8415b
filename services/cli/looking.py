"""Verbs that look into the log: incident show, incidents."""

from enum import StrEnum
from typing import Annotated, Any

import typer

from services.cli import around
from services.cli.begun import Begun, says_what
from services.cli.duty import on_duty
from services.cli.ending import spoken
from services.cli.frame import Call, Outcome, table, verb
from services.cli.names import incident_named
from services.cli.options import Incident, ReasonOption
from services.cli.sending import ask, local, moment, names_of
from services.cli.texts import language, say
from services.words.shared import word


class Which(StrEnum):
    """Which incidents are listed."""

    OPEN = "open"
    CLOSED = "closed"
    ALL = "all"


Then = Annotated[str | None, typer.Option("--at", help="How it stood at this moment.")]


async def show(
    call: Call,
    said: Incident,
    ids: Annotated[bool, typer.Option("--ids", help="Show each entry's id, to correct or share it.")] = False,
    after: Annotated[str | None, typer.Option(help="Wait until the log has this receipt.")] = None,
    reason: ReasonOption = None,
    at: Then = None,
    audit: Annotated[
        bool, typer.Option("--audit", help="Entries in the order in which they were recorded.")
    ] = False,
) -> Outcome:
    """Show an incident: its head, its log, and who was told."""
    asked = {"after": after, "reason": reason, "at": then(at), "order": "recorded" if audit else None}
    found = await ask(call, "incidents", "get", **asked, **incident_named(said))
    lang = language(call.lang)
    entries = found.get("entries", [])
    writers = (who for one in entries for who in (one.get("actor", {}).get("person"), one.get("decider")))
    names = await names_of(call, writers) if not call.as_json else {}
    lines = [*_head(found["incident"], lang), *around.lines(found["incident"], lang)]
    lines += _entries(entries, names, lang, ids=ids, audit=audit)
    begun = Begun(found, {one["id"]: words(one, lang) for one in entries}, lang)
    lines += _chains(found.get("chains", []), lang) + begun.lines()
    return Outcome(found, lines + await _duty_then(call, found.get("duty", [])))


async def incidents(
    call: Call,
    state: Annotated[Which, typer.Option(help="Which ones.")] = Which.OPEN,
    limit: Annotated[int, typer.Option(min=1, max=500, help="How many at most.")] = 50,
    after: Annotated[str | None, typer.Option(help="Wait until the log has this receipt.")] = None,
    reason: ReasonOption = None,
    at: Then = None,
) -> Outcome:
    """List the incidents that the watch may see, as they stand or as they stood."""
    asked = {"state": state.value, "limit": limit, "after": after, "reason": reason, "at": then(at)}
    found = await ask(call, "incidents", "list", **asked)
    lang = language(call.lang)
    rows = [
        (
            one.get("ref"),
            one.get("number"),
            word(one["priority"], lang),
            word(one["state"], lang),
            local(one.get("occurred_at")),
            one["owner"],
            words(one, lang),
            ", ".join(f"{chain['watch']}: {word(_outcome(chain), lang)}" for chain in one.get("chains", [])),
        )
        for one in found["incidents"]
    ]
    lines = table(rows) if rows else [say("No incidents.", lang)]
    if found.get("more"):
        lines.append(say("Only the newest {count} are shown; see more with --limit.", lang, count=limit))
    own = [one for one in found.get("duty", []) if "filled" not in one]
    return Outcome(found, lines + await _duty_then(call, own))


async def _duty_then(call: Call, duty: list[dict[str, Any]]) -> list[str]:
    """Who was on duty at a past moment, as was known then."""
    lines = await on_duty(call, duty)
    return ["", say("On duty then:", language(call.lang)), *lines] if lines else []


def words(item: dict[str, Any], lang: str) -> str:
    """What an item says, in one line."""
    if item.get("erased"):
        return say("(erased)", lang)
    if item.get("reason_needed"):
        return say("(closed: give a reason to read it)", lang)
    content = item.get("content") or {}
    return str(content.get("headline") or content.get("text") or word(item.get("type"), lang) or "")


def _head(head: dict[str, Any], lang: str) -> list[str]:
    if "owner" not in head:
        return [say("This watch sees no incident here, only what was written to it.", lang)]
    named = " ".join(str(head[key]) for key in ("ref", "number") if head.get(key))
    shown = (word(head[key], lang) for key in ("priority", "state", "level"))
    title = head.get("type_title")
    kind = spoken(title, lang) if title else word(head["type"], lang)
    facts = (local(head.get("occurred_at")), head["owner"], kind, *shown)
    return [f"{named}  {words(head, lang)}", "  ".join(map(str, facts))]


def then(said: str | None) -> str | None:
    """A past moment as the hub is asked for it. Raises Usage."""
    found = moment(said)
    return None if found is None else found.isoformat()


def _entries(
    entries: list[dict[str, Any]], names: dict[str, str], lang: str, *, ids: bool, audit: bool
) -> list[str]:
    """Time, kind, who wrote, who may see, the words; ``ids`` puts each entry's id first.

    ``audit`` puts before it when it was recorded, with a mark where the clock was behind what stands above.
    """
    rows = [
        (
            *((one["id"],) if ids else ()),
            *((_recorded(one, lang),) if audit else ()),
            local(one["occurred_at"]),
            word(one["kind"], lang),
            _writer(one.get("actor", {}), names),
            word(one["level"], lang),
            ": ".join(filter(None, (word(one.get("state"), lang), _written(one, names, lang)))),
            _file(one.get("attachment"), lang),
        )
        for one in entries
    ]
    return ["", *table(rows)] if rows else []


def _recorded(entry: dict[str, Any], lang: str) -> str:
    at = local(entry["recorded_at"], seconds=True)
    return say("{at} (clock set back)", lang, at=at) if entry.get("skew") else at


def _writer(actor: dict[str, Any], names: dict[str, str]) -> str:
    """The writer's name; a neighbour's writer is known by watch only."""
    who = actor.get("person") or actor.get("machine")
    watch = ".".join(str(actor[key]) for key in ("organisation", "watch") if actor.get(key))
    return names.get(str(who)) or str(who or watch or "–")


def _file(attachment: dict[str, Any] | None, lang: str) -> str:
    """An attached file: its name and size, and whether it is still to be checked or must not be opened."""
    if attachment is None:
        return ""
    size = round((attachment["size"] or 0) / 1000) or 1
    told = say("[{name}, {size} kB]", lang, name=attachment["name"] or attachment["media_type"], size=size)
    state = word(f"file_{attachment['checked']}", lang) if attachment.get("checked") else ""
    return f"{told} {state}".strip()


def _written(entry: dict[str, Any], names: dict[str, str], lang: str) -> str:
    """The words; before them whether they were struck, after them how sure, how late and whose they are."""
    text = words(entry, lang) or says_what(entry, lang)
    if entry.get("corrected_by"):
        text = say("(struck) {text}", lang, text=text)
    decider = entry.get("decider")
    is_own = decider == entry.get("actor", {}).get("person")
    marks = [
        say("(not confirmed)", lang) if entry.get("confirmed") is False else "",
        say("(from paper)", lang) if entry.get("late") else "",
        say("(decided by: {who})", lang, who=names.get(decider) or word(decider, lang))
        if decider and not is_own
        else "",
    ]
    return " ".join(filter(None, [text, *marks]))


def _chains(chains: list[dict[str, Any]], lang: str) -> list[str]:
    if not chains:
        return []
    rows = [(one["watch"], word(one["priority"], lang), word(_outcome(one), lang)) for one in chains]
    return ["", say("Told:", lang), *table(rows)]


def _outcome(chain: dict[str, Any]) -> str | None:
    """Nobody is taken to be told: as long as no message has left, that is what is said."""
    is_waiting = chain.get("outcome") == "open" and not chain.get("sent", True)
    return "not_sent" if is_waiting else chain.get("outcome")


def register(app: typer.Typer, incident: typer.Typer) -> None:
    """Put the verbs under the program."""
    verb(incident, "show", "samvirke incident show 7K3Q9XT", acting=True)(show)
    verb(app, "incidents", "samvirke incidents --state all --json", acting=True)(incidents)
