"""Tasks that last as long as their room, and how they are ended."""

import asyncio
import threading

import pytest

from services.runtime.lasting import end_all, in_thread, lasting


async def test_a_task_that_took_its_cancelling_for_an_answer_is_ended_all_the_same() -> None:
    missed = 0

    async def work() -> None:
        nonlocal missed
        while True:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                missed += 1
                if missed == 2:
                    raise

    task = lasting(work(), "work")
    await asyncio.sleep(0)
    async with asyncio.timeout(10):
        await end_all([task])
    assert (task.cancelled(), missed) == (True, 2)


async def test_work_in_a_thread_is_waited_for_however_often_its_caller_is_cancelled() -> None:
    begun, may_end, done = threading.Event(), threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        may_end.wait(10)
        done.set()

    task = asyncio.create_task(in_thread(work))
    await asyncio.to_thread(begun.wait, 10)
    for _ in range(3):
        task.cancel()
        await asyncio.sleep(0.01)
    assert not task.done()
    may_end.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert done.is_set()
