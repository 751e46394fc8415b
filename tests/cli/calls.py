"""Calls of the program against a whole hub, and what they leave in its ledgers."""

import asyncio
import contextlib
import io
import time
from typing import Any

import pytest

from schemas import subjects
from services.cli.main import run
from services.runtime import names
from services.runtime.connect import connect
from services.runtime.settings import Settings
from tests.cli.conftest import Ran
from tests.system_hub import HubProcess

WATCH = "4601.vaktsentral"
OPERATOR = "leif"


def here(hub: HubProcess, *arguments: str, watch: str = WATCH, person: str = OPERATOR) -> Ran:
    """One call of the program against the hub, in this process: the start of a process is most of a call."""
    out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True) for _ in range(2))
    with pytest.MonkeyPatch.context() as surroundings:
        for name, value in hub.surroundings(watch=watch, person=person).items():
            surroundings.setenv(name, value)
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = run(arguments)
    return Ran(code, *(stream.buffer.getvalue().decode("utf-8") for stream in (out, err)))


def call(hub: HubProcess, *arguments: str, watch: str = WATCH, person: str = OPERATOR) -> tuple[int, Any]:
    """The exit code, and the answer as JSON."""
    ran = here(hub, *arguments, "--json", watch=watch, person=person)
    return ran.code, ran.answer if ran.out else ran.err


def facts(settings: Settings) -> list[int]:
    """How many facts each ledger holds, those of chains left out, which go on by themselves."""

    async def count() -> list[int]:
        nc = await connect(settings, names.OPS)
        try:
            infos = [
                await nc.jetstream().stream_info(names.ledger(mode), subjects_filter=subjects.ledger(mode))
                for mode in settings.modes
            ]
        finally:
            await nc.close()
        held = [(info.state.subjects or {}).items() for info in infos]
        return [sum(count for subject, count in one if ".notifications." not in subject) for one in held]

    return asyncio.run(count())


def opened(hub: HubProcess, headline: str, *more: str) -> str:
    code, answer = call(hub, "report", headline, *more)
    assert code == 0, answer
    ref: str = answer["ref"]
    return ref


def until_asked(hub: HubProcess, ref: str, *, watch: str, person: str) -> None:
    """Return once the watch is asked about an incident: that begins by itself after the report."""
    deadline = time.monotonic() + 10
    while ref not in [
        one["ref"] for one in call(hub, "ack", watch=watch, person=person)[1].get("chains", [])
    ]:
        assert time.monotonic() < deadline, ref
