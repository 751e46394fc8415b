"""Taking the ledger in: each batch with its content, its erasures noted outside the tables first."""

import asyncio
from collections.abc import Callable

from schemas import attachments
from schemas.catalogue import read_fact
from schemas.directory import Directory
from schemas.related import Relations
from schemas.watch import Established
from services.incidents.content import Wanted, fetch, wanted_by
from services.incidents.erasure import Register
from services.incidents.projection import Taken, is_standing, is_tie, read
from services.incidents.store import Batch, Store
from services.runtime import logs, names
from services.runtime.direct import Direct
from services.runtime.epochs import Mark
from services.runtime.reader import Message

_CONTENT_S = 30.0
_OF_FILES = (attachments.Attached.name, attachments.AttachmentChecked.name)


class Filing:
    """What the projectors write to; also keeps, per mode, the picture of who may share with whom, and of
    how incidents hang together.

    ``on_tasks`` is called with the mode after a batch that leaves something to be done: a content to be
    erased at the broker, or a parked message to be told of.
    """

    def __init__(
        self,
        store: Store,
        direct: Direct,
        register: Register,
        modes: tuple[str, ...],
        on_tasks: Callable[[str], None],
    ) -> None:
        self._store = store
        self._direct = direct
        self._register = register
        self._on_tasks = on_tasks
        self._loop = asyncio.get_running_loop()
        self._erased: dict[str, str] = {}
        self.directories = {mode: Directory() for mode in modes}
        self.relations = {mode: Relations() for mode in modes}

    def open(self) -> None:
        """Fold what the archive already has; read what is erased."""
        self._erased |= self._register.times()
        for mode, directory in self.directories.items():
            self._store.fill(mode)
            for raw in self._store.standing(mode):
                _apply(mode, directory, self.relations[mode], raw)

    def cursor(self, mode: str) -> Mark:
        """The last fact taken in."""
        return self._store.cursor(mode)

    def apply(self, mode: str, epoch: int, batch: list[Message]) -> None:
        """Take in a batch and move the cursor, in one transaction; runs in a thread beside the loop."""
        taken = [read(message.sequence, message.subject, message.data) for message in batch]
        contents = self._fetch(mode, wanted_by(taken))
        erased = [one for one in taken if one.erases]
        for one in erased:
            for fact in one.erases:
                self._register.write(mode, fact, one.time)
                self._erased.setdefault(fact, one.time)
        self._store.write(Batch(mode, epoch, names.ledger(mode), taken, contents, self._erased))
        for one in taken:
            if one.id and one.place and (is_standing(one.place) or is_tie(one.place)):
                _apply(mode, self.directories[mode], self.relations[mode], one.raw)
        if erased or any(one.reason or one.id in self._erased or _is_of_file(one) for one in taken):
            self._loop.call_soon_threadsafe(self._on_tasks, mode)

    def _fetch(self, mode: str, wanted: dict[str, Wanted]) -> dict[str, bytes]:
        if not wanted:
            return {}
        found = asyncio.run_coroutine_threadsafe(fetch(self._direct, mode, wanted), self._loop).result(
            _CONTENT_S
        )
        if len(found) < len(wanted):
            logs.get(mode=mode, count=len(wanted) - len(found)).warning("archive.content_absent")
        return found


def _is_of_file(taken: Taken) -> bool:
    return bool(taken.id and taken.place and taken.place.fact in _OF_FILES)


def _apply(mode: str, directory: Directory, relations: Relations, raw: bytes) -> None:
    """Fold a fact; hidden watches become known to the logs of this process (D13)."""
    try:
        body = read_fact(raw)[1]
    except ValueError:
        logs.get().warning("archive.standing_unread")
        return
    directory.apply(body)
    relations.apply(body)
    if isinstance(body, Established):
        logs.note_watch(f"archive.{mode}", body.watch, is_hidden=body.hidden)
