"""Searching the archive: what a watch may see and no more, the newest first (D13, D24)."""

from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

import orjson

from schemas.search import SearchFor
from schemas.sharing import may_see
from schemas.subjects import Address
from schemas.vocabulary import IncidentState
from services.incidents.attaching import words_beside
from services.incidents.finding import Finder, Finding, Found, Head, Joined
from services.incidents.items import reach_of
from services.incidents.looked import Looked
from services.incidents.queries import Queries
from services.incidents.questions import Question
from services.incidents.reasons import is_long_closed
from services.incidents.terms import words
from services.incidents.view import Filed, filed, is_restricted, shown_actor
from services.incidents.viewer import Viewer
from services.runtime.lasting import in_thread
from services.runtime.reading import Refusal, validate

_LEAST, _MOST = 100, 5_000
"""How many items are looked at in one go: few at first, then as many as will probably do."""
_NEWEST = 1 << 62


class SearchQuestion(Question, SearchFor):
    """A search, and who asks."""


@dataclass(frozen=True, slots=True)
class Hit:
    """One item as it is answered, and what of it the log of reads must name."""

    shown: dict[str, Any]
    restricted: list[tuple[str, str]]


class Search:
    """Handler of ``search``."""

    def __init__(self, queries: Queries, finder: Finder) -> None:
        self._queries = queries
        self._finder = finder

    async def search(self, body: dict[str, Any], address: Address) -> dict[str, Any]:
        """Items that match; ``page`` is there when there are more. Raises Refusal."""
        question = validate(SearchQuestion, orjson.dumps(body))
        viewer = await self._queries.admit(question, address)
        hits, page = await in_thread(find, self._finder, address.mode, question, viewer)
        read = list(dict.fromkeys(place for hit in hits for place in hit.restricted))
        await self._queries.note("search", question.actor, address.mode, viewer, read, question.reason)
        return {"status": "ok", "found": [hit.shown for hit in hits], "page": page}


def find(finder: Finder, mode: str, question: SearchFor, viewer: Viewer) -> tuple[list[Hit], str | None]:
    """What matches that the viewer may see, and where the next page begins; None if this is the last.

    Raises Refusal: BAD_PERIOD, SEARCH_TOO_WIDE, and MALFORMED for a page that ended with nothing visible.
    """
    looked = looked_for(question)
    with finder.search(mode) as finding:
        before = _before(finding, question.page, viewer)
        found = _visible(finding, looked, before, viewer, question.limit + 1)
        asked = question.reason is None
        hits = _hits(finding, found[: question.limit], looked, viewer, is_reason_asked=asked)
        return hits, finding.fact(found[-2][0].sequence) if len(found) > question.limit else None


def looked_for(question: SearchFor) -> Looked:
    """What a question looks for: its text is words and nothing else, whatever signs are in it.

    Raises Refusal: BAD_PERIOD.
    """
    if question.since and question.until and question.until <= question.since:
        raise Refusal("BAD_PERIOD")
    states: list[str] = [] if question.state == "all" else [question.state]
    if question.state == "open":
        states = [state.value for state in IncidentState if state is not IncidentState.CLOSED]
    plain = ("organisation", "watch", "type", "person", "municipality", "box")
    return Looked(
        tuple(dict.fromkeys(words(question.text))),
        states=tuple(states),
        since=_milliseconds(question.since),
        until=_milliseconds(question.until),
        priority=question.priority and question.priority.value,
        **{name: getattr(question, name) for name in plain},
    )


def _milliseconds(moment: datetime | None) -> int | None:
    return None if moment is None else round(moment.timestamp() * 1000)


def _before(finding: Finding, page: str | None, viewer: Viewer) -> int:
    """Where the former page ended; an item that may not be seen is answered like one that is not there."""
    if page is None:
        return _NEWEST
    row = finding.place(page)
    if row is None or not viewer.sees(reach_of(row)):
        raise Refusal("MALFORMED", where=["page"])
    return int(row["sequence"])


def _visible(finding: Finding, looked: Looked, before: int, viewer: Viewer, most: int) -> list[Joined]:
    """The newest that match and may be seen, ``most`` if there are so many."""
    wanted = finding.wanted(looked, viewer)
    if wanted is None:
        raise Refusal("SEARCH_TOO_WIDE")
    found: list[Joined] = []
    places, count, size = finding.places(wanted, before), 0, _LEAST
    while len(found) < most and (page := list(islice(places, size))):
        found += (one for one in finding.items(page, looked) if _is_shown(*one, looked, viewer))
        count += len(page)
        likely = count * (most - len(found)) // (len(found) + 1)
        size = min(likely + _LEAST, count * 4, _MOST)
    return found[:most]


def _is_shown(one: Found, head: Head | None, looked: Looked, viewer: Viewer) -> bool:
    """False for what may not be seen, and for strays that stay in their watch: it may not see the incident.

    What is asked of the incident tells of its head, so then that must be seen too.
    """
    if not viewer.sees(one.reach):
        return False
    owner, is_seen = one.reach.owner, head is not None and viewer.sees(head.reach)
    is_joined = head is not None and (
        head.owner == owner or may_see(head.reach, owner, viewer.directory, viewer.now)
    )
    asks_head = looked.of_head or (looked.of_owner and one.reach.author is not None)
    return (is_joined or owner == viewer.watch) and (is_seen or not asks_head)


def _hits(
    finding: Finding, found: list[Joined], looked: Looked, viewer: Viewer, *, is_reason_asked: bool
) -> list[Hit]:
    """What is answered. Two words may have one number, so that the content is looked at once more."""
    texts = {row["sequence"]: filed(row) for row in finding.texts([one.sequence for one, _ in found])}
    each = ((one, texts.get(one.sequence), head) for one, head in found)
    return [
        _hit(one, item, head, viewer, is_reason_asked=is_reason_asked)
        for one, item, head in each
        if item is not None and looked.is_in(item.content)
    ]


def _hit(found: Found, item: Filed, head: Head | None, viewer: Viewer, *, is_reason_asked: bool) -> Hit:
    incident: dict[str, Any] = {"id": found.about}
    is_guarded = is_restricted(found.reach, found.tagged, viewer)
    restricted = [(found.about, item.fact.id)] if is_guarded else []
    if head is not None and viewer.sees(head.reach):
        incident |= head.shown
        if is_restricted(head.reach, head.tagged, viewer):
            restricted.append((found.about, head.fact))
    is_held = is_guarded and is_reason_asked and _needs_reason(found, head, viewer)
    entry = {
        "id": item.fact.id,
        "kind": found.kind,
        "level": found.reach.level.value,
        "tags": [tag.value for tag in getattr(item.body, "tags", [])],
        "occurred_at": item.fact.data.occurred_at.isoformat(),
        "recorded_at": item.fact.recorded_at.isoformat(),
        "actor": shown_actor(item.fact.data.actor, viewer),
        "content": None if is_held else words_beside(item.content),
        "erased": item.erased,
        "corrected_by": found.corrected_by,
        "reason_needed": is_held,
    }
    return Hit({"incident": incident, "entry": entry}, restricted)


def _needs_reason(found: Found, head: Head | None, viewer: Viewer) -> bool:
    """True if the words are of what is long closed, or tagged and another's who has not named the viewer."""
    closed_at = None if head is None else head.closed_at
    if closed_at is not None and is_long_closed(datetime.fromisoformat(closed_at), viewer.now):
        return True
    named = {viewer.watch, viewer.organisation} & set(found.reach.named)
    return found.tagged and viewer.watch not in (found.reach.owner, found.reach.author) and not named
