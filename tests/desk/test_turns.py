"""Many desks at once, as when all come back after a cut: the process looks after all else between two."""

import asyncio

import pytest

from services.desk.turns import Turns
from tests.desk.house import House

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_of_all_who_are_ready_at_the_same_moment_one_goes_for_each_round_of_the_loop() -> None:
    turns, rounds, went = Turns(), [0], list[int]()

    async def count() -> None:
        while len(went) < 50:
            rounds[0] += 1
            await asyncio.sleep(0)

    async def go() -> None:
        async with turns:
            went.append(rounds[0])

    await asyncio.gather(count(), *(go() for _ in range(50)))
    assert len(set(went)) == 50


async def test_who_gives_up_waiting_leaves_the_turn_to_the_next() -> None:
    turns = Turns()
    async with turns:
        waiting = [asyncio.create_task(turns.__aenter__()) for _ in range(2)]
        await asyncio.sleep(0)
        waiting[0].cancel()
    await asyncio.wait(waiting)
    assert (waiting[0].cancelled(), waiting[1].exception()) == (True, None)
    entering = asyncio.create_task(turns.__aenter__())
    await turns.__aexit__(None, None, None)
    await asyncio.sleep(0)
    entering.cancel()
    await asyncio.wait([entering])
    async with asyncio.timeout(5), turns:
        pass


@pytest.mark.parametrize("path", ["/", "/incidents", "/part/rows", "/sign-in", "/situation/new"])
async def test_a_page_waits_for_its_turn(house: House, path: str) -> None:
    boards = house.desk._boards
    assert boards is not None
    await house.report()
    async with house.signed_in() as browser:
        async with boards.drawing:
            asked = asyncio.create_task(browser.get(path))
            for _ in range(200):
                await asyncio.sleep(0)
            done, _ = await asyncio.wait([asked], timeout=0.2)
            assert not done
        assert (await asked).status_code in (200, 503)
