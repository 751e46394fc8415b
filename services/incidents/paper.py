"""What a watch sees of the open incidents, and blank log sheets, on paper (HOME/paper)."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson

from schemas.directory import Directory
from schemas.envelope import Actor, Strict
from schemas.subjects import Address
from schemas.vocabulary import Mode
from services.incidents import words
from services.incidents.open_list import OpenIncident, as_printed
from services.incidents.queries import Queries, check_read
from services.incidents.reads import Reading
from services.incidents.viewer import Viewer
from services.runtime.lasting import in_thread
from services.runtime.paper import files
from services.runtime.paper.page import Head, Pages, _
from services.runtime.paper.printer import EVERY_S, Printer
from services.runtime.reading import Refusal, validate
from services.words.languages import speaking

INCIDENTS, LOG = "incidents.html", "log.html"
MOST = 100
"""Incidents on one paper; it says when there are more."""
_REST_S = 0.02


class _Question(Strict):
    actor: Actor


class IncidentPaper:
    """Makes both papers of every watch; ``printer`` does so for ever."""

    def __init__(self, home: Path, queries: Queries, directories: Mapping[str, Directory]) -> None:
        self._home = home
        self._queries = queries
        self._directories = directories
        self._pages = Pages(Path(__file__).parent / "templates", words.PRINTED)
        self._noted: set[tuple[str, str, str]] = set()
        self._one_at_a_time = asyncio.Lock()
        self.printer = Printer("incidents-archive", self.make_all)

    async def make_all(self) -> int:
        """Every watch's papers, and no others; how many watches."""
        known = {mode: list(directory.watches) for mode, directory in self._directories.items()}
        for served, name in ((mode.value, name) for mode in Mode for name in (INCIDENTS, LOG)):
            await in_thread(files.keep_only, self._home, served, name, known.get(served, []))
        for mode, watch in ((mode, watch) for mode, watches in known.items() for watch in watches):
            await self._make(mode, watch, None)
            await asyncio.sleep(_REST_S)
        return sum(map(len, known.values()))

    async def asked(self, query: dict[str, Any], address: Address) -> dict[str, Any]:
        """Make the asking watch's papers now; where they lie under the home. Raises Refusal."""
        actor = validate(_Question, orjson.dumps(query)).actor
        await self._queries.catch_up(address.mode, address.key)
        directory = self._directories.get(address.mode)
        if directory is None or actor.key != address.key:
            raise Refusal("WRONG_SENDER")
        refused = check_read(actor, directory, datetime.now(UTC))
        if refused is not None:
            raise Refusal(refused.code, **refused.parameters)
        made = await self._make(address.mode, address.key, actor)
        return {"status": "ok", "files": [str(path.relative_to(self._home)) for path in made]}

    async def _make(self, mode: str, watch: str, actor: Actor | None) -> list[Path]:
        folder = files.folder_of(self._home, mode, watch)
        async with self._one_at_a_time:
            now = datetime.now(UTC)
            viewer = Viewer(watch, self._directories[mode], now)
            shown, is_cut = await in_thread(self._queries.showing.open_ones, mode, viewer, MOST)
            restricted = [(str(one.incident["id"]), item) for one in shown for item in one.restricted]
            await self._record(mode, watch, actor, now, restricted)
            incidents = as_printed(shown, viewer.directory)
            with speaking(viewer.directory.language(watch)):
                await in_thread(self._put, folder, viewer, mode, incidents, is_cut)
        return [folder / INCIDENTS, folder / LOG]

    def _put(
        self, folder: Path, viewer: Viewer, mode: str, incidents: list[OpenIncident], is_cut: bool
    ) -> None:
        title, now = viewer.directory.watches[viewer.watch].title, viewer.now
        until = now + timedelta(seconds=EVERY_S)
        head = Head(_("Open incidents"), title, mode, now, until)
        text = self._pages.render("incidents", head, incidents=incidents, is_cut=is_cut)
        files.put(folder / INCIDENTS, text)
        files.put(folder / LOG, self._pages.render("log", Head(_("Log sheet"), title, mode, now, None)))

    async def _record(
        self, mode: str, watch: str, actor: Actor | None, now: datetime, items: list[tuple[str, str]]
    ) -> None:
        """Restricted items that come onto paper are noted in the log of reads: once, or for who asked."""
        if actor is None:
            items = [item for item in items if (mode, watch, item[1]) not in self._noted]
        person, machine = (None, "paper") if actor is None else (actor.person, actor.machine)
        via = "paper" if actor is None else actor.via
        reading = Reading(mode, now.astimezone().isoformat(), watch, person, machine, via, "paper")
        await in_thread(self._queries.record, reading, items)
        self._noted |= {(mode, watch, item) for _incident, item in items}
