"""What was typed for an item: read from the content stream at delivery, and kept in memory for a while."""

import asyncio
from collections import OrderedDict
from collections.abc import Iterable
from typing import Any

from schemas import subjects
from schemas.canonical import commitment, unseal
from schemas.vocabulary import ContentClass
from services.feeds.share import Item
from services.runtime import logs, names
from services.runtime.direct import Direct

KEPT = 1_000

Content = dict[str, Any]


class Contents:
    """Content of class ``shared`` of one mode; bytes that do not fit a fact's commitment count as absent."""

    def __init__(self, direct: Direct, mode: str) -> None:
        self._direct = direct
        self._mode = mode
        self._kept: OrderedDict[str, Content] = OrderedDict()
        self._gone: set[str] = set()

    def forget(self, facts: Iterable[str]) -> None:
        """Drop what was erased, and never keep it again."""
        for fact in facts:
            self._gone.add(fact)
            self._kept.pop(fact, None)

    async def of(self, items: Iterable[Item]) -> dict[str, Content]:
        """The content of each item by fact; those without any, or whose content is absent, are left out."""
        wanted = {item.fact: item for item in items if item.commitment and item.fact not in self._gone}
        found = {fact: self._kept[fact] for fact in wanted if fact in self._kept}
        for fact in found:
            self._kept.move_to_end(fact)
        missing = [item for fact, item in wanted.items() if fact not in found]
        read = await asyncio.gather(*(self._read(item) for item in missing))
        for item, content in zip(missing, read, strict=True):
            if content is not None and item.fact not in self._gone:
                found[item.fact] = self._kept[item.fact] = content
        while len(self._kept) > KEPT:
            self._kept.popitem(last=False)
        return {fact: content for fact, content in found.items() if fact not in self._gone}

    async def _read(self, item: Item) -> Content | None:
        org, watch = subjects.split_key(item.home)
        subject = subjects.content(self._mode, org, watch, ContentClass.SHARED, item.fact)
        stored = await self._direct.last(names.content(self._mode), subject)
        if stored is None:
            return None
        if commitment(stored.data) != item.commitment:
            logs.get(mode=self._mode).error("feeds.content_damaged")
            return None
        return unseal(stored.data)
