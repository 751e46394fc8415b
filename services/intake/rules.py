"""Which warnings are new, revisions or known, who is told of them, and which of them still hold (I1, I2)."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from schemas.canonical import canonical
from schemas.discards import Share
from schemas.identifiers import derived_id
from schemas.subjects import Place
from schemas.warnings import Published, WarningContent
from services.intake.warning import ENDS, OfficialWarning

CONTENT_BYTES = 3 * 1024 * 1024
"""Longest text of one warning: with its fact it must still fit into one answer of 4 MiB."""
GREEN = 1

Key = tuple[str, str]
"""Source and key of a warning: nobody replaces or ends another's."""

Rank = tuple[int, bool]
"""Revision, and whether it says all: a brief form gives way to the whole message of the same revision."""


@dataclass(frozen=True, slots=True)
class Known:
    """A warning that lies in the ledger; ``command`` took it in, ``place`` is where."""

    fact: str
    command: str
    place: Place
    sent: datetime
    recorded_at: datetime
    body: Published

    @property
    def key(self) -> Key:
        """Whose warning it is, and which."""
        return self.body.source, self.body.key

    @property
    def rank(self) -> Rank:
        """How it stands among those of its key."""
        return self.body.revision, not self.body.brief


@dataclass(slots=True)
class Warnings:
    """Every warning of one mode, as a fold; each is applied once, in the order of the ledger."""

    all: dict[str, Known] = field(default_factory=dict)
    by_key: dict[Key, list[Known]] = field(default_factory=dict)
    by_thread: dict[Key, list[Known]] = field(default_factory=dict)
    threads: dict[Key, str] = field(default_factory=dict)
    replaced: set[Key] = field(default_factory=set)
    highest: dict[Key, Rank] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)
    """Facts of exercises that were ended for good: known, so that none is born twice, and told to nobody."""

    def apply(self, known: Known) -> None:
        """Take in a warning."""
        if known.fact in self.all:
            return
        body = known.body
        self.all[known.fact] = known
        self.by_key.setdefault(known.key, []).append(known)
        self.by_thread.setdefault((body.source, body.thread), []).append(known)
        for key in (body.key, *body.replaces):
            self.threads.setdefault((body.source, key), body.thread)
        self.highest[known.key] = max(known.rank, self.highest.get(known.key, known.rank))
        self.replaced.update((body.source, key) for key in body.replaces)

    def of_share(self, share: Share) -> list[Known]:
        """The warnings of an exercise that are not gone."""
        return [
            known
            for known in self.all.values()
            if known.fact not in self.gone and share.holds(known.place.key, known.recorded_at)
        ]

    def discard(self, share: Share) -> None:
        """An exercise was ended for good."""
        self.gone.update(known.fact for known in self.of_share(share))

    def originals_gone(self) -> set[str]:
        """The digests of the messages of which every warning is gone."""
        gone = {known.body.raw for known in self.all.values() if known.fact in self.gone}
        return gone - {known.body.raw for known in self.all.values() if known.fact not in self.gone}

    def newest(self, key: Key) -> list[Known]:
        """What was taken in of a warning's highest rank; more than one if its sender changed that too."""
        return [known for known in self.by_key.get(key, []) if known.rank == self.highest[key]]

    def stands(self, known: Known) -> bool:
        """True if nothing newer has taken its place."""
        return known.key not in self.replaced and known.rank == self.highest[known.key]

    def is_open(self, source: str, thread: str) -> bool:
        """True while a warning of the thread stands that neither ends it nor is green."""
        return any(
            self.stands(known) and known.body.kind not in ENDS and known.body.awareness != GREEN
            for known in self.by_thread.get((source, thread), [])
        )

    def thread_of(self, item: OfficialWarning) -> str:
        """The thread in which the warning, or one that it replaces, is known already; else its own."""
        for key in (item.key, *item.replaces):
            if (item.source, key) in self.threads:
                return self.threads[item.source, key]
        return item.thread

    def listed(self, municipality: str | None, thread: str | None) -> Iterator[Known]:
        """Newest first: those that stand, or all of a thread; in one municipality, by its number, or all."""
        for known in reversed(self.all.values()):
            wanted = known.body.thread == thread if thread else self.stands(known)
            wanted = wanted and known.fact not in self.gone
            if wanted and (municipality is None or municipality in known.body.municipalities):
                yield known


def fact_id(item: OfficialWarning) -> str:
    """The same for the same content of the same revision, so that its fact is born once."""
    return derived_id(item.source, item.key, str(item.revision), item.fingerprint)


def subject_id(item: OfficialWarning) -> str:
    """The id of the warning itself, under which all its revisions lie."""
    return derived_id(item.source, item.key)


def decide(warnings: Warnings, item: OfficialWarning, raw: str) -> Published | None:
    """The fact to be; None if the ledger has it, or what goes before it. ``raw`` is its SHA-256.

    A higher revision does, and the whole message of a brief one.
    """
    former = warnings.newest((item.source, item.key))
    if fact_id(item) in warnings.all or (former and (item.revision, not item.brief) < former[0].rank):
        return None
    said = item.model_dump(include=set(Published.model_fields) - {"thread", "quiet", "levels"})
    is_late = (item.source, item.key) in warnings.replaced
    return Published(
        **said,
        thread=warnings.thread_of(item),
        levels=dict(item.levels),
        quiet=item.quiet or is_late or tells_nothing_more(item, former),
        raw=raw,
    )


def tells_nothing_more(item: OfficialWarning, former: list[Known]) -> bool:
    """True for another wording of a revision that was told: no new place, no higher level, no end."""
    told = [known.body for known in former if known.body.revision == item.revision and not known.body.quiet]
    if not told or (item.ends and not any(body.kind in ENDS for body in told)):
        return False
    return all(
        any(
            number in body.municipalities and level_in(body, number) >= item.level_in(number) for body in told
        )
        for number in item.municipalities
    )


def level_in(body: Published, municipality: str) -> int:
    """The awareness level there, 1 to 4."""
    return body.levels.get(municipality, body.awareness or GREEN)


def content_of(item: OfficialWarning) -> dict[str, Any]:
    """All the texts and areas of a warning, unshortened."""
    content = WarningContent(texts=list(item.texts), polygons=list(item.polygons))
    return content.model_dump(mode="json", exclude_none=True)


def unfit(items: list[OfficialWarning], mode: str) -> str | None:
    """The reason why a message cannot be taken into a mode as a whole, or None."""
    if any(item.status != mode for item in items):
        return "STATUS"
    if any(len(canonical(content_of(item))) > CONTENT_BYTES for item in items):
        return "TEXT_TOO_LONG"
    return None
