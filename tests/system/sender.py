"""Reports that are sent again, with the same id, until they are accepted; and what became of them."""

import asyncio
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import orjson
from nats.aio.client import Client
from nats.errors import Error as NatsError

from schemas import subjects
from schemas.catalogue import read_fact
from schemas.centre import load
from schemas.identifiers import new_id
from services.runtime import names
from services.runtime.connect import connect
from services.runtime.direct import Direct
from services.runtime.settings import Settings
from tests.system_hub import EXAMPLE

WATCH = "4601.vaktsentral"
AGAIN = ("LEDGER_UNREACHABLE", "LEDGER_BEHIND", "INTERNAL")


def person(watch: str = WATCH, role: str = "operator") -> str:
    """The id of somebody in the example centre with that role in the watch."""
    centre = load(EXAMPLE)
    for grant in centre.roles:
        if grant.role == role and grant.where in (watch, watch.partition(".")[0]):
            found = centre.person(grant.persons[0])
            assert found is not None
            return str(found.id)
    raise AssertionError(f"nobody is {role} in {watch}")


@dataclass
class Sender:
    """Sends reports of one watch and remembers which were accepted, and when."""

    settings: Settings
    watch: str = WATCH
    accepted: dict[str, float] = field(default_factory=dict)
    refused: Counter[str] = field(default_factory=Counter)
    nc: Client | None = None

    async def open(self) -> None:
        """Connect as the watch."""
        self.nc = await connect(self.settings, self.watch)

    async def close(self) -> None:
        """Disconnect."""
        if self.nc is not None:
            await self.nc.close()

    async def report(self, by: str, patience_s: float = 60.0, **more: Any) -> str:
        """Send one report until it is accepted; its id. Raises AssertionError when patience ends."""
        id, incident, began = new_id(), new_id(), time.monotonic()
        resend = False
        while time.monotonic() - began < patience_s:
            answer = await self._once(self._command(id, incident, by, resend, more))
            if answer.get("status") == "accepted":
                self.accepted[id] = time.monotonic()
                return id
            if answer.get("code", "LEDGER_UNREACHABLE") not in AGAIN:
                raise AssertionError(answer)
            self.refused[answer.get("code", "no answer")] += 1
            resend = True
            await asyncio.sleep(0.05)
        raise AssertionError(f"not accepted in {patience_s} s: {self.refused}")

    async def many(self, count: int, by: str, callers: int = 8, **more: Any) -> None:
        """Send that many reports from some callers side by side."""
        numbers = iter(range(count))

        async def caller() -> None:
            for _ in numbers:
                await self.report(by, **more)

        await asyncio.gather(*(caller() for _ in range(callers)))

    async def _once(self, raw: bytes) -> dict[str, Any]:
        assert self.nc is not None
        subject = subjects.command("actual", *subjects.split_key(self.watch), "incidents", "open")
        try:
            reply = await self.nc.request(subject, raw, timeout=1.0)
        except (NatsError, TimeoutError, OSError):
            return {}
        answer: dict[str, Any] = orjson.loads(reply.data)
        return answer

    def _command(self, id: str, incident: str, by: str, resend: bool, more: dict[str, Any]) -> bytes:
        org, watch = subjects.split_key(self.watch)
        actor = {
            "person": by,
            "organisation": org,
            "watch": watch,
            "via": "test",
            "authentication": "credential",
        }
        now = datetime.now(UTC).isoformat()
        data = {
            "actor": actor,
            "occurred_at": now,
            "resend": resend,
            "body": {"incident": incident, "type": "water.leak", **more},
            "content": {"headline": f"Lekkasje {incident[-6:]}", "text": "Gaten er stengt ved Åsane senter."},
        }
        command = {
            "id": id,
            "source": "/test",
            "type": "samvirke.incidents.open.v1",
            "time": now,
            "data": data,
        }
        return orjson.dumps(command)


async def ledger_facts(settings: Settings, mode: str = "actual") -> list[tuple[int, str, str]]:
    """Sequence, type and id of every fact in a ledger, in order."""
    nc = await connect(settings, names.INCIDENTS_ARCHIVE)
    try:
        direct = Direct(nc)
        await direct.open()
        found = await direct.history(names.ledger(mode), subjects.ledger(mode))
        return [(s.sequence, (fact := read_fact(s.data)[0]).type, fact.id) for s in found]
    finally:
        await nc.close()


async def missing_and_doubled(settings: Settings, accepted: dict[str, float]) -> tuple[set[str], set[str]]:
    """Which accepted ids the ledger does not have, and which it has twice."""
    times = Counter(id for _, _, id in await ledger_facts(settings))
    return {id for id in accepted if not times[id]}, {id for id, count in times.items() if count > 1}
