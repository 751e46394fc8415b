"""The exercise Ask on two hubs side by side, with and without the child-welfare case that nobody may notice.

Everything that others than the child-welfare watch can read is recorded on both and compared byte for byte:
what feeds bring over NATS and as server-sent events, every answer to every question and request with its
headers, the desk's pages, and what phones are sent. Ids, refs, receipts, times, secrets and ports are renamed
by first appearance; order and count stand as they are.

Two things come by the clock and not by what happens, so they are held to being just that. A feed's tick
every 15 s may say nothing but how far its items have come, which its listener knows. A screen is sent rows
when they change, in bundles cut by a tenth of a second: here no word may come that shows nothing, and what a
screen that opens afterwards is told is compared byte for byte.

SAMVIRKE_TEST_EXERCISE=whole plays all events, else it is #01 to #34. No part of the hub is killed here: what
is said again afterwards hangs on the moment.
"""

import asyncio
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from schemas.exercise_file import Plan, load
from schemas.exercise_parts import Marker
from tests.exercises.listening import Tick
from tests.exercises.renaming import Streams, differences, renamed
from tests.exercises.world import HIDDEN, World, player, said_by, side_by_side

BLINDED = re.compile(r"[0-9a-f]{64}")
ASK = Path(__file__).parents[2] / "deploy" / "exercises" / "ask.toml"
CASE = "I"
WHOLE = os.environ.get("SAMVIRKE_TEST_EXERCISE") == "whole"
HOW = ("--speed", "60", "--json", *(("--without", "X") if WHOLE else ("--to", "34")))
WITHIN_S = 900 if WHOLE else 300

pytestmark = [pytest.mark.system, pytest.mark.timed, pytest.mark.timeout(WITHIN_S)]
Worlds = tuple[World, World]
Pair = tuple[Streams, Streams]


@pytest.fixture(scope="module")
def plan() -> Plan:
    """The exercise as it is shipped."""
    return load(ASK)


@pytest.fixture(scope="module")
def worlds(plan: Plan, tmp_path_factory: pytest.TempPathFactory) -> Worlds:
    """The exercise played with and without the hidden case."""
    with_case = World(tmp_path_factory.mktemp("with") / "home", plan, player(plan, *HOW))
    less = player(plan, *HOW, "--without", CASE)
    without = World(tmp_path_factory.mktemp("without") / "home", plan, less)
    asyncio.run(side_by_side(with_case, without))
    return with_case, without


@pytest.fixture(scope="module")
def both(worlds: Worlds) -> Pair:
    """The recordings with everything renamed that chance and clocks give."""
    one, other = (renamed(world.streams, said_by(world.plan)) for world in worlds)
    return one, other


def test_the_exercise_goes_as_its_file_says(worlds: Worlds) -> None:
    for world in worlds:
        print(world.report)
        assert json.loads(world.report)["status"] == "ok", world.report


def test_nobody_can_tell_whether_the_hidden_case_is_there(both: Pair) -> None:
    found = differences(*both)
    told = [*map(str, found[:20]), f"{len(found)} of {len(both[0])} streams differ"]
    assert not found, "\n".join(["", *told])


def test_the_recording_holds_what_others_can_read_and_the_case_was_played(worlds: Worlds) -> None:
    with_case, without = worlds
    heard = {name: len(one) for name, one in with_case.streams.items()}
    assert all(heard[f"nats {org}"] > 10 for org in ("4601", "4627", "110-vest", "pol-vest", "amk"))
    assert all(heard[f"sse {org}"] == 2 * heard[f"nats {org}"] for org in ("4627", "amk", "sf-vestland"))
    assert {heard[f"nats {org}"] for org in ("5001", "tbrt")} == {0}
    assert len([name for name in heard if name.startswith("query ")]) > 1000
    assert len([name for name in heard if name.startswith("page ")]) > 50
    assert set(with_case.own) - set(without.own) == {"Akutt plassering, barn Q.Ø."}
    assert with_case.paged["geir"] == without.paged["geir"] + 2


def test_no_word_id_or_ref_of_the_case_is_anywhere(worlds: Worlds) -> None:
    with_case = worlds[0]
    heard = (one for name, one in with_case.streams.items() if not name.startswith("attempt "))
    raw = b"\n".join(message for one in heard for message in one)
    id, ref = with_case.own["Akutt plassering, barn Q.Ø."]
    words = [id, ref, "child.placement", *(marker.text for marker in of_the_case(with_case.plan))]
    assert [word for word in words if word.encode() in raw] == []


def of_the_case(plan: Plan) -> Iterator[Marker]:
    """The planted words that stay in the hidden watch."""
    return (marker for marker in plan.exercise.markers if set(marker.stays_in) <= HIDDEN and marker.kept)


def test_ticks_and_screens_say_nothing_beside_the_clock(worlds: Worlds) -> None:
    for world in worlds:
        assert sum(len(ticks) for ticks in world.ticks.values()) > 50
        for org, ticks in world.ticks.items():
            items = {"exercise": len(world.streams[f"nats {org}"]), "actual": 0}
            for tick in ticks:
                assert tick.heard <= tick.newest <= items[tick.mode], (org, tick)
                assert len({one["at"] for one in tick.heads}) <= 1, (org, tick)
                assert all(BLINDED.fullmatch(one["head"]) for one in tick.heads), (org, tick)
        assert world.desks is not None
        assert world.desks.empty == []
        assert min(world.desks.told.values()) > 10


def test_both_worlds_bring_blinded_heads_of_the_same_houses(worlds: Worlds) -> None:
    with_case, without = (
        {(org, tick.mode): houses(tick) for org, ticks in world.ticks.items() for tick in ticks if tick.heads}
        for world in worlds
    )
    assert with_case
    assert with_case == without


def houses(tick: Tick) -> list[str]:
    """Of which houses a tick brought heads."""
    return [one["organisation"] for one in tick.heads]


LEAKS = {
    "nats 4627": (b'.9",', b'.10",'),
    "sse 4627": (b'.9",', b'.10",'),
    "query 4601.kk list all": (b'-0001"', b'-0002"'),
    "query 4601.samvirke feed state": (b'"newest":', b'"newest":1'),
    "page 4601.kk /part/duty": (b"Leif", b"Liv"),
    "http 4627.vakt list": (b"200\ncache", b"403\ncache"),
}
"""Running numbers, counts, names and codes as they would stand if the case were noticed."""


def test_leaks_planted_in_the_recording_are_found(worlds: Worlds, both: Pair) -> None:
    tampered = {name: list(one) for name, one in worlds[0].streams.items()}
    for stream, (before, after) in LEAKS.items():
        assert any(before in message for message in tampered[stream]), tampered[stream]
        tampered[stream] = [message.replace(before, after, 1) for message in tampered[stream]]
    tampered["nats 5001"].append(worlds[0].streams["nats 4627"][0])
    tampered["phone yngve"].pop()
    found = differences(renamed(tampered, said_by(worlds[0].plan)), both[1])
    assert {one.stream for one in found} == {*LEAKS, "nats 5001", "phone yngve"}
