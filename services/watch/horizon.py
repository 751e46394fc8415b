"""Looks ahead in every roster and says a gap before it begins (R7)."""

import asyncio
import contextlib
from collections.abc import Mapping
from datetime import UTC, datetime

from schemas import subjects, watch
from schemas.directory import Directory
from schemas.envelope import Actor
from schemas.identifiers import derived_id
from schemas.vocabulary import Authentication
from services.runtime import logs
from services.runtime.appender import AppendError
from services.runtime.direct import StreamUnreachable
from services.runtime.ledger import Draft, IdTaken, Ledger
from services.watch import roster
from services.watch.picture import Picture

EVERY_S = 600.0


class Horizon:
    """At start, every EVERY_S seconds after, and when an exercise's clock was set."""

    def __init__(self, ledger: Ledger, pictures: Mapping[str, Picture]) -> None:
        self._ledger = ledger
        self._pictures = pictures
        self._woken = asyncio.Event()
        for picture in pictures.values():
            picture.on_clock = self._woken.set

    async def run(self) -> None:
        """Look ahead for ever; what could not be written is written the next time."""
        while True:
            for mode in self._pictures:
                try:
                    await self.look(mode, datetime.now(UTC).astimezone())
                except (AppendError, StreamUnreachable) as fault:
                    logs.get(mode=mode, error_type=type(fault).__qualname__).warning("horizon.not_said")
                except Exception as fault:
                    logs.get(mode=mode).error("horizon.fault", exc_info=fault)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._woken.wait(), EVERY_S)
            self._woken.clear()

    async def look(self, mode: str, now: datetime) -> None:
        """Say each gap that begins within NOTICE, once, while the gate of the mode is open."""
        known = self._pictures[mode]
        if self._ledger.gates[mode].reason is not None:
            return
        for organisation in {place[0].partition(".")[0] for place in known.duty.places}:
            if is_guest(known.directory, organisation):
                continue
            then = known.directory.now(organisation, now)
            for gap in list(roster.gaps(known.duty, then, then + roster.NOTICE, organisation)):
                if (gap.place, gap.since) not in known.gaps_said:
                    await self._say(mode, gap, then)

    async def _say(self, mode: str, gap: roster.Gap, now: datetime) -> None:
        key, post, function = gap.place
        org, code = subjects.split_key(key)
        began = _named(gap.since)
        id = derived_id("gap", mode, key, post, function.value, began)
        body = watch.GapFound(post=post, function=function, since=gap.since, until=gap.until)
        draft = Draft(
            id=id,
            place=subjects.Place(mode, org, code, body.trade, post, body.name),
            body=body,
            actor=_actor(org, code),
            occurred_at=now,
            command=id,
            controller=org,
        )
        try:
            await self._ledger.append(draft)
        except IdTaken:
            logs.get(mode=mode).info("horizon.said_before")


def is_guest(directory: Directory, organisation: str) -> bool:
    """True for a guest: its time ends as agreed, and nobody is to stand there afterwards."""
    known = directory.organisations.get(organisation)
    return known is not None and known.kind == "guest"


def _named(since: datetime) -> str:
    """A gap's beginning as part of its id, whatever the offset; as it was sent where the calendar ends."""
    try:
        return since.astimezone(UTC).isoformat()
    except OverflowError:
        return since.isoformat()


def _actor(org: str, code: str) -> Actor:
    return Actor(
        machine="roster", organisation=org, watch=code, via="watch", authentication=Authentication.SERVICE
    )
