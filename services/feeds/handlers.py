"""The door of the trade feeds: who may decide who shares with whom.

Agreements and regions open ways to what others wrote: the centre makes them, so that nobody grants itself
access. An organisation's own leader or ops may change its own entry, take or end its own feed, and end or
narrow an agreement that it is party to.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, cast

import orjson
from pydantic import Field

from schemas import feeds
from schemas.authorisation import ADMINISTER, READ, check, is_centre
from schemas.directory import Directory
from schemas.envelope import Accepted, Actor, Body, Refused, Strict, Token
from schemas.subjects import Address
from services.feeds.delivery import Delivery
from services.feeds.heads import Heads
from services.feeds.wording import position
from services.runtime.guarded import Guarded
from services.runtime.lasting import in_thread
from services.runtime.ledger import Recorded
from services.runtime.reading import Received, Refusal, validate


class AskState(Strict):
    """How far the asker's feed has come."""

    actor: Actor


class AskHeads(Strict):
    """The kept heads of a neighbour's log, made before a moment (seconds since 1970)."""

    actor: Actor
    organisation: Token
    before: Annotated[int, Field(ge=1, lt=1 << 53)] = (1 << 53) - 1
    limit: Annotated[int, Field(ge=1, le=500)] = 50


class HeadQueries:
    """The handler of ``heads``; who has no agreement is answered as if there were none."""

    def __init__(self, heads: Heads, directories: Mapping[str, Directory]) -> None:
        self._heads = heads
        self._directories = directories

    async def heads(self, asked: dict[str, Any], address: Address) -> dict[str, Any]:
        """The heads, the newest first. Raises Refusal."""
        question = validate(AskHeads, orjson.dumps(asked))
        if question.actor.key != address.key:
            raise Refusal("WRONG_SENDER")
        directory, now = self._directories.get(address.mode), _now()
        if directory is None:
            raise Refusal("UNKNOWN_TYPE")
        _refuse(check(question.actor, READ, "feed", directory, now))
        if not directory.agreed(question.organisation, address.org, now):
            return {"status": "ok", "heads": []}
        found = await in_thread(
            self._heads.kept, address.mode, question.organisation, question.before, question.limit
        )
        return {"status": "ok", "heads": found}


class Handlers:
    """What the door calls; each command becomes one fact. ``deliveries`` know how far each feed has come."""

    def __init__(
        self,
        guarded: Guarded,
        directories: Mapping[str, Directory],
        deliveries: Mapping[str, Delivery],
    ) -> None:
        self._guarded = guarded
        self._directories = directories
        self._deliveries = deliveries

    async def set_organisation(self, received: Received) -> Accepted:
        """Say what an organisation is and which municipalities it serves."""
        request = cast(feeds.SetOrganisation, received.request)
        self._check_own(received, request.organisation)
        body = feeds.OrganisationSet(**request.model_dump())
        return await self._append(received, request.organisation, body)

    async def agree(self, received: Received) -> Accepted:
        """Make, change or end an agreement between organisations."""
        request = cast(feeds.Agree, received.request)
        _check_period(request.since, request.until)
        body = feeds.Agreed(**request.model_dump())
        former = self._directory(received).agreements.get(request.agreement)
        narrows = former is not None and _narrows(former, body, received.address.org)
        self._check_may(received, "agree", by_role=narrows)
        return await self._append(received, request.agreement, body)

    async def set_region(self, received: Received) -> Accepted:
        """Say who the members of a region are."""
        request = cast(feeds.SetRegion, received.request)
        _check_period(request.since, request.until)
        self._check_may(received, "region", by_role=False)
        body = feeds.RegionSet(**request.model_dump())
        return await self._append(received, request.region, body)

    async def subscribe(self, received: Received) -> Accepted:
        """Take a feed, change it or end it."""
        request = cast(feeds.Subscribe, received.request)
        _check_period(request.since, request.until)
        self._check_own(received, request.subscriber)
        body = feeds.Subscribed(**request.model_dump())
        return await self._append(received, request.subscriber, body)

    async def state(self, asked: dict[str, Any], address: Address) -> dict[str, Any]:
        """The subscription of the asker's organisation and the newest position in its feed; no items."""
        question = validate(AskState, orjson.dumps(asked))
        if question.actor.key != address.key:
            raise Refusal("WRONG_SENDER")
        delivery = self._deliveries.get(address.mode)
        if delivery is None:
            raise Refusal("UNKNOWN_TYPE")
        directory, now = self._directories[address.mode], _now()
        _refuse(check(question.actor, READ, "feed", directory, now))
        subscription = directory.subscription(address.org, address.mode, now)
        epoch, newest = delivery.newest(address.org)
        return {
            "status": "ok",
            "subscription": None if subscription is None else subscription.model_dump(mode="json"),
            "newest": position(epoch, newest) if epoch else None,
        }

    async def _append(self, received: Received, id: str, body: Body) -> Accepted:
        owner = received.address.key
        recorded = await self._guarded.append(
            received, owner, id, type(body), lambda _: body, everywhere=True
        )
        return _accept(recorded)

    def _directory(self, received: Received) -> Directory:
        return self._directories[received.address.mode]

    def _check_own(self, received: Received, organisation: str) -> None:
        """Refuse unless the organisation is the sender's own, or the centre asks."""
        self._check_may(received, received.request.verb, by_role=organisation == received.address.org)

    def _check_may(self, received: Received, act: str, *, by_role: bool) -> None:
        """Refuse unless the centre asks, or a leader or ops where ``by_role``."""
        actor = received.command.data.actor
        _refuse(check(actor, ADMINISTER, act, self._directory(received), _now()))
        if not by_role and not is_centre(actor):
            raise Refusal("NOT_ALLOWED", act=act)


def _narrows(former: feeds.Agreed, wanted: feeds.Agreed, organisation: str) -> bool:
    """True if one party ends or shortens what was agreed, or leaves it, and changes nothing else."""
    ends_no_later = former.until is None or (wanted.until is not None and wanted.until <= former.until)
    return (
        organisation in former.parties
        and set(wanted.parties) <= set(former.parties)
        and wanted.purpose == former.purpose
        and wanted.since >= former.since
        and ends_no_later
    )


def _check_period(since: datetime, until: datetime | None) -> None:
    if until is not None and until <= since:
        raise Refusal("BAD_PERIOD")


def _accept(recorded: Recorded) -> Accepted:
    fact = recorded.fact
    return Accepted(id=fact.id, subject=fact.subject, receipt=fact.id, result=fact.data.body)


def _refuse(refused: Refused | None) -> None:
    if refused is not None:
        raise Refusal(refused.code, **refused.parameters)


def _now() -> datetime:
    return datetime.now(UTC)
