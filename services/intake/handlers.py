"""What the intake's door calls: take in a message, and list the warnings."""

import asyncio
import base64
import binascii
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, cast

import orjson

from schemas import subjects
from schemas.authorisation import check_report
from schemas.canonical import digest, unseal
from schemas.directory import Directory
from schemas.discards import Share
from schemas.envelope import Accepted, Actor, Municipality, Strict, Text, Token
from schemas.exercise import Discarded
from schemas.vocabulary import ContentClass, Level
from schemas.warnings import Published, TakeIn
from services.intake import parsers, rules
from services.intake.rules import Known, Warnings
from services.intake.store import Raw, Store
from services.intake.warning import MAX_BYTES, OfficialWarning, ParseRefused
from services.runtime.appender import Unreachable
from services.runtime.guarded import Folded
from services.runtime.lasting import in_thread
from services.runtime.ledger import IdTaken, Ledger, Recorded, command_draft
from services.runtime.reading import Received, Refusal, validate
from services.runtime.shares import asked_share

AT_ONCE = 20
"""Facts that are written, or texts that are read, side by side."""
LIST_BYTES = rules.CONTENT_BYTES


@dataclass(slots=True)
class Picture:
    """What the room knows of one mode, folded from the ledger; ``on_discard`` is called when some goes."""

    on_discard: Callable[[], None] = lambda: None
    directory: Directory = field(default_factory=Directory)
    warnings: Warnings = field(default_factory=Warnings)

    def apply(self, recorded: Recorded) -> None:
        """Take in one fact."""
        self.directory.apply(recorded.body)
        place = subjects.parse_place(recorded.subject)
        if isinstance(recorded.body, Published) and place is not None:
            fact = recorded.fact
            self.warnings.apply(
                Known(fact.id, fact.data.command, place, fact.data.occurred_at, fact.time, recorded.body)
            )
        if isinstance(recorded.body, Discarded):
            self.warnings.discard(Share.of(recorded.body, self.directory))
            self.on_discard()


class AskList(Strict):
    """The warnings that stand, newest first: in one municipality, or all of one thread.

    ``before`` is the id of the last one of the page before.
    """

    actor: Actor
    municipality: Municipality | None = None
    thread: Text | None = None
    before: Token | None = None
    limit: int = 100


class Handlers:
    """One take at a time in each mode, so that none decides on what another is about to write."""

    def __init__(
        self, ledger: Ledger, folds: Mapping[str, Folded], pictures: Mapping[str, Picture], store: Store
    ) -> None:
        self._ledger = ledger
        self._folds = folds
        self._pictures = pictures
        self._store = store
        self._taking = {mode: asyncio.Lock() for mode in pictures}

    async def take(self, received: Received) -> Accepted:
        """Keep the message as it is, then one fact for each warning in it that is new.

        Of a message that cannot be read, or is of another mode, nothing is kept.
        """
        command, mode = received.command, received.address.mode
        picture, now = self._pictures[mode], datetime.now(UTC).astimezone()
        refused = check_report(command.data.actor, picture.directory, now)
        if refused is not None:
            raise Refusal(refused.code, **refused.parameters)
        request = cast(TakeIn, received.request)
        raw, items = await in_thread(_read, request, mode)
        kept = Raw(request.digest, mode, command.data.occurred_at, now, raw)
        await in_thread(self._store.keep, kept)
        async with self._taking[mode]:
            fresh = await self._publish(received, items, request.digest)
        return _accept(received, items, fresh, picture.warnings)

    async def listing(self, asked: dict[str, Any], address: subjects.Address) -> dict[str, Any]:
        """The warnings with their texts, for every watch; ``more`` is True when there are further ones."""
        question = validate(AskList, orjson.dumps(asked))
        if question.actor.key != address.key:
            raise Refusal("WRONG_SENDER")
        picture = self._pictures.get(address.mode)
        if picture is None:
            raise Refusal("UNKNOWN_TYPE")
        page = _page(picture.warnings, question)
        rows = [row async for row in self._rows(picture.warnings, page[: question.limit])]
        return {"status": "ok", "warnings": rows, "more": len(page) > len(rows)}

    async def exercise(self, asked: dict[str, Any], address: subjects.Address) -> dict[str, Any]:
        """How many warnings and original messages there are of an exercise. Raises Refusal."""
        picture = self._pictures.get(address.mode)
        share = asked_share(asked, address, picture.directory if picture else None)
        found = picture.warnings.of_share(share) if picture else []
        originals = await in_thread(self._store.count, address.mode, {one.body.raw for one in found})
        return {"status": "ok", "there": {"warnings": len(found), "originals": originals}}

    async def _rows(self, warnings: Warnings, page: Sequence[Known]) -> AsyncIterator[dict[str, Any]]:
        """As many of the page as fit into one answer, at least one."""
        room = LIST_BYTES
        for start in range(0, len(page), AT_ONCE):
            some = page[start : start + AT_ONCE]
            contents = await asyncio.gather(*(self._content(known) for known in some))
            for known, sealed in zip(some, contents, strict=True):
                row = _row(warnings, known, sealed)
                room -= len(orjson.dumps(row))
                if room < 0 and known is not page[0]:
                    return
                yield row

    async def _publish(self, received: Received, items: list[OfficialWarning], raw: str) -> set[str]:
        """Append what is not known; the ids of the facts that this command has born, now or before."""
        mode, command = received.address.mode, received.command
        warnings = self._pictures[mode].warnings
        earlier = (warnings.all.get(rules.fact_id(item)) for item in items)
        fresh = {known.fact for known in earlier if known is not None and known.command == command.id}
        decided = [(item, body) for item in items if (body := rules.decide(warnings, item, raw)) is not None]
        for start in range(0, len(decided), AT_ONCE):
            some = decided[start : start + AT_ONCE]
            born = await asyncio.gather(*(self._append(received, item, body) for item, body in some))
            fresh |= {recorded.fact.id for recorded in born if recorded is not None}
            await self._folds[mode].reached(max((one.sequence for one in born if one is not None), default=0))
        return fresh

    async def _append(self, received: Received, item: OfficialWarning, body: Published) -> Recorded | None:
        """The warning's fact; None if another watch's door was quicker.

        Raises Unreachable when another's text lies there without its fact: that one is about to finish.
        """
        mode, subject = received.address.mode, rules.subject_id(item)
        content = rules.content_of(item)
        said_at = item.sent or received.command.data.occurred_at
        more = {"occurred_at": said_at, "content": content, "level": Level.PUBLIC}
        draft = command_draft(received.command, mode, received.address.key, subject, body, **more)
        draft = replace(draft, id=rules.fact_id(item))
        try:
            return await self._ledger.append(draft, resend=True)
        except IdTaken:
            history = await self._ledger.history(mode, subject)
            if any(recorded.fact.id == draft.id for recorded in history):
                return None
            raise Unreachable(draft.id) from None

    async def _content(self, known: Known) -> bytes | None:
        sorts = (ContentClass.SHARED,)
        return await self._ledger.sealed_content(known.place.mode, known.place, known.fact, sorts)


