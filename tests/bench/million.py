"""An archive of many entries, made by a seeded generator through the archive's own projection."""

import hashlib
import itertools
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import orjson

from services.incidents.projection import Taken, read
from services.incidents.store import Batch, Store

SEED = 20270114
BATCH = 2_000
LARGE, SMALL = 200, 30
"""Entries of an incident: of one in ten, and of the others."""
OPEN = 60
"""Incidents that are open at the same time."""
START = datetime(2024, 1, 1, tzinfo=UTC)
STEP_S = 55
NAMES = 20_000
"""Words like names, of which each stands in few entries."""
WATCHES = ("4601.vaktsentral", "4601.vann", "4601.vei", "4601.barnevern", "4624.main", "4627.vakt")
_LEVELS = ("watch", "organisation", "named", "region", "public")
_SHARES = (60, 22, 10, 5, 3)
_TYPES = (
    "water.leak",
    "fire",
    "flood",
    "landslide",
    "storm",
    "road.closed",
    "power.outage",
    "it.outage",
    "sewer",
)
_PRIORITIES = ("critical", "high", "normal", "info")
_PLAIN_BODY: dict[str, Any] = {"tags": [], "notify": []}
_FIRST_WORDS = """
vann brann vei ras flom bil båt bro tunnel kabel strøm gass olje kloakk ledning pumpe skole hytte fjell elv
sjø dam mast vind snø is storm tre hus mann barn sykehus politi vakt kommune beredskap samband telefon radio
drone redning ærfugl øy ås
"""
_LAST_WORDS = """
lekkasje brudd skade stans melding varsel plan stopp svikt rydding linje sperring omkjøring kontroll befaring
måling trykk nivå stasjon anlegg kum rør bygg tak kjeller gate plass område vegen
"""
_PLAIN_WORDS = "er på i ved til fra og for med av om nå ikke mer stor liten to tre flere ingen straks"
_SYLLABLES = [a + b for a in "bdfghjklmnprstv" for b in "aeiouyæøå"]
_FIRST, _LAST, _PLAIN = (words.split() for words in (_FIRST_WORDS, _LAST_WORDS, _PLAIN_WORDS))


@dataclass(slots=True)
class Case:
    """An incident of the archive."""

    id: str
    watch: str
    left: int
    size: int


