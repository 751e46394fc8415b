"""One complete sample of every fact's body: all fields set, so that a lost field shows."""

from datetime import UTC, datetime
from typing import Any

from schemas import (
    exercise,
    feeds,
    incident_types,
    incidents,
    notifications,
    people,
    relations,
    warnings,
    watch,
)
from schemas.catalogue import BODIES
from schemas.envelope import Actor, Body, Fact
from schemas.vocabulary import Authentication, ContentClass, Mode

AT = "2027-01-14T08:00:00+01:00"
LATER = "2027-01-14T20:00:00+01:00"
RULES = {
    "priority": "critical",
    "steps": [
        {"after_s": 0, "function": "primary"},
        {"after_s": 180, "function": "backup", "watch": "4601.kk"},
    ],
    "end_s": 660,
    "repeat": 3,
}
_REACH = {"level": "named", "tags": ["vuln"], "named": ["4627", "110-vest.main"], "notify": ["4627.vakt"]}
_WORDS = {"nb": "Vannlekkasje", "nn": "Vasslekkasje", "en": "Water leak"}
_PAIR = {
    "incident": "incident-1",
    "owner": "4601.vaktsentral",
    "other": "incident-2",
    "other_owner": "110-vest.main",
}
_CHAIN = {"chain": "chain-1", "watch": "4627.vakt"}

_CLOCK = {"exercise": "exercise-1", "at": LATER, "wall": AT, "speed": 60}

