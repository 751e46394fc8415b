"""The duty list on paper: who is on duty in the own organisation, with phone numbers (HOME/paper)."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import Any

import orjson

from schemas import authorisation
from schemas.envelope import Actor
from schemas.subjects import Address
from schemas.vocabulary import Mode
from services.notifications import texts
from services.notifications.contacts import Contacts
from services.notifications.duty_list import DutyList, duty_list
from services.notifications.picture import Picture
from services.runtime.lasting import in_thread
from services.runtime.paper import files
from services.runtime.paper.page import Head, Pages, _
from services.runtime.paper.printer import Printer
from services.runtime.reading import Refusal, validate
from services.words.languages import speaking

NAME = "duty.html"
_REST_S = 0.02


def phone(number: str | None) -> str:
    """A number as people read it aloud: Norwegian ones in the groups 990 00 004; a dash for none."""
    if number is None:
        return "–"
    own = number.removeprefix("+47")
    return f"{own[:3]} {own[3:5]} {own[5:]}" if number != own and len(own) == 8 else number


_CALLED = {"function_word": texts.function_word, "phone": phone}


class DutyPaper:
    """Makes the list of every watch, from what notifications knows anyway; ``printer`` does so for ever."""

    def __init__(self, home: Path, pictures: Mapping[str, Picture], contacts: Contacts) -> None:
        self._home = home
        self._pictures = pictures
        self._contacts = contacts
        self._pages = Pages(Path(__file__).parent / "templates", _CALLED)
        self._one_at_a_time = asyncio.Lock()
        self.printer = Printer("notifications", self.make_all)

    async def make_all(self) -> int:
        """Every watch's list, and no other; how many."""
        known = {mode: list(picture.directory.watches) for mode, picture in self._pictures.items()}
        for served in Mode:
            await in_thread(files.keep_only, self._home, served, NAME, known.get(served.value, []))
        for mode, watch in ((mode, watch) for mode, watches in known.items() for watch in watches):
            await self._make(mode, watch)
            await asyncio.sleep(_REST_S)
        return sum(map(len, known.values()))

    async def asked(self, query: dict[str, Any], address: Address) -> dict[str, Any]:
        """Make the asking watch's list now; where it lies under the home. Raises Refusal."""
        actor = validate(Actor, orjson.dumps(query.get("actor")), "actor.")
        picture = self._pictures.get(address.mode)
        if picture is None or actor.key != address.key:
            raise Refusal("WRONG_SENDER")
        now = datetime.now(UTC)
        refused = authorisation.check(actor, authorisation.READ, "paper", picture.directory, now)
        if refused is not None:
            raise Refusal(refused.code, **refused.parameters)
        path = await self._make(address.mode, address.key)
        return {"status": "ok", "files": [str(path.relative_to(self._home))]}

    async def _make(self, mode: str, watch: str) -> Path:
        picture = self._pictures[mode]
        path = files.folder_of(self._home, mode, watch) / NAME
        async with self._one_at_a_time:
            now = picture.now(watch.partition(".")[0], datetime.now(UTC))
            found = duty_list(watch, picture.directory, picture.duty, self._contacts.get, now)
            with speaking(picture.directory.language(watch)):
                text = self._render(found, mode, now)
            await in_thread(files.put, path, text)
        return path

    def _render(self, found: DutyList, mode: str, now: datetime) -> str:
        head = Head(_("Duty list"), found.title, mode, now, found.until)
        now_by_watch = [(title, list(lines)) for title, lines in groupby(found.now, lambda line: line.title)]
        return self._pages.render(
            "duty", head, now=now_by_watch, leaders=found.leaders, later=found.later, others=found.others
        )
