"""What may be given out under the law of public access, item by item (offentleglova). Pure.

The default follows tag and level; a person decides in a file. What is withheld is withheld on a named ground,
and its place stays visible: the law exempts information, not the fact that there is some (offl. §§ 12, 31).
"""

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import orjson

FORM = "samvirke.access.v1"

GROUNDS = {
    "offl-13": "offl. § 13",
    "offl-14": "offl. § 14",
    "offl-15": "offl. § 15",
    "offl-16": "offl. § 16",
    "offl-20": "offl. § 20",
    "offl-21": "offl. § 21",
    "offl-22": "offl. § 22",
    "offl-23": "offl. § 23",
    "offl-24-1": "offl. § 24 (1)",
    "offl-24-2": "offl. § 24 (2)",
    "offl-24-3": "offl. § 24 (3)",
    "offl-26": "offl. § 26",
    "fvl-13": "fvl. § 13",
    "hpl-21": "hpl. § 21",
    "bvl-13-1": "bvl. § 13-1",
    "politiregl-23": "politiregl. § 23",
}
"""Legal grounds by code, as they are cited in Norway."""

_BY_TAG = {
    "health": ("offl-13", "hpl-21"),
    "child": ("offl-13", "bvl-13-1"),
    "person": ("offl-13", "fvl-13"),
    "vuln": ("offl-24-3",),
}
_SECRET = frozenset({"health", "child", "person"})
_INTERNAL = ("offl-14",)
_OPEN_LEVELS = ("region", "public")
_WORDS = ("headline", "text", "place", "figures", "basis")


class Openness(StrEnum):
    """What becomes of an item."""

    OPEN = "open"
    PARTLY = "partly"
    WITHHELD = "withheld"


class BadDecision(ValueError):
    """A decision that cannot stand; ``args`` are why, as a code, and the item's id."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What becomes of an item, on which grounds; ``text`` is what is left of one that is partly open."""

    openness: Openness
    grounds: tuple[str, ...] = ()
    text: str | None = None


def default(item: dict[str, Any]) -> Decision:
    """What becomes of an item that nobody decided of: open only what was shared with the region or all."""
    grounds = tuple(dict.fromkeys(one for tag in item["tags"] for one in _BY_TAG.get(tag, ())))
    if grounds:
        return Decision(Openness.WITHHELD, grounds)
    if item["level"] in _OPEN_LEVELS:
        return Decision(Openness.OPEN)
    return Decision(Openness.WITHHELD, _INTERNAL)


def check(item: dict[str, Any], decision: Decision) -> Decision:
    """The decision, if it can stand. Raises BadDecision: GROUND_NEEDED, GROUND_UNKNOWN, TEXT_NEEDED, SECRET.

    Secrecy is a duty: what is tagged with it is never open as a whole, whoever decides (offl. § 13).
    """
    if decision.openness is Openness.OPEN:
        if _SECRET & set(item["tags"]):
            raise BadDecision("SECRET", item["id"])
        return decision
    if not decision.grounds:
        raise BadDecision("GROUND_NEEDED", item["id"])
    if any(one not in GROUNDS for one in decision.grounds):
        raise BadDecision("GROUND_UNKNOWN", item["id"])
    if decision.openness is Openness.PARTLY and not decision.text:
        raise BadDecision("TEXT_NEEDED", item["id"])
    return decision


def decide(item: dict[str, Any], decided: dict[str, Decision]) -> Decision:
    """What a person decided of the item, else the default. Raises BadDecision."""
    return check(item, decided.get(item["id"]) or default(item))


def given_out(number: int, item: dict[str, Any], decision: Decision) -> dict[str, Any]:
    """The item as it is given out, under its number in the log; nobody who wrote it is named."""
    mark = {"form": FORM, "n": number, "openness": decision.openness.value, "grounds": list(decision.grounds)}
    if decision.openness is Openness.WITHHELD:
        return mark
    actor = item.get("actor") or {}
    told = {
        name: item.get(name) for name in ("kind", "type", "priority", "state", "occurred_at", "recorded_at")
    }
    told["watch"] = item.get("owner") or f"{actor.get('organisation')}.{actor.get('watch')}"
    told["corrected"] = bool(item.get("corrected_by"))
    content = item.get("content") or {}
    words = {name: content[name] for name in _WORDS if content.get(name)}
    if decision.openness is Openness.PARTLY:
        words = {"text": decision.text}
    return mark | {name: value for name, value in told.items() if value is not None} | {"content": words}


def mark_of(decision_grounds: Iterable[str]) -> str:
    """The grounds as they are cited."""
    return ", ".join(GROUNDS[one] for one in decision_grounds)


def proposal(items: Iterable[dict[str, Any]]) -> Iterable[str]:
    """The lines of a file in which a person decides: each item with its default, and what it says."""
    for item in items:
        decision = default(item)
        content = item.get("content") or {}
        words = " ".join(str(content.get(name) or "") for name in ("headline", "text"))
        shown = "".join(one if one.isprintable() else " " for one in words)[:120]
        yield f"# {item['occurred_at']} {shown}\n"
        yield f"[[item]]\nid = {_text(item['id'])}\nopenness = {_text(decision.openness.value)}\n"
        yield f"grounds = [{', '.join(map(_text, decision.grounds))}]\n\n"


def read(text: str) -> dict[str, Decision]:
    """The decisions in a file, by the item's id. Raises BadDecision: UNREADABLE."""
    try:
        found = tomllib.loads(text).get("item", [])
        return {
            str(one["id"]): Decision(
                Openness(one["openness"]), tuple(one.get("grounds", ())), one.get("text")
            )
            for one in found
        }
    except (tomllib.TOMLDecodeError, KeyError, TypeError, ValueError, AttributeError):
        raise BadDecision("UNREADABLE", "") from None


def _text(said: str) -> str:
    return orjson.dumps(said).decode()