@dataclass
class Million:
    """The facts, one after another, the same for the same seed.

    ``large`` are watch and id of the closed incidents with ``LARGE`` entries.
    """

    entries: int
    seed: int = SEED
    large: list[tuple[str, str]] = field(default_factory=list)
    made: int = 0
    until: datetime = START

    def __post_init__(self) -> None:
        self._chance = random.Random(self.seed)
        self._words = [a + b for a in _FIRST for b in _LAST]
        self._words += [a + b + c for a in _FIRST for b in _FIRST[::4] for c in _LAST[::5]]
        self._words += ["".join(self._chance.choices(_SYLLABLES, k=4)) for _ in range(NAMES)]
        self._chance.shuffle(self._words)
        weights = (1 / (place + 1) ** 0.85 for place in range(len(self._words)))
        self._weights = list(itertools.accumulate(weights))
        self._cases: list[Case] = []

    def facts(self) -> Iterator[tuple[str, bytes, bytes | None, str]]:
        """Subject, bytes, sealed content and id of each fact, until there are enough entries."""
        count = 0
        while count < self.entries:
            if len(self._cases) < OPEN:
                yield self._opened()
                continue
            case = self._chance.choice(self._cases)
            if case.left:
                case.left -= 1
                count += 1
                yield self._entry(case)
            else:
                self._cases.remove(case)
                if case.size == LARGE:
                    self.large.append((case.watch, case.id))
                yield self._fact(case, "state_changed", {"state": "closed", "former": "in_progress"}, None)

    def word(self) -> str:
        """A word as often as it stands in the archive."""
        return self._chance.choices(self._words, cum_weights=self._weights)[0]

    def _text(self, count: int) -> str:
        some = self._chance.choices(self._words, cum_weights=self._weights, k=count)
        plain = self._chance.choices(_PLAIN, k=count)
        return " ".join(itertools.chain.from_iterable(zip(some, plain, strict=True)))

    def _opened(self) -> tuple[str, bytes, bytes | None, str]:
        size = LARGE if self._chance.random() < 0.1 else SMALL
        ref = f"{self.made:07d}"
        case = Case(self._id(), self._chance.choice(WATCHES), size, size)
        self._cases.append(case)
        level, named = self._reach(case)
        body = {"ref": ref, "type": self._chance.choice(_TYPES), "municipalities": [case.watch[:4]]}
        body |= {"priority": self._chance.choice(_PRIORITIES), "level": level, "named": named, **_PLAIN_BODY}
        north, east = self._chance.uniform(60.1, 60.6), self._chance.uniform(5.0, 5.8)
        content = {"headline": self._text(3), "text": self._text(8), "position": f"{north:.4f},{east:.4f}"}
        return self._fact(case, "opened", body, content)

    def _entry(self, case: Case) -> tuple[str, bytes, bytes | None, str]:
        level, named = self._reach(case)
        body = {"incident": case.id, "kind": "information", "level": level, "named": named, **_PLAIN_BODY}
        body |= {"confirmed": True}
        return self._fact(case, "entry_added", body, {"text": self._text(9), "source": self.word()})

    def _reach(self, case: Case) -> tuple[str, list[str]]:
        level = self._chance.choices(_LEVELS, _SHARES)[0]
        other = "4624" if case.watch.startswith("4601") else "4601"
        return level, [other] if level == "named" else []

    def _fact(
        self, case: Case, name: str, body: dict[str, Any], content: dict[str, Any] | None
    ) -> tuple[str, bytes, bytes | None, str]:
        self.made += 1
        self.until = START + timedelta(seconds=STEP_S * self.made)
        id, now = case.id if name == "opened" else self._id(), self.until.isoformat()
        org, _, code = case.watch.partition(".")
        sealed = None if content is None else self._chance.randbytes(32) + orjson.dumps(content)
        actor: dict[str, Any] = {"person": f"p{self._chance.randrange(40)}", "organisation": org}
        actor |= {"watch": code, "via": "bench", "authentication": "session"}
        data: dict[str, Any] = {"mode": "actual", "owner": case.watch, "controller": org, "body": body}
        data |= {"occurred_at": now, "command": id, "actor": actor}
        if sealed is not None:
            sort = "watch" if body.get("level") in ("watch", "organisation") else "shared"
            data |= {"commitment": hashlib.sha256(sealed).hexdigest(), "content_class": sort}
        fact: dict[str, Any] = {
            "id": id,
            "source": "/bench",
            "specversion": "1.0",
            "subject": case.id,
            "time": now,
        }
        fact |= {"type": f"samvirke.incidents.{name}.v1", "datacontenttype": "application/json", "data": data}
        raw = orjson.dumps(fact, option=orjson.OPT_SORT_KEYS)
        return f"samvirke.actual.{org}.{code}.incidents.{case.id}.{name}", raw, sealed, id

    def _id(self) -> str:
        at = int((START.timestamp() + STEP_S * self.made) * 1000)
        value = at << 80 | 0x7 << 76 | self._chance.getrandbits(12) << 64
        return str(UUID(int=value | 0x2 << 62 | self._chance.getrandbits(62)))


def fill(store: Store, million: Million) -> int:
    """Put every fact into an empty archive, in large batches; the last sequence."""
    sequence, made = 0, million.facts()
    while page := list(itertools.islice(made, BATCH)):
        taken: list[Taken] = []
        contents: dict[str, bytes] = {}
        for subject, raw, sealed, id in page:
            sequence += 1
            taken.append(read(sequence, subject, raw))
            if sealed is not None:
                contents[id] = sealed
        store.write(Batch("actual", 1, "LEDGER_ACTUAL", taken, contents))
    return sequence
