"""Restoring whichever copy is damaged from the other: the archive from the ledger, or the ledger from it."""

from dataclasses import dataclass
from typing import Any

from schemas.incidents import ArchiveRebuilt
from services.incidents.copies import copies
from services.incidents.rebuild import Rebuilt, rebuild
from services.incidents.verify import OF_THE_ARCHIVE, verify
from services.runtime.credentials import write_durably
from services.runtime.repair import Repaired, alone_with_broker, record, repair, set_aside_in
from services.runtime.settings import Settings


@dataclass(frozen=True, slots=True)
class Mended:
    """What was made anew in each mode: of the archive, and of the ledger."""

    archive: list[Rebuilt]
    ledger: list[Repaired]

    def told(self) -> dict[str, Any]:
        """The same as plain values."""
        archive = [
            {"mode": one.mode, "facts": one.facts, "contents": one.contents, "saved": one.saved}
            for one in self.archive
        ]
        ledger = [
            {
                "mode": one.mode,
                "epoch": one.epoch,
                "facts": one.facts,
                "contents": one.contents,
                "salvaged": one.salvaged,
                "files": one.files,
                "quarantine": str(one.quarantine),
            }
            for one in self.ledger
        ]
        return {"status": "ok", "modes": ledger, "archive": archive}


async def mend(settings: Settings) -> Mended:
    """Restore what is damaged in a hub that stands still.

    A damaged archive is made anew first; the ledger is then written anew from it only where it lacks
    something. Raises ForeignBroker, BothDamaged, RewriteFailed.
    """
    reports = await verify(settings)
    if not any(report.first and report.first.what in OF_THE_ARCHIVE for report in reports):
        with copies(settings) as found:
            return Mended([], await repair(settings, found))
    folder = set_aside_in(settings)
    async with alone_with_broker(settings) as nc:
        rebuilt = await rebuild(settings, nc, folder)
    written: list[Repaired] = []
    if any(one.saved for one in rebuilt):
        with copies(settings) as found:
            written = await repair(settings, found)
    async with alone_with_broker(settings) as nc:
        for one in rebuilt:
            await record(nc, one.mode, ArchiveRebuilt(last=one.facts, saved=one.saved))
    write_durably(folder / "done", b"")
    return Mended(rebuilt, written)
