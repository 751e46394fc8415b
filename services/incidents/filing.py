"""Taking the ledger in: each batch with its content, its erasures noted outside the tables first."""

import asyncio
from collections.abc import Callable

from schemas import attachments
from schemas.catalogue import read_fact
from schemas.directory import Directory
from schemas.related import Relations
from schemas.watch import Established
from services.incidents.content import Wanted, fetch, wanted_by
from services.incidents.discarding import discarded_by, pieces
from services.incidents.erasure import Register
from services.incidents.manning import Manning
from services.incidents.projection import Taken, is_standing, is_tie, read
from services.incidents.store import Batch, Store
from services.runtime import logs, names
from services.runtime.direct import Direct
from services.runtime.epochs import Mark
from services.runtime.reader import Message

_CONTENT_S = 30.0
_OF_FILES = (attachments.Attached.name, attachments.AttachmentChecked.name)


class Filing:
    """What the projectors write to; also keeps, per mode, the picture of who may share with whom, of how
    incidents hang together, and of who was on duty when.

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
        self.mannings = {mode: Manning() for mode in modes}

    def open(self) -> None:
        """Fold what the archive already has; read what is erased, and note of it what the register lacks."""
        self._erased |= self._register.times()
        for row in self._store.erasures():
            if row["fact"] not in self._erased:
                self._register.write(row["mode"], row["fact"], row["erased_at"])
                self._erased[row["fact"]] = row["erased_at"]
        for mode in self.directories:
            self._store.fill(mode)
            for raw in self._store.standing(mode):
                self._fold(mode, raw)

    def cursor(self, mode: str) -> Mark:
        """The last fact taken in."""
        return self._store.cursor(mode)

    def apply(self, mode: str, epoch: int, batch: list[Message]) -> None:
        """Take in a batch and move the cursor, in one transaction; runs in a thread beside the loop.

        What ends an exercise for good has a transaction of its own, and so has what follows it.
        """
        taken = [read(message.sequence, message.subject, message.data) for message in batch]
        contents = self._fetch(mode, wanted_by(taken))
        is_erasing = False
        for piece in pieces(taken):
            is_erasing = self._note_erased(mode, piece) or is_erasing
            self._store.write(Batch(mode, epoch, names.ledger(mode), piece, contents, self._erased))
            for one in piece:
                if one.id and one.place and (is_standing(one.place) or is_tie(one.place)):
                    self._fold(mode, one.raw)
        if is_erasing or any(one.reason or one.id in self._erased or _is_of_file(one) for one in taken):
            self._loop.call_soon_threadsafe(self._on_tasks, mode)

    def _note_erased(self, mode: str, taken: list[Taken]) -> bool:
        """Write down outside the tables what is about to be erased; True if it is anything."""
        erased = [(fact, one.time) for one in taken for fact in one.erases]
        for fact, time in erased:
            self._register.write(mode, fact, time)
            self._erased.setdefault(fact, time)
        gone = discarded_by(taken[0])
        if gone is not None:
            facts = self._store.discarded(mode, gone)
            self._register.write_all(mode, str(taken[0].id), facts, taken[0].time)
            self._erased |= {fact: self._erased.get(fact, taken[0].time) for fact in facts}
        return bool(erased) or gone is not None

    def _fold(self, mode: str, raw: bytes) -> None:
        """Take in one fact; hidden watches become known to the logs of this process (D13)."""
        try:
            fact, body = read_fact(raw)
        except ValueError:
            logs.get().warning("archive.standing_unread")
            return
        self.directories[mode].apply(body)
        self.relations[mode].apply(body)
        self.mannings[mode].apply(fact, body)
        if isinstance(body, Established):
            logs.note_watch(f"archive.{mode}", body.watch, is_hidden=body.hidden)

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
