"""What a damaged ledger still has that the archive has not: read before the ledger is set aside."""

import base64
import contextlib
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import orjson
from nats.aio.client import Client
from nats.js.errors import NotFoundError

from schemas import subjects
from services.runtime import logs, names
from services.runtime.credentials import write_durably
from services.runtime.direct import Direct, Stored, StreamUnreachable
from services.runtime.rewriting import Kept


class _Copy(Protocol):
    def facts(self) -> Iterator[Sequence[Kept]]: ...

    def holds(self, fact_id: str) -> bool: ...

    def lacks(self, wanted: Sequence[str]) -> set[str]: ...


@dataclass(slots=True)
class Salvage:
    """Facts, in order, and contents that only the old streams had."""

    facts: list[Kept]
    contents: list[Kept]


async def salvage(nc: Client, mode: str, copy: _Copy, folder: Path, earlier: Sequence[Path]) -> Salvage:
    """Read the old streams of a mode; what was found, and what earlier unfinished repairs had found.

    It lies on disk in ``folder`` when this returns, so that a crash after the move loses nothing.
    """
    found = Salvage([], [])
    for before in earlier:
        _load(before / f"{mode}.salvage", copy, found)
    direct = Direct(nc)
    await direct.open()
    with contextlib.suppress(NotFoundError):
        await nc.jetstream().stream_info(names.ledger(mode))
        await _read_facts(direct, mode, copy, found)
    with contextlib.suppress(NotFoundError):
        await nc.jetstream().stream_info(names.content(mode))
        await _read_contents(direct, mode, copy, found)
    kept = {"facts": [_line(one) for one in found.facts], "contents": [_line(one) for one in found.contents]}
    write_durably(folder / f"{mode}.salvage", orjson.dumps(kept))
    return found


def unfinished(quarantine: Path) -> list[Path]:
    """The folders of repairs that did not come to their end, the oldest first."""
    folders = sorted(path.parent for path in quarantine.glob("*/*.salvage"))
    return [path for path in dict.fromkeys(folders) if not (path / "done").exists()]


async def _read_facts(direct: Direct, mode: str, copy: _Copy, found: Salvage) -> None:
    """Hold the ledger against the archive, place by place; facts that stand elsewhere in it are known too."""
    ours = (kept for page in copy.facts() for kept in page)
    known = {one.message_id for one in found.facts}
    async for stored in _walk(direct, names.ledger(mode), subjects.ledger(mode)):
        own = next(ours, None)
        if own is not None and own.data == stored.data and own.subject == stored.subject:
            continue
        id = _fact_id(stored)
        if id is not None and id not in known and not copy.holds(id):
            known.add(id)
            found.facts.append(Kept(stored.subject, stored.data, id))


async def _read_contents(direct: Direct, mode: str, copy: _Copy, found: Salvage) -> None:
    known = {one.subject for one in found.contents}
    page: list[Stored] = []
    async for stored in _walk(direct, names.content(mode), subjects.content_of(mode)):
        page.append(stored)
        if len(page) == 1000:
            _keep_lacking(page, copy, known, found)
            page = []
    _keep_lacking(page, copy, known, found)


def _keep_lacking(page: Sequence[Stored], copy: _Copy, known: set[str], found: Salvage) -> None:
    lacking = copy.lacks([stored.subject for stored in page]) - known
    found.contents += [Kept(one.subject, one.data) for one in page if one.subject in lacking]


async def _walk(direct: Direct, stream: str, subject: str) -> AsyncIterator[Stored]:
    """Every message that can be read, in order; ends where the broker cannot read on."""
    start = 1
    while True:
        try:
            page, _ = await direct.page(stream, subject, start)
        except StreamUnreachable:
            logs.get(stream=stream, sequence=start).warning("salvage.unreadable")
            return
        if not page:
            return
        for stored in page:
            yield stored
        start = page[-1].sequence + 1


def _fact_id(stored: Stored) -> str | None:
    """The id in the message; None for what is no fact: it was never accepted."""
    try:
        id = orjson.loads(stored.data)["id"]
    except (ValueError, TypeError, KeyError):
        return None
    return id if isinstance(id, str) else None


def _line(kept: Kept) -> list[str | None]:
    return [kept.subject, base64.b64encode(kept.data).decode("ascii"), kept.message_id]


def _load(path: Path, copy: _Copy, found: Salvage) -> None:
    """What an earlier repair had saved and the archive still has not."""
    if not path.exists():
        return
    kept = orjson.loads(path.read_bytes())
    facts = [Kept(subject, base64.b64decode(data), id) for subject, data, id in kept["facts"]]
    known = {one.message_id for one in found.facts}
    new = (one for one in facts if one.message_id and one.message_id not in known)
    found.facts += [one for one in new if not copy.holds(one.message_id or "")]
    contents = [Kept(subject, base64.b64decode(data), id) for subject, data, id in kept["contents"]]
    lacking = copy.lacks([one.subject for one in contents]) - {one.subject for one in found.contents}
    found.contents += [one for one in contents if one.subject in lacking]
