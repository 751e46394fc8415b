"""What the command line understands, and what the scripts of the pages say; the grammar is static/grammar.js.

Each verb, priority, state and type has aliases in bokmål, nynorsk and English; a unique beginning is enough.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from schemas.incident_types import TypeSet
from services.desk import keys, texts
from services.words.languages import spoken

VERBS: Mapping[str, tuple[str, ...]] = {
    "new": ("ny", "nytt", "new", "report", "meld"),
    "ack": ("kvitt", "kvitter", "kvittér", "ack", "acknowledge"),
    "log": ("logg", "log", "skriv", "write"),
    "state": ("status", "state", "tilstand"),
    "close": ("lukk", "avslutt", "close"),
    "duty": ("vakt", "vakter", "duty"),
    "take": ("overta", "take", "ta"),
    "release": ("frigi", "gå-av", "gi-frå", "release"),
    "find": ("finn", "søk", "find", "search"),
    "help": ("hjelp", "hjelp-meg", "help"),
    "later": ("tildel", "varsle", "hyll", "angre", "sitrep", "øvelse", "assign", "notify", "shelve", "undo"),
}
PRIORITIES: Mapping[str, tuple[str, ...]] = {
    "critical": ("p1", "kritisk", "critical"),
    "high": ("p2", "høy", "høg", "high"),
    "normal": ("p3", "vanlig", "vanleg", "normal"),
    "info": ("info", "p4"),
}
STATES: Mapping[str, tuple[str, ...]] = {
    "acknowledged": ("kvittert", "stadfesta", "acknowledged"),
    "assigned": ("tildelt", "assigned"),
    "in_progress": ("pågår", "paagaar", "progress", "in_progress"),
    "closed": ("avsluttet", "avslutta", "lukket", "lukka", "closed"),
}
TYPES: Mapping[str, tuple[str, ...]] = {
    "fire": ("brann", "røyk", "fire"),
    "water.leak": ("vann", "vatn", "vannlekkasje", "lekkasje", "water"),
    "sewer": ("avløp", "kloakk", "sewer"),
    "flood": ("flom", "flaum", "overvann", "flood"),
    "landslide": ("ras", "skred", "slide", "landslide"),
    "storm": ("storm", "uvær", "vind"),
    "road.closed": ("vei", "veg", "stengt", "road"),
    "traffic.accident": ("ulykke", "ulukke", "trafikk", "accident"),
    "power.outage": ("strøm", "straum", "strømbrudd", "power"),
    "it.outage": ("ikt", "data", "nett", "it"),
    "alarm.outage": ("alarm", "trygghetsalarm"),
    "evacuation": ("evakuering", "evacuation"),
    "pollution": ("utslipp", "forurensning", "pollution"),
    "building": ("bygg", "building"),
    "request": ("spørsmål", "anmodning", "request"),
    "other": ("annet", "anna", "other"),
}
SAYINGS: Mapping[str, str] = {
    "understood": "Understood",
    "not_understood": "Not understood",
    "not_yet": "This verb is not in the desk yet",
    "unknown_verb": "no such verb; try new, ack, log, state, close, duty, take, find, or a reference",
    "ambiguous": "can mean several",
    "no_ref": "which incident? Write its number or reference",
    "no_text": "write some words",
    "no_state": "which state? acknowledged, assigned, progress or closed",
    "new": "New incident",
    "ack": "Acknowledge",
    "correct": "Correct",
    "log": "Write in the log",
    "state": "Change state",
    "close": "Close",
    "done": "Task done",
    "answer": "Answer",
    "tick": "Ticked",
    "tie": "Change relations",
    "transfer": "Transfer",
    "place": "Change the place",
    "function": "Function at the incident",
    "share": "Share wider",
    "glass": "Break-glass",
    "duty": "Show who is on duty",
    "take": "Take over",
    "release": "Leave the duty",
    "find": "Show only rows with",
    "help": "Show the keys",
    "open": "Open",
    "newcomers": "new arrivals",
    "more": "more, not shown here",
    "filtered": "shown, filter",
    "lost": "The link to the hub is lost since {time}. What you see may be old. You can go on writing.",
    "unsent": "not sent",
    "sending": "is being sent",
    "sent": "saved",
    "kept": "kept on this machine, not sent yet",
    "refused": "not done",
    "ended": "The session has ended. What you have written stands here. Sign in again, then it is sent.",
    "not_fetched": "The incident could not be fetched. Try again.",
    "bad_link": "The link did not work. Ask for a new one.",
    "other_person": "Another person is signed in now. What was waiting is not sent in another's name.",
    "nothing_to_acknowledge": "Nothing to acknowledge here.",
    "normal": "NORMAL",
    "degraded": "DEGRADED",
    "no_link": "NO LINK",
    "hour": "h",
}


def types_for(register: Mapping[str, TypeSet], watch: str) -> dict[str, tuple[str, ...]]:
    """The types that a watch reports, with their aliases: the register's, or those above while it is empty.

    A title is an alias where no other type has it; what has no other alias is called by its code.
    """
    known = {code: one for code, one in register.items() if one.is_for(watch)}
    if not known:
        return dict(TYPES)
    found = {code: list(TYPES.get(code, ())) for code in (*known, "other")}
    taken = {alias for aliases in found.values() for alias in aliases}
    for code, one in known.items():
        for title in (one.title.nb, one.title.nn, one.title.en):
            alias = (title or "").lower()
            if alias and " " not in alias and alias not in taken:
                found[code].append(alias)
                taken.add(alias)
    return {code: tuple(aliases) or (code,) for code, aliases in found.items()}


def titles_of(register: Mapping[str, TypeSet], watch: str) -> dict[str, str]:
    """What the register calls the types that a watch may know, in the language that is spoken."""
    return {code: one.title.spoken(spoken()) for code, one in register.items() if one.is_for(watch)}


def for_scripts(register: Mapping[str, TypeSet] = MappingProxyType({}), watch: str = "") -> dict[str, Any]:
    """All that the scripts of a page of the watch read."""
    types = types_for(register, watch)
    known = {code: register[code] for code in types if code in register}
    return {
        "keys": keys.table(),
        "verbs": VERBS,
        "priorities": PRIORITIES,
        "states": STATES,
        "types": types,
        "defaults": {code: one.priority for code, one in known.items() if one.priority},
        "words": {code: texts.word(code) for code in (*PRIORITIES, *STATES, *types)}
        | titles_of(known, watch),
        "say": {code: texts.say(text, time="{time}") for code, text in SAYINGS.items()},
    }