def _read(request: TakeIn, mode: str) -> tuple[bytes, list[OfficialWarning]]:
    """The message's bytes and the warnings in them. Raises Refusal."""
    try:
        raw = base64.b64decode(request.raw, validate=True)
    except (binascii.Error, ValueError):
        raise Refusal("MALFORMED", where=["data.body.raw"]) from None
    if len(raw) > MAX_BYTES:
        raise Refusal("TOO_LARGE", limit=MAX_BYTES)
    if digest(raw) != request.digest:
        raise Refusal("UNREADABLE_WARNING", reason="DIGEST")
    try:
        items = parsers.parse(raw)
    except ParseRefused as refused:
        raise Refusal("UNREADABLE_WARNING", reason=refused.code, **refused.parameters) from None
    reason = rules.unfit(items, mode)
    if reason is not None:
        raise Refusal("UNREADABLE_WARNING", reason=reason)
    return raw, items


def _accept(
    received: Received, items: list[OfficialWarning], fresh: set[str], warnings: Warnings
) -> Accepted:
    """What the message gave; the receipt is that of its last warning."""
    ids = [rules.fact_id(item) for item in items]
    result = {
        "items": len(items),
        "new": len(fresh),
        "known": len(items) - len(fresh),
        "warnings": [
            {
                "key": item.key,
                "kind": item.kind,
                "revision": item.revision,
                "thread": warnings.thread_of(item),
                "municipalities": len(item.municipalities),
                "new": id in fresh,
            }
            for item, id in zip(items, ids, strict=True)
        ],
    }
    command, request = received.command, cast(TakeIn, received.request)
    receipt = ids[-1] if ids else command.id
    return Accepted(id=command.id, subject=request.digest, receipt=receipt, result=result)


def _page(warnings: Warnings, question: AskList) -> list[Known]:
    """What was asked for, and one more if there are more."""
    if not 1 <= question.limit <= 200:
        raise Refusal("MALFORMED", where=["limit"])
    found: Iterator[Known] = warnings.listed(question.municipality, question.thread)
    if question.before is not None:
        while (known := next(found, None)) is not None and known.fact != question.before:
            pass
    return [known for known, _ in zip(found, range(question.limit + 1), strict=False)]


def _row(warnings: Warnings, known: Known, sealed: bytes | None) -> dict[str, Any]:
    body = known.body
    return body.model_dump(mode="json", exclude={"level"}) | {
        "id": known.fact,
        "sent": known.sent.isoformat(),
        "recorded_at": known.recorded_at.isoformat(),
        "stands": warnings.stands(known),
        "open": warnings.is_open(body.source, body.thread),
        "content": None if sealed is None else unseal(sealed),
    }
