"""The room watch behind a real broker: who is put on duty, takes over, releases, and who may ask."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from schemas.identifiers import new_id
from schemas.people import Granted
from schemas.vocabulary import DutyFunction, Role
from schemas.watch import Establish, GapFound, Man, Manned, Release, TakeOver
from services.runtime import names
from services.watch.app import build
from tests.caller import Caller, Office, office
from tests.hub import Hub

KEY = "4601.vaktsentral"
NOW = datetime.now(UTC)
PRIMARY = DutyFunction.PRIMARY


@pytest.fixture
async def hub(fresh_broker: Hub) -> AsyncIterator[Office]:
    """The room serves; Vaktsentralen, Barnevernvakten (hidden) and a neighbour are set up and have people."""
    granted = [("kari", Role.LEADER, KEY), ("ola", Role.OPERATOR, KEY), ("nina", Role.READER, "4624")]
    granted += [("chief", Role.LEADER, "4601"), ("anne", Role.READER, KEY)]
    async with office(fresh_broker, build) as found:
        for person, role, where in granted:
            body = Granted(person=person, role=role, where=where)
            await found.put_fact(names.PEOPLE_LEDGER, "4601.centre", person, body)
        await found.start()
        centre = await found.caller("4601.centre")
        await centre.accepted(Establish(watch=KEY, code="VAKT", title="Vaktsentralen"))
        hidden = Establish(watch="4601.barnevern", code="BV", title="Barnevernvakten", hidden=True)
        await centre.accepted(hidden)
        other = await found.caller("4624.centre")
        await other.accepted(Establish(watch="4624.main", code="MAIN", title="Bjørnafjorden"))
        yield found


def manned(person: str, since: float = -1, until: float | None = None, **more: Any) -> Man:
    end = None if until is None else NOW + timedelta(hours=until)
    return Man(
        post="duty", function=PRIMARY, person=person, since=NOW + timedelta(hours=since), until=end, **more
    )


async def who(desk: Caller, **asked: Any) -> list[Any]:
    """The persons that the question of duty names for Vaktsentralen."""
    found = await desk.ask("watch", "duty", watch=KEY, **asked)
    assert found["status"] == "ok", found
    return [row["person"] for row in found["duty"]]


async def test_the_centre_mans_a_watch_and_an_operator_takes_over_and_releases(hub: Office) -> None:
    centre, desk = await hub.caller("4601.centre"), await hub.caller(KEY, "ola")
    await centre.accepted(manned("kari", watch=KEY))
    assert await who(desk) == ["kari"]
    taken = await desk.accepted(TakeOver(post="duty"))
    assert taken.result["manner"] == "taken"
    assert await who(desk) == ["ola"]
    assert await who(desk, at=(NOW - timedelta(minutes=1)).isoformat()) == ["kari"]
    await desk.accepted(Release(post="duty"))
    assert await who(desk) == ["kari"]
    assert await desk.refused(Release(post="duty")) == "NOT_HOLDING"


async def test_a_command_sent_twice_makes_one_fact_and_gets_one_answer(hub: Office) -> None:
    desk, id = await hub.caller(KEY, "ola"), new_id()
    first = await desk.accepted(TakeOver(post="duty"), id=id)
    await desk.by("kari").accepted(TakeOver(post="duty"))
    assert await desk.accepted(TakeOver(post="duty"), id=id) == first
    assert len(await hub.facts(names.WATCH_LEDGER, "duty")) == 2
    assert await who(desk) == ["kari"]


async def test_what_makes_no_sense_is_refused(hub: Office) -> None:
    desk, past = await hub.caller(KEY, "ola"), NOW - timedelta(hours=1)
    lead = desk.by("kari")
    assert await desk.refused(TakeOver(post="road")) == "UNKNOWN_POST"
    assert await desk.refused(TakeOver(post="duty", until=past)) == "BAD_PERIOD"
    assert await desk.by(None).refused(TakeOver(post="duty")) == "PERSON_NEEDED"
    assert await desk.by("anne").refused(TakeOver(post="duty")) == "NOT_ALLOWED"
    assert await lead.refused(manned("ola", 2, 1)) == "BAD_PERIOD"
    assert await lead.refused(manned("stranger")) == "UNKNOWN_PERSON"


async def test_a_leader_mans_the_own_watch_only(hub: Office) -> None:
    lead = await hub.caller(KEY, "kari")
    await lead.accepted(manned("ola"))
    assert await lead.by("ola").refused(manned("kari")) == "NOT_ALLOWED"
    assert await lead.refused(manned("kari", watch="4601.barnevern")) == "NOT_ALLOWED"
    assert await lead.refused(manned("kari", watch="4624.main")) == "NOT_ALLOWED"
    assert await lead.by("chief").refused(manned("ola", watch="4601.barnevern")) == "NOT_ALLOWED"
    bare = Establish(watch="4601.barnevern", code="BV", title="Barnevernvakten")
    assert await lead.by("chief").refused(bare) == "NOT_ALLOWED"
    await lead.by("chief").accepted(Establish(watch=KEY, code="VAKT", title="Ny", posts=["duty", "road"]))
    assert await lead.refused(Establish(watch="4601.ny", code="VAKT", title="Ny")) == "NOT_ALLOWED"
    assert await lead.by("chief").refused(Establish(watch="4601.ny", code="VAKT", title="Ny")) == "ID_TAKEN"


async def test_a_neighbour_learns_whether_a_function_is_filled_and_not_by_whom(hub: Office) -> None:
    lead, neighbour = await hub.caller(KEY, "kari"), await hub.caller("4624.main", "nina")
    await lead.accepted(manned("ola", -1, 5))
    found = await neighbour.ask("watch", "duty")
    assert [(row["watch"], row.get("filled"), row.get("person")) for row in found["duty"]] == [
        (KEY, True, None),
        ("4624.main", None, None),
    ]
    assert "ola" not in str(found)
    assert found["gaps"] == []
    own = await lead.ask("watch", "duty")
    assert [gap["watch"] for gap in own["gaps"]] == [KEY]
    assert await neighbour.by(None).ask("watch", "duty") == {
        "status": "refused",
        "code": "PERSON_NEEDED",
        "parameters": {"act": "duty"},
    }


async def test_the_picture_is_the_same_after_a_restart_and_a_gap_is_said_once(hub: Office) -> None:
    lead = await hub.caller(KEY, "kari")
    await lead.accepted(manned("ola", -1, 5))
    await lead.accepted(TakeOver(post="duty", until=NOW + timedelta(hours=4)))
    for _ in range(2):
        await hub.stop()
        await hub.start()
        async with asyncio.timeout(5):
            while not await _gaps(hub):  # noqa: ASYNC110 - the fact lies in another process
                await asyncio.sleep(0.05)
        assert hub.rooms[0].health()["ok"]
    assert len(await _gaps(hub)) == 1
    assert await who(lead) == ["kari"]


async def test_a_shift_at_the_end_of_the_calendar_keeps_no_other_gap_from_being_said(hub: Office) -> None:
    """A command with such a time is refused; an older ledger may hold one."""
    lead, first = await hub.caller(KEY, "kari"), datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=14)))
    odd = Manned(post="duty", function=PRIMARY, person="chief", since=first, until=first + timedelta(hours=1))
    await hub.put_fact(names.WATCH_LEDGER, "4601.barnevern", "duty", odd)
    await lead.accepted(manned("ola", -1, 5))
    await hub.stop()
    await hub.start()
    async with asyncio.timeout(5):
        while len(await _gaps(hub)) < 2:  # noqa: ASYNC110 - the fact lies in another process
            await asyncio.sleep(0.05)


async def _gaps(hub: Office) -> list[GapFound]:
    found = [body for _, body in await hub.facts(names.WATCH_LEDGER, "duty")]
    return [body for body in found if isinstance(body, GapFound)]


async def test_the_modes_do_not_mix(hub: Office) -> None:
    desk = await hub.caller(KEY, "ola")
    assert await desk.refused(TakeOver(post="duty"), mode="exercise") == "UNKNOWN_WATCH"
