"""The copy of names and addresses that pages are sent by, so that no other service must answer (D17)."""

import asyncio
import contextlib
from collections.abc import Callable

from pydantic import ValidationError

from schemas.people import Contact
from services.notifications import store
from services.notifications.commits import Store
from services.runtime import logs, names
from services.runtime.connect import connect
from services.runtime.lasting import lasting
from services.runtime.reader import Message, Reader
from services.runtime.settings import Settings

READY_S, RETRY_S = 5.0, 1.0


class Contacts:
    """Follows the bucket PEOPLE into a table; starts from the table when the bucket does not answer."""

    def __init__(self, settings: Settings, rows: Store) -> None:
        self._settings = settings
        self._rows = rows
        self._known: dict[str, Contact] = {}
        self._ready = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._is_reading = False
        self.on_forgotten: Callable[[], None] = lambda: None

    async def open(self) -> None:
        """Return when the copy is as new as the bucket, or after READY_S seconds."""
        for person, value in (await self._rows.run(store.contacts())).items():
            self._take(person, value)
        self._task = lasting(self._follow(), "notifications.contacts")
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(READY_S):
                await self._ready.wait()

    async def close(self) -> None:
        """Follow no more."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    def get(self, person: str) -> Contact | None:
        """How a person is reached, or None."""
        return self._known.get(person)

    @property
    def follows(self) -> bool:
        """True while the bucket is followed."""
        return self._is_reading and self._task is not None and not self._task.done()

    async def _follow(self) -> None:
        """Follow for ever; the copy serves meanwhile."""
        while True:
            try:
                await self._read()
            except Exception as fault:
                logs.get(user=names.NOTIFICATIONS_PEOPLE).error("contacts.not_followed", exc_info=fault)
            await asyncio.sleep(RETRY_S)

    async def _read(self) -> None:
        nc = await connect(self._settings, names.NOTIFICATIONS_PEOPLE)
        subject = f"$KV.{names.PEOPLE}.>"
        reader = Reader(nc, names.PEOPLE_STREAM, names.NOTIFICATIONS_PEOPLE, [subject], start=1)
        try:
            async for batch in reader.batches():
                self._is_reading = True
                for message in batch:
                    await self._keep(message)
                if not batch or batch[-1].pending == 0:
                    self._ready.set()
        finally:
            self._is_reading = False
            await reader.close()
            await nc.close()

    async def _keep(self, message: Message) -> None:
        person = message.subject.rpartition(".")[2]
        self._take(person, message.data)
        try:
            if await self._rows.run(store.keep_contact(person, message.data, message.sequence)):
                await self._rows.scrub()
        except Exception as fault:
            logs.get(person=person).error("contacts.not_kept", exc_info=fault)

    def _take(self, person: str, value: bytes) -> None:
        """An empty value is the marker of a person who was forgotten."""
        if not value:
            if self._known.pop(person, None) is not None:
                self.on_forgotten()
            return
        try:
            self._known[person] = Contact.model_validate_json(value)
        except ValidationError:
            logs.get(person=person).error("contacts.unreadable")
