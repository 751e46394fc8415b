"""What stands beside an incident's log on a terminal: its ties, who answers for it, who does what there."""

from typing import Any

from services.cli.sending import local
from services.cli.texts import say
from services.words.shared import word


def lines(head: dict[str, Any], lang: str) -> list[str]:
    """One line for each thing that there is to say of an incident's surroundings."""
    told = [
        (say("Merged here: {refs}.", lang, refs=found) if (found := _refs(head.get("merged"))) else ""),
        (say("Under: {ref}.", lang, ref=head["parent"]["ref"]) if head.get("parent") else ""),
        (say("Beneath it: {refs}.", lang, refs=found) if (found := _children(head, lang)) else ""),
        (say("Linked to: {refs}.", lang, refs=found) if (found := _refs(head.get("links"))) else ""),
        (say("Responsible: {watch}.", lang, watch=head["responsible"]) if _is_handed_over(head) else ""),
        (say("Asked to take over: {watch}.", lang, watch=to) if (to := _asked(head)) else ""),
        (say("Where: {place}.", lang, place=where) if (where := _place(head)) else ""),
        (say("Functions: {functions}.", lang, functions=held) if (held := _functions(head)) else ""),
        (say("Case elsewhere: {cases}.", lang, cases=cases) if (cases := _cases(head)) else ""),
    ]
    return [line for line in told if line]


def _refs(found: list[dict[str, Any]] | None) -> list[str]:
    return [str(one["ref"]) for one in found or []]


def _children(head: dict[str, Any], lang: str) -> list[str]:
    return [f"{one['ref']} ({word(one['state'], lang)})" for one in head.get("children") or []]


def _is_handed_over(head: dict[str, Any]) -> bool:
    return bool(head.get("responsible")) and head["responsible"] != head.get("owner")


def _asked(head: dict[str, Any]) -> str | None:
    return head["transfer"]["to"] if head.get("transfer") else None


def _place(head: dict[str, Any]) -> list[str]:
    """Where it is by the newest word, and since when that was said."""
    said = head.get("location") or {}
    where = [str(said[name]) for name in ("place", "position") if said.get(name)]
    where += [" ".join(said["area"])] if said.get("area") else []
    return [*where, local(said["since"])] if where else []


def _functions(head: dict[str, Any]) -> list[str]:
    held = (one for one in head.get("functions") or [] if not one["until"])
    return [f"{one['function']} {_who(one)} [{one['id']}]" for one in held]


def _who(one: dict[str, Any]) -> str:
    return str(one.get("name") or one.get("watch") or one.get("person") or "–")


def _cases(head: dict[str, Any]) -> list[str]:
    found = (one for one in head.get("references") or [] if not one["struck"])
    return [f"{one['system']} {one['number'] or '–'}" for one in found]
