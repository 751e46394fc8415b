"""Fetching what was typed: sealed bytes from the content stream, each held against its fact's commitment."""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from schemas import subjects
from schemas.canonical import commitment
from schemas.vocabulary import ContentClass
from services.incidents.projection import Taken
from services.runtime import names
from services.runtime.direct import Direct

_PAGE = 200
_OTHER = {
    ContentClass.WATCH.value: ContentClass.SHARED.value,
    ContentClass.SHARED.value: ContentClass.WATCH.value,
}


@dataclass(frozen=True, slots=True)
class Wanted:
    """Content of one fact: where it lies, and what its bytes must hash to."""

    watch: str
    sort: str
    commitment: str


def wanted_by(taken: Iterable[Taken]) -> dict[str, Wanted]:
    """What the facts of a batch say was typed, by fact id."""
    found: dict[str, Wanted] = {}
    for one in taken:
        data = one.fact.get("data", {})
        if one.id is not None and data.get("commitment") is not None:
            found[one.id] = Wanted(one.watch, data["content_class"], data["commitment"])
    return found


async def fetch(direct: Direct, mode: str, wanted: Mapping[str, Wanted]) -> dict[str, bytes]:
    """The sealed bytes that are there and whole, by fact id; from the other class where the first fails."""
    found = await _newest(direct, mode, {fact: (one, one.sort) for fact, one in wanted.items()})
    absent = {fact: (one, _OTHER[one.sort]) for fact, one in wanted.items() if fact not in found}
    return found | await _newest(direct, mode, absent) if absent else found


async def _newest(direct: Direct, mode: str, wanted: dict[str, tuple[Wanted, str]]) -> dict[str, bytes]:
    places = {subject_of(mode, one.watch, sort, fact): fact for fact, (one, sort) in wanted.items()}
    subjects_wanted = list(places)
    pages = [subjects_wanted[i : i + _PAGE] for i in range(0, len(subjects_wanted), _PAGE)]
    stream = names.content(mode)
    found: dict[str, bytes] = {}
    for page in await asyncio.gather(*(direct.newest_of(stream, page) for page in pages)):
        for stored in page:
            fact = places[stored.subject]
            if commitment(stored.data) == wanted[fact][0].commitment:
                found[fact] = stored.data
    return found


def subject_of(mode: str, watch: str, sort: str, fact: str) -> str:
    """Where a fact's content lies, by its birthplace's key and class."""
    org, _, code = watch.partition(".")
    return subjects.content(mode, org, code, sort, fact)
