"""Who is on duty, as a fold over the manning facts of watches (D22). Pure; ``now`` is an argument.

The room watch answers from it, notifications tells people by it, and the archive shows how it stood: all read
the same facts the same way.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pydantic import TypeAdapter

from schemas.people import Forgotten
from schemas.shifts import Shift, Shifts
from schemas.vocabulary import DutyFunction
from schemas.watch import Established, Manned, Released

Place = tuple[str, str, DutyFunction]
"""A watch's key, a post in it, and a function of that post."""

_KEPT = TypeAdapter(list[tuple[Place, list[Shift], list[Shift]]])
_MOMENT = TypeAdapter(datetime | None)


@dataclass(slots=True)
class Duty:
    """The manning of one mode. Each fact is applied once, in ledger order.

    Of the facts that cover a moment the latest holds, but what was taken holds over the roster until the
    one who took it releases it, another takes it, or it ends. A roster fact replaces an earlier one that
    begins at the same moment: so a roster is shortened.
    """

    places: dict[Place, Shifts] = field(default_factory=dict)

    def apply(self, watch: str, body: Any) -> None:
        """Take in one fact born in ``watch`` (a key); others than manning facts are passed over."""
        match body:
            case Manned():
                self._shifts(watch, body).add(Shift.of(body))
            case Released():
                self._shifts(watch, body).release(body)
            case Forgotten():
                for shifts in self.places.values():
                    shifts.forget(body.person)

    def holding(self, place: Place, now: datetime) -> Shift | None:
        """The fact by which somebody holds that place now, or None."""
        shifts = self.places.get(place)
        return None if shifts is None else shifts.holding(now)

    def held(self, watch: str, now: datetime) -> Iterator[tuple[Place, Shift]]:
        """Every place of a watch that is filled now."""
        for place in self.places:
            if place[0] == watch and (manned := self.holding(place, now)) is not None:
                yield place, manned

    def holders(self, watch: str, function: DutyFunction, now: datetime) -> tuple[str, ...]:
        """The persons who hold a function in any post of a watch now, each once."""
        found = (manned.person for place, manned in self.held(watch, now) if place[2] is function)
        return tuple(dict.fromkeys(found))

    def dump(self) -> bytes:
        """All that is known, for ``load``."""
        return _KEPT.dump_json([(place, one.rostered, one.taken) for place, one in self.places.items()])

    def load(self, raw: bytes) -> None:
        """Take in what ``dump`` gave. Raises ValueError when it is something else."""
        self.places = {place: Shifts.of(*known) for place, *known in _KEPT.validate_json(raw)}

    def _shifts(self, watch: str, body: Manned | Released) -> Shifts:
        return self.places.setdefault((watch, body.post, body.function), Shifts())


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


def _row(place: Place, manned: Shift | None, *, own: bool) -> dict[str, Any]:
    watch, post, function = place
    row: dict[str, Any] = {"watch": watch, "post": post, "function": function.value}
    if not own:
        return row | {"filled": manned is not None}
    if manned is None:
        return row | {"person": None, "since": None, "until": None, "manner": None}
    since, until = (_MOMENT.dump_python(moment, mode="json") for moment in (manned.since, manned.until))
    return row | {"person": manned.person, "since": since, "until": until, "manner": manned.manner}
