"""Fetching what was typed: sealed bytes from the content stream, each held against its fact's commitment."""

import asyncio
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import NamedTuple

from schemas import subjects
from schemas.vocabulary import ContentClass
from services.incidents.chain import fact_hash
from services.incidents.projection import Taken
from services.runtime import names
from services.runtime.direct import Direct

_PAGE = 200
_OTHER = {
    ContentClass.WATCH.value: ContentClass.SHARED.value,
    ContentClass.SHARED.value: ContentClass.WATCH.value,
}


class Wanted(NamedTuple):
    """Content of one fact: where it lies, and what its bytes must hash to."""

    watch: str
    sort: str
    commitment: bytes


def wanted_by(taken: Iterable[Taken]) -> dict[str, Wanted]:
    """What the facts of a batch say was typed, by fact id."""
    return {
        one.id: Wanted(one.watch, one.sort, one.commitment)
        for one in taken
        if one.id is not None and one.commitment is not None
    }


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
            if fact_hash(stored.data) == wanted[fact][0].commitment:
                found[fact] = stored.data
    return found


def subject_of(mode: str, watch: str, sort: str, fact: str) -> str:
    """Where a fact's content lies, by its birthplace's key and class; the fact's id is a token."""
    return _folder(mode, watch, sort) + fact


@lru_cache(maxsize=4096)
def _folder(mode: str, watch: str, sort: str) -> str:
    org, _, code = watch.partition(".")
    return subjects.content(mode, org, code, sort, "-").removesuffix("-")
