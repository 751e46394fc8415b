"""Commands that take something of a report back: recalling a locked version, erasing own words."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, cast

from schemas import subjects
from schemas.authorisation import APPROVE_ERASURE, ERASE
from schemas.content_rules import holds_identity_number
from schemas.envelope import Accepted, Body, Refused
from schemas.reports import (
    ApproveReportErasure,
    AskReportErasure,
    Recalled,
    RecallReport,
    ReportErased,
    ReportErasureAsked,
)
from schemas.vocabulary import Role
from services.reports import sheets
from services.reports.entries import is_held
from services.reports.handlers import accept, fold_of, refuse
from services.reports.picture import Head, Picture
from services.reports.sight import find, may_recall, sees
from services.runtime.guarded import Guarded
from services.runtime.ledger import Ledger, Recorded
from services.runtime.reading import Received, Refusal


class Withdrawals:
    """What the door calls about recall and erasure."""

    def __init__(self, ledger: Ledger, guarded: Guarded, pictures: Mapping[str, Picture]) -> None:
        self._ledger = ledger
        self._guarded = guarded
        self._pictures = pictures

    async def recall(self, received: Received) -> Accepted:
        """Recall a locked version: an act of who may approve it, or leads its watch."""
        request, person = cast(RecallReport, received.request), _person(received, "recall")
        picture = self._pictures[received.address.mode]
        _check_codes(request.ground)
        head = find(picture, received.address.key, request.report, person)
        if head is None:
            raise Refusal("UNKNOWN_REPORT")
        if not may_recall(picture, head, person):
            raise Refusal("NOT_ALLOWED", act="recall")
        owner = head.place.key

        def decide(history: list[Recorded]) -> Body:
            return _body(sheets.recalled(fold_of(history), request.version, request.ground))

        return accept(await self._guarded.append(received, owner, request.report, Recalled, decide))

    async def ask_erasure(self, received: Received) -> Accepted:
        """The archive owner asks; nothing is erased yet."""
        request = cast(AskReportErasure, received.request)
        _check_codes(request.ground, request.law)
        owner = self._erasable(received, request.report, "erase_ask", ERASE).place.key
        await self._check_holds(received, owner, request.report, request.version)

        def decide(history: list[Recorded]) -> Body:
            return _body(sheets.erasure_asked(fold_of(history), request))

        return accept(await self._guarded.append(received, owner, request.report, ReportErasureAsked, decide))

    async def approve_erasure(self, received: Received) -> Accepted:
        """Another person approves: this is the fact that erases."""
        request, person = cast(ApproveReportErasure, received.request), _person(received, "erase_approve")
        owner = self._erasable(received, request.report, "erase_approve", APPROVE_ERASURE).place.key
        await self._check_holds(received, owner, request.report, request.version)

        def decide(history: list[Recorded]) -> Body:
            return _body(sheets.erased(fold_of(history), request.version, person))

        return accept(await self._guarded.append(received, owner, request.report, ReportErased, decide))

    def _erasable(self, received: Received, report: str, act: str, roles: tuple[Role, ...]) -> Head:
        """The report, where the person has one of the roles over its watch; who acts from another sees none.

        Raises Refusal.
        """
        person, picture = _person(received, act), self._pictures[received.address.mode]
        named = [one for one in picture.heads.values() if one.report == report]
        for head in named:
            is_own_house = head.place.org == received.address.org
            if is_own_house and picture.directory.has_role(person, head.place.key, _now(), *roles):
                return head
        key = received.address.key
        if any(sees(picture, one, key, person) for one in named):
            raise Refusal("NOT_ALLOWED", act=act)
        raise Refusal("UNKNOWN_REPORT")

    async def _check_holds(self, received: Received, owner: str, report: str, version: int | None) -> None:
        """Refuse while an incident is on hold that the words are about. Raises Refusal: ON_HOLD.

        What was done already is not refused when it is sent again.
        """
        mode = received.address.mode
        own = await self._guarded.history(mode, received.request.trade, report, *subjects.split_key(owner))
        if any(one.fact.id == received.command.id for one in own):
            return
        for incident in sorted(fold_of(own).incidents(version)):
            history = await self._ledger.history(mode, incident)
            placed = ((subjects.parse_place(one.subject), one.body) for one in history)
            if is_held((place, body) for place, body in placed if place is not None):
                raise Refusal("ON_HOLD")


def _person(received: Received, act: str) -> str:
    """The named person who acts. Raises Refusal."""
    actor = received.command.data.actor
    if actor.person is None or actor.machine is not None:
        raise Refusal("PERSON_NEEDED", act=act)
    return actor.person


def _check_codes(*codes: str) -> None:
    """What stands in a fact is never erased, so it holds no person's number."""
    if any(map(holds_identity_number, codes)):
        raise Refusal("PERSON_TAG_MISSING")


def _body(found: Any) -> Body:
    if isinstance(found, Refused):
        refuse(found)
    body: Body = found
    return body


def _now() -> datetime:
    return datetime.now(UTC).astimezone()
