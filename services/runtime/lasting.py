"""Tasks that last as long as their room: one that ends by itself ends the worker, which is started anew."""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Iterable
from typing import Any, ParamSpec, TypeVar

from services.runtime import logs

P = ParamSpec("P")
T = TypeVar("T")
_AGAIN_S = 0.5
_ended: list[str] = []


def lasting(work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
    """Run ``work`` until its owner cancels it; ``name`` is for the log."""
    task = asyncio.get_running_loop().create_task(work, name=name)
    task.add_done_callback(_note_end)
    return task


def ended_tasks() -> tuple[str, ...]:
    """Names of tasks that ended without having been cancelled: what they did is done by nobody now."""
    return tuple(_ended)


def _note_end(task: "asyncio.Task[None]") -> None:
    if not task.cancelled():
        _ended.append(task.get_name())
        logs.get(task=task.get_name()).error("task.ended", exc_info=task.exception())


async def end_all(tasks: Iterable["asyncio.Task[None]"]) -> None:
    """Cancel tasks until each has ended.

    Once is not enough: a request whose answer comes in that very moment goes on as if nothing had been said.
    """
    left = {task for task in tasks if not task.done()}
    while left:
        for task in left:
            task.cancel()
        _, left = await asyncio.wait(left, timeout=_AGAIN_S)


async def in_thread(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Do blocking work beside the loop; who is cancelled meanwhile ends when the work has ended."""
    task = asyncio.ensure_future(asyncio.to_thread(work, *args, **kwargs))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        while not task.done():
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.wait([task])
        raise
