"""What the player has found: each check with what is wrong, what was played, and what was passed over."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

Say = Callable[..., str]

CHECKS: Mapping[str, str] = MappingProxyType(
    {
        "acts": "Every act is answered as the file says",
        "sight": "Who shall find it finds it, and nobody else",
        "answers": "Every answer by phone is taken",
        "deliveries": "Each has what it must have, once, and nothing else",
        "order": "Each incident's items come in order",
        "lines": "Whose line was lost has all afterwards, in order, once",
        "messages": "Everybody who must be told is told, once",
        "notifications": "Every notification ends as the file says",
        "escalations": "Exactly the expected notifications go on to further people",
        "isolation": "Nothing of the exercise is in any feed of what is actual",
        "leaks": "Planted words are found nowhere that they must not be",
    }
)
"""What each check says when it holds."""

HOWS: Mapping[str, str] = MappingProxyType(
    {"played": "played", "in part": "played in part", "skipped": "passed over", "left out": "left out"}
)
"""How an event went."""

METRICS_UNREAD = "The metrics could not be read."


@dataclass(slots=True)
class Check:
    """One thing that must hold; ``looked`` counts what was looked at, ``faults`` says what did not hold."""

    name: str
    looked: int = 0
    faults: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """True if nothing was found wrong."""
        return not self.faults

    def hold(self, is_so: object, fault: str, **given: Any) -> None:
        """Look at one thing; ``fault`` says what is wrong otherwise, with what is given in braces."""
        self.looked += 1
        if not is_so:
            self.faults.append((fault, given))


@dataclass(slots=True)
class Report:
    """The whole of one playing."""

    exercise: str
    code: str
    title: str
    speed: int
    begun_at: str
    seconds: float = 0.0
    played: list[dict[str, Any]] = field(default_factory=list)
    skipped: list[dict[str, str]] = field(default_factory=list)
    messages: list[dict[str, str]] = field(default_factory=list)
    chains: int = 0
    known: list[str] = field(default_factory=list)
    missed: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    checks: dict[str, Check] = field(default_factory=dict)

    def check(self, name: str) -> Check:
        """The check of that name, begun when it is first asked for."""
        return self.checks.setdefault(name, Check(name))

    @property
    def ok(self) -> bool:
        """True if every check held."""
        return all(check.ok for check in self.checks.values())

    @property
    def data(self) -> dict[str, Any]:
        """The report as JSON."""
        return {
            "status": "ok" if self.ok else "failed",
            "exercise": self.exercise,
            "code": self.code,
            "title": self.title,
            "speed": self.speed,
            "begun_at": self.begun_at,
            "seconds": round(self.seconds, 1),
            "events": self.played,
            "skipped": self.skipped,
            "messages": self.messages,
            "chains": self.chains,
            "known_before": self.known,
            "missed_and_fetched": self.missed,
            "notes": self.notes,
            "checks": [
                {
                    "check": one.name,
                    "ok": one.ok,
                    "looked_at": one.looked,
                    "faults": [text.format_map(given) for text, given in one.faults],
                }
                for one in self.checks.values()
            ],
        }

    def lines(self, say: Say) -> list[str]:
        """The report for people."""
        found = [
            say("{title}: {count} events played in {seconds} s.", title=self.title, count=len(self.played),
                seconds=round(self.seconds, 1)),
            say("{messages} messages, {chains} notifications.", messages=len(self.messages),
                chains=self.chains),
        ]  # fmt: skip
        for one in self.skipped:
            told = one | {"how": say(HOWS[one["what"]])}
            found.append(say("{no} {title}: {how}, needs {needs}", **told))
        for check in self.checks.values():
            word = say("holds") if check.ok else say("DOES NOT HOLD")
            found.append(f"{say(CHECKS[check.name])}: {word} ({check.looked})")
            found += [f"  {say(text, **given)}" for text, given in check.faults]
        found += [
            say("{org} had lost its line, and fetched {count} items afterwards.", org=org, count=count)
            for org, count in self.missed.items()
        ]
        if self.known:
            found.append(say("The hub had the official messages of {events} before.", events=self.known))
        return [*found, *(say(note) for note in self.notes)]
