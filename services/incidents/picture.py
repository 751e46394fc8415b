"""What the door knows: the directory and the refs of a mode, and the logs in use."""

import asyncio
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import datetime

from schemas import attachments, exercise, incidents, subjects
from schemas.directory import Directory
from schemas.discards import Share
from schemas.related import Relations
from services.incidents.fold import Log, Refs
from services.runtime.ledger import Ledger, Recorded, read

LOGS_IN_MEMORY = 2_000

Key = tuple[str, str]
"""Mode and id."""


@dataclass(slots=True)
class Waiting:
    """An attached file that is not checked for good: the incident's id, its birthplace, what came last."""

    incident: str
    owner: str
    body: attachments.Attached
    at: datetime
    outcome: str | None = None


@dataclass(slots=True)
class Picture:
    """What the door knows of one mode."""

    directory: Directory = field(default_factory=Directory)
    refs: Refs = field(default_factory=Refs)
    relations: Relations = field(default_factory=Relations)
    files: dict[str, Waiting] = field(default_factory=dict)
    """Attached files by their fact, until they are checked for good."""
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    def apply(self, recorded: Recorded) -> None:
        """Take in one fact of people, watches, feeds, an opened incident, a tie of two, or a file."""
        fact, body = recorded.fact, recorded.body
        match body:
            case incidents.Opened():
                self.refs.learn(body.ref, fact.subject, fact.data.owner)
            case attachments.Attached():
                self.files[fact.id] = Waiting(fact.subject, fact.data.owner, body, fact.time)
                self.arrived.set()
            case attachments.AttachmentChecked() if body.attachment in self.files:
                self._check(body)
            case incidents.Erased():
                self.files.pop(body.fact, None)
            case _:
                self.directory.apply(body)
                self.relations.apply(body)
        if isinstance(body, exercise.Discarded):
            share = Share.of(body, self.directory)
            gone = [fact for fact, one in self.files.items() if share.holds(one.owner, one.at)]
            for one in gone:
                del self.files[one]

    def _check(self, body: attachments.AttachmentChecked) -> None:
        if body.shared is not None or body.outcome in ("clean", "infected"):
            del self.files[body.attachment]
        else:
            self.files[body.attachment].outcome = body.outcome


class Logs:
    """Folds of the logs in use. Each look reads on from where the last one ended, so it is always fresh."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._known: OrderedDict[Key, Log] = OrderedDict()
        self._reading: dict[Key, asyncio.Task[Log]] = {}
        self._next: dict[Key, asyncio.Task[Log]] = {}

    async def look(self, mode: str, id: str) -> Log:
        """The log under an id as it is now. The same object is given out again, and grows.

        One read at a time for each log; all who ask while it runs share the one after it.
        """
        key = (mode, id)
        if key not in self._next:
            self._next[key] = asyncio.create_task(self._look_after(key, self._reading.get(key)))
        return await asyncio.shield(self._next[key])

    async def _look_after(self, key: Key, former: "asyncio.Task[Log] | None") -> Log:
        if former is not None:
            await asyncio.wait({former})
        this = self._reading[key] = self._next.pop(key)
        try:
            return await self._read(key)
        finally:
            if self._reading.get(key) is this:
                del self._reading[key]

    async def _read(self, key: Key) -> Log:
        found = self._known.get(key) or Log(key[1])
        for stored in await self._ledger.stored(*key, found.sequence + 1):
            place, recorded = subjects.parse_place(stored.subject), read(stored)
            if place is not None:
                fact, body = (recorded.fact, recorded.body) if recorded else (None, None)
                found.take(stored.sequence, place, fact, body)
        if found.sequence:
            self._keep(key, found)
        return found

    def _keep(self, key: Key, found: Log) -> None:
        self._known[key] = found
        self._known.move_to_end(key)
        if len(self._known) > LOGS_IN_MEMORY:
            self._known.popitem(last=False)
