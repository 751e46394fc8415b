"""What stands beside an incident's log, in the words of a page. Pure."""

from collections.abc import Mapping
from typing import Any

from services.desk import texts
from services.words.languages import spoken

DECIDERS = ("crisis_leader", "chief_doctor", "incident_commander")
"""The functions that a form offers as those who decided."""
FUNCTIONS = ("incident.commander", "liaison", "log.keeper", "press.contact", *DECIDERS[:2])
"""The functions at an incident that a form offers."""
GROUNDS = {"hpl-31": "hpl. § 31", "hpl-23-4": "hpl. § 23 nr. 4", "strl-17": "strl. § 17"}
"""The grounds in law for break-glass that a form offers; any other code may be written."""
_BRIEF = 120


def channels() -> dict[str, str]:
    """The ways in which something reaches a watch, that a form offers; code to word."""
    return {
        "phone": texts.say("telephone"),
        "radio": texts.say("radio"),
        "email": texts.say("e-mail"),
        "meeting": texts.say("face to face"),
        "system": texts.say("another system"),
    }


def steps_of(card: Mapping[str, Any] | None) -> dict[str, str]:
    """What each step of an action card says, in the language that is spoken."""
    steps = card["steps"] if card else []
    return {step["code"]: step["text"].get(spoken()) or step["text"]["nb"] for step in steps}


def brief_of(entry: Mapping[str, Any]) -> str:
    """The beginning of an entry's words."""
    content = entry.get("content") or {}
    said = str(content.get("headline") or content.get("text") or "").strip()
    return said if len(said) <= _BRIEF else said[: _BRIEF - 1] + "…"


def persons_in(found: Mapping[str, Any]) -> set[str]:
    """The ids of all persons whom an answer about an incident names."""
    entries, functions = found["entries"], found["incident"].get("functions", [])
    persons = {entry["actor"].get("person") for entry in entries}
    persons |= {entry.get(name) for entry in entries for name in ("decider", "assignee")}
    persons |= {(entry.get("detail") or {}).get("person") for entry in entries}
    persons |= {task["assignee"] for task in found.get("tasks", [])}
    persons |= {step.get("person") for chain in found["chains"] for step in chain["steps"]}
    persons |= {one.get("person") for one in (*functions, *found.get("duty", []))}
    return {one for one in persons if one and "." not in one and one not in DECIDERS}
