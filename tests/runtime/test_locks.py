"""Who waits for the same key waits in turn; other keys are free, and nothing is left behind."""

import asyncio

import pytest

from services.runtime.locks import KeyedLocks


async def test_the_same_key_is_held_by_one_after_another_in_the_order_of_asking() -> None:
    locks, done = KeyedLocks(), list[str]()

    async def hold(name: str) -> None:
        async with locks.holding("incident"):
            done.append(f"{name} in")
            await asyncio.sleep(0)
            done.append(f"{name} out")

    await asyncio.gather(hold("first"), hold("second"), hold("third"))
    assert done == [f"{name} {way}" for name in ("first", "second", "third") for way in ("in", "out")]


async def test_another_key_is_free_meanwhile() -> None:
    locks = KeyedLocks()
    async with locks.holding("one"), asyncio.timeout(1), locks.holding("other"):
        pass


async def test_who_gives_up_waiting_or_fails_inside_leaves_the_key_to_the_next() -> None:
    locks = KeyedLocks()
    async with locks.holding("incident"):
        waiting = asyncio.create_task(locks.take("incident"))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
    with pytest.raises(ValueError, match="inside"):
        async with locks.holding("incident"):
            raise ValueError("inside")
    async with asyncio.timeout(1), locks.holding("incident"):
        pass
