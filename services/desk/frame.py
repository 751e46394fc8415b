"""What stands around every page: who one is, the mode, the system's state, duty and freshness."""

import asyncio
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

from nats.aio.client import Client
from nats.errors import Error as NatsError

from schemas import authorisation
from schemas.envelope import Actor
from schemas.vocabulary import Mode, Role
from services.desk.asker import Asker, Identity
from services.desk.boards import Boards
from services.desk.drawn import title_of
from services.desk.fresh import freshness
from services.desk.rules import heard_from
from services.desk.screens import Screen
from services.runtime.edge import AskRefused, Unanswered
from services.runtime.reading import Refusal

LATENCY_S = 2.0
"""How long a measured latency is good for."""
_PATIENCE_S = 1


class Frame:
    """Asks what a page needs besides its own matter; a page stands without what nobody answers."""

    def __init__(self, identity: Identity, boards: Boards, nc: Client) -> None:
        self.boards = boards
        self._identity = identity
        self._nc = nc
        self._measured = (0.0, -1)
        self._measuring = asyncio.Lock()

    def forms(self, asker: Asker) -> dict[str, Any]:
        """What the forms of a page carry."""
        return {
            "watch": asker.actor.key,
            "person": asker.actor.person,
            "csrf": asker.csrf,
            "mode": asker.mode,
            "exercise": asker.mode == Mode.EXERCISE,
            "query": f"?mode={asker.mode}" if asker.mode != self._identity.first_mode else "",
            "now": self._now(asker.mode, asker.actor).isoformat(),
        }

    async def of(self, asker: Asker) -> dict[str, Any]:
        """All that stands around a page."""
        person = asker.actor.person or ""
        board = self.boards.of(asker.mode)
        return self.forms(asker) | {
            "user": (await self.names(asker, [person])).get(person, person),
            "title": title_of(board, asker.actor.key),
            "version": version("samvirke"),
            "theme": asker.theme,
            "degraded": self._reasons(asker.mode, await self._latency()),
        }

    def leads(self, asker: Asker) -> bool:
        """True if the person leads the watch; the doors decide all the same."""
        return self._has_role(asker, asker.actor.person or "", authorisation.LEAD)

    def members(self, asker: Asker) -> list[str]:
        """The ids of those who write in the watch."""
        known = {person for person, _, _ in self.boards.of(asker.mode).directory.roles}
        return sorted(one for one in known if self._has_role(asker, one, authorisation.WRITE))

    def _has_role(self, asker: Asker, person: str, roles: tuple[Role, ...]) -> bool:
        directory = self.boards.of(asker.mode).directory
        return directory.has_role(person, asker.actor.key, datetime.now(UTC), *roles)

    def titles(self, mode: str) -> dict[str, str]:
        """What each watch and each house is called."""
        directory = self.boards.of(mode).directory
        houses = {key: known.title for key, known in directory.organisations.items()}
        return houses | {key: known.title for key, known in directory.watches.items()}

    def addressees(self, asker: Asker) -> dict[str, str]:
        """The watches that a form offers, with their titles: no hidden one but the own (D13)."""
        directory = self.boards.of(asker.mode).directory
        return {
            key: known.title
            for key, known in sorted(directory.watches.items())
            if key == asker.actor.key or not directory.hidden(key)
        }

    async def names(self, asker: Asker, persons: Iterable[str]) -> dict[str, str]:
        """The names of those whom the asker may know; the page stands without them."""
        wanted = sorted(set(persons))
        if not wanted:
            return {}
        try:
            found: dict[str, str] = (await asker.ask("people", "names", persons=wanted))["names"]
        except (AskRefused, Unanswered):
            return {}
        return found

    def check_reads(self, asker: Asker) -> None:
        """Raises Refusal when the person may not read in this watch, as the desk's own board knows it."""
        directory = self.boards.of(asker.mode).directory
        refused = authorisation.check(asker.actor, authorisation.READ, "read", directory, datetime.now(UTC))
        if refused is not None:
            raise Refusal(refused.code, **refused.parameters)

    async def duty(self, asker: Asker) -> dict[str, Any]:
        """The posts of the own organisation, who holds them, and where nobody does."""
        try:
            found = await asker.ask("watch", "duty")
        except (AskRefused, Unanswered):
            return {"duty": None, "posts": []}
        org = asker.actor.organisation
        rows = [row for row in found["duty"] if row["watch"].partition(".")[0] == org]
        names = await self.names(asker, [row["person"] for row in rows if row["person"]])
        titles = self.titles(asker.mode)
        for row in rows:
            row |= {"name": names.get(row["person"], row["person"]), "title": titles.get(row["watch"])}
        rows.sort(key=lambda row: row["watch"] != asker.actor.key)
        known = self.boards.of(asker.mode).directory.watches.get(asker.actor.key)
        mine = [row for row in rows if row["person"] and row["person"] == asker.actor.person]
        return {"duty": rows, "posts": list(known.posts) if known else [], "mine": mine}

    async def links(self, asker: Asker) -> dict[str, Any]:
        """Neighbours and sources, and how long ago each was last heard."""
        board, now = self.boards.of(asker.mode), datetime.now(UTC)
        heard = heard_from(board, asker.actor.key, now)
        organisations = board.directory.organisations
        titles = {key: organisations[key].title if key in organisations else key for key in heard}
        neighbours = freshness({titles[key]: at for key, at in heard.items()}, now, None)
        return {"sources": freshness(board.sources, now), "neighbours": neighbours}

    async def pulse(self, screen: Screen) -> dict[str, Any]:
        """The system's state for one stream: codes and counts."""
        latency = await self._latency()
        clock = self.boards.of(screen.mode).exercises.clock(screen.actor.organisation, datetime.now(UTC))
        return {
            "now": int(self._now(screen.mode, screen.actor).timestamp() * 1000),
            "speed": clock.speed,
            "latency": latency,
            "waiting": await self._identity.waiting(screen.actor.key),
            "reasons": self._reasons(screen.mode, latency),
        }

    def _now(self, mode: str, actor: Actor) -> datetime:
        """What time it is for the actor: in an exercise the exercise's time (D23)."""
        return self.boards.of(mode).exercises.time(actor.organisation, datetime.now(UTC))

    def _reasons(self, mode: str, latency: int) -> list[str]:
        """Why the system is not what it should be, as codes; none when all is well."""
        reasons = [] if self._nc.is_connected and latency >= 0 else ["LEDGER_UNREACHABLE"]
        return reasons if self.boards.ready(mode) else [*reasons, "LEDGER_BEHIND"]

    async def _latency(self) -> int:
        """Milliseconds to the broker and back; -1 when it does not answer."""
        async with self._measuring:
            at, found = self._measured
            if time.monotonic() - at < LATENCY_S:
                return found
            began = time.monotonic()
            try:
                await self._nc.flush(timeout=_PATIENCE_S)
                found = int((time.monotonic() - began) * 1000)
            except (NatsError, TimeoutError, OSError, ValueError):
                found = -1
            self._measured = (time.monotonic(), found)
            return found
