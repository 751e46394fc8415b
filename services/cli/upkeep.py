"""Work that needs a hub that stands still: done here, or by the running `up` between two runs."""

import asyncio
import contextlib
import fcntl
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping
from pathlib import Path
from typing import Any

import orjson

from schemas.identifiers import new_id
from services.runtime import processes
from services.runtime.credentials import write_durably
from services.runtime.settings import Settings
from services.runtime.supervisor import AlreadyRunning
from services.runtime.watches import SUPERVISOR_RECORD

_POLL_S = 0.2

Work = Callable[[Settings], Coroutine[Any, Any, dict[str, Any]]]


class Abandoned(Exception):
    """The hub ended before it had done what it was asked to do."""


@contextlib.contextmanager
def alone(settings: Settings) -> Iterator[None]:
    """Hold the home, so that no hub starts in it. Raises AlreadyRunning."""
    records = settings.home / "run"
    records.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (records / "lock").open("wb") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AlreadyRunning(str(settings.home)) from None
        processes.end_stale(records)
        yield


def have_done(settings: Settings, work: str) -> dict[str, Any]:
    """Have one of WORKS done; what was done. Raises Abandoned when a running hub ends instead."""
    try:
        with alone(settings):
            return asyncio.run(WORKS[work](settings))
    except AlreadyRunning:
        return _ask(settings, work)


def asked(settings: Settings) -> str | None:
    """What a running hub is asked to do while it stands still; None when nobody asks."""
    with contextlib.suppress(FileNotFoundError, ValueError):
        found: Mapping[str, str] = orjson.loads(_question(settings).read_bytes())
        return found.get("work")
    return None


def do(settings: Settings, explain: Callable[[Exception], dict[str, Any]]) -> Callable[[], None]:
    """Do what is asked, in a home that stands still; what is given back tells whoever asked."""
    question = orjson.loads(_question(settings).read_bytes())
    try:
        with alone(settings):
            done = asyncio.run(WORKS[question["work"]](settings))
    except Exception as error:
        done = explain(error)

    def tell() -> None:
        write_durably(_answer(settings), orjson.dumps({"id": question["id"], "done": done}, default=str))
        forget_questions(settings)

    _question(settings).write_bytes(orjson.dumps({"id": question["id"]}))
    return tell


def forget_questions(settings: Settings) -> None:
    """Drop what was asked of an earlier run."""
    _question(settings).unlink(missing_ok=True)


async def _repair(settings: Settings) -> dict[str, Any]:
    from services.incidents.mending import mend

    return (await mend(settings)).told()


WORKS: dict[str, Work] = {"repair": _repair}


def _ask(settings: Settings, work: str) -> dict[str, Any]:
    """Leave the question for the running hub, and wait for its answer. Raises Abandoned."""
    number, hub = new_id(), _hub(settings)
    write_durably(_question(settings), orjson.dumps({"id": number, "work": work}))
    while processes.started(hub) is not None:
        time.sleep(_POLL_S)
        is_open = _question(settings).exists()
        done = _answered(settings, number)
        if done is not None:
            return done
        if not is_open:
            break
    forget_questions(settings)
    raise Abandoned


def _hub(settings: Settings) -> int:
    """The process that runs the hub of this home; 0 when it has noted none."""
    with contextlib.suppress(FileNotFoundError):
        noted = orjson.loads((settings.home / "run" / SUPERVISOR_RECORD).read_bytes())
        return int(noted["pid"])
    return 0


def _answered(settings: Settings, number: str) -> dict[str, Any] | None:
    """The answer to that question, if it is there."""
    with contextlib.suppress(FileNotFoundError):
        found = orjson.loads(_answer(settings).read_bytes())
        done: dict[str, Any] = found["done"]
        return done if found["id"] == number else None
    return None


def _question(settings: Settings) -> Path:
    return settings.home / "run" / "asked"


def _answer(settings: Settings) -> Path:
    return settings.home / "run" / "answered"