SAMPLES: dict[type[Body], dict[str, Any]] = {
    incidents.Opened: {
        **_REACH,
        "ref": "7K3M9QX",
        "type": "water.leak",
        "priority": "critical",
        "municipalities": ["4601"],
        "confirmed": False,
        "channel": "phone",
        "late": True,
        "card": 2,
    },
    incidents.EntryAdded: {
        **_REACH,
        "incident": "incident-1",
        "kind": "decision",
        "priority": "high",
        "confirmed": False,
        "channel": "phone",
        "mark": "closed",
        "late": True,
        "decider": "crisis_leader",
        "assignee": "4627.vakt",
        "due": LATER,
        "closes": "fact-1",
        "asks": ["4627.vakt"],
        "answers": "fact-2",
        "answer": "decline",
        "step": "valves",
    },
    incident_types.TypeSet: {
        "type": "water.leak",
        "version": 3,
        "title": _WORDS,
        "priority": "high",
        "told": [{"watch": "4601.vaktsentral", "notify": ["4601.kk"]}],
        "questions": [_WORDS],
        "card": {"version": 2, "steps": [{"code": "valves", "text": _WORDS}]},
        "used_by": ["4601.vaktsentral"],
    },
    incidents.StateChanged: {"state": "closed", "former": "in_progress"},
    incidents.Corrected: {**_REACH, "entry": "fact-1", "manner": "replace"},
    incidents.SharedWider: {
        "entry": "head",
        "level": "region",
        "named": ["4627"],
        "notify": ["4627.vakt"],
        "commitment": "ab" * 32,
    },
    incidents.ErasureAsked: {"fact": "fact-1", "ground": "gdpr-17", "law": "GDPR-17.1.d"},
    incidents.Erased: {"fact": "fact-1", "ground": "gdpr-17", "law": "GDPR-17.1.d", "asked_by": "p1"},
    incidents.Repaired: {"epoch": 2, "last": 4711},
    relations.ParentSet: {
        "incident": "incident-1",
        "owner": "4601.vaktsentral",
        "parent": "incident-2",
        "parent_owner": "4601.samvirke",
    },
    relations.Linked: _PAIR,
    relations.Unlinked: _PAIR,
    relations.Merged: {**_PAIR, "former": "in_progress"},
    relations.Unmerged: {**_PAIR, "state": "in_progress"},
    relations.PlaceChanged: {"municipalities": ["4601"]},
    relations.FunctionAssigned: {
        "function": "incident.commander",
        "person": "p1",
        "watch": "4601.vaktsentral",
    },
    relations.FunctionEnded: {"assignment": "fact-1"},
    relations.Referenced: {**_REACH, "system": "110"},
    relations.TransferAsked: {"to": "4627.vakt", "notify": ["4627.vakt"]},
    relations.TransferAnswered: {
        "asked": "fact-1",
        "accepted": True,
        "former": "4601.vaktsentral",
        "responsible": "4627.vakt",
    },
    relations.TransferWithdrawn: {"asked": "fact-1"},
    relations.GlassBroken: {
        "entry": "fact-1",
        "to": "4627.vakt",
        "ground": "hpl-31",
        "until": LATER,
        "commitment": "ab" * 32,
    },
    notifications.PolicySet: {"watch": "4601.kk", "rules": [RULES], "channels": ["gateway", "email"]},
    notifications.Started: {
        **_CHAIN,
        "cause": "fact-1",
        "item": "fact-1",
        "priority": "critical",
        "type": "water.leak",
        "ref": "7K3M9QX",
        "rules": RULES,
        "channels": ["gateway"],
    },
    notifications.Sent: {
        **_CHAIN,
        "step": 0,
        "person": "p1",
        "function": "primary",
        "channel": "gateway",
        "attempt": 2,
        "repeated": True,
        "receipt": "r-1",
    },
    notifications.Failed: {
        **_CHAIN,
        "step": 0,
        "person": "p1",
        "function": "primary",
        "channel": "email",
        "attempt": 1,
        "code": "TIMEOUT",
        "last": True,
    },
    notifications.Escalated: {**_CHAIN, "step": 1, "function": "backup", "reason": "no_answer"},
    notifications.Acknowledged: {**_CHAIN, "cause": "fact-1", "person": "p1", "function": "primary"},
    notifications.Declined: {**_CHAIN, "person": "p1", "function": "primary"},
    notifications.NobodyReached: {**_CHAIN, "cause": "fact-1", "priority": "critical"},
    watch.Established: {
        "watch": "4601.vaktsentral",
        "code": "VAKT",
        "title": "Vaktsentralen",
        "hidden": True,
        "health": "watch",
        "posts": ["duty"],
    },
    watch.Manned: {
        "post": "duty",
        "function": "primary",
        "person": "p1",
        "since": AT,
        "until": LATER,
        "manner": "taken",
    },
    exercise.Begun: {**_CLOCK, "code": "ask", "organisations": ["4601", "4627"]},
    exercise.ClockSet: _CLOCK,
    exercise.Ended: _CLOCK,
    watch.Released: {"post": "duty", "function": "primary", "person": "p1", "at": AT},
    watch.GapFound: {"post": "duty", "function": "primary", "since": AT, "until": LATER},
    feeds.OrganisationSet: {
        "organisation": "4601",
        "title": "Bergen",
        "kind": "municipality",
        "serves": ["4601"],
        "language": "nn",
    },
    feeds.Agreed: {
        "agreement": "askoy",
        "parties": ["4601", "4627"],
        "purpose": "varsling",
        "since": AT,
        "until": LATER,
    },
    feeds.RegionSet: {"region": "vest", "members": ["4601", "4627"], "since": AT, "until": LATER},
    feeds.Subscribed: {
        "subscriber": "4627",
        "modes": ["actual"],
        "public_from": ["4601"],
        "since": AT,
        "until": LATER,
    },
    people.Added: {"person": "p1"},
    people.Granted: {"person": "p1", "role": "operator", "where": "4601", "until": LATER},
    people.Revoked: {"person": "p1", "role": "operator", "where": "4601"},
    people.LinkMade: {"person": "p1", "until": LATER},
    people.TokenIssued: {"machine": "m1", "where": "4601.vaktsentral", "scope": ["report"], "until": LATER},
    people.TokenRevoked: {"machine": "m1"},
    people.LockedOut: {"person": "p1"},
    people.Forgotten: {"person": "p1"},
    warnings.Published: {
        "source": "nve",
        "key": "nve:1:148481:2025-12-15",
        "revision": 3,
        "thread": "nve:1:148481",
        "replaces": ["fact-1"],
        "kind": "update",
        "event": "flood",
        "severity": "Moderate",
        "urgency": "Future",
        "certainty": "Likely",
        "response": "Prepare",
        "awareness": 2,
        "levels": {"4601": 2, "4627": 1},
        "quiet": True,
        "brief": True,
        "assumed_zone": True,
        "municipalities": ["4601", "4627"],
        "effective": AT,
        "onset": AT,
        "expires": LATER,
        "event_ends": LATER,
        "raw": "cd" * 32,
        "level": "public",
    },
}


def sample_fact(model: type[Body]) -> Fact:
    """A fact that holds the sample of ``model``."""
    data = Fact.Data(
        mode=Mode.ACTUAL,
        owner="4601.vaktsentral",
        controller="4601",
        actor=Actor(
            person="p1",
            post="duty",
            organisation="4601",
            watch="vaktsentral",
            via="desk",
            authentication=Authentication.SESSION,
            on_behalf_of="4627.vakt",
        ),
        occurred_at=datetime.fromisoformat(AT),
        command="command-1",
        trace="trace-1",
        commitment="ef" * 32,
        content_class=ContentClass.SHARED,
        body=SAMPLES[model],
    )
    return Fact(
        id="fact-1",
        source="/4601/vaktsentral",
        type=model.type_name(),
        subject="incident-1",
        time=datetime(2027, 1, 14, 7, 0, 1, tzinfo=UTC),
        data=data,
    )


def every_fact() -> dict[str, Fact]:
    """Type name to sample fact, for every fact of the catalogue."""
    return {name: sample_fact(model) for name, model in BODIES.items()}
