"""What those who answer for data ask the feeds: who was given what, and what there is of an exercise."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import orjson

from schemas.authorisation import AUDIT, check
from schemas.directory import Directory
from schemas.envelope import Actor, Strict, Token, WatchKey
from schemas.subjects import Address
from services.feeds.store import Store
from services.runtime.lasting import in_thread
from services.runtime.reading import Refusal, validate
from services.runtime.shares import asked_share

MOST = 5000
"""Lines of an answer; it says when there are more."""


class AskReceived(Strict):
    """Who was given the items of an incident of the watch ``owner``, and when."""

    actor: Actor
    incident: Token
    owner: WatchKey


class DataQueries:
    """The handlers of ``received`` and ``exercise``."""

    def __init__(self, store: Store, directories: Mapping[str, Directory]) -> None:
        self._store = store
        self._directories = directories

    async def received(self, body: dict[str, Any], address: Address) -> dict[str, Any]:
        """For archive owner and data-protection officer: each item's receivers, and from when on it is known.

        Raises Refusal.
        """
        asked = validate(AskReceived, orjson.dumps(body))
        actor, directory, now = asked.actor, self._directories.get(address.mode), datetime.now(UTC)
        if directory is None or actor.key != address.key:
            raise Refusal("WRONG_SENDER")
        refused = check(actor, AUDIT, "privacy", directory, now)
        if refused is not None:
            raise Refusal(refused.code, **refused.parameters)
        is_own = asked.owner.partition(".")[0] == actor.organisation
        if not is_own or not directory.has_role(actor.person or "", asked.owner, now, *AUDIT):
            raise Refusal("NOT_ALLOWED", act="privacy")
        key = f"{asked.owner}.{asked.incident}"
        given, since = await in_thread(self._store.given, address.mode, key, MOST + 1)
        return {"status": "ok", "given": given[:MOST], "since": since, "more": len(given) > MOST}

    async def exercise(self, body: dict[str, Any], address: Address) -> dict[str, Any]:
        """How many rows there are of an exercise, in whose feeds. Raises Refusal."""
        share = asked_share(body, address, self._directories.get(address.mode))
        items, rows = await in_thread(self._store.of_share, address.mode, share)
        return {"status": "ok", "there": {"feed_items": items, "feed_rows": rows}}
