"""Keeps the two copies of attached files alike: the object store's, and the one beside the archive."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from nats.aio.client import Client

from schemas.canonical import unseal
from schemas.identifiers import id_time
from services.incidents.erasure import Eraser
from services.incidents.files import FileStore
from services.runtime import logs, names
from services.runtime.direct import Direct
from services.runtime.lasting import in_thread
from services.runtime.objects import PAGE, Object, Tally, described, stored_parts

ORPHANED = timedelta(hours=24)
"""After so long no door takes the command any more that would name an upload."""
COLLECT_S = 600.0
_UUID_LENGTH = 36


class FileKeeper:
    """Copies what the archive has not yet, gives files out, and removes what no fact names."""

    def __init__(self, store: FileStore, nc: Client, direct: Direct, eraser: Eraser) -> None:
        self.store = store
        self._nc = nc
        self._direct = direct
        self._eraser = eraser

    async def copy_missing(self, mode: str) -> None:
        """Take over from the object store what is not here; what cannot be is tried again later."""
        for row in await in_thread(self.store.missing, mode):
            if not await self.copy(mode, row):
                logs.get(mode=mode).warning("archive.file_absent")

    async def copy(self, mode: str, row: Any) -> bool:
        """Take over one file; True once it lies here whole."""
        one = Object(mode, row["object"])
        digest = await self.digest_of(one, row)
        if digest is None:
            return False
        here = await in_thread(self.store.tally, mode, one.name)
        if (here.digest, here.chunks) != (digest, row["chunks"]):
            here = await self._take_over(one)
        is_whole = (here.digest, here.chunks) == (digest, row["chunks"])
        if is_whole:
            await in_thread(self.store.mark, mode, one.name, missing=False)
        return is_whole

    async def digest_of(self, one: Object, row: Any) -> str | None:
        """What a file's bytes hash to: bound to the fact by its content; of a copy as it was described."""
        if row["sort"] == "original":
            return None if row["sealed"] is None else str(unseal(bytes(row["sealed"])).get("digest"))
        known = await described(self._direct, one)
        return None if known is None else str(known["digest"])

    async def _take_over(self, one: Object) -> Tally:
        tally, page = Tally(), list[bytes]()
        async for stored in stored_parts(self._direct, one):
            page.append(stored.data)
            tally.add(stored.data)
            if len(page) == PAGE:
                await self._put(one, tally.chunks - PAGE, page)
                page = []
        await self._put(one, tally.chunks - len(page), page)
        return tally

    async def _put(self, one: Object, first: int, parts: list[bytes]) -> None:
        if parts:
            await in_thread(self.store.put, one.mode, one.name, first, parts)

    async def parts(self, mode: str, object: str, chunks: int, first: int, most: int) -> list[bytes]:
        """Some parts of a file: from here, or where they are not whole here from the object store."""
        wanted = max(0, min(most, chunks - first))
        found = await in_thread(lambda: list(self.store.parts(mode, object, first, wanted)))
        if len(found) == wanted:
            return found
        await in_thread(self.store.mark, mode, object, missing=True)
        number, rest = 0, list[bytes]()
        async for stored in stored_parts(self._direct, Object(mode, object)):
            if number >= first:
                rest.append(stored.data)
            number += 1
            if len(rest) == wanted:
                break
        return rest

    async def collect(self, mode: str) -> int:
        """Remove files of which no fact tells: unnamed for a day, or of an entry that is erased.

        Only for an archive that has read the whole ledger: else it could take a named file for unnamed.
        """
        count = 0
        for name in await self._stored_names(mode):
            row = await in_thread(self.store.named, mode, name)
            if row is not None and not row["erased"]:
                continue
            if row is not None or await self._is_left_over(mode, name):
                await self._eraser.delete_object(Object(mode, name))
                count += 1
        if count:
            logs.get(mode=mode, count=count).info("archive.files_collected")
        return count

    async def _is_left_over(self, mode: str, name: str) -> bool:
        """True for an upload that nobody can attach any more, and for copies of what is erased."""
        original = name[: name.rindex(".") + 1 + _UUID_LENGTH]
        row = await in_thread(self.store.named, mode, original)
        if row is not None and row["erased"]:
            return True
        born = id_time(original.rpartition(".")[2])
        return born is None or datetime.now(UTC) - born > ORPHANED

    async def _stored_names(self, mode: str) -> Iterable[str]:
        stream, prefix = names.objects(mode), f"$O.{names.bucket(mode)}.C."
        info = await self._nc.jetstream().stream_info(stream, subjects_filter=f"{prefix}>")
        return [subject.removeprefix(prefix) for subject in info.state.subjects or {}]
