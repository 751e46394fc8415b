"""Chains and messages that go: with an exercise that is over for good, and past the term of deliveries."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from schemas.catalogue import read_body
from schemas.directory import Directory
from schemas.discards import Share
from schemas.exercise import Begun, Discarded, Ended
from schemas.incidents import SharedWider
from schemas.notifications import Acknowledge
from schemas.people import Granted
from schemas.records import DeliveriesErased
from schemas.subjects import Place
from schemas.vocabulary import Level, Role
from schemas.watch import Established
from services.notifications import forgetting, store
from services.notifications.commits import Store
from services.notifications.store import CHAIN, ChainRow, DeliveryRow, LinkRow
from services.runtime import names
from services.runtime.database import open_database
from services.runtime.timers import Key
from tests.ended_exercise import BEGAN, X, Y, begun
from tests.hub import Hub
from tests.notifications.desk import MODE, OWNER, PHONES, WATCH, Desk, desk, until

STORM = datetime.fromisoformat("2027-01-14T08:00:00+01:00")
HOUSE = OWNER.partition(".")[0]


def a_chain(name: str, minute: float, **more: Any) -> list[Any]:
    at = store.milliseconds(BEGAN + timedelta(minutes=minute))
    where = {"mode": "exercise", "org": "4601", "owner": "vakt", "incident": "i1", "item": "f1"} | more
    return [
        ChainRow(chain=name, watch="4624.main", started_at=at, **where),
        DeliveryRow(
            delivery=f"d-{name}",
            chain=name,
            person="kari",
            function="primary",
            step=0,
            attempt=1,
            begun_at=at,
        ),
        LinkRow(secret_hash=f"l-{name}", chain=name, person="kari", watch="4624.main"),
    ]


def left(engine: Engine) -> list[str]:
    with engine.connect() as connection:
        tables = ("chain", "delivery", "link")
        found = [
            sorted(connection.execute(sa.text(f"SELECT chain FROM {table}")).scalars())  # noqa: S608
            for table in tables
        ]
    assert found[0] == found[1] == found[2]
    return list(found[0])


@pytest.fixture
def directory() -> Directory:
    known = Directory()
    for key, hidden in (("4601.vakt", False), ("4601.barnevern", True)):
        known.apply(Established(watch=key, code="V", title="V", posts=["duty"], hidden=hidden))
    for made in (begun(X, 0, "4601", "4624"), begun(Y, 60, "4601")):
        known.apply(read_body(made.fact))
    return known


async def test_the_chains_of_an_exercise_go_and_those_before_beside_and_after_it_stay(
    rows: Store, engine: Engine, directory: Directory
) -> None:
    many = (
        a_chain("before", -10),
        a_chain("during", 5),
        a_chain("after-the-end", 50),
        a_chain("next", 70),
        a_chain("neighbours", 5, org="4624"),
        a_chain("hidden", 5, owner="barnevern"),
        a_chain("actual", 5, mode="actual"),
    )
    await rows.run(store.add([row for one in many for row in one]))
    share = Share(X, ("4601",), directory)
    assert await rows.run(forgetting.count("exercise", share)) == (2, 2)
    for _ in range(2):
        await rows.run(forgetting.discard("exercise", share))
    assert left(engine) == ["actual", "before", "hidden", "neighbours", "next"]


async def test_past_their_term_the_ended_chains_of_an_incident_go_and_no_others(
    rows: Store, engine: Engine
) -> None:
    many = (
        a_chain("told", 0, outcome="acknowledged"),
        a_chain("open", 0),
        a_chain("other", 0, incident="i2", outcome="acknowledged"),
        a_chain("strangers", 0, owner="other", outcome="acknowledged"),
    )
    await rows.run(store.add([row for one in many for row in one]))
    await rows.run(forgetting.pass_term(Place("exercise", "4601", "vakt", "incidents", "i1", "x")))
    assert left(engine) == ["open", "other", "strangers"]


# The room


@pytest.fixture
async def here(fresh_broker: Hub) -> AsyncIterator[Desk]:
    async with desk(fresh_broker) as found:
        await found.man(primary="kari", backup="ola", leader="liv")
        granted = Granted(person="eva", role=Role.ARCHIVE_OWNER, where=HOUSE)
        await found.put(names.PEOPLE_LEDGER, OWNER, "eva", granted)
        yield found


def reading(speed: int) -> dict[str, Any]:
    return {"exercise": "x1", "at": STORM, "wall": datetime.now(UTC), "speed": speed}


async def begin(here: Desk) -> None:
    body = Begun(code="ask", organisations=[HOUSE, "4624"], led_by=OWNER, **reading(1))
    await here.put(names.WATCH_LEDGER, OWNER, "x1", body)
    pictures = here.room._pictures[MODE]
    await until(lambda: "x1" in pictures.directory.runs)


async def end_for_good(here: Desk) -> None:
    await here.put(names.WATCH_LEDGER, OWNER, "x1", Ended(**reading(0)))
    said = {"order": "o1", "where": [HOUSE], "law": "arkivlova-15", "asked_by": "eva", "exercise": "x1"}
    await here.put(names.WATCH_LEDGER, OWNER, "x1", Discarded(wall=datetime.now(UTC), **said))  # type: ignore[arg-type]


def chains(here: Desk) -> int:
    engine = open_database(here.office.hub.settings, "notifications")
    with engine.connect() as connection:
        found = connection.execute(sa.select(sa.func.count()).select_from(CHAIN)).scalar_one()
    engine.dispose()
    return int(found)


async def test_nobody_is_told_any_more_of_an_exercise_that_is_over_for_good(here: Desk) -> None:
    await here.policy(0, 30, end_s=90)
    await begin(here)
    incident = await here.open()
    await here.wait_for(incident, "sent kari")
    chain, pager = await here.chain_of(incident), here.room.pager
    assert pager is not None
    asked = {"exercise": "x1", "where": [HOUSE]}
    archive = await here.office.caller(OWNER, "eva")
    there = await archive.ask("notifications", "exercise", MODE, **asked)
    assert there["there"] == {"chains": 1, "messages": 1}
    await end_for_good(here)
    await until(lambda: not pager.open)
    async with asyncio.timeout(10):
        while not await pager.timers.missing([Key(MODE, chain)]):  # noqa: ASYNC110
            await asyncio.sleep(0.05)
        while (await archive.ask("notifications", "exercise", MODE, **asked))["there"]["chains"]:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    kari = await here.office.caller(WATCH, "kari")
    assert await kari.refused(Acknowledge(chain=chain), mode=MODE) == "UNKNOWN_CHAIN"
    fresh = await here.open()
    assert (await here.wait_for(fresh, "sent kari"))[0] == "started", "what comes after it is told as ever"


async def test_a_room_that_was_away_meanwhile_takes_no_chain_of_it_up_again(here: Desk) -> None:
    await here.policy(0, 30, end_s=90)
    await begin(here)
    incident = await here.open()
    await here.wait_for(incident, "sent kari")
    await here.office.stop()
    await end_for_good(here)
    before = len(here.gateway.taken)
    await here.office.start()
    async with asyncio.timeout(10):
        while await asyncio.to_thread(chains, here):  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    assert here.room.pager is not None
    assert here.room.pager.open == {}
    fresh = await here.open()
    await here.wait_for(fresh, "sent kari")
    assert len(here.gateway.taken) == before + 1
    assert await here.story(incident) == ["started", "sent kari"]


async def test_who_was_told_before_is_not_told_again_although_the_term_of_deliveries_is_over(
    here: Desk,
) -> None:
    incident = await here.open(WATCH, level=Level.NAMED)
    chain = await here.chain_of(incident)
    kari = await here.office.caller(WATCH, "kari")
    await here.wait_for(incident, "sent kari")
    await kari.accepted(Acknowledge(chain=chain), mode=MODE)
    passed = DeliveriesErased(order="o1", law="gdpr-5-1-e", asked_by="eva")
    await here.put(names.INCIDENTS_LEDGER, OWNER, incident, passed)
    async with asyncio.timeout(10):
        while await asyncio.to_thread(chains, here):  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    wider = SharedWider(entry="head", level=Level.PUBLIC, notify=[WATCH])
    await here.put(names.INCIDENTS_LEDGER, OWNER, incident, wider)
    later = await here.open()
    await here.wait_for(later, "sent kari")
    assert len(here.gateway.to(PHONES["kari"])) == 2
