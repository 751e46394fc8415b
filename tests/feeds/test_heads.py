"""Blinded heads of neighbours' logs: who is told of them, and how long they are kept."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import orjson
import pytest

from schemas import subjects
from schemas.directory import Directory
from schemas.feeds import Agree, Agreed
from schemas.heads import BlindedHeads
from services.feeds.heads import ALL_KEPT_S, Heads
from services.runtime import names
from services.runtime.database import open_database
from services.runtime.settings import Settings
from tests.caller import Office
from tests.feeds.facts import NEIGHBOUR, PAST

DAY_S = 24 * 3600


@pytest.fixture
def heads(store_url: str, tmp_path: Path) -> Iterator[Heads]:
    engine = open_database(Settings.model_validate({"home": tmp_path, "database_url": store_url}), "feeds")
    yield Heads(engine)
    engine.dispose()


def test_a_head_once_told_is_kept_as_it_was_told(heads: Heads) -> None:
    heads.write("actual", BlindedHeads(at=600, heads={"4601": "aa"}))
    heads.write("actual", BlindedHeads(at=600, heads={"4601": "bb", "4624": "cc"}))
    assert heads.kept("actual", "4601", 1 << 40, 9) == [{"organisation": "4601", "at": 600, "head": "aa"}]
    assert heads.kept("actual", "4624", 600, 9) == []


def test_of_heads_older_than_a_week_the_first_of_each_hour_is_kept(heads: Heads) -> None:
    for at in range(DAY_S, DAY_S + 2 * 3600, 600):
        heads.write("actual", BlindedHeads(at=at, heads={"4601": str(at)}))
    heads.write("actual", BlindedHeads(at=DAY_S + 2 * 3600 + ALL_KEPT_S, heads={"4601": "new"}))
    ages = [one["at"] - DAY_S for one in heads.kept("actual", "4601", 1 << 40, 99)]
    assert ages == [2 * 3600 + ALL_KEPT_S, 3600, 0]


async def test_neighbours_with_an_agreement_keep_each_others_heads_and_others_are_told_nothing(
    hub: Office,
) -> None:
    centre = await hub.caller("4601.centre")
    await centre.accepted(Agree(agreement="a", parties=["4601", "4624"], purpose="brann", since=PAST))
    archive = await hub.connection(names.INCIDENTS_ARCHIVE)
    told = {"at": 600, "heads": {"4601": "aa", "4624": "bb", "5001": "cc"}}
    await archive.publish(subjects.heads("actual"), orjson.dumps(told))
    caller = await hub.caller(NEIGHBOUR, "lead")
    async with asyncio.timeout(5):
        while not (found := await caller.ask("feeds", "heads", organisation="4601"))["heads"]:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    assert found["heads"] == [{"organisation": "4601", "at": 600, "head": "aa"}]
    assert (await caller.ask("feeds", "heads", organisation="5001"))["heads"] == []


def test_a_tick_tells_a_subscriber_the_heads_of_those_it_has_an_agreement_with(heads: Heads) -> None:
    directory = Directory()
    directory.apply(Agreed(agreement="a", parties=["4601", "4624"], purpose="brann", since=PAST))
    heads.take("actual", orjson.dumps({"at": 600, "heads": {"4601": "aa", "4624": "bb", "5001": "cc"}}))
    now = datetime.now(UTC)
    assert heads.newest("actual", "4624", directory, now) == [
        {"organisation": "4601", "at": 600, "head": "aa"}
    ]
    assert heads.newest("actual", "5001", directory, now) == []
    assert heads.newest("exercise", "4624", directory, now) == []
