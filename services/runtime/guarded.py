"""Facts that hang on what was said before: decided on a fresh history, stored only if it still holds (D3)."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from nats.aio.client import Client

from schemas import subjects
from schemas.envelope import Body, Command
from schemas.vocabulary import Level
from services.runtime.appender import Conflict
from services.runtime.follower import Follower, Trades, trade_filters
from services.runtime.kept import Kept
from services.runtime.ledger import IdTaken, Ledger, Recorded, command_draft
from services.runtime.locks import KeyedLocks
from services.runtime.reading import Received

REACH_S = 2.0
_TRIES = 3

Decide = Callable[[list[Recorded]], Body]
"""From everything known of an id to the fact's body; raises Refusal."""

Watching = Callable[[list[Recorded]], Awaitable[tuple[str, int]]]
"""A filter and the sequence of the last fact under it: none may come between; raises Refusal."""


class Folded:
    """A fold in memory that can be waited for, so that a room knows what it has just said itself."""

    def __init__(
        self,
        nc: Client,
        mode: str,
        name: str,
        trades: Trades,
        apply: Callable[[Recorded], None],
        growing: Trades = (),
        kept: Kept | None = None,
    ) -> None:
        filters, more = trade_filters(mode, trades), trade_filters(mode, growing)
        self.follower = Follower(nc, mode, name, filters, self._take, more, kept)
        self._apply = apply
        self._sequence = 0
        self._waiting: list[tuple[int, asyncio.Event]] = []

    async def reached(self, sequence: int) -> None:
        """Wait until the fact with that sequence is applied, at most REACH_S seconds."""
        if sequence <= max(self._sequence, self.follower.known):
            return
        waiting = (sequence, asyncio.Event())
        self._waiting.append(waiting)
        try:
            async with asyncio.timeout(REACH_S):
                await waiting[1].wait()
        except TimeoutError:
            self._waiting.remove(waiting)

    def _take(self, recorded: Recorded) -> None:
        try:
            self._apply(recorded)
        finally:
            self._sequence = recorded.sequence
            for waiting in [one for one in self._waiting if one[0] <= recorded.sequence]:
                self._waiting.remove(waiting)
                waiting[1].set()


class Guarded:
    """Appends facts about one id one after another; other ids go side by side."""

    def __init__(self, ledger: Ledger, folds: Mapping[str, Folded]) -> None:
        self._ledger = ledger
        self._folds = folds
        self._locks = KeyedLocks()

    async def append(
        self,
        received: Received,
        owner: str,
        id: str,
        fact: type[Body],
        decide: Decide,
        *,
        everywhere: bool = False,
        content: dict[str, Any] | None = None,
        level: Level = Level.WATCH,
        watching: Watching | None = None,
    ) -> Recorded:
        """The command's fact, born in the watch ``owner``; the one stored first when the command came before.

        ``everywhere`` takes facts of the id from all watches as its history, else those of the owner only.
        ``content`` is what was typed, kept where ``level`` says. ``watching`` guards what is said of other
        ids, in place of what others say of this one.
        Raises what ``decide`` and the ledger raise, IdTaken, and Conflict when others are always faster.
        """
        mode, command = received.address.mode, received.command
        org, watch = ("*", "*") if everywhere else subjects.split_key(owner)
        guard = subjects.facts_of(mode, id, org, watch, fact.trade)
        async with self._locks.holding(guard):
            for _ in range(_TRIES):
                history = await self.history(mode, fact.trade, id, org, watch)
                earlier = _own(history, command, fact)
                if earlier is not None:
                    return earlier
                body, held = decide(history), (guard, history[-1].sequence if history else 0)
                if watching is not None:
                    held = await watching(history)
                kept = {"content": content, "level": level, "guard": held[0], "expected": held[1]}
                draft = command_draft(command, mode, owner, id, body, **kept)
                with contextlib.suppress(Conflict):
                    recorded = await self._ledger.append(draft, resend=command.data.resend)
                    await self._folds[mode].reached(recorded.sequence)
                    return recorded
        raise Conflict(id)

    async def history(
        self, mode: str, trade: str, id: str, org: str = "*", watch: str = "*"
    ) -> list[Recorded]:
        """Every fact of a trade about an id, straight from the ledger."""
        found = await self._ledger.history(mode, id, org, watch)
        return [one for one in found if _trade(one) == trade]


def _trade(recorded: Recorded) -> str | None:
    place = subjects.parse_place(recorded.subject)
    return place.trade if place else None


def _own(history: Sequence[Recorded], command: Command, fact: type[Body]) -> Recorded | None:
    """The command's own fact; nobody else gets the answer to it by sending the same id."""
    found = next((one for one in history if one.fact.id == command.id), None)
    if found is None:
        return None
    then, now = found.fact.data.actor, command.data.actor
    is_senders = (then.key, then.person, then.machine) == (now.key, now.person, now.machine)
    if found.fact.type != fact.type_name() or not is_senders:
        raise IdTaken(command.id)
    return found
