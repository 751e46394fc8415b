"""What `incident show` says of tasks, requests for resources and the action card."""

from dataclasses import dataclass
from typing import Any

from services.cli.ending import spoken
from services.cli.frame import table
from services.cli.sending import local
from services.cli.texts import say

_MARKS = {True: "[x]", False: "[ ]"}


@dataclass(frozen=True, slots=True)
class Begun:
    """An answer to `get`, with each entry's words by its id."""

    found: dict[str, Any]
    words: dict[str, str]
    lang: str

    def lines(self) -> list[str]:
        """One part for each of the three, where there is something to say."""
        return [*self._tasks(), *self._requests(), *self._card()]

    def _tasks(self) -> list[str]:
        rows = [
            (
                _MARKS[one["done_by"] is not None],
                self.words.get(one["entry"]),
                one["assignee"],
                local(one["due"]),
            )
            for one in self.found.get("tasks", [])
        ]
        return ["", say("Tasks:", self.lang), *table(rows)] if rows else []

    def _requests(self) -> list[str]:
        rows = [
            (self.words.get(one["entry"]), asked["watch"], self._answer(asked["answer"]))
            for one in self.found.get("requests", [])
            for asked in one["asked"]
        ]
        return ["", say("Requests:", self.lang), *table(rows)] if rows else []

    def _answer(self, answer: str | None) -> str:
        told = {
            "accept": say("accepts", self.lang),
            "decline": say("declines", self.lang),
            None: say("has not answered", self.lang),
        }
        return told.get(answer, str(answer))

    def _card(self) -> list[str]:
        card = self.found.get("card")
        if card is None:
            return []
        rows = [
            (_MARKS[step["done_by"] is not None], step["code"], spoken(step["text"], self.lang))
            for step in card["steps"]
        ]
        return ["", say("Action card, version {version}:", self.lang, version=card["version"]), *table(rows)]
