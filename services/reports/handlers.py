"""Commands about situation reports: templates, drafts, handing on, approving."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast

from schemas import subjects
from schemas.authorisation import ADMINISTER, WRITE, check, is_centre
from schemas.content_rules import check_item
from schemas.directory import Directory
from schemas.envelope import Accepted, Body, Fact, Refused
from schemas.reports import (
    Approved,
    ApproveReport,
    Drafted,
    DraftReport,
    ReportReference,
    SetTemplate,
    SubmitReport,
    Submitted,
    TemplateSet,
)
from schemas.sharing import Reach, check_reach, may_see
from services.reports import sheets
from services.reports.entries import Entry, check_receivers, entries_of
from services.reports.picture import Head, Picture
from services.reports.sheets import Sheet
from services.reports.sight import find
from services.runtime.appender import Conflict
from services.runtime.guarded import Guarded
from services.runtime.ledger import Ledger, Recorded
from services.runtime.reading import Received, Refusal

_TRIES = 3


class _Changed(Exception):
    """The report has changed between two looks at it."""


@dataclass(frozen=True, slots=True)
class _Known:
    """A report, whose it is, and its template as it is now."""

    sheet: Sheet
    head: Head
    template: TemplateSet


class Handlers:
    """What the door calls about reports. A report belongs to the watch that wrote it."""

    def __init__(self, ledger: Ledger, guarded: Guarded, pictures: Mapping[str, Picture]) -> None:
        self._ledger = ledger
        self._guarded = guarded
        self._pictures = pictures

    async def template(self, received: Received) -> Accepted:
        """Set a template: a leader's or the operations' act in the own watch, or the centre file's."""
        request, actor = cast(SetTemplate, received.request), received.command.data.actor
        directory = self._directory(received)
        refuse(check(actor, ADMINISTER, "template", directory, _now()))
        if request.where.partition(".")[0] != actor.organisation:
            raise Refusal("NOT_ALLOWED", act="template")
        if not is_centre(actor) and request.where != actor.key:
            raise Refusal("NOT_ALLOWED", act="template")
        body = TemplateSet(**request.model_dump())
        recorded = await self._guarded.append(
            received, actor.key, request.template, TemplateSet, lambda _: body
        )
        return accept(recorded)

    async def draft(self, received: Received) -> Accepted:
        """Write a report, or write it anew. Refuses what a receiver of its template may not have."""
        request, actor = cast(DraftReport, received.request), received.command.data.actor
        directory, picture = self._directory(received), self._pictures[received.address.mode]
        refuse(check(actor, WRITE, "report", directory, _now()))
        template = picture.template(actor.key, request.template)
        if template is None:
            raise Refusal("UNKNOWN_TEMPLATE")
        words = _words(received)
        refuse(sheets.check_fields(template, (*words, *(one.field for one in request.entries))))
        health = directory.watches[actor.key].health
        refuse(check_item(request.tags, template.level, _flat(received), health))
        entries = await self._entries(received, template)
        await check_incident(self._ledger, received, request.incident, directory)
        content = received.content_dict()

        def decide(history: list[Recorded]) -> Body:
            sheet = fold_of(history)
            if history and sheet.draft is None:
                raise Refusal("ID_TAKEN")
            if history and directory.is_discarded(actor.key, history[0].fact.time):
                raise Refusal("EXERCISE_GONE")
            return Drafted(
                report=request.report,
                template=request.template,
                version=sheet.version,
                incident=request.incident,
                entries=entries,
                tags=request.tags,
            )

        recorded = await self._guarded.append(
            received, actor.key, request.report, Drafted, decide, content=content
        )
        return accept(recorded)

    async def submit(self, received: Received) -> Accepted:
        """Hand a draft on; from now on it can be approved."""
        request, actor = cast(SubmitReport, received.request), received.command.data.actor
        refuse(check(actor, WRITE, "report", self._directory(received), _now()))
        known = await self._known(received, actor.key, request.report)
        words = await self._written(received, known)

        def decide(history: list[Recorded]) -> Body:
            sheet = fold_of(history)
            draft = sheet.draft
            if draft is None or sheet.state == sheets.LOCKED:
                raise Refusal("REPORT_LOCKED")
            refuse(sheets.check_whole(draft.body, known.template, words.get("words", {})))
            return Submitted(
                report=request.report, version=draft.body.version, draft=draft.fact.id, digest=draft.digest
            )

        return accept(await self._guarded.append(received, actor.key, request.report, Submitted, decide))

    async def approve(self, received: Received) -> Accepted:
        """Approve a version; the last approval that is needed locks it, and it goes to its receivers."""
        for _ in range(_TRIES):
            try:
                return await self._approve(received)
            except _Changed:
                continue
        raise Conflict(received.command.id)

    async def _approve(self, received: Received) -> Accepted:
        request, actor = cast(ApproveReport, received.request), received.command.data.actor
        person = actor.person
        if person is None or actor.machine is not None:
            raise Refusal("PERSON_NEEDED", act="approve")
        known = await self._known(received, actor.key, request.report, person)
        sheet, template, owner = known.sheet, known.template, known.head.place.key
        locks = len(sheet.approvers) + 1 >= template.approvals
        if locks:
            await self._check_sharing(received, known)
        content = await self._written(received, known) if locks else {}

        def decide(history: list[Recorded]) -> Body:
            now = fold_of(history)
            directory = self._directory(received)
            refuse(sheets.check_approval(now, template, person, owner, directory, _now()))
            draft = now.draft
            if draft is None or draft.digest != request.digest:
                raise Refusal("DRAFT_CHANGED")
            if len(now.approvers) != len(sheet.approvers) or now.draft != sheet.draft:
                raise _Changed
            return _approved(draft, template, locked=locks)

        level = template.level if locks else Approved.model_fields["level"].default
        recorded = await self._guarded.append(
            received, owner, request.report, Approved, decide, content=content or None, level=level
        )
        return accept(recorded)

    async def _entries(self, received: Received, template: TemplateSet) -> list[ReportReference]:
        """What is referred to, with commitments. Raises Refusal: UNKNOWN_ENTRY, RECEIVER_CANNOT_SEE."""
        request, key = cast(DraftReport, received.request), received.address.key
        logs = await self._logs(received, {one.incident for one in request.entries})
        directory = self._directory(received)
        found = []
        for one in request.entries:
            entry = logs.get(one.incident, {}).get(one.entry)
            if entry is None or not may_see(entry.reach, key, directory, _now()):
                raise Refusal("UNKNOWN_ENTRY")
            refuse(check_receivers([entry], template.receivers, directory, _now()))
            bound = entry.fact.data.commitment
            found.append(ReportReference(**one.model_dump(), commitment=bound))
        return found

    async def _logs(self, received: Received, incidents: set[str]) -> dict[str, dict[str, Entry]]:
        return {one: await read_log(self._ledger, received.address.mode, one) for one in sorted(incidents)}

    async def _check_sharing(self, received: Received, known: _Known) -> None:
        """Refuse what may not leave any more: an agreement has ended since, or an entry cannot be seen."""
        draft, template, directory = known.sheet.draft, known.template, self._directory(received)
        owner, now = known.head.place.key, _now()
        reach = Reach(owner, template.level, tuple(template.receivers))
        refuse(check_reach(reach, template.notify, directory, now))
        if draft is None:
            return
        logs = await self._logs(received, {one.incident for one in draft.body.entries})
        entries = (logs[one.incident].get(one.entry) for one in draft.body.entries)
        refuse(check_receivers([one for one in entries if one], template.receivers, directory, now))

    async def _known(self, received: Received, key: str, report: str, person: str | None = None) -> _Known:
        """A report of the watch, or one that the person may approve. Raises Refusal: UNKNOWN_REPORT."""
        picture = self._pictures[received.address.mode]
        head = find(picture, key, report, person)
        template = picture.template(head.place.key, head.template) if head else None
        if head is None or template is None:
            raise Refusal("UNKNOWN_REPORT")
        place = head.place
        history = await self._guarded.history(place.mode, place.trade, report, place.org, place.watch)
        return _Known(fold_of(history), head, template)

    async def _written(self, received: Received, known: _Known) -> dict[str, Any]:
        """What was typed in the draft; nothing when it is erased."""
        draft = known.sheet.draft
        if draft is None or draft.fact.data.commitment is None:
            return {}
        return await self._ledger.content_of(received.address.mode, known.head.place, draft.fact) or {}

    def _directory(self, received: Received) -> Directory:
        return self._pictures[received.address.mode].directory


