"""Tasks that last as long as their room: one that ends by itself ends the worker, which is started anew."""

import asyncio
from collections.abc import Coroutine
from typing import Any

from services.runtime import logs

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
