"""Names and contacts in the bucket PEOPLE: the one writer, which leaves no earlier value behind (D17)."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import orjson
from nats.aio.client import Client
from nats.errors import Error as NatsError

from schemas.canonical import canonical
from services.runtime import names
from services.runtime.appender import Unreachable
from services.runtime.credentials import write_durably
from services.runtime.direct import Direct, Stored
from services.runtime.locks import KeyedLocks

_ROOT = f"$KV.{names.PEOPLE}."
_MARKER = {"KV-Operation": "DEL"}


class Contacts:
    """The bucket, and the folder that remembers whom to forget should an older copy of it come back."""

    def __init__(self, nc: Client, forgotten: Path) -> None:
        self._nc = nc
        self._direct = Direct(nc)
        self._folder = forgotten
        self._locks = KeyedLocks()

    async def open(self, forgotten: Iterable[str]) -> None:
        """Get ready; finish what a stop interrupted: earlier values, and people who are to be forgotten."""
        await self._direct.open()
        noted = [file.name for file in self._folder.glob("*")]
        everything = await self._direct.history(names.PEOPLE_STREAM, f"{_ROOT}>")
        newest = {stored.subject: stored for stored in everything}
        await self._delete(stored for stored in everything if stored is not newest[stored.subject])
        for person in {*noted, *forgotten}:
            found = newest.get(_ROOT + person)
            if found is not None and found.data:
                await self.erase(person)

    async def put(self, person: str, contact: dict[str, Any]) -> None:
        """Keep the contact, and nothing of the one before it."""
        async with self._locks.holding(person):
            former = await self._revisions(person)
            value = canonical(contact)
            if not former or former[-1].data != value:
                await self._publish(person, value, {})
                await self._delete(former)
            else:
                await self._delete(former[:-1])

    async def erase(self, person: str) -> None:
        """Leave only a marker, by which every copy drops the person."""
        async with self._locks.holding(person):
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_durably(self._folder / person, b"")
            former = await self._revisions(person)
            if former and former[-1].data:
                await self._publish(person, b"", _MARKER)
                await self._delete(former)
            else:
                await self._delete(former[:-1])

    async def read(self, persons: Iterable[str]) -> dict[str, dict[str, Any]]:
        """The contacts of those who have one."""
        wanted = [_ROOT + person for person in persons]
        found = await self._direct.newest_of(names.PEOPLE_STREAM, wanted) if wanted else []
        return {
            stored.subject.removeprefix(_ROOT): orjson.loads(stored.data) for stored in found if stored.data
        }

    async def _revisions(self, person: str) -> list[Stored]:
        return await self._direct.history(names.PEOPLE_STREAM, _ROOT + person)

    async def _publish(self, person: str, value: bytes, headers: dict[str, str]) -> None:
        try:
            await self._nc.jetstream().publish(_ROOT + person, value, headers=headers or None)
        except (NatsError, TimeoutError, OSError):
            raise Unreachable(person) from None

    async def _delete(self, revisions: Iterable[Stored]) -> None:
        """Overwrite the bytes of each; a plain new value would leave them in the file."""
        for stored in revisions:
            try:
                await self._nc.jsm().delete_msg(names.PEOPLE_STREAM, stored.sequence)
            except (NatsError, TimeoutError, OSError):
                raise Unreachable(str(stored.sequence)) from None
