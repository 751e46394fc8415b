"""One report as it is read: fields in the order of the template, own words, and the entries referred to."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from schemas.directory import Directory
from schemas.envelope import Fact
from schemas.reports import ReportReference, TemplateSet
from schemas.sharing import Reach, may_see
from schemas.subjects import Place
from schemas.vocabulary import Level
from services.reports import sheets
from services.reports.entries import Entry
from services.reports.handlers import read_log
from services.reports.picture import Head, Picture
from services.reports.reads import Item
from services.reports.sheets import Sheet, Version
from services.runtime.guarded import Guarded
from services.runtime.ledger import Ledger


@dataclass(frozen=True, slots=True)
class Reader:
    """Who reads: a watch, and whether it is inside: the report's own, or of who approves it."""

    watch: str
    is_inside: bool
    directory: Directory
    now: datetime

    def sees(self, reach: Reach) -> bool:
        """True if the watch may see what has this reach."""
        return may_see(reach, self.watch, self.directory, self.now)


@dataclass(frozen=True, slots=True)
class Read:
    """A version as it is told, its reach, and the items of which the words are told."""

    told: dict[str, Any]
    reach: Reach
    items: list[Item] = field(default_factory=list)


class Documents:
    """Reads reports and what they refer to, straight from the ledger."""

    def __init__(self, ledger: Ledger, guarded: Guarded) -> None:
        self._ledger = ledger
        self._guarded = guarded

    async def read(
        self, picture: Picture, head: Head, reader: Reader, version: int | None, *, words: bool = True
    ) -> Read | None:
        """A locked version that the reader may see, or what stands now for those inside; else None.

        Without ``words`` nothing that was written is told.
        """
        place = head.place
        history = await self._guarded.history(place.mode, place.trade, place.id, place.org, place.watch)
        sheet = sheets.fold((one.fact, one.body) for one in history)
        locked = _version(sheet, place, version, reader)
        template = picture.template(place.key, head.template)
        is_draft = reader.is_inside and version in (None, sheet.version) and sheet.state != sheets.LOCKED
        shown: Any = sheet.draft if is_draft else locked
        if template is None or shown is None:
            return None
        told = _told(sheet, place, None if is_draft else locked, reader)
        reach = _reach_of(place, None if is_draft else locked)
        is_recalled = not is_draft and locked is not None and locked.recalled is not None
        if not words or (is_recalled and not reader.is_inside):
            return Read(told | _EMPTY, reach)
        logs = await self._logs(place.mode, shown.body.entries)
        version_read = Item(shown.fact.id, reach, tuple(shown.body.tags))
        items = [version_read, *_seen(shown.body.entries, logs, reader)]
        is_erased = shown.fact.id in sheet.erased
        written = None if is_erased else await self._words(place, shown.fact)
        return Read(told | await self._fields(reader, shown, written, template, logs), reach, items)

    async def _logs(self, mode: str, entries: Sequence[ReportReference]) -> dict[str, dict[str, Entry]]:
        wanted = sorted({one.incident for one in entries})
        read = await asyncio.gather(*(read_log(self._ledger, mode, one) for one in wanted))
        return dict(zip(wanted, read, strict=True))

    async def _fields(
        self,
        reader: Reader,
        shown: sheets.Draft | Version,
        written: dict[str, Any] | None,
        template: TemplateSet,
        logs: Mapping[str, Mapping[str, Entry]],
    ) -> dict[str, Any]:
        words = (written or {}).get("words", {})
        quoted: dict[str, list[dict[str, Any]]] = {}
        for one in shown.body.entries:
            entry = logs[one.incident].get(one.entry)
            quoted.setdefault(one.field, []).append(await self._quote(reader, one, entry))
        known = {one.code: one.title for one in template.fields}
        order = [*known, *sorted({*words, *quoted} - known.keys())]
        fields = [
            {"code": code, "title": known.get(code), "text": words.get(code), "entries": quoted.get(code, [])}
            for code in order
        ]
        return {"headline": (written or {}).get("headline"), "erased": written is None, "fields": fields}

    async def _quote(self, reader: Reader, one: ReportReference, entry: Entry | None) -> dict[str, Any]:
        """An entry as the asker may read it now: withheld when it may not be seen any more."""
        about = {"id": one.entry, "incident": one.incident}
        if entry is None or not reader.sees(entry.reach):
            return about | {"withheld": True}
        fact, place, manner = entry.correction or (entry.fact, entry.place, None)
        if manner == "strike":
            fact, place = entry.fact, entry.place
        said = await self._words(place, fact)
        return about | {
            "kind": entry.kind,
            "watch": entry.fact.data.actor.key,
            "occurred_at": entry.fact.data.occurred_at.isoformat(),
            "level": entry.reach.level.value,
            "tags": [tag.value for tag in entry.tags],
            **{name: (said or {}).get(name) for name in _QUOTED},
            "erased": said is None,
            "corrected": manner,
        }

    async def _words(self, place: Place, fact: Fact) -> dict[str, Any] | None:
        """What was typed for a fact; None when it is gone."""
        if fact.data.commitment is None:
            return {}
        return await self._ledger.content_of(place.mode, place, fact)


