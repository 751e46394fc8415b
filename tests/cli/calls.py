"""Calls of the program against a whole hub, and what they leave in its ledgers."""

import asyncio
import json
from typing import Any

from services.runtime import names
from services.runtime.connect import connect
from services.runtime.settings import Settings
from tests.system_hub import HubProcess

WATCH = "4601.vaktsentral"
OPERATOR = "leif"


def call(hub: HubProcess, *arguments: str, watch: str = WATCH, person: str = OPERATOR) -> tuple[int, Any]:
    """The exit code, and the answer as JSON."""
    ran = hub.command(*arguments, "--json", watch=watch, person=person)
    return ran.returncode, json.loads(ran.stdout) if ran.stdout else ran.stderr


def facts(settings: Settings) -> list[int]:
    """How many facts each ledger holds."""

    async def count() -> list[int]:
        nc = await connect(settings, names.OPS)
        try:
            infos = [await nc.jetstream().stream_info(stream) for stream in names.ledgers()]
        finally:
            await nc.close()
        return [info.state.messages for info in infos]

    return asyncio.run(count())


def opened(hub: HubProcess, headline: str, *more: str) -> str:
    code, answer = call(hub, "report", headline, *more)
    assert code == 0, answer
    ref: str = answer["ref"]
    return ref
