"""Who is on duty, as a fold over the manning facts of watches (D22). Pure; ``now`` is an argument.

The room watch answers from it, notifications tells people by it, and the archive shows how it stood: all read
the same facts the same way.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from schemas.people import Forgotten
from schemas.vocabulary import DutyFunction
from schemas.watch import Established, Manned, Released

Place = tuple[str, str, DutyFunction]
"""A watch's key, a post in it, and a function of that post."""


@dataclass(slots=True)
class Duty:
    """The manning of one mode. Each fact is applied once, in ledger order.

    Of the facts that cover a moment the latest holds, but what was taken holds over the roster until the
    one who took it releases it, another takes it, or it ends. A roster fact replaces an earlier one that
    begins at the same moment: so a roster is shortened.
    """

    places: dict[Place, list[Manned]] = field(default_factory=dict)

    def apply(self, watch: str, body: Any) -> None:
        """Take in one fact born in ``watch`` (a key); others than manning facts are passed over."""
        match body:
            case Manned():
                place = (watch, body.post, body.function)
                self.places[place] = [*_followed(self.places.get(place, []), body), body]
            case Released():
                place = (watch, body.post, body.function)
                self.places[place] = [_released(manned, body) for manned in self.places.get(place, [])]
            case Forgotten():
                for place, known in self.places.items():
                    self.places[place] = [manned for manned in known if manned.person != body.person]

    def holding(self, place: Place, now: datetime) -> Manned | None:
        """The fact by which somebody holds that place now, or None."""
        covering = [manned for manned in self.places.get(place, ()) if _covers(manned, now)]
        taken = [manned for manned in covering if manned.manner == "taken"]
        found = taken or covering
        return found[-1] if found else None

    def held(self, watch: str, now: datetime) -> Iterator[tuple[Place, Manned]]:
        """Every place of a watch that is filled now."""
        for place in self.places:
            if place[0] == watch and (manned := self.holding(place, now)) is not None:
                yield place, manned

    def holders(self, watch: str, function: DutyFunction, now: datetime) -> tuple[str, ...]:
        """The persons who hold a function in any post of a watch now, each once."""
        found = (manned.person for place, manned in self.held(watch, now) if place[2] is function)
        return tuple(dict.fromkeys(found))


def picture(
    duty: Duty, watches: Mapping[str, Established], asking: str, at: datetime, only: str | None = None
) -> Iterator[dict[str, Any]]:
    """A row for each place, as the watch ``asking`` may see it at a time.

    Of its own house it sees who; of others whether somebody is there, and of other hidden watches nothing,
    also in its own house (D13).
    """
    for key, established in sorted(watches.items()):
        own = key.partition(".")[0] == asking.partition(".")[0]
        if only not in (None, key) or (established.hidden and key != asking):
            continue
        for place in _places(duty, established):
            yield _row(place, duty.holding(place, at), own=own)


def _places(duty: Duty, established: Established) -> list[Place]:
    """The first function of every post, and whatever else somebody has ever held."""
    first = {(established.watch, post, DutyFunction.PRIMARY) for post in established.posts}
    held = {place for place in duty.places if place[0] == established.watch and place[1] in established.posts}
    order = list(DutyFunction)
    return sorted(first | held, key=lambda place: (place[1], order.index(place[2])))


def _row(place: Place, manned: Manned | None, *, own: bool) -> dict[str, Any]:
    watch, post, function = place
    row: dict[str, Any] = {"watch": watch, "post": post, "function": function.value}
    if not own:
        return row | {"filled": manned is not None}
    if manned is None:
        return row | {"person": None, "since": None, "until": None, "manner": None}
    return row | manned.model_dump(mode="json", include={"person", "since", "until", "manner"})


def _covers(manned: Manned, now: datetime) -> bool:
    return manned.since <= now and (manned.until is None or now < manned.until)


def _followed(known: list[Manned], newest: Manned) -> list[Manned]:
    """What is left of earlier facts: a take-over ends the one before it for good."""
    if newest.manner == "taken":
        return [_ended(manned, newest.since) if manned.manner == "taken" else manned for manned in known]
    return [manned for manned in known if manned.manner == "taken" or manned.since != newest.since]


def _released(manned: Manned, release: Released) -> Manned:
    """What was taken by the one who releases ends at the release."""
    is_theirs = manned.person == release.person and manned.manner == "taken"
    return _ended(manned, release.at) if is_theirs else manned


def _ended(manned: Manned, at: datetime) -> Manned:
    if manned.until is not None and manned.until <= at:
        return manned
    return manned.model_copy(update={"until": at})
