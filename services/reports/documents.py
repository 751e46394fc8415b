"""One report as it is read: fields in the order of the template, own words, and the entries referred to."""

import asyncio
from datetime import UTC, datetime
from typing import Any

from schemas.envelope import Fact
from schemas.reports import ReportReference, TemplateSet
from schemas.sharing import may_see
from schemas.subjects import Place
from services.reports import sheets
from services.reports.entries import Entry
from services.reports.handlers import read_log
from services.reports.picture import Head, Picture
from services.reports.sheets import Sheet, Version
from services.runtime.guarded import Guarded
from services.runtime.ledger import Ledger


class Documents:
    """Reads reports and what they refer to, straight from the ledger."""

    def __init__(self, ledger: Ledger, guarded: Guarded) -> None:
        self._ledger = ledger
        self._guarded = guarded

    async def read(
        self, picture: Picture, head: Head, key: str, version: int | None, *, is_inside: bool
    ) -> dict[str, Any] | None:
        """A report for the watch ``key``: a locked version, or what stands now for those inside.

        None when there is no such version for the asker.
        """
        place = head.place
        history = await self._guarded.history(place.mode, place.trade, place.id, place.org, place.watch)
        sheet = sheets.fold((one.fact, one.body) for one in history)
        template = picture.template(place.key, head.template)
        locked = _version(sheet, version)
        is_draft = is_inside and version in (None, sheet.version) and sheet.state != sheets.LOCKED
        if template is None or (locked is None and not is_draft):
            return None
        shown: Any = sheet.draft if is_draft else locked
        fields = await self._fields(picture, head, key, shown.fact, shown.body.entries, template)
        told = _told(sheet, None if is_draft else locked, with_people=key.partition(".")[0] == place.org)
        return told | fields

    async def _fields(
        self,
        picture: Picture,
        head: Head,
        key: str,
        fact: Fact,
        entries: list[ReportReference],
        template: TemplateSet,
    ) -> dict[str, Any]:
        mode, place = head.place.mode, head.place
        written = await self._ledger.content_of(mode, place, fact) if fact.data.commitment else {}
        words = (written or {}).get("words", {})
        wanted = sorted({one.incident for one in entries})
        read = await asyncio.gather(*(read_log(self._ledger, mode, one) for one in wanted))
        logs = dict(zip(wanted, read, strict=True))
        quoted: dict[str, list[dict[str, Any]]] = {}
        for one in entries:
            entry = logs[one.incident].get(one.entry)
            quoted.setdefault(one.field, []).append(await self._quote(picture, one, entry, key))
        used = {code for code in (*words, *quoted)}
        known = {one.code: one.title for one in template.fields}
        order = [*known, *sorted(used - known.keys())]
        shown = [
            {"code": code, "title": known.get(code), "text": words.get(code), "entries": quoted.get(code, [])}
            for code in order
        ]
        return {
            "headline": (written or {}).get("headline"),
            "erased": fact.data.commitment is not None and written is None,
            "fields": shown,
        }

    async def _quote(
        self, picture: Picture, one: ReportReference, entry: Entry | None, key: str
    ) -> dict[str, Any]:
        """An entry as the asker may read it now: withheld when it may not be seen any more."""
        about = {"id": one.entry, "incident": one.incident}
        if entry is None or not may_see(entry.reach, key, picture.directory, datetime.now(UTC)):
            return about | {"withheld": True}
        fact, place, manner = entry.correction or (entry.fact, entry.place, None)
        if manner == "strike":
            fact, place = entry.fact, entry.place
        said = await self._words(picture, place, fact)
        return about | {
            "kind": entry.kind,
            "watch": entry.fact.data.actor.key,
            "occurred_at": entry.fact.data.occurred_at.isoformat(),
            "headline": (said or {}).get("headline"),
            "text": (said or {}).get("text"),
            "erased": said is None,
            "corrected": manner,
        }

    async def _words(self, picture: Picture, place: Place, fact: Fact) -> dict[str, Any] | None:
        if fact.data.commitment is None:
            return {}
        return await self._ledger.content_of(place.mode, place, fact)


def _version(sheet: Sheet, wanted: int | None) -> Version | None:
    """A locked version, the newest when none is named."""
    found = [one for one in sheet.versions if wanted in (None, one.body.version)]
    return found[-1] if found else None


def _told(sheet: Sheet, locked: Version | None, *, with_people: bool) -> dict[str, Any]:
    """What is said of a version besides its words; persons to the own house only."""
    versions = [one.body.version for one in sheet.versions]
    if locked is not None:
        approvers, fact = locked.approvers, locked.fact
        about: dict[str, Any] = {
            "state": sheets.LOCKED,
            "version": locked.body.version,
            "digest": locked.body.digest,
            "level": locked.body.level.value,
            "receivers": locked.body.named,
            "tags": [tag.value for tag in locked.body.tags],
            "locked_at": fact.data.occurred_at.isoformat(),
        }
    else:
        approvers = tuple(sheet.approvers)
        draft = sheet.draft
        about = {"state": sheet.state, "version": sheet.version, "digest": draft.digest if draft else None}
        about |= {"written_at": draft.fact.data.occurred_at.isoformat() if draft else None}
        about |= {"tags": [tag.value for tag in draft.body.tags] if draft else []}
    people = [{"person": person, "at": at.isoformat()} for person, at in approvers]
    told = people if with_people else [{"at": one["at"]} for one in people]
    return about | {"approved": told, "versions": versions}