async def read_log(ledger: Ledger, mode: str, incident: str) -> dict[str, Entry]:
    """The entries of an incident, straight from the ledger."""
    history = await ledger.history(mode, incident)
    placed = ((one, subjects.parse_place(one.subject)) for one in history)
    return entries_of((one.fact, place, one.body) for one, place in placed if place is not None)


async def check_incident(
    ledger: Ledger, received: Received, incident: str | None, directory: Directory
) -> None:
    """Refuse an incident of whose log the sender sees nothing. Raises Refusal: UNKNOWN_INCIDENT."""
    if incident is None:
        return
    log = await read_log(ledger, received.address.mode, incident)
    if not any(may_see(one.reach, received.address.key, directory, _now()) for one in log.values()):
        raise Refusal("UNKNOWN_INCIDENT")


def accept(recorded: Recorded) -> Accepted:
    """The answer to a command whose fact is stored."""
    fact = recorded.fact
    return Accepted(id=fact.id, subject=fact.subject, receipt=fact.id, result=fact.data.body)


def refuse(refused: Refused | None) -> None:
    """Raise Refusal for a refusal."""
    if refused is not None:
        raise Refusal(refused.code, **refused.parameters)


def _approved(draft: sheets.Draft, template: TemplateSet, *, locked: bool) -> Approved:
    body = draft.body
    about = {
        "report": body.report,
        "version": body.version,
        "draft": draft.fact.id,
        "digest": draft.digest,
        "template": body.template,
        "locked": locked,
    }
    if not locked:
        return Approved.model_validate(about)
    more = {
        "level": template.level,
        "tags": body.tags,
        "named": list(template.receivers),
        "notify": list(template.notify),
        "priority": template.priority,
        "incident": body.incident,
        "entries": body.entries,
    }
    return Approved.model_validate(about | more)


def fold_of(history: list[Recorded]) -> Sheet:
    """The report that its facts tell of."""
    facts: list[tuple[Fact, Any]] = [(one.fact, one.body) for one in history]
    return sheets.fold(facts)


def _words(received: Received) -> dict[str, str]:
    content = received.content_dict() or {}
    return {code: text for code, text in content.get("words", {}).items() if text.strip()}


def _flat(received: Received) -> dict[str, Any] | None:
    """What was typed, in the form that the content rules look at."""
    content = received.content_dict()
    if content is None:
        return None
    return {"headline": content.get("headline"), "text": "\n".join(content.get("words", {}).values())}


def _now() -> datetime:
    return datetime.now(UTC).astimezone()