_QUOTED = ("headline", "text", "place", "figures", "basis")
_EMPTY: dict[str, Any] = {"headline": None, "erased": False, "fields": []}


def _version(sheet: Sheet, place: Place, wanted: int | None, reader: Reader) -> Version | None:
    """A locked version that the reader may see, the newest when none is named."""
    found = [
        one
        for one in sheet.versions
        if wanted in (None, one.body.version) and (reader.is_inside or reader.sees(_reach_of(place, one)))
    ]
    return found[-1] if found else None


def _reach_of(place: Place, locked: Version | None) -> Reach:
    """Who has a locked version; a draft is its own watch's."""
    if locked is None:
        return Reach(place.key, Level.WATCH)
    return Reach(place.key, locked.body.level, tuple(locked.body.named))


def _seen(
    entries: Sequence[ReportReference], logs: Mapping[str, Mapping[str, Entry]], reader: Reader
) -> list[Item]:
    """The entries whose words the reader is told, each once."""
    found = {}
    for one in entries:
        entry = logs[one.incident].get(one.entry)
        if entry is not None and reader.sees(entry.reach):
            found[one.entry] = Item(one.entry, entry.reach, entry.tags, one.incident)
    return list(found.values())


def _told(sheet: Sheet, place: Place, locked: Version | None, reader: Reader) -> dict[str, Any]:
    """What is said of a version besides its words; persons to the own house only."""
    seen = (one for one in sheet.versions if reader.is_inside or reader.sees(_reach_of(place, one)))
    versions = [one.body.version for one in seen]
    if locked is not None:
        approvers, fact = locked.approvers, locked.fact
        about: dict[str, Any] = {
            "state": sheets.LOCKED if locked.recalled is None else sheets.RECALLED,
            "fact": fact.id,
            "version": locked.body.version,
            "digest": locked.body.digest,
            "level": locked.body.level.value,
            "receivers": locked.body.named,
            "tags": [tag.value for tag in locked.body.tags],
            "locked_at": fact.data.occurred_at.isoformat(),
            **_recall_told(locked),
        }
    else:
        approvers = tuple(sheet.approvers)
        draft = sheet.draft
        about = {"state": sheet.state, "version": sheet.version, "digest": draft.digest if draft else None}
        about |= {"written_at": draft.fact.data.occurred_at.isoformat() if draft else None}
        about |= {"tags": [tag.value for tag in draft.body.tags] if draft else []}
    people = [{"person": person, "at": at.isoformat()} for person, at in approvers]
    if reader.watch.partition(".")[0] != place.org:
        return about | {"approved": [{"at": one["at"]} for one in people], "versions": versions}
    return about | {"approved": people, "versions": versions, **_told_at_home(sheet, locked)}


def _recall_told(locked: Version) -> dict[str, Any]:
    if locked.recalled is None:
        return {}
    fact, body = locked.recalled
    return {"recalled_at": fact.data.occurred_at.isoformat(), "recall_ground": body.ground}


def _told_at_home(sheet: Sheet, locked: Version | None) -> dict[str, Any]:
    """What is not told to receivers: the incident that it is about, and which erasures were asked for."""
    body = locked.body if locked is not None else sheet.draft.body if sheet.draft else None
    asked = [
        {"version": version, "ground": one.ground, "law": one.law, "at": fact.data.occurred_at.isoformat()}
        for version, (fact, one) in sheet.asked.items()
    ]
    return {"incident": body.incident if body else None, "erasures_asked": asked}
