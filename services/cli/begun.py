"""What `incident show` says of tasks, requests for resources and the action card."""

from dataclasses import dataclass
from typing import Any

from services.cli.ending import spoken
from services.cli.frame import table
from services.cli.sending import local
from services.cli.texts import say

_MARKS = {True: "[x]", False: "[ ]"}


def says_what(entry: dict[str, Any], lang: str) -> str:
    """What an entry without words says: that a task is done, a request answered, a step ticked."""
    if entry.get("closes"):
        return say("the task is done", lang)
    if entry.get("answer"):
        return _answered(entry["answer"], lang)
    return say("ticked: {step}", lang, step=entry["step"]) if entry.get("step") else ""


def _answered(answer: str | None, lang: str) -> str:
    told = {
        "accept": say("accepts", lang),
        "decline": say("declines", lang),
        None: say("has not answered", lang),
    }
    return told.get(answer, str(answer))


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
            (self.words.get(one["entry"]), asked["watch"], _answered(asked["answer"], self.lang))
            for one in self.found.get("requests", [])
            for asked in one["asked"]
        ]
        return ["", say("Requests:", self.lang), *table(rows)] if rows else []

    def _card(self) -> list[str]:
        card = self.found.get("card")
        if card is None:
            return []
        rows = [
            (_MARKS[step["done_by"] is not None], step["code"], spoken(step["text"], self.lang))
            for step in card["steps"]
        ]
        return ["", say("Action card, version {version}:", self.lang, version=card["version"]), *table(rows)]
