"""The three kinds of export: plain, archive package, and what is given out under the law of public access."""

import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import orjson

from services.cli.export import access, archiving, disclosing
from services.cli.export.asking import Ask, Scope
from services.cli.export.folder import whole
from services.cli.export.gather import Counts, gather
from services.cli.export.printed import Known, Sheet, moment, write_log
from services.cli.export.reported import Paper
from services.cli.export.tables import write_tables
from services.cli.frame import Call, Outcome
from services.cli.texts import language, say

FORM = "samvirke.export.v1"
MANIFEST = "manifest.json"
_NAMES = 100
"""How many persons are asked for at once."""


class Making:
    """One export: who asks, what, and where it is put. ``told`` hears how many incidents are written."""

    def __init__(self, call: Call, ask: Ask, scope: Scope, out: Path, told: Callable[[int], None]) -> None:
        self._call = call
        self._ask = ask
        self._scope = scope
        self._out = out
        self._told = told
        self._lang = language(call.lang)
        self._made_at = datetime.now(UTC).astimezone()
        self._paper = Paper(self._lang, call.mode.value, self._made_at)

    async def plain(self) -> Outcome:
        """All that the person may see."""
        with whole(self._out) as folder:
            counts = await gather(self._ask, self._scope, folder, self._told, self._paper)
            self._finish(folder, counts, await self._known(counts))
        return self._outcome(_counted(counts))

    async def archive(self) -> Outcome:
        """The archive package, which has checked itself. Raises NotClosed, NotWhole."""
        from services.incidents.checkpoint import read_key

        with whole(self._out) as folder:
            sealed = folder / archiving.SEALED
            sealed.mkdir(mode=0o700)
            counts = await gather(self._ask, self._scope, sealed, self._told, self._paper)
            archiving.split(folder)
            known = await self._known(counts)
            for part in (folder, sealed):
                self._finish(part, counts, known)
            key = (await self._ask("checkpoints", limit=1))["key"]
            (folder / "key.txt").write_text(f"{key}\n", encoding="ascii")
            archiving.prove(folder, read_key(key))
        return self._outcome(_counted(counts))

    async def access(self, decisions: Path) -> Outcome:
        """What the decisions open; where there are none yet, they are proposed. Raises BadDecision."""
        with tempfile.TemporaryDirectory(prefix=".samvirke-") as name:
            gathered = Path(name)
            counts = await gather(self._ask, self._scope, gathered, self._told, None)
            written = _text_of(decisions)
            if written is None:
                count = disclosing.propose(gathered, decisions)
                line = say(
                    "Proposed for {count} items in {file}: decide there, and run it again.",
                    self._lang,
                    count=count,
                    file=decisions,
                )
                return Outcome({"status": "proposed", "items": count, "file": str(decisions)}, [line])
            decided = access.read(written)
            with whole(self._out) as folder:
                known = Known(counts.titles, {})
                sheet = self._sheet(say("Incident log, public access", self._lang), known)
                opened = disclosing.disclose(gathered, folder, decided, sheet, known)
                self._manifest(folder, access.FORM, opened)
        line = say(
            "{open} items open, {partly} partly, {withheld} withheld: {folder}",
            self._lang,
            folder=self._out,
            **opened,
        )
        return Outcome(
            {"status": "ok", "folder": str(self._out), "incidents": counts.incidents, **opened}, [line]
        )

    async def _known(self, counts: Counts) -> Known:
        """What watches and persons in it are called, as far as the asker may know."""
        persons, names = sorted(counts.persons), dict[str, str]()
        for start in range(0, len(persons), _NAMES):
            asked = persons[start : start + _NAMES]
            names |= (await self._ask("names", "people", persons=asked))["names"]
        return Known(counts.titles, names)

    def _finish(self, folder: Path, counts: Counts, known: Known) -> None:
        write_tables(folder)
        write_log(folder, self._sheet(say("Incident log", self._lang), known), known)
        self._manifest(folder, FORM, _counted(counts))

    def _manifest(self, folder: Path, form: str, counted: dict[str, int]) -> None:
        """What it is, and of what. Who made it and why is no matter of those it is given out to."""
        found: dict[str, Any] = {
            "form": form,
            "samvirke": version("samvirke"),
            "made_at": self._made_at.isoformat(),
            "mode": self._call.mode.value,
            "watch": self._call.key,
            **counted,
        }
        if form == FORM:
            scope = self._scope
            named = {"watch": scope.watch, "since": scope.since, "until": scope.until} | (
                scope.incident or {}
            )
            found |= {"person": self._call.actor().person, "reason": scope.reason}
            found["scope"] = {name: value for name, value in named.items() if value is not None}
        (folder / MANIFEST).write_bytes(orjson.dumps(found, option=orjson.OPT_INDENT_2) + b"\n")

    def _sheet(self, title: str, known: Known) -> Sheet:
        time, watch = moment(self._made_at.isoformat()), known.watch(self._call.key)
        made = say("Exported {time} for {watch}", self._lang, time=time, watch=watch)
        return Sheet(title, watch, made, self._lang, self._call.mode.value == "exercise")

    def _outcome(self, counted: dict[str, int]) -> Outcome:
        data = {"status": "ok", "folder": str(self._out), **counted}
        line = say(
            "Incidents: {incidents}, entries: {entries}, reports: {reports}, exact facts: {facts}: {folder}",
            self._lang,
            **data,
        )
        return Outcome(data, [line])


def _text_of(file: Path) -> str | None:
    return file.read_text(encoding="utf-8") if file.exists() else None


def _counted(counts: Counts) -> dict[str, int]:
    names = ("incidents", "entries", "reports", "facts")
    return {name: getattr(counts, name) for name in names}
